"""Rows in the order of their files, whatever order they come in."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.lakes import rows_of, us

from connectors.lake.files.sorting import FEWEST_ROWS, partitions
from schemas.datasets.market import KLINES

START_US = us("2026-01-31T23:00")
MINUTE_US = 60_000_000

# A stretch of one symbol: where its minutes begin, whether they run backwards, and how many there are.
stretches = st.lists(
    st.tuples(
        st.sampled_from(["AUSDT", "BUSDT"]), st.sampled_from(["1m", "1d"]), st.integers(0, 200), st.booleans(),
        st.sampled_from([1, 3, FEWEST_ROWS, 2 * FEWEST_ROWS]),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


def rows_like(parts: list[tuple[str, str, int, bool, int]]) -> pa.Table:
    """Rows that are numbered in `trade_count` in the order they come in."""
    times: list[int] = []
    texts: list[tuple[str, str]] = []
    for symbol, interval, first, backwards, count in parts:
        minutes = [START_US + (first + number) * MINUTE_US for number in range(count)]
        times += minutes[::-1] if backwards else minutes
        texts += [(symbol, interval)] * count
    rows = rows_of(
        KLINES, {"market": "spot", "symbol": "", "interval": "", "open_time": "2026-01-01", "close_time": "2026-01-01"}
    )
    rows = rows.take(pa.array([0] * len(times)))
    for name, values in {
        "symbol": [symbol for symbol, _ in texts], "interval": [interval for _, interval in texts],
        "open_time": times, "trade_count": range(len(times)),
    }.items():  # fmt: skip
        field = rows.schema.field(name)
        rows = rows.set_column(rows.schema.get_field_index(name), field, pa.array(values, field.type))
    return rows


def month(row: dict[str, Any]) -> str:
    return f"{row['open_time']:%Y}" if row["interval"] == "1d" else f"{row['open_time']:%Y-%m}"


@settings(max_examples=60, deadline=None)
@given(stretches)
@example([("AUSDT", "1d", 2, False, 2000), ("BUSDT", "1d", 0, False, 2000), ("AUSDT", "1d", 0, False, 3)])
@example(
    [(symbol, "1m", first, False, 2 * FEWEST_ROWS) for symbol, first in (("AUSDT", 0), ("BUSDT", 0), ("AUSDT", 9))]
)
def test_parts_hold_all_rows_sorted_and_equal_ones_as_they_came(parts: list[tuple[str, str, int, bool, int]]):
    """Sorted stretches, overlapping, repeated and backward ones end in the parts that a plain sort gives."""
    rows = rows_like(parts)
    listed = [
        {**row, "month": month(row)}
        for row in rows.select(["symbol", "interval", "open_time", "trade_count"]).to_pylist()
    ]
    by_part = lambda row: (row["interval"], row["month"])  # noqa: E731 - a key for two calls
    listed.sort(key=lambda row: (*by_part(row), row["symbol"], row["open_time"]))
    expected = [(*part, [row["trade_count"] for row in some]) for part, some in groupby(listed, by_part)]
    found = [
        (partition["interval"], partition["month"], part["trade_count"].to_pylist())
        for partition, part in partitions(KLINES, rows)
    ]
    assert found == expected


def test_sorted_stretches_are_not_copied():
    """Two symbols that cross a month, the second before the first, are put in order without memory for their rows."""
    rows = rows_like([(symbol, "1m", 0, False, 3 * FEWEST_ROWS) for symbol in ("BUSDT", "AUSDT")])
    before = pa.total_allocated_bytes()
    held = [part for _, part in partitions(KLINES, rows)]
    assert sum(part.num_rows for part in held) == 6 * FEWEST_ROWS
    assert pa.total_allocated_bytes() - before < rows.nbytes / 2


def test_an_empty_partition_value_is_refused():
    """Delta would read it back as NULL."""
    with pytest.raises(AssertionError, match="empty partition value"):
        list(partitions(KLINES, rows_like([("AUSDT", "", 0, False, 1)])))
