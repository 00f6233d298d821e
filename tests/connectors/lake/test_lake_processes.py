"""Several processes pull the same series, correct and merge at once: the table is what one alone would have made."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pyarrow as pa
import pytest
from support.lakes import candle_series, rows_of, us

from connectors.lake import Lake, Move, Stale
from schemas.datasets.market import KLINES

SERIES = "ABCD"
STEPS = 6
MINUTES = 3  # a step
START = us("2026-01-01")
MINUTE_US = 60_000_000


def candles(symbol: str, minutes: range, close: str = "1") -> pa.Table:
    row = {"market": "spot", "symbol": symbol, "interval": "1m", "close_time": START, "close": close}
    return rows_of(KLINES, *(row | {"open_time": START + n * MINUTE_US} for n in minutes))


def pull(folder: str) -> None:
    """What every process does: two series a commit, planned on bounds that others keep moving, until all is covered."""
    table = Lake.open(Path(folder), "simulator").table(KLINES)
    while plan := _plan(table.bounds()):
        for pair in (plan[:2], plan[2:]):  # the second flush comes after others had their turn
            rows = [candles(symbol, range(until, until + MINUTES)) for symbol, until, _ in pair]
            try:
                if pair:
                    table.commit(pa.concat_tables(rows), [move for _, _, move in pair])
            except Stale:
                continue


def _plan(bounds: dict[str, int]) -> list[tuple[str, int, Move]]:
    plan = []
    for symbol in SERIES:
        series = f"spot/{symbol}/1m"
        held = bounds.get(f"{series}#until")
        until = held or 0
        if until < STEPS * MINUTES:
            plan.append((symbol, until, Move(candle_series(symbol), {"until": held}, {"until": until + MINUTES})))
    return plan


def correct(folder: str) -> None:
    """Replace the first row of each series once, whoever comes first."""
    table = Lake.open(Path(folder), "simulator").table(KLINES)
    while (bounds := table.bounds()) and (wrong := table.scan(where=_first_and_wrong())).num_rows:
        symbol = wrong["symbol"][0].as_py()
        series = f"spot/{symbol}/1m"
        seen = {"revision": bounds[f"{series}#revision"]}
        keys = wrong.slice(0, 1).select(KLINES.key)
        try:
            table.replace(keys, candles(symbol, range(1), close="2"), [Move(candle_series(symbol), seen)])
        except Stale:
            continue


def _first_and_wrong() -> pa.compute.Expression:
    import pyarrow.compute as pc  # noqa: PLC0415 - a spawned process imports as little as it can

    first = pc.field("open_time") == pa.scalar(START, pa.timestamp("us", "UTC"))
    return first & (pc.field("close") == pa.scalar("1.00000000").cast(pa.decimal128(38, 8)))


def merge(folder: str) -> None:
    """Keep the files few while the others write."""
    table = Lake.open(Path(folder), "simulator").table(KLINES)
    while _plan(table.bounds()):
        table.maintain()


@pytest.mark.soak
def test_the_same_flow_in_many_processes(tmp_path: Path) -> None:
    """Every row is there once, every bound is the last, and each step was committed by exactly one of them."""
    _all_at_once([pull] * 3, tmp_path)
    table = Lake.at(tmp_path).table(KLINES)
    expected = [(symbol, START + n * MINUTE_US) for symbol in SERIES for n in range(STEPS * MINUTES)]
    assert _keys(table.scan()) == expected
    assert table.bounds() == {
        f"spot/{symbol}/1m#{name}": value
        for symbol in SERIES
        for name, value in (("until", STEPS * MINUTES), ("revision", STEPS))
    }


def test_pulling_correcting_and_merging_at_once(tmp_path: Path) -> None:
    """With corrections and upkeep beside the pullers, each key is still there once, with its corrected value."""
    first = Lake.open(tmp_path, "simulator").table(KLINES)
    for symbol, _, move in _plan({}):
        first.commit(candles(symbol, range(MINUTES)), [move])
    _all_at_once([pull, correct, correct, merge], tmp_path)
    rows = Lake.at(tmp_path).table(KLINES).scan()
    assert _keys(rows) == [(symbol, START + n * MINUTE_US) for symbol in SERIES for n in range(STEPS * MINUTES)]
    assert rows.filter(_first_and_wrong()).num_rows == 0


def _keys(rows: pa.Table) -> list[tuple[str, int]]:
    times = rows["open_time"].cast(pa.int64()).to_pylist()
    return sorted(zip(rows["symbol"].to_pylist(), times, strict=True))


def _all_at_once(tasks: list[object], folder: Path) -> None:
    context = multiprocessing.get_context("spawn")  # a forked child cannot use delta-rs
    children = [context.Process(target=task, args=(str(folder),)) for task in tasks]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * len(children)
