"""Everything a lake does to a disk, in one short program that may be run again at any point.

`python story.py FOLDER` prints the state of the lake when it begins and after each step, one JSON line each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from connectors.lake import Lake, Move, Table
from schemas.datasets.market import KLINES
from schemas.model.fields import DECIMALS, TIME
from schemas.model.series import Series

MINUTE_US = 60_000_000
FEBRUARY_US = 1_769_904_000_000_000
LONG_AFTER = datetime(2100, 1, 1, tzinfo=UTC)


def candles(symbol: str, minutes: range, close: int = 1) -> pa.Table:
    """Minutes around the beginning of February 2026."""
    opened = [FEBRUARY_US + minute * MINUTE_US for minute in minutes]
    texts = {"market": "spot", "symbol": symbol, "interval": "1m"}
    columns = []
    for column in KLINES.columns:
        if column.type is TIME:
            values = pa.array(opened, pa.int64())
        elif column.type in DECIMALS:
            values = pa.array([str(close)] * len(opened))
        else:
            values = pa.array([texts.get(column.name, len(opened))] * len(opened))
        columns.append(values.cast(column.type.arrow))
    return pa.Table.from_arrays(columns, schema=KLINES.schema)


def move(symbol: str, revision: int, **until: int) -> Move:
    """The move of a series that has been committed so many times."""
    expected = dict.fromkeys(until, 10 * revision - 10 if revision else None)
    series = Series.of(KLINES, market="spot", symbol=symbol, interval="1m")
    return Move(series, {"revision": revision or None} | expected, until)


def create(table: Table) -> None:
    rows = pa.concat_tables([candles("A", range(-9, -5)), candles("B", range(-9, -5))])
    table.commit(rows, [move("A", 0, until=0), move("B", 0, until=0)])


def cross_into_a_new_month(table: Table) -> None:
    rows = pa.concat_tables([candles("A", range(-3, 3)), candles("B", range(-3, 3))])
    table.commit(rows, [move("A", 1, until=10), move("B", 1, until=10)])


def bring_late_rows(table: Table) -> None:
    table.commit(candles("A", range(-4, -3)), [move("A", 2)])


def correct(table: Table) -> None:
    new = candles("A", range(-1, 1), close=2)
    table.replace(new.select(KLINES.key), new, [move("A", 3)])


STEPS: list[tuple[int, Callable[[Table], None]]] = [
    (0, create),
    (1, cross_into_a_new_month),
    (2, bring_late_rows),
    (3, correct),
]


def tell(table: Table) -> None:
    bounds = table.bounds()
    rows = table.scan(["symbol", "open_time", "close"]).cast(
        pa.schema({"symbol": pa.string(), "open_time": pa.int64(), "close": pa.string()})
    )
    print(json.dumps([bounds, sorted(map(list, zip(*rows.to_pydict().values(), strict=True)))], sort_keys=True))


def main(folder: Path) -> None:
    table = Lake.open(folder, "simulator").table(KLINES)
    tell(table)
    for revision, step in STEPS:
        if table.bounds().get("spot/A/1m#revision", 0) == revision:
            step(table)
            tell(table)
    table.maintain(LONG_AFTER)
    tell(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
