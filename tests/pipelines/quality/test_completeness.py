"""The view `completeness`: what each month of a series holds, what is explained, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.lakes import at, put, small_lake

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.journal import GAPS
from schemas.datasets.market import KLINES

DAY = timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path)


def days(since: str, count: int, interval: str = "1d", step: timedelta = DAY) -> list[dict[str, Any]]:
    """So many candles from an instant on."""
    first = at(since)
    return [candle(f"{first + number * step:%Y-%m-%dT%H:%M:%S}", interval) for number in range(count)]


def candle(open_time: str, interval: str = "1d") -> dict[str, Any]:
    return {
        "market": "spot",
        "symbol": "BTCUSDT",
        "interval": interval,
        "open_time": open_time,
        "close_time": at(open_time) + timedelta(milliseconds=1),
    }


def cover(lake: Lake, rows: Iterable[dict[str, Any]], since: str, until: str, interval: str = "1d") -> None:
    series = f"spot/BTCUSDT/{interval}"
    put(lake, KLINES, *rows, since={series: since}, until={series: until})


def gap(since: str, until: str | None, reason: str = "exchange_outage", *, confirmed: bool = True) -> dict[str, Any]:
    return {
        "dataset": "klines",
        "market": "spot",
        "symbol": "BTCUSDT",
        "interval": "1d",
        "since": since,
        "until": until,
        "reason": reason,
        "first_seen": "2026-06-01",
        "confirmed_at": "2026-06-01T02:00" if confirmed else None,
        "seen_at": "2026-06-01",
    }


def months(lake: Lake, *columns: str) -> list[tuple[Any, ...]]:
    named = ", ".join(columns or ("month", "rows", "expected_rows", "explained_rows", "missing_rows", "status"))
    rows = run(connect(lake), f"SELECT {named} FROM completeness ORDER BY month").to_pylist()
    return [tuple(row.values()) for row in rows]


def test_whole_months_are_complete(lake: Lake) -> None:
    """Each month of coverage counts its own slots, also where one is covered in part."""
    cover(lake, days("2026-01-20", 50), "2026-01-20", "2026-03-11")
    assert months(lake) == [
        ("2026-01", 12, 12, 0, 0, "complete"),
        ("2026-02", 28, 28, 0, 0, "complete"),
        ("2026-03", 10, 10, 0, 0, "complete"),
    ]
    assert months(lake, "since", "until")[0] == (at("2026-01-20"), at("2026-02-01"))


def test_coverage_that_ends_with_a_month_says_nothing_of_the_next(lake: Lake) -> None:
    """A month of which nothing is covered is not there."""
    cover(lake, days("2026-01-01", 31), "2026-01-01", "2026-02-01")
    assert months(lake, "month") == [("2026-01",)]


def test_a_confirmed_gap_explains_what_is_not_there(lake: Lake) -> None:
    """Holes that were asked for twice are explained, in the month they lie in, however gaps overlap."""
    cover(lake, days("2026-01-01", 29) + days("2026-02-04", 25), "2026-01-01", "2026-03-01")
    put(lake, GAPS, gap("2026-01-30", "2026-02-03"), gap("2026-02-02", "2026-02-04"))
    assert months(lake) == [
        ("2026-01", 29, 31, 2, 0, "explained"),
        ("2026-02", 25, 28, 3, 0, "explained"),
    ]


def test_an_open_gap_reaches_to_the_end_of_coverage(lake: Lake) -> None:
    """A gap without an end, as after a delisting, explains all there is after it."""
    cover(lake, days("2026-01-01", 20), "2026-01-01", "2026-03-01")
    put(lake, GAPS, gap("2026-01-21", None, "delisted"))
    assert months(lake, "status", "explained_rows") == [("explained", 11), ("explained", 28)]


@pytest.mark.parametrize("gaps", [[], [gap("2026-01-11", "2026-01-12", confirmed=False)]], ids=["silence", "once"])
def test_what_nobody_confirmed_is_missing(lake: Lake, gaps: list[dict[str, Any]]) -> None:
    """A hole without a gap, or with one that was seen only once, is to be asked for again."""
    cover(lake, days("2026-01-01", 10) + days("2026-01-12", 20), "2026-01-01", "2026-02-01")
    put(lake, GAPS, *gaps)
    assert months(lake) == [("2026-01", 30, 31, 0, 1, "missing")]


def test_a_candle_inside_a_gap_hides_no_hole(lake: Lake) -> None:
    """A gap explains what is not there, and never makes up for a hole elsewhere."""
    cover(lake, days("2026-01-01", 10) + days("2026-01-12", 20), "2026-01-01", "2026-02-01")
    put(lake, GAPS, gap("2026-01-20", "2026-01-21"))
    assert months(lake) == [("2026-01", 30, 31, 0, 1, "missing")]


def test_what_the_exchange_no_longer_keeps(lake: Lake) -> None:
    """History that is not retained has a status of its own."""
    cover(lake, days("2026-01-11", 21), "2026-01-01", "2026-02-01")
    put(lake, GAPS, gap("2026-01-01", "2026-01-11", "not_retained"))
    assert months(lake, "status", "explained_rows") == [("not_retained", 10)]


def test_a_candle_off_the_grid_fills_no_slot(lake: Lake) -> None:
    """It is a row, and the slot it lies in is explained by its gap alone."""
    cover(lake, [*days("2026-01-01", 30), candle("2026-01-31T01:00")], "2026-01-01", "2026-02-01")
    assert months(lake) == [("2026-01", 31, 31, 0, 1, "missing")]
    put(lake, GAPS, gap("2026-01-31", "2026-02-01", "off_grid"))
    assert months(lake) == [("2026-01", 31, 31, 1, 0, "explained")]


@pytest.mark.parametrize(
    ("interval", "first", "count", "step", "until", "expected"),
    [
        ("1w", "2025-12-29", 9, 7 * DAY, "2026-03-02", [1, 4, 4]),
        ("3d", "2026-01-02", 20, 3 * DAY, "2026-03-03", [10, 10]),
        ("8h", "2026-01-31", 6, DAY / 3, "2026-02-02", [3, 3]),
    ],
)
def test_each_grid_has_its_own_slots(
    lake: Lake, interval: str, first: str, count: int, step: timedelta, until: str, expected: list[int]
) -> None:
    """Weeks open on Mondays, three days on the symbol's own grid; a slot belongs to the month it opens in."""
    cover(lake, days(first, count, interval, step), first, until, interval)
    assert months(lake, "expected_rows", "status") == [(rows, "complete") for rows in expected]


