"""A lake of a year of minutes of many symbols, and what it takes to ask, prove and compact it; each a process.

Time counts from after the imports; peak memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from peak import peak_mb
from stand import generated

from connectors.lake import Lake, Move
from connectors.lake.sql.session import hand_out
from pipelines.quality.month_counts import Want
from pipelines.quality.statements import prove
from schemas.datasets.market import KLINES
from schemas.model.fields import ID, MONEY, TIME
from schemas.model.grid import MINUTE_US, SECOND_US
from schemas.model.series import Series

YEAR_MINUTES = 365 * 1440
TOGETHER = 5  # symbols in one commit
REPEAT = 7

_STARTS = [
    int(datetime(2025 + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * SECOND_US for month in range(13)
]
_TICK = {"volume": 1000, "quote_volume": 10_000, "taker_buy_volume": 1000, "taker_buy_quote_volume": 10_000}


def grow(lake: Lake, symbols: int) -> dict[str, Any]:
    """Commit month after month, some symbols at a time."""
    chance, table = np.random.default_rng(1), lake.table(KLINES)
    for since, until in pairwise(_STARTS):
        for names in _together(generated(symbols)):
            moves = [_move(name, since, until) for name in names]
            table.commit(pa.concat_tables(_month(chance, name, since, until) for name in names), moves)
    return {"rows": symbols * YEAR_MINUTES}


def _together(names: list[str]) -> Iterator[list[str]]:
    """Names in groups whose ranges overlap, as those of a backfill do."""
    groups = -(-len(names) // TOGETHER)
    for first in range(groups):
        yield names[first::groups]


def _move(name: str, since: int, until: int) -> Move:
    series = Series.of(KLINES, market="spot", symbol=name, interval="1m")
    if since == _STARTS[0]:
        return Move(series, {"since": None, "until": None}, {"since": since, "until": until})
    return Move(series, {"until": since}, {"until": until})


def _month(chance: np.random.Generator, symbol: str, since: int, until: int) -> pa.Table:
    """Candles that wander like prices, so that they compress like prices."""
    times = np.arange(since, until, MINUTE_US)
    steps = np.cumsum(chance.integers(-20, 21, len(times) + 1)) + 50_000_00
    opens, closes = steps[:-1], steps[1:]
    traded = chance.integers(1, 10**7, len(times))
    values: dict[str, npt.NDArray[np.int64]] = {
        "open_time": times, "open": opens, "close": closes, "high": np.maximum(opens, closes) + 3,
        "low": np.minimum(opens, closes) - 3, "close_time": times + MINUTE_US - 1000, "volume": traded,
        "quote_volume": traded * 7, "trade_count": traded % 5000, "taker_buy_volume": traded // 2,
        "taker_buy_quote_volume": traded * 3,
    }  # fmt: skip
    named = {"market": "spot", "symbol": symbol, "interval": "1m"}
    columns = [
        pa.array([named[column.name]]).take(pa.array(np.zeros(len(times), np.int64)))
        if column.name in named
        else _column(
            column.type.arrow, values[column.name] * (_TICK.get(column.name, 10**6) if column.type is MONEY else 1)
        )
        for column in KLINES.columns
    ]
    return pa.table(columns, schema=KLINES.schema)


def _column(kind: pa.DataType, values: npt.NDArray[np.int64]) -> pa.Array[Any]:
    if kind in (TIME.arrow, ID.arrow):
        return pa.array(values).cast(kind)
    words = np.zeros((len(values), 2), np.int64)
    words[:, 0] = values
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(words)])


def state(lake: Lake, _: int) -> dict[str, Any]:
    """Prove all of it."""
    whole = hashlib.sha256()
    for one in prove(lake, [Want()], datetime.now(UTC)):
        whole.update(f"{one.key} {one.sha256}\n".encode())
    return {"hash": whole.hexdigest()}


def keep(lake: Lake, _: int) -> dict[str, Any]:
    """Sort and merge every month."""
    done = lake.table(KLINES).maintain(datetime(2027, 1, 1, tzinfo=UTC))
    return {"merged": done.merged, "written": done.written}


def ask(lake: Lake, symbols: int) -> dict[str, Any]:
    """Questions to the lake, and the same to a native table of DuckDB with the same rows."""
    name = generated(symbols)[symbols // 2]
    questions = {
        "month": f"SELECT * FROM klines WHERE market = 'spot' AND symbol = '{name}' AND \"interval\" = '1m' "
        "AND open_time >= '2025-05-01' AND open_time < '2025-06-01'",
        "year": f"FROM resample('spot', '{name}', '1m', '1h')",
        "completeness": "SELECT status, count(*) FROM completeness GROUP BY ALL",
    }
    with hand_out(lake) as session:
        ours = {key: _median(session, sql) for key, sql in questions.items()}
    native = lake.path.parent / "native.duckdb"
    with duckdb.connect(str(native)) as session:
        session.execute("SET TimeZone = 'UTC'")
        session.execute(
            f"CREATE TABLE IF NOT EXISTS klines AS FROM read_parquet({lake.table(KLINES).files()}) ORDER BY symbol, open_time"
        )
        theirs = {
            "month": _median(session, questions["month"]),
            "year": _median(session, _HOURLY.format(name=name)),
        }
    return {"ours_s": ours, "theirs_s": theirs}


_HOURLY = """
SELECT time_bucket(INTERVAL 1 HOUR, open_time) AS hour, arg_min(open, open_time), max(high), min(low),
    arg_max(close, open_time), sum(volume), sum(quote_volume), sum(trade_count), sum(taker_buy_volume),
    sum(taker_buy_quote_volume), count(*) = 60
FROM klines WHERE market = 'spot' AND symbol = '{name}' AND "interval" = '1m' GROUP BY hour ORDER BY hour
"""


def _median(session: duckdb.DuckDBPyConnection, sql: str) -> float:
    """The median of some tries, after one that warms up."""
    return statistics.median(list(_times(session, sql))[1:])


def _times(session: duckdb.DuckDBPyConnection, sql: str) -> Iterator[float]:
    for _ in range(REPEAT + 1):
        began = time.perf_counter()
        session.sql(sql).to_arrow_table()
        yield time.perf_counter() - began


WORK: dict[str, Callable[[Lake, int], dict[str, Any]]] = {"grow": grow, "state": state, "keep": keep, "ask": ask}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=WORK)
    parser.add_argument("folder", type=Path)
    parser.add_argument("symbols", type=int)
    options = parser.parse_args()
    lake = Lake.open(options.folder / "lake", "simulator")
    began = time.perf_counter()
    done = WORK[options.work](lake, options.symbols)
    took = {"wall_s": time.perf_counter() - began, "peak_mb": peak_mb()}
    json.dump(done | took, sys.stdout)


if __name__ == "__main__":
    main()
