"""Batches that are gathered while the one before is being committed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.archive_zips import kline_file
from support.lakes import candle_series, put, rows_of, small_lake, us

from connectors.binance.archive.client import Fetched
from connectors.lake import Lake
from pipelines.candles.commits import Batch, Commits, Landing
from pipelines.candles.coverage import Step
from pipelines.candles.renewal import Renewed, renew
from pipelines.context.progress import Silent
from pipelines.context.receipts import Tally
from pipelines.store.gaps import OFF_GRID, Asked, Gap, load_gaps, write_gaps
from pipelines.store.rows import instants
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.journal import GAPS
from schemas.datasets.market import KLINES
from schemas.model.errors import Problem

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
        batch.add(candle_series(symbol, "1d"), Step(rows_of(KLINES, row), bounds))
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
    assert ours.stale == {candle_series("AUSDT", "1d")}
    assert held(lake) == {"AUSDT": 2, "BUSDT": 3}
    assert lake.table(KLINES).bounds()["spot/AUSDT/1d#until"] == us(DAYS[1]) + 1


def filling(symbol: str) -> Batch:
    """A late candle, and the gap that it fills."""
    row = {"market": "spot", "symbol": symbol, "interval": "1d", "open_time": DAYS[0], "close_time": DAYS[0]}
    gap = Gap(since=us(DAYS[0]), until=us(DAYS[1]), reason="exchange_outage", first_seen=1, filled_at=NOW)
    batch = Batch(files=[Fetched(file=kline_file("spot", symbol, "1d", "2026-01"), sha256="0")])
    batch.add(candle_series(symbol, "1d"), Step(rows_of(KLINES, row), {}, (gap,)))
    return batch


def test_a_gap_is_not_called_filled_before_its_candles_are_there(lake: Lake):
    """They cannot be written: the gap stays, so that they are asked for again."""
    obstacle = lake.path / "klines/market=spot/interval=1d/month=2026"
    obstacle.parent.mkdir(parents=True)
    obstacle.write_text("in the way")
    with pytest.raises(Problem, match="nothing was committed"):
        commits(lake).land(filling("AUSDT"), NOW)
    assert lake.table(GAPS).scan().num_rows == 0
    obstacle.unlink()
    assert commits(lake).land(filling("AUSDT"), NOW) == 1
    assert lake.table(GAPS).scan().num_rows == 1


@pytest.mark.parametrize(
    ("was", "left"),
    [
        ({"until": us(DAYS[2])}, {"until": us(DAYS[1])}),
        ({"until": None}, {"until": us(DAYS[1])}),
        ({"until": us(DAYS[2]), "evidence": {"ids": [[1, 9]]}}, {"evidence": {"ids": [[1, 4], [6, 9]]}}),
    ],
    ids=["until", "open", "ids"],
)
def test_a_gap_is_not_called_smaller_before_its_candles_are_there(
    lake: Lake, was: dict[str, Any], left: dict[str, Any]
):
    """A candle of its middle cannot be written: all of the gap stays missing, so that it is asked for again."""
    series = candle_series("AUSDT", "1d")
    put(lake, KLINES, since={series.id: DAYS[0]}, until={series.id: DAYS[2]})
    gap = Gap(since=us(DAYS[0]), reason="exchange_outage", first_seen=1, **was)
    write_gaps(lake, [(series, gap)], NOW)
    step = replace(filling("AUSDT").steps[series][0], gaps=(replace(gap, **left),))
    obstacle = lake.path / "klines/market=spot/interval=1d/month=2026"
    obstacle.parent.mkdir(parents=True, exist_ok=True)
    obstacle.write_text("in the way")
    with pytest.raises(Problem, match="nothing was committed"):
        commits(lake).land(Batch(steps={series: [step]}), NOW)
    assert load_gaps(lake, KLINES)[series] == {gap.since: gap}
    obstacle.unlink()
    assert commits(lake).land(Batch(steps={series: [step]}), NOW) == 1
    assert load_gaps(lake, KLINES)[series] == {gap.since: step.gaps[0]}


def test_of_a_lost_series_nothing_is_written_down(lake: Lake):
    """Neither that its gap is filled nor that the next file was loaded, since no row of it went in."""
    ours, theirs = commits(lake), commits(lake)
    theirs.land(day(0, "AUSDT"), NOW)
    assert ours.land(filling("AUSDT"), NOW) == 0
    assert lake.table(GAPS).scan().num_rows == 0
    seen = lake.table(ARCHIVE_FILES).scan().num_rows
    later = filling("AUSDT")
    later.files = [Fetched(file=kline_file("spot", "AUSDT", "1d", "2026-02"), sha256="1")]
    assert ours.land(later, NOW) == 0
    assert lake.table(ARCHIVE_FILES).scan().num_rows == seen


async def test_a_cancelled_run_waits_for_the_commit_on_its_way(lake: Lake):
    """Cancelled between two batches: the first is not left alone, and both are in and counted when it ends."""
    tally = Tally(Silent())
    landing = Landing(commits(lake), tally)

    async def work() -> None:
        async with landing.at_the_end(lambda: NOW):
            for number in range(2):
                landing.batch = day(number, "AUSDT")
                await landing.flush(NOW)

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert tally.rows == 2
    assert held(lake) == {"AUSDT": 2}


async def ended(landing: Landing) -> None:
    """A pull that a surprise ends."""
    async with landing.at_the_end(lambda: NOW):
        raise ZeroDivisionError


async def test_what_cannot_be_landed_hides_no_surprise(lake: Lake):
    """What ended a pull is raised, and that its last candles could not be written is a failure beside it."""
    obstacle = lake.path / "klines/market=spot/interval=1d/month=2026"
    obstacle.parent.mkdir(parents=True)
    obstacle.write_text("in the way")
    tally = Tally(Silent())
    landing = Landing(commits(lake), tally)
    landing.batch = day(0, "AUSDT")
    with pytest.raises(ZeroDivisionError):
        await ended(landing)
    [failure] = tally.failures
    assert "nothing was committed" in failure.why


def test_a_candle_beside_the_grid_opens_no_gap_again(lake: Lake):
    """What explains the slot of a candle that opens inside of it stays confirmed when a file brings that candle."""
    series, beside = candle_series("BTCUSDT", "1d"), us("2026-01-02T06:00")
    row = series.values | dict.fromkeys(("open_time", "close_time"), "2026-01-02T06:00")
    put(lake, KLINES, row, since={series.id: DAYS[1]}, until={series.id: DAYS[2]})
    told = {"asked": "GET /api/v3/klines", "printed": "2026-01-02T06:00:00Z"}
    explained = Gap(
        since=us(DAYS[1]), until=us(DAYS[2]), reason=OFF_GRID, evidence=told, first_seen=NOW, confirmed_at=NOW
    )
    write_gaps(lake, [(series, explained)], NOW)
    stored = lake.table(KLINES).scan(KLINES.schema.names)
    assert instants(stored).tolist() == [beside]
    assert renew(lake, series, stored, us(DAYS[1]), us(DAYS[2]), NOW + 1, Asked("file.zip")) == Renewed()
    assert load_gaps(lake, KLINES)[series] == {explained.since: explained}
