"""The check `rows_of_files`: what a file of the archive brought is there."""

from __future__ import annotations

import pytest
from support.lakes import at
from support.tables import Tables

from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.archived import BOOK_DEPTH

NOW = at("2026-03-01 12:00")


@pytest.mark.parametrize(
    ("covered_until", "times", "lacking"),
    [
        ("2026-01-03", ["2026-01-01 08:00", "2026-01-02", "2026-01-02 08:00"], 0),
        ("2026-01-03", ["2026-01-01 08:00", "2026-01-02"], 1),  # the row of the day before stands in for none
        ("2026-01-03", [], 1),
        ("2026-01-02 12:00", ["2026-01-02"], 0),  # more of the file is not wanted
    ],
)
def test_a_row_that_a_file_brought_is_stored(
    covered_until: str, times: list[str], lacking: int, tables: Tables
) -> None:
    """A day has as many rows as its file brought; of a file that is covered in part nothing is said."""
    series, of = "usdm/BTCUSDT", {"market": "usdm", "symbol": "BTCUSDT"}
    tables.put(BOOK_DEPTH, *(of | {"time": time} for time in times), since={series: "2026-01-01"},
               until={series: covered_until})  # fmt: skip
    day = {"dataset": "book_depth", "since": "2026-01-02", "until": "2026-01-03", "rows": 2, "seen_at": "2026-01-04"}
    tables.put(ARCHIVE_FILES, of | day)
    assert tables.check("rows_of_files", NOW).offending_rows == lacking


@pytest.mark.parametrize(("brought", "lacking"), [(3, 0), (4, 1)])
def test_a_month_is_held_against_all_of_its_days(brought: int, lacking: int, tables: Tables) -> None:
    """What a file of a month brought is what is stored from its first day to its last, and of no other month."""
    series, of = "usdm/BTCUSDT", {"market": "usdm", "symbol": "BTCUSDT"}
    times = ("2025-12-31 23:59", "2026-01-01", "2026-01-15 08:00", "2026-01-31 23:59", "2026-02-01")
    tables.put(BOOK_DEPTH, *(of | {"time": time} for time in times), since={series: "2025-12-01"},
               until={series: "2026-03-01"})  # fmt: skip
    month = {"dataset": "book_depth", "since": "2026-01-01", "until": "2026-02-01", "rows": brought}
    tables.put(ARCHIVE_FILES, of | month | {"seen_at": "2026-02-04"})
    assert tables.check("rows_of_files", NOW).offending_rows == lacking
