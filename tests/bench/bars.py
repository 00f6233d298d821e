"""How long bars of a second take out of one day of trades, in a lake whose log holds so many rows.

One day is written; the others are the same files under the names of their days, which no question about one day reads.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.lake import Lake, Move
from connectors.lake.files.data_files import DataFile, folder_name, write_file
from connectors.lake.sql.session import connect, run
from schemas.datasets.trades import AGG_TRADES
from schemas.model.fields import MONEY, TIME
from schemas.model.series import Series

DAY = date(2026, 3, 1)
SECONDS, DAY_US = 86_400, 86_400_000_000
BARS = f"""
SELECT count(*) AS bars, sum(trade_count) AS trades
FROM bars('spot', 'BTCUSDT', 'time', 1, since_ := '{DAY}', until_ := '{DAY + timedelta(days=1)}')
"""


def trades(rows: int) -> pa.Table:
    """A day of trades, evenly spread, whose price wanders."""
    random, ids = np.random.default_rng(1), np.arange(rows)
    midnight_us = int(datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC).timestamp()) * 1_000_000
    columns: dict[str, Any] = {
        "market": pa.repeat("spot", rows),
        "symbol": pa.repeat("BTCUSDT", rows),
        "price": _decimals(6_500_000_000_000 + np.cumsum(random.integers(-5, 6, rows)) * 1_000_000),
        "qty": _decimals(random.integers(1, 200_000, rows) * 1000),
        "time": pa.array(midnight_us + ids * DAY_US // rows).cast(TIME.arrow),
        "is_buyer_maker": pa.array(random.integers(0, 2, rows).astype(bool)),
        "is_best_match": pa.repeat(True, rows),
        **dict.fromkeys(("agg_trade_id", "first_trade_id", "last_trade_id"), pa.array(ids)),
    }
    return pa.table([columns[name] for name in AGG_TRADES.schema.names], schema=AGG_TRADES.schema)


def _decimals(units: np.ndarray) -> pa.Array:
    """Units of 0.00000001."""
    words = np.stack([units, np.zeros_like(units)], axis=1)
    return pa.Array.from_buffers(MONEY.arrow, len(units), [None, pa.py_buffer(words)])


def fill(lake: Lake, rows: int, days: int) -> None:
    """A lake of so many days, each with so many rows."""
    table = lake.table(AGG_TRADES)
    series = Series.of(AGG_TRADES, market="spot", symbol="BTCUSDT")
    bounds = {"since": 0, "until": 1}  # what no pull ever asked about is refused
    table.commit(None, [Move(series, dict.fromkeys(bounds), bounds)])
    partition = {"market": "spot", "date": f"{DAY}"}
    file = write_file(table.root, AGG_TRADES, partition, [trades(rows)], "zstd")  # as upkeep leaves it
    others = [_linked(table.root, file, DAY - timedelta(days=number)) for number in range(1, days)]
    table._land([file, *others], [])  # noqa: SLF001 - of files that are there already


def _linked(root: Path, file: DataFile, day: date) -> DataFile:
    """The same file under the name of another day."""
    partition = {**file.partition, "date": f"{day}"}
    path = f"{folder_name(partition)}/{Path(file.path).name}"
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    os.link(root / file.path, root / path)
    return replace(file, path=path, partition=partition)


def _took(work: Callable[[], object], repeat: int) -> tuple[float, float]:
    """The least time and CPU of some runs."""
    took = []
    for _ in range(repeat):
        began, used = time.perf_counter(), time.process_time()
        work()
        took.append((time.perf_counter() - began, time.process_time() - used))
    return min(wall for wall, _ in took), min(cpu for _, cpu in took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int, help="of a day")
    parser.add_argument("days", type=int)
    options = parser.parse_args()
    lake = Lake.open(options.folder / "lake", "simulator")
    fill(lake, options.rows, options.days)
    [found] = run(connect(lake), BARS).to_pylist()
    assert found == {"bars": SECONDS, "trades": options.rows}, found
    first_s, first_cpu_s = _took(lambda: run(connect(lake), BARS), 5)
    session = connect(lake)
    wall_s, cpu_s = _took(lambda: run(session, BARS), 10)
    told = {"first_s": first_s, "first_cpu_s": first_cpu_s, "wall_s": wall_s, "cpu_s": cpu_s}
    print(json.dumps({**told, "rows": options.rows * options.days}))


if __name__ == "__main__":
    main()