def test_months_that_are_candles(lake: Lake) -> None:
    """A candle of a month is the whole month."""
    rows = [candle(f"2026-{month:02}-01", "1M") for month in (1, 2, 3)]
    cover(lake, rows, "2026-01-01", "2026-04-01", "1M")
    assert months(lake, "rows", "expected_rows", "status") == [(1, 1, "complete")] * 3


def test_sources_name_where_rows_came_from(lake: Lake) -> None:
    """Archive files of the month that gave rows are named, and `rest` where they cannot have given all."""
    cover(lake, days("2026-01-01", 90), "2026-01-01", "2026-04-01")
    put(
        lake,
        ARCHIVE_FILES,
        archive_file("monthly", "2026-01-01", "2026-02-01", rows=31),
        archive_file("monthly", "2026-02-01", "2026-03-01", rows=0),
        *(archive_file("daily", f"2026-02-0{day}", f"2026-02-0{day + 1}", rows=1) for day in (1, 2)),
    )
    assert months(lake, "sources") == [(["monthly"],), (["daily", "rest"],), (["rest"],)]


def archive_file(cadence: str, since: str, until: str, rows: int) -> dict[str, Any]:
    return {
        "path": f"data/spot/{cadence}/klines/BTCUSDT/1d/{since}.zip",
        "dataset": "klines",
        "market": "spot",
        "symbol": "BTCUSDT",
        "interval": "1d",
        "since": since,
        "until": until,
        "rows": rows,
        "seen_at": "2026-06-01",
    }
