"""Candles of many series at once: windows fetched ahead under the budget, committed in order.

Pages of all series are gathered and flushed by size, so memory stays flat and a commit touches few months. A series
whose bounds another process moved is planned again from what that process left; one that fails stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.archive import Archive
from connectors.binance.endpoints import KLINES as ENDPOINT
from connectors.binance.paging import by_time
from pipelines import plan
from pipelines.ahead import AHEAD, ahead
from pipelines.archive_load import Loaded, Loader
from pipelines.batch import Commits
from pipelines.candles import LAG_US, QUIET_US, Instants, Series, Step, Walk, instants
from pipelines.held import held
from pipelines.journal import load_gaps, with_instants
from pipelines.landing import Landing
from pipelines.plan import Phase, Window
from pipelines.receipts import Failure
from pipelines.session import Session
from pipelines.shelf import Shelf, Source, shelf_of
from schemas.errors import AccessRefused, Problem, TryLater
from schemas.intervals import DAY_US
from schemas.market import KLINES

Stored = dict[Series, dict[int, dict[str, Any]]]  # candles by series and time
FILES_AHEAD = 8  # files in flight or waiting for their turn; a month of minutes is some 8 MB of Arrow
ROUNDS = 20  # each lost race means another process got further, so this ends; a loop without end would hide a bug


@dataclass(slots=True)
class Pull:
    """One pull of candles: its series, what was stored before, what failed.

    History goes back to `since`. With `until`, nothing from then on is asked for. Of the symbols that are delisted the
    exchange has `forgotten` some: only the archive knows them.
    """

    session: Session
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
    late: dict[Series, Instants] = field(default_factory=dict)  # candles on their way into covered time

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

    def _load(self, todo: Sequence[Series]) -> None:
        """Read where each series stands."""
        table = self.session.lake.table(KLINES)
        bounds, gaps = table.bounds(), load_gaps(self.session.lake)
        self.late = {}
        self.commits = Commits(self.session.lake, table, bounds)
        self.landing = Landing(self.commits, self._count)
        self.walks = {
            one: Walk(
                one,
                bounds.get(f"{one.id}#since"),
                bounds.get(f"{one.id}#until"),
                delisted=one.symbol in self.delisted,
                forgotten=one.symbol in self.forgotten,
                gaps=gaps.get(one, {}),
            )
            for one in todo
        }

    def _opening(self, now: int) -> list[Window]:
        """First what is new in every series, with a second look at gaps that are due, and new series' first pages."""
        windows: list[Window] = []
        for walk in self.walks.values():
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
        visits = ahead(far, partial(self._shelf, archive), self.session.stop, limit=8)
        async with aclosing(visits):
            async for walk, shelf in visits:
                if isinstance(shelf, Problem):
                    self._failed(walk.series, shelf)
                elif shelf.files or shelf.only:
                    self.shelves[walk.series] = shelf

    async def _shelf(self, archive: Archive, walk: Walk) -> Shelf:
        return await shelf_of(archive, walk.series, self.since, only=walk.forgotten)

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
        self.listed.update(
            (walk.series, self.shelves[walk.series].first_us or 0) for walk in older if walk.series in self.shelves
        )
        return [plan.listing(walk, self.since) for walk in older if walk.series not in self.shelves]

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
                self.failures.append(Failure.of(KLINES.name, beside))

    async def _gather(self, windows: Sequence[Window], stored: Stored) -> None:
        session, dead = self.session, set[Series]()
        limit = FILES_AHEAD if any(window.remote for window in windows) else AHEAD
        async with aclosing(ahead(windows, self._fetch, session.stop, limit)) as pages:
            async for window, loaded in pages:
                if window.series in self.commits.stale or window.series in dead:
                    continue
                if isinstance(loaded, Problem):
                    dead.add(window.series)
                    self._failed(window.series, loaded)
                    continue
                if self._joins(window):
                    self.landing.batch.files += loaded.files
                    self._take(window, loaded.rows, stored.get(window.series, {}))
                session.progress.advance(rows=loaded.rows.num_rows)
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

    def _failed(self, series: Series, problem: Problem) -> None:
        """One series' problem stops it alone, unless it stops everything."""
        if isinstance(problem, TryLater | AccessRefused):
            raise problem
        self.failures.append(Failure.of(series.name, problem))

    async def _fetch(self, window: Window) -> Loaded:
        """The candles of a window, out of its file or as the exchange prints them."""
        ask = partial(self._printed, window.series)
        if window.remote is None or self.session.archive is None:
            return Loaded(
                await ask(window.ask_since, window.until, limit=window.limit, once=window.phase in plan.OPENING)
            )
        loader = Loader(self.session.archive, window.series, ask)
        loaded = await loader.load(window.remote, window.since, window.until)
        self.session.progress.advance(files=1, size=window.remote.size)
        return loaded

    async def _printed(
        self, series: Series, since: int, until: int, *, limit: int = plan.PAGE_ROWS, once: bool = False
    ) -> pa.Table:
        """All candles the exchange prints for [since, until), or one page of them.

        A short page is not the end: the exchange is asked again behind it, until it prints nothing. At the frontier,
        where a candle may still be on its way, the next run does that.
        """
        pages: list[pa.Table] = []
        if series.symbol in self.forgotten:
            return self._forgotten(series)
        walk = by_time(
            partial(self._page, series, limit), since // 1000, until // 1000,
            limit=limit, time="open_time", key=("open_time",), ends="close_time",
        )  # fmt: skip
        async with aclosing(walk):
            async for page in walk:
                pages.append(page)
                if once or self.session.client.now_us() - int(instants(page).max()) < QUIET_US + series.length_us:
                    break
        return pa.concat_tables(pages) if pages else KLINES.schema.empty_table()

    def _forgotten(self, series: Series) -> pa.Table:
        """No candles: the archive has shown all there are. A problem where it was not looked at."""
        if series not in self.shelves:
            raise Problem(
                f"The exchange does not know {series.symbol} any more; only the public archive does.",
                "Say `source: auto` in the flow, with an exchange that has an archive.",
            )
        return KLINES.schema.empty_table()

    async def _page(self, series: Series, limit: int, start_ms: int, end_ms: int) -> pa.Table:
        """One page, asked from `start_ms` up to and including `end_ms`."""
        page = await self.session.client.rows(
            ENDPOINT, series.values, symbol=series.symbol, interval=series.interval,
            startTime=start_ms, endTime=end_ms, limit=limit,
        )  # fmt: skip
        self.session.progress.advance(requests=1)
        return page

    def _joins(self, window: Window) -> bool:
        """Whether a window touches what its series has; behind one that did not come, or came in part, it does not."""
        walk = self.walks[window.series]
        if window.phase in {Phase.FORWARD, Phase.REST}:
            return window.since == (self.since if walk.until is None else walk.until)
        return window.phase is not Phase.BACKWARD or window.until == walk.since

    def _take(self, window: Window, page: pa.Table, stored: Mapping[int, Mapping[str, Any]]) -> None:
        """Turn one page into a step of its series."""
        walk, now = self.walks[window.series], self.session.client.now_us()
        if window.phase is Phase.CONFIRM:
            step = walk.second_look(page, window.since, window.until, now)
            self.landing.batch.add(window.series, replace(step, rows=self._unknown(window.series, step.rows)))
        elif window.phase is Phase.LISTING:
            self.listed[window.series] = int(instants(page).min()) if page.num_rows else window.until
        elif window.phase is Phase.BACKWARD:
            take = walk.backward if window.ask_since == window.since else walk.before_listing
            self.landing.batch.add(window.series, take(page, window.since, window.until, now))
        elif window.phase is Phase.FIRST:
            self.landing.batch.add(window.series, walk.forward(page, window.since, _end_of(walk, page, window), now))
            moved = page.num_rows and walk.until is not None and walk.until > window.since
            (self.going.add if moved else self.going.discard)(window.series)
        else:
            self._compare(walk, window, page, stored, now)
            self.landing.batch.add(window.series, walk.forward(page, window.since, window.until, now))

    def _compare(
        self, walk: Walk, window: Window, page: pa.Table, stored: Mapping[int, Mapping[str, Any]], now: int
    ) -> None:
        """Hold the candles asked for again against the stored ones: changed ones are corrected, late ones added."""
        if window.ask_since == window.since:
            return
        again = page.filter(pc.field("open_time") < pa.scalar(window.since, KLINES.schema.field("open_time").type))
        late = []
        for row in with_instants(again):
            before = stored.get(row["open_time"])
            if before is None:
                late.append(row["open_time"])
            elif before != row:
                self.landing.batch.correct(walk.series, before, row)
        if late:
            rows = self._unknown(walk.series, again.filter(pa.array(np.isin(instants(again), late))))
            gaps = walk.filled(instants(again), window.ask_since, window.since, now)
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
                group = (window.series.market, window.series.interval, window.ask_since // DAY_US)
                asked.setdefault(group, []).append(window)
        found: Stored = {}
        for (market, interval, _), group_windows in asked.items():
            for row in self._stored(market, interval, group_windows):
                found.setdefault(Series(market, row["symbol"], interval), {})[row["open_time"]] = row
        return found

    def _stored(self, market: str, interval: str, windows: Sequence[Window]) -> list[dict[str, Any]]:
        kind = KLINES.schema.field("open_time").type
        first = pa.scalar(min(window.ask_since for window in windows), kind)
        last = pa.scalar(max(window.since for window in windows), kind)
        where = (
            (pc.field("market") == market)
            & (pc.field("interval") == interval)
            & (pc.field("open_time") >= first)
            & (pc.field("open_time") < last)
        )
        return with_instants(self.commits.table.scan(KLINES.schema.names, where))


def _end_of(walk: Walk, page: pa.Table, window: Window) -> int:
    """How far an opening page speaks: to its last candle, or over the whole stretch when it is empty."""
    if not page.num_rows:
        return window.until
    last = int(instants(page).max())
    grid = walk.grid
    return min(grid.step(grid.floor(last), 1), window.until)
