"""Files of trades in order, each on its way while those before it are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from support.desks import no_pause

from connectors.binance.archive.client import IN_MEMORY, Archive, Fetched
from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.archive.files import ArchiveFile, Remote
from connectors.binance.sites import resolve
from connectors.simulator import Exchange, MovableClock, serve
from connectors.simulator.market.listings import LISTINGS
from connectors.simulator.protocol import faults
from pipelines.ticks.files import Parts, streams
from schemas.datasets.trades import AGG_TRADES

NOW_S = 1_793_620_830.25  # 2026-11-02 12:00:30 UTC
FILES = [ArchiveFile.of(AGG_TRADES, f"2026-10-{day}", market="spot", symbol="QUIET") for day in (27, 28, 29, 30)]
DAYS = [Remote(file, IN_MEMORY + 1) for file in FILES]
PATHS = [f"/{day.path}" for day in DAYS]


@dataclass
class Shelf:
    """An archive of a symbol that hardly ever trades."""

    exchange: Exchange
    archive: Archive

    def asked(self) -> list[str]:
        """The zips that were asked for so far."""
        return [seen.path for seen in self.exchange.requests if seen.path.endswith(".zip")]

    async def asked_for(self, path: str) -> None:
        """Until a zip was asked for."""
        seen = asyncio.Event()
        with self.exchange.requests.when(path, path not in self.asked(), seen.set):
            await seen.wait()


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    clock = MovableClock(NOW_S)
    exchange = Exchange(clock=clock)
    exchange.add_symbol(replace(LISTINGS[0], symbol="QUIET", quiet=0.9999, listed_ms=1_790_000_000_000))
    async with serve(exchange) as url:
        site = resolve({"archive": url, "archive_list": url})
        async with Archive(site, clock, no_pause) as archive:
            yield Shelf(exchange, archive)


async def whole(parts: Parts) -> tuple[int, Fetched]:
    """How many rows came of a file, and what became of it."""
    *tables, told = [part async for part in parts]
    assert isinstance(told, Fetched)
    return sum(table.num_rows for table in tables if isinstance(table, pa.Table)), told


@pytest.mark.parametrize(("size", "ahead"), [(IN_MEMORY + 1, 1), (IN_MEMORY, 3)])
async def test_the_next_files_come_while_one_is_read(shelf: Shelf, size: int, ahead: int) -> None:
    """One is downloaded ahead and no more where they wait on disk, several small ones; each is whole in its turn."""
    read, remotes = [], [Remote(file, size) for file in FILES]
    async with streams(shelf.archive, remotes, asyncio.Event()) as files:
        remote, parts = await anext(files)
        for path in PATHS[1 : ahead + 1]:
            await shelf.asked_for(path)  # before any part of the first is taken
        assert not {*PATHS[ahead + 1 :]} & {*shelf.asked()}
        read.append((remote, *await whole(parts)))
        read += [(remote, *await whole(parts)) async for remote, parts in files]
    assert [remote for remote, _, _ in read] == remotes
    assert all(rows == told.streamed > 0 and told.is_whole for _, rows, told in read)
    assert sorted(shelf.asked()) == PATHS


async def test_behind_a_stop_there_are_no_more_files(shelf: Shelf) -> None:
    """Not even one that has come: the one before it may not have."""
    stop = asyncio.Event()
    async with streams(shelf.archive, DAYS, stop) as files:
        await anext(files)
        await shelf.asked_for(PATHS[1])
        stop.set()
        assert [remote async for remote, _ in files] == []
    assert PATHS[2] not in shelf.asked()


async def test_what_goes_wrong_ahead_is_told_in_its_turn(shelf: Shelf) -> None:
    """A file that cannot be asked for costs none before it."""
    shelf.exchange.inject(faults.Html(path=PATHS[1], status=503, count=None))
    async with streams(shelf.archive, DAYS[:2], asyncio.Event()) as files:
        _, parts = await anext(files)
        await shelf.asked_for(PATHS[1])
        rows, told = await whole(parts)
        assert rows == told.streamed > 0
        with pytest.raises(ArchiveTrouble):
            await anext(files)
