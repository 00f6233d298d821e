"""Candles of many series at once: windows fetched ahead under the budget, committed in order.

Pages of all series are gathered and flushed by size, so memory stays flat and a commit touches few months. A series
whose bounds another process moved is planned again from what that process left; one that fails stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.archive.client import Archive
from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.archive.files import Remote
from pipelines.archive.inventory import Shelf, Source, shelf_of
from pipelines.archive.load import Loaded
from pipelines.archive.provenance import last_looks
from pipelines.candles import windows as plan
from pipelines.candles.background import Landing
from pipelines.candles.commits import Commits
from pipelines.candles.coverage import LAG_US, Step, Walk
from pipelines.candles.fetching import Fetcher
from pipelines.candles.republished import anew, reload
from pipelines.candles.windows import Phase, Window
from pipelines.concurrency import AHEAD, prefetch
from pipelines.context.receipts import Failure
from pipelines.context.session import Session
from pipelines.store.candles import held
from pipelines.store.filters import between, timestamp
from pipelines.store.gaps import Asked, load_gaps
from pipelines.store.rows import Instants, instants, with_instants
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.grid import DAY_US
from schemas.model.series import Series

Stored = dict[Series, dict[int, dict[str, Any]]]  # candles by series and time
FILES_AHEAD = 8  # files in flight or waiting for their turn; a month of minutes is some 8 MB of Arrow
ROUNDS = 20  # each lost race means another process got further, so this ends; a loop without end would hide a bug

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class Pull:
    """One pull of candles: its series, what was stored before, what failed.

    History goes back to `since`. With `until`, nothing from then on is asked for. Of the symbols that are delisted the
    exchange has `forgotten` some: only the archive knows them.
    """

    session: Session
    dataset: Dataset
    series: Sequence[Series]
    since: int
    until: int | None = None
    delisted: frozenset[str] = frozenset()
    forgotten: frozenset[str] = frozenset()
    source: Source = "auto"
    failures: list[Failure] = field(default_factory=list)
    rows: int = 0
    walks: dict[Series, Walk] = field(default_factory=dict)
    ends: dict[Series, int] = field(default_factory=dict)
    going: set[Series] = field(default_factory=set)  # the last opening page held candles
    listed: dict[Series, int] = field(default_factory=dict)
    shelves: dict[Series, Shelf] = field(default_factory=dict)
    commits: Commits = field(init=False)
    landing: Landing = field(init=False)
    fetcher: Fetcher = field(init=False)
    anew: list[Remote] = field(default_factory=list)  # listed files that changed since they were loaded
    late: dict[Series, Instants] = field(default_factory=dict)  # candles on their way into covered time

    def __post_init__(self) -> None:
        self.fetcher = Fetcher(self.session, self.source, self.forgotten, self.shelves)

    async def run(self) -> None:
        """Bring every series up to date, planning again those that another process moved meanwhile."""
        todo = list(self.series)
        for _ in range(ROUNDS):
            await self._round(todo)
            if not self.commits.stale:
                return
            todo = sorted(self.commits.stale)
        self.failures += [Failure(one.name, "Another process kept moving this series; run again.") for one in todo]

    async def _round(self, todo: Sequence[Series]) -> None:
        await asyncio.to_thread(self._load, todo)
        now = self.session.client.now_us()
        closed = now - LAG_US if self.until is None else min(now - LAG_US, self.until)
        self.ends = {one: plan.reach(walk, closed, now) for one, walk in self.walks.items()}
        await self._visit_archive()
        await self._work(self._opening(now))
        await self._work(self._rest())
        while (windows := self._endings()) and not self.session.stop.is_set():
            await self._work(windows)
        await self._work(self._listing())
        await self._work(self._history())
        if self.anew and self.session.archive is not None:
            self.rows += await reload(self.session, self.session.archive, self.anew)

    def _load(self, todo: Sequence[Series]) -> None:
        """Read where each series stands."""
        table = self.session.lake.table(self.dataset)
        bounds, gaps = table.bounds(), load_gaps(self.session.lake, self.dataset)
        self.late = {}
        self.commits = Commits(self.session.lake, table, bounds)
        self.landing = Landing(self.commits, self._count)
        self.walks = {
            one: Walk(
                one,
                one.bound("since", bounds),
                one.bound("until", bounds),
                delisted=one["symbol"] in self.delisted,
                forgotten=one["symbol"] in self.forgotten,
                gaps=gaps.get(one, {}),
            )
            for one in todo
        }

    def _opening(self, now: int) -> list[Window]:
        """First what is new in every series, with a second look at gaps that are due, and new series' first pages."""
        windows: list[Window] = []
        for walk in self._alive():
            end = self.ends[walk.series]
            windows += plan.second_looks(walk, now)
            if walk.series in self.shelves and not walk.at_rest:
                windows += self._shelved(walk, end)
            elif walk.until is None or (walk.delisted and not walk.at_rest):
                windows.append(plan.first(walk.series, walk.until or self.since, end))
            elif not walk.at_rest:
                windows += plan.forward(walk, end)
        return plan.in_order(windows)

    def _shelved(self, walk: Walk, end: int) -> list[Window]:
        """The windows of a series that the archive holds; where it ends for a delisted symbol, `_endings` goes on."""
        shelf, since = self.shelves[walk.series], walk.until or self.since
        windows = list(plan.shelved(walk, since, walk.grid.floor(end), shelf, Phase.REST))
        if walk.delisted:
            self.going.add(walk.series)
            while windows and windows[-1].remote is None:
                windows.pop()
        return windows

    async def _visit_archive(self) -> None:
        """See what the archive holds of the series whose missing history is long enough."""
        archive = self.session.archive
        if archive is None:
            return
        alive, ends = self._alive(), self.ends
        far = [one for one in alive if plan.worth_a_look(one, self.since, ends[one.series], self.source)]
        visit = partial(_attempted, partial(self._shelf, archive))
        async with prefetch(far, visit, self.session.stop, limit=8) as visits:
            async for walk, shelf in visits:
                if isinstance(shelf, ArchiveTrouble) and not self.fetcher.strict(walk.series):
                    self.fetcher.note(shelf)
                elif isinstance(shelf, Exception):
                    self._failed(walk.series, shelf)
                elif shelf.files or shelf.only:
                    self.shelves[walk.series] = shelf
        if self.shelves:
            listed = [remote for shelf in self.shelves.values() for remote in shelf.files.values()]
            looks = await asyncio.to_thread(last_looks, self.session.lake)
            self.anew = await anew(archive, [remote for remote in listed if remote.path in looks], looks, {})
        if archive.foreign:
            some = min(archive.foreign)
            self.session.note(f"{len(archive.foreign)} foreign objects in the archive were left out, such as {some}.")

    async def _shelf(self, archive: Archive, walk: Walk) -> Shelf:
        looked_at_again = (gap.since for gap in walk.gaps.values() if gap.confirmed_at is None)
        since = min(self.since, *looked_at_again) if walk.forgotten and walk.gaps else self.since
        return await shelf_of(archive, walk.series, since, only=walk.forgotten)

    def _rest(self) -> list[Window]:
        """Then what follows the opening pages."""
        begun = [walk for walk in self._alive() if walk.series in self.going and not walk.delisted]
        return plan.in_order(
            window
            for walk in begun
            for window in plan.forward(walk, self.ends[walk.series], phase=Phase.REST, overlap=0)
        )

    def _endings(self) -> list[Window]:
        """A delisted symbol goes on from candle to candle, since a page for each stretch of nothing could be years."""
        ending = [walk for walk in self._alive() if walk.delisted and walk.series in self.going]
        return plan.in_order(
            plan.first(walk.series, walk.until or self.since, self.ends[walk.series]) for walk in ending
        )

    def _listing(self) -> list[Window]:
        """Where the history of each series begins that is wanted from before its coverage."""
        older = [walk for walk in self._alive() if walk.since and self.since < walk.since]
        alone = {walk.series: self._begins(walk) for walk in older if walk.forgotten and walk.series in self.shelves}
        self.listed.update(alone)
        return [plan.listing(walk, self.since) for walk in older if walk.series not in alone]

    def _begins(self, walk: Walk) -> int:
        """Where the archive begins; the start of coverage where it has nothing before that."""
        shelf = self.shelves.get(walk.series)
        first_us = shelf.first_us if shelf is not None else None
        return (walk.since or 0) if first_us is None else first_us

    def _history(self) -> list[Window]:
        """Last the history before coverage, newest first, so that coverage stays one interval."""
        windows: list[Window] = []
        for walk in self._alive():
            if walk.series in self.listed and walk.since is not None and self.since < walk.since:
                shelf = self.shelves.get(walk.series)
                windows += plan.backward(walk, self.since, self.listed[walk.series], shelf)
        return plan.in_order(windows)

    def _alive(self) -> list[Walk]:
        failed = {failure.series for failure in self.failures}
        return [walk for one, walk in self.walks.items() if one not in self.commits.stale and one.name not in failed]

    async def _work(self, windows: Sequence[Window]) -> None:
        """Fetch the windows ahead, take them in order, land them by size and at the end, whatever happens."""
        self.session.progress.expect(**self._planned(windows))
        over: BaseException | None = None
        try:
            await self._gather(windows, await asyncio.to_thread(self._overlap, windows))
        except BaseException as error:
            over = error
            raise
        finally:
            if beside := await self.landing.rest(self.session.client.now_us(), over):
                self.failures.append(Failure.of(self.dataset.name, beside))

    async def _gather(self, windows: Sequence[Window], stored: Stored) -> None:
        session, dead = self.session, set[Series]()
        limit = FILES_AHEAD if any(window.remote for window in windows) else AHEAD
        attempt = partial(_attempted, self.fetcher.fetch)
        async with prefetch(windows, attempt, session.stop, limit=limit) as pages:
            async for window, loaded in pages:
                if window.series in self.commits.stale or window.series in dead:
                    continue
                try:
                    self._take(window, loaded, stored.get(window.series, {}))
                except Exception as error:  # noqa: BLE001 - one series' surprise stops no other
                    dead.add(window.series)
                    self._failed(window.series, error)
                if self.landing.batch.full:
                    await self.landing.flush(session.client.now_us())

    def _count(self, rows: int) -> None:
        self.rows += rows

    def _planned(self, windows: Sequence[Window]) -> dict[str, int]:
        """What windows take and bring, if every candle is there."""
        remotes = [window.remote for window in windows if window.remote is not None]
        return {
            "requests": len(windows) - len(remotes),
            "rows": sum(plan.expected_rows(self.walks[window.series], window) for window in windows),
            "files": len(remotes),
            "size": sum(remote.size for remote in remotes),
        }

    def _failed(self, series: Series, error: Exception) -> None:
        """What goes wrong with one series stops it alone, unless the next series would meet it as well."""
        if isinstance(error, Problem) and error.fatal:
            raise error
        self.failures.append(Failure.of(series.name, error))

    def _joins(self, window: Window) -> bool:
        """Whether a window touches what its series has; behind one that did not come, or came in part, it does not."""
        walk = self.walks[window.series]
        if window.phase in {Phase.FORWARD, Phase.REST}:
            return window.since == (self.since if walk.until is None else walk.until)
        return window.phase is not Phase.BACKWARD or window.until == walk.since

    def _take(self, window: Window, loaded: Loaded | Exception, stored: Mapping[int, Mapping[str, Any]]) -> None:
        """Turn what came for a window into a step of its series; raises what came instead."""
        if isinstance(loaded, Exception):
            raise loaded
        if self._joins(window):
            self.landing.batch.files += loaded.files
            step = self._step(window, loaded, stored)
            self.landing.batch.add(window.series, step)
        self.session.progress.advance(rows=loaded.rows.num_rows)

    def _step(self, window: Window, loaded: Loaded, stored: Mapping[int, Mapping[str, Any]]) -> Step:
        walk, now = self.walks[window.series], self.session.client.now_us()
        page, since, until, asked = loaded.rows, window.since, window.until, loaded.asked
        if window.phase is Phase.CONFIRM:
            step = walk.second_look(page, since, until, now, asked)
            return replace(step, rows=self._unknown(window.series, step.rows))
        if window.phase is Phase.LISTING:
            returned = int(instants(page).min()) if page.num_rows else until
            self.listed[window.series] = min(returned, self._begins(walk))
            return Step(page.slice(0, 0), {})
        if window.phase is Phase.BACKWARD:
            take = walk.backward if window.ask_since == since else walk.before_listing
            return take(page, since, until, now, asked)
        if window.phase is Phase.FIRST:
            step = walk.forward(page, since, _end_of(walk, page, window), now, asked)
            moved = page.num_rows and walk.until is not None and walk.until > since
            (self.going.add if moved else self.going.discard)(window.series)
            return step
        self._compare(walk, window, page, stored, now)
        return walk.forward(page, since, until, now, asked)

    def _compare(
        self, walk: Walk, window: Window, page: pa.Table, stored: Mapping[int, Mapping[str, Any]], now: int
    ) -> None:
        """Hold the candles asked for again against the stored ones: changed ones are corrected, late ones added."""
        if window.ask_since == window.since:
            return
        again = page.filter(pc.field("open_time") < timestamp(window.since))
        late = []
        for row in with_instants(again):
            before = stored.get(row["open_time"])
            if before is None:
                late.append(row["open_time"])
            elif before != row:
                self.landing.batch.correct(walk.series, before, row)
        if late:
            rows = self._unknown(walk.series, again.filter(pa.array(np.isin(instants(again), late))))
            gaps = walk.filled(instants(again), window.ask_since, window.since, now, Asked.of_exchange(walk.series))
            self.landing.batch.add(walk.series, Step(rows, {}, gaps))

    def _unknown(self, series: Series, rows: pa.Table) -> pa.Table:
        """Late candles that are neither stored nor on their way.

        Two windows may bring the same ones, and a run that died before it said that a gap is filled left them behind.
        """
        if not rows.num_rows:
            return rows
        times = instants(rows)
        stored = held(self.commits.table, series, int(times.min()), int(times.max()) + 1, ["open_time"])
        known = np.union1d(instants(stored), self.late.get(series, np.empty(0, np.int64)))
        self.late[series] = np.union1d(known, times)
        return rows.filter(pa.array(~np.isin(times, known)))

    def _overlap(self, windows: Sequence[Window]) -> Stored:
        """The stored candles that the forward windows will ask for again, by series and time."""
        asked: dict[tuple[str, str, int], list[Window]] = {}
        for window in windows:
            if window.ask_since < window.since:
                group = (window.series["market"], window.series["interval"], window.ask_since // DAY_US)
                asked.setdefault(group, []).append(window)
        found: Stored = {}
        for (market, interval, _), group_windows in asked.items():
            for row in self._stored(market, interval, group_windows):
                found.setdefault(Series.of_row(self.dataset, row), {})[row["open_time"]] = row
        return found

    def _stored(self, market: str, interval: str, windows: Sequence[Window]) -> list[dict[str, Any]]:
        where = (
            (pc.field("market") == market)
            & (pc.field("interval") == interval)
            & between("open_time", min(one.ask_since for one in windows), max(one.since for one in windows))
        )
        return with_instants(self.commits.table.scan(self.dataset.schema.names, where))


async def _attempted(fetch: Callable[[Item], Awaitable[Result]], item: Item) -> Result | Exception:
    """What came for an item, or what happened instead."""
    try:
        return await fetch(item)
    except Exception as error:  # noqa: BLE001 - told where the series is known
        return error


def _end_of(walk: Walk, page: pa.Table, window: Window) -> int:
    """How far an opening page speaks: to its last candle, or over the whole stretch when it is empty."""
    if not page.num_rows:
        return window.until
    last = int(instants(page).max())
    grid = walk.grid
    return min(grid.step(grid.floor(last), 1), window.until)
