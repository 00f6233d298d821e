"""Batches that are gathered while the one before is being committed."""

from __future__ import annotations

from pathlib import Path

import pytest
from lakes import rows_of, small_lake, us

from connectors.lake import Lake
from pipelines.batch import Batch, Commits
from pipelines.candles import Series, Step
from schemas.market import KLINES

DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]
NOW = us("2026-02-01")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path)


def commits(lake: Lake) -> Commits:
    table = lake.table(KLINES)
    return Commits(lake, table, table.bounds())


def day(number: int, *symbols: str) -> Batch:
    """The candle of one day for each symbol, and the coverage up to its end."""
    batch = Batch()
    for symbol in symbols:
        row = {
            "market": "spot",
            "symbol": symbol,
            "interval": "1d",
            "open_time": DAYS[number],
            "close_time": DAYS[number],
        }
        bounds = {"until": us(DAYS[number]) + 1} | ({"since": us(DAYS[0])} if number == 0 else {})
        batch.add(Series("spot", symbol, "1d"), Step(rows_of(KLINES, row), bounds))
    return batch


def held(lake: Lake) -> dict[str, int]:
    symbols = lake.table(KLINES).scan(["symbol"])["symbol"].to_pylist()
    return {symbol: symbols.count(symbol) for symbol in sorted(set(symbols))}


def test_what_was_gathered_behind_a_lost_step_is_lost_too(lake: Lake):
    """Another process moves a series: neither that step nor the next one lands, and the other series go in."""
    ours, theirs = commits(lake), commits(lake)
    assert ours.land(day(0, "AUSDT", "BUSDT"), NOW) == 2
    theirs.bounds = lake.table(KLINES).bounds()
    assert theirs.land(day(1, "AUSDT"), NOW) == 1
    assert ours.land(day(1, "AUSDT", "BUSDT"), NOW) == 1
    assert ours.land(day(2, "AUSDT", "BUSDT"), NOW) == 1
    assert ours.stale == {Series("spot", "AUSDT", "1d")}
    assert held(lake) == {"AUSDT": 2, "BUSDT": 3}
    assert lake.table(KLINES).bounds()["spot/AUSDT/1d#until"] == us(DAYS[1]) + 1
