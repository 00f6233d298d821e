"""What every command pays before it begins, on a lake of many series and files: CPU of whole processes."""

from __future__ import annotations

import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from stand import Figure, Place, candles, environment, generated, simulator

from connectors.lake import Lake, Move
from schemas.datasets.market import KLINES
from schemas.model.grid import MINUTE_US, SECOND_US
from schemas.model.series import Series

ROWS = 10  # of each series

_SINCE = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * SECOND_US


def asked(folder: Path, *, series: int = 3000, files: int = 500, repeat: int = 5) -> list[Figure]:
    """The cheapest of some runs of each command, since other load only adds."""
    names = generated(series)
    sow(Lake.open(folder / "lake", "simulator"), names, files)
    lake = f"on {series:,} series in {files:,} files"
    with simulator(f"--symbols={series}") as exchange:
        Place(folder).flows(exchange.url, bench=candles(names, "2026-03-01") | {"symbols": "all"})
        return [
            _spent(folder, repeat, 1.0, lake, "query", "select 1"),
            _spent(folder, repeat, 1.5, lake, "status"),
            _spent(folder, repeat, 1.5, lake, "plan"),
        ]


def sow(lake: Lake, names: list[str], files: int) -> None:
    """Commit file after file, each with a few candles of some symbols."""
    table = lake.table(KLINES)
    for first in range(files):
        some = names[first::files]
        table.commit(pa.concat_tables(map(_candles, some)), [_move(name) for name in some])


def _spent(folder: Path, repeat: int, goal_s: float, lake: str, *words: str) -> Figure:
    cpu_s = min(_cpu_s(folder, words) for _ in range(repeat))
    return Figure(
        name=f"CPU of `binlake {' '.join(words)}` {lake}",
        ours=f"{cpu_s:.2f} s",
        goal=f"under {goal_s:g} s",
        met=cpu_s < goal_s,
    )


def _cpu_s(folder: Path, words: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "pipelines", *words]
    subprocess.run(command, cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _move(symbol: str) -> Move:
    series = Series.of(KLINES, market="spot", symbol=symbol, interval="1m")
    return Move(series, {"since": None, "until": None}, {"since": _SINCE, "until": _SINCE + ROWS * MINUTE_US})


def _candles(symbol: str) -> pa.Table:
    named = {"market": "spot", "symbol": symbol, "interval": "1m"}
    times = {"open_time": 0, "close_time": MINUTE_US - 1000}
    columns = [
        pa.array([named[column.name]] * ROWS)
        if column.name in named
        else pa.array([_SINCE + number * MINUTE_US + times[column.name] for number in range(ROWS)]).cast(
            column.type.arrow
        )
        if column.name in times
        else pa.array([1] * ROWS).cast(column.type.arrow)
        for column in KLINES.columns
    ]
    return pa.table(columns, schema=KLINES.schema)
