"""Trades of many series: what is new walked along ids under the budget, pages fetched ahead and committed in order.

A series whose bounds another process moved is planned again from what that process left; one that fails stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeVar

import pyarrow as pa

from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.errors import NoLongerKept
from pipelines.archive.changed import LISTINGS
from pipelines.archive.inventory import Shelf, Source, shelf_of
from pipelines.candles.commits import Commits, Landing
from pipelines.candles.coverage import Step
from pipelines.concurrency import attempted, prefetch
from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from pipelines.store.gaps import load_gaps
from pipelines.store.news import ROUNDS
from pipelines.store.rows import instants
from pipelines.ticks.asking import Asking, IdWindow, oldest_asked, told_of, windows
from pipelines.ticks.bulk import NEVER, Bulk, is_worth
from pipelines.ticks.earlier import Earlier, is_earlier
from pipelines.ticks.holes import between, next_id
from pipelines.ticks.overlap import LastRows
from pipelines.ticks.second_looks import late_rows, looks
from pipelines.ticks.stand import Stand, quiet_until, settled
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.series import Series


class _OfSeries(Protocol):
    @property
    def series(self) -> Series: ...


Item = TypeVar("Item", bound=_OfSeries)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Opening:
    """The first page of what is new, and the id after the newest row where more follows."""

    stand: Stand
    rows: pa.Table
    newest: int | None
    asked_at: int


@dataclass(slots=True, kw_only=True)
class TickPull:
    """One pull of trades of [since, until), or up to now; what is covered already stays, wherever it ends."""

    session: Session
    tally: Tally
    dataset: Dataset
    series: Sequence[Series]
    source: Source
    since: int
    until: int | None = None
    forgotten: frozenset[str] = frozenset()
    stands: dict[Series, Stand] = field(default_factory=dict)
    failed: set[Series] = field(default_factory=set)
    commits: Commits = field(init=False)
    landing: Landing = field(init=False)

    async def run(self) -> None:
        """Bring every series up to date, planning again those that another process moved meanwhile."""
        todo = list(self.series)
        for _ in range(ROUNDS):
            await self._round(todo)
            todo = sorted(self.commits.stale - self.failed)
            if not todo:
                return
        for one in todo:
            self.tally.fail(one.name, Problem("Another process kept moving this series; run again."))

    async def _round(self, todo: Sequence[Series]) -> None:
        last_rows = await asyncio.to_thread(self._load, todo)
        if self.session.archive is not None and self.source != "rest":
            await self._landed(self._files(self.session.archive, last_rows))
        if self.source != "archive":
            await self._landed(self._openings(todo, last_rows))
        await self._landed(self._earlier(todo))
        if self.source != "archive":
            await self._landed(self._looks())

    def _load(self, todo: Iterable[Series]) -> LastRows:
        """Read where each series stands, and the last rows of those that go on."""
        lake, table = self.session.lake, self.session.lake.table(self.dataset)
        bounds, gaps = table.bounds(), load_gaps(lake, self.dataset)
        self.commits = Commits(lake, table, bounds)
        self.landing = Landing(self.commits, self.tally)
        self.stands = {one: Stand.of(one, self.since, bounds, gaps.get(one, {})) for one in todo}
        return LastRows.read(table, self.stands.values(), self.session.client.now_us())

    async def _landed(self, work: Awaitable[None]) -> None:
        """Do work, and land what it gathered, whatever happens."""
        async with self.landing.at_the_end(self.session.client.now_us):
            await work

    async def _files(self, archive: Archive, last_rows: LastRows) -> None:
        """Load the days that are over out of the archive, one series after another."""

        async def add(stand: Stand, step: Step) -> None:
            await self._add(stand, step)
            last_rows.note(stand.series, step.rows)
            if self.landing.batch.full:
                await self.landing.flush(self.session.client.now_us())

        until = min(self.session.client.now_us(), self._until)
        worth = [one for one in self.stands.values() if is_worth(one.until, until, alone=self.alone(one.series))]
        look = partial(attempted, lambda stand: shelf_of(archive, stand.series, stand.until))
        async with prefetch(worth, look, self.session.stop, limit=LISTINGS) as shelves:
            async for stand, shelf in shelves:
                alone = self.alone(stand.series)
                bulk = Bulk(self.session, archive, self.stands, add, self._looked_at, alone, self._until)
                loaded = await attempted(bulk.load, shelf) if isinstance(shelf, Shelf) else shelf
                if isinstance(loaded, ArchiveTrouble) and not alone:
                    self.session.note(f"Trades were fetched over REST instead of from the archive: {loaded.what}")
                elif loaded is not None:
                    self._failed(stand.series, loaded)

    async def _earlier(self, todo: Iterable[Series]) -> None:
        """Bring back the beginning of what is covered to where it is wanted from, one series after another."""

        async def add(stand: Stand, step: Step) -> None:
            await self._add(stand, step)
            if self.landing.batch.full:
                await self.landing.flush(self.session.client.now_us())

        archive = self.session.archive if self.source != "rest" else None
        for series in [one for one in todo if is_earlier(self.stands[one], self.since)]:
            if series in self.failed or series in self.commits.stale or self.session.stop.is_set():
                continue
            earlier = Earlier(self.session, archive, self.stands, add, self._looked_at, self.alone(series), self.since)
            try:
                await earlier.load(series)
            except Exception as error:  # noqa: BLE001 - one series' surprise stops no other
                self._failed(series, error)

    def alone(self, series: Series) -> bool:
        """Whether nothing but the archive is to be asked for a series."""
        return self.source == "archive" or series["symbol"] in self.forgotten

    @property
    def _until(self) -> int:
        return NEVER if self.until is None else self.until

    def _looked_at(self, file: Fetched) -> None:
        self.landing.batch.files.append(file)

    def _asked_for(self, todo: Iterable[Series]) -> list[Stand]:
        asking = (one for one in todo if one["symbol"] not in self.forgotten and one not in self.failed)
        return [self.stands[one] for one in asking if self._asking.can(one)]

    @property
    def _asking(self) -> Asking:
        return Asking(self.session)

    async def _openings(self, todo: Iterable[Series], last_rows: LastRows) -> None:
        """Take what is new of each series, its first page before any other's second."""
        behind: list[IdWindow] = []
        stands = [one for one in self._asked_for(todo) if one.until < self._until]
        self.session.progress.expect(requests=len(stands))
        async for stand, opening in self._fetched(stands, self._opening):
            if opening is not None:
                last_rows.hold(stand, opening.rows)
                behind += await self._open(opening)
        self.session.progress.expect(requests=len(behind))
        async for window, rows in self._fetched(behind, self._asking.window):
            await self._take(window, rows)

    async def _opening(self, stand: Stand) -> Opening | None:
        """The first page of what is new; None where nothing was ever traded."""
        now, series = self.session.client.now_us(), stand.series
        if stand.is_new:
            stand = replace(stand, since=max(stand.since, oldest_asked(series, now)))  # `_earlier` goes on from there
            first = await self._asking.first_id(series, stand.since)
            if first is None:
                return None
            stand = stand.begin_at(first)
        try:
            rows = await self._asking.page(series, max(stand.until_id - (not stand.is_new), 0))
        except NoLongerKept as error:
            raise Problem(
                f"The exchange does not return trades of before its last days any more: {error.what}",
                "They come with the files of its archive, with `source: auto`.",
            ) from None
        newest = None if self._is_end(stand, rows, now) else await self._asking.newest(series)
        newest = None if newest is not None and newest <= next_id(rows, stand.until_id) else newest
        end = None if self.until is None else await self._asking.first_id(series, self.until)
        if end is not None:
            rows, newest = between(rows, 0, end), None if newest is None else min(newest, end)
        return Opening(stand, rows, newest, now)

    def _is_end(self, stand: Stand, rows: pa.Table, now: int) -> bool:
        """Whether a page shows that nothing follows: a short one with a young row, or with none but the stored one."""
        if not rows.num_rows or rows.num_rows >= self._asking.page_rows(stand.series):
            return False
        return next_id(rows, 0) == stand.until_id or int(instants(rows, "time")[-1]) >= quiet_until(now)

    async def _open(self, opening: Opening) -> list[IdWindow]:
        """Take the first page, and return the windows that follow it."""
        stand, now = opening.stand, opening.asked_at
        rows = settled(opening.rows, now)
        until = min(quiet_until(now), self._until) if opening.newest is None else 0
        end = next_id(rows, stand.until_id)
        await self._add(stand, stand.forward(rows, end, until, told_of(stand.series), now))
        return (
            []
            if opening.newest is None or rows.num_rows < opening.rows.num_rows
            else windows(stand.series, end, opening.newest)
        )

    async def _take(self, window: IdWindow, rows: pa.Table) -> None:
        stand, now = self.stands[window.series], self.session.client.now_us()
        if stand.until_id != window.first:
            return  # what came before it was not settled yet
        final = settled(rows, now)
        end = window.end if final.num_rows == rows.num_rows else next_id(final, stand.until_id)
        await self._add(stand, stand.forward(final, end, 0, told_of(window.series), now))

    async def _looks(self) -> None:
        """Ask once more for the ids that were missing an hour ago or longer."""
        now = self.session.client.now_us()
        due = [look for stand in self._asked_for(self.stands) for look in looks(stand, now)]
        self.session.progress.expect(requests=len(due))
        async for look, late in self._fetched(due, partial(late_rows, self._asking)):
            await self._add(self.stands[look.series], look.confirmed(late, self.commits.table, now))

    async def _fetched(
        self, items: Sequence[Item], fetch: Callable[[Item], Awaitable[Result]]
    ) -> AsyncIterator[tuple[Item, Result]]:
        """What comes for each item, in order; what goes wrong with a series stops it alone."""
        async with prefetch(items, partial(attempted, fetch), self.session.stop) as results:
            async for item, result in results:
                series = item.series
                if series in self.failed or series in self.commits.stale:
                    continue
                if isinstance(result, Exception):
                    self._failed(series, result)
                else:
                    yield item, result
                if self.landing.batch.full:
                    await self.landing.flush(self.session.client.now_us())

    async def _add(self, stand: Stand, step: Step) -> None:
        """Gather a step; the series stands behind it from now on."""
        if step.bounds or step.gaps or step.rows.num_rows:
            self.stands[stand.series] = stand.after(step)
            self.landing.batch.add(stand.series, step)
            self.session.progress.advance(rows=step.rows.num_rows)

    def _failed(self, series: Series, error: Exception) -> None:
        """What goes wrong with one series stops it alone, unless the next series would meet it as well."""
        if isinstance(error, Problem) and error.fatal:
            raise error
        self.failed.add(series)
        self.tally.fail(series.name, error)
