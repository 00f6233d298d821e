"""Candles of many series at once: windows fetched ahead under the budget, committed in order.

Pages of all series are gathered and flushed by size, so memory stays flat and a commit touches few months. A series
whose bounds another process moved is planned again from what that process left; one that fails stops no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.archive.files import Remote
from pipelines.archive.changed import anew, at_once, reload
from pipelines.archive.load import Loaded
from pipelines.archive.provenance import last_looks
from pipelines.candles.answer import LAG_US, Answer
from pipelines.candles.commits import Commits, Landing
from pipelines.candles.coverage import Coverage
from pipelines.candles.fetching import Fetcher
from pipelines.candles.overlap import not_stored, read_stored
from pipelines.candles.republished import load_candles_again
from pipelines.candles.state import SeriesState
from pipelines.candles.windows import Phase, Window, in_order
from pipelines.concurrency import AHEAD, attempted, prefetch
from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from pipelines.store.gaps import load_gaps
from pipelines.store.news import ROUNDS
from pipelines.store.rows import instants, kept, with_instants
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.series import Series

FILES_AHEAD = 8  # files in flight or waiting for their turn; a month of minutes is some 8 MB of Arrow


@dataclass(slots=True, kw_only=True)
class Pull:
    """One pull of candles; all that is known of a series on the way is in its state.

    History goes back to `since`. With `until`, nothing from then on is asked for.
    """

    session: Session
    tally: Tally
    dataset: Dataset
    series: Sequence[Series]
    fetcher: Fetcher
    since: int
    until: int | None = None
    delisted: frozenset[str] = frozenset()
    states: Mapping[Series, SeriesState] = field(default_factory=dict)
    commits: Commits = field(init=False)
    landing: Landing = field(init=False)

    async def run(self) -> None:
        """Bring every series up to date, planning again those that another process moved meanwhile."""
        todo = list(self.series)
        for _ in range(ROUNDS):
            await self._round(todo)
            todo = sorted(one for one in self.commits.stale if not self.states[one].failed)
            if not todo:
                return
        for one in todo:
            self.tally.fail(one.name, Problem("Another process kept moving this series; run again."))

    async def _round(self, todo: Sequence[Series]) -> None:
        covered = await asyncio.to_thread(self._load, todo)
        now, archive = self.session.client.now_us(), self.session.archive
        closed = now - LAG_US if self.until is None else min(now - LAG_US, self.until)
        state = partial(SeriesState.of, archived=archive is not None)
        self.states = {one.series: state(one, self.since, closed, now, self.fetcher.source) for one in covered}
        changed = await self._visit(archive) if archive is not None else []
        await self._work(lambda state: state.opening(now))
        await self._work(SeriesState.rest)
        while await self._work(SeriesState.ending):
            pass
        await self._work(SeriesState.listing)
        await self._work(SeriesState.history)
        if changed and archive is not None:
            self.tally.rows += await reload(self.session, archive, changed, at_once(load_candles_again))

    def _load(self, todo: Iterable[Series]) -> list[Coverage]:
        """Read where each series stands."""
        lake, table = self.session.lake, self.session.lake.table(self.dataset)
        bounds, gaps = table.bounds(), load_gaps(lake, self.dataset)
        self.commits = Commits(lake, table, bounds)
        self.landing = Landing(self.commits, self.tally)
        who = {"delisted": self.delisted, "forgotten": self.fetcher.forgotten}
        return [Coverage.of(one, self.since, bounds, gaps, **who) for one in todo]

    def _alive(self, state: SeriesState) -> bool:
        return not state.failed and state.series not in self.commits.stale

    async def _visit(self, archive: Archive) -> list[Remote]:
        """See what the archive holds of the series whose missing history is long enough; which files it changed."""
        far = [state for state in self.states.values() if state.worth_a_look(self.fetcher.source)]
        look = partial(attempted, lambda state: state.look_at(archive))
        async with prefetch(far, look, self.session.stop, limit=8) as visits:
            async for state, trouble in visits:
                if isinstance(trouble, ArchiveTrouble) and not self.fetcher.strict(state.series):
                    self.fetcher.note(trouble)
                elif trouble is not None:
                    self._failed(state, trouble)
        if archive.foreign:
            some = min(archive.foreign)
            self.session.note(f"{len(archive.foreign)} foreign objects in the archive were left out, such as {some}.")
        if not (shelves := [state.shelf for state in far if state.shelf is not None]):
            return []
        looks = await asyncio.to_thread(last_looks, self.session.lake)
        listed = (remote for shelf in shelves for remote in shelf.files.values() if remote.path in looks)
        return await anew(archive, listed, looks, {})

    async def _work(self, plan: Callable[[SeriesState], Iterable[Window]]) -> bool:
        """Fetch what each series needs next ahead, take it in order, land it by size and at the end, whatever happens.

        Returns whether there was anything to fetch.
        """
        windows = in_order(window for state in self.states.values() if self._alive(state) for window in plan(state))
        self.session.progress.expect(**self._planned(windows))
        async with self.landing.at_the_end(self.session.client.now_us):
            await asyncio.to_thread(read_stored, self.commits.table, windows, self.states)
            await self._gather(windows)
        return bool(windows) and not self.session.stop.is_set()

    async def _gather(self, windows: Sequence[Window]) -> None:
        limit = FILES_AHEAD if any(window.remote for window in windows) else AHEAD
        async with prefetch(windows, partial(attempted, self._fetch), self.session.stop, limit=limit) as pages:
            async for window, loaded in pages:
                state = self.states[window.series]
                if not self._alive(state):
                    continue
                try:
                    self._take(state, window, loaded)
                except Exception as error:  # noqa: BLE001 - one series' surprise stops no other
                    self._failed(state, error)
                if self.landing.batch.full:
                    await self.landing.flush(self.session.client.now_us())

    async def _fetch(self, window: Window) -> Loaded:
        return await self.fetcher.fetch(window, self.states[window.series].shelf)

    def _planned(self, windows: Sequence[Window]) -> dict[str, int]:
        """What windows take and bring, if every candle is there."""
        remotes = [window.remote for window in windows if window.remote is not None]
        return {
            "requests": len(windows) - len(remotes),
            "rows": sum(self.states[window.series].expected_rows(window) for window in windows),
            "files": len(remotes),
            "size": sum(remote.size for remote in remotes),
        }

    def _failed(self, state: SeriesState, error: Exception) -> None:
        """What goes wrong with one series stops it alone, unless the next series would meet it as well."""
        if isinstance(error, Problem) and error.fatal:
            raise error
        state.failed = True
        self.tally.fail(state.series.name, error)

    def _take(self, state: SeriesState, window: Window, loaded: Loaded | Exception) -> None:
        """Turn what came for a window into a step of its series; raises what came instead."""
        if isinstance(loaded, Exception):
            raise loaded
        if window.phase is Phase.LISTING:
            state.listed = min(int(instants(loaded.rows).min()) if loaded.rows.num_rows else window.until, state.begins)
        else:
            answer = state.answer(window, loaded, self.session.client.now_us())
            if window.ask_since < window.since == state.coverage.until:
                self._compare(state, replace(answer, since=window.ask_since, until=window.since))
            self._observe(state, answer, loaded.files)
            if window.phase is Phase.FIRST:
                state.going = bool(loaded.rows.num_rows) and state.coverage.until > window.since
        self.session.progress.advance(rows=loaded.rows.num_rows)

    def _compare(self, state: SeriesState, answer: Answer) -> None:
        """Hold the candles asked for again against the stored ones: changed ones are corrected, late ones added."""
        again = kept(answer.rows, instants(answer.rows) < answer.until)
        if state.stored is not None and again.equals(state.stored):
            return
        stored = {row["open_time"]: row for row in with_instants(state.stored)} if state.stored is not None else {}
        late = False
        for row in with_instants(again):
            before = stored.get(row["open_time"])
            late |= before is None
            if before is not None and before != row:
                self.landing.batch.correct(state.series, before, row)
        if late:
            self._observe(state, replace(answer, rows=again))

    def _observe(self, state: SeriesState, answer: Answer, files: Sequence[Fetched] = ()) -> None:
        """Gather what follows from an answer; nothing does behind one that did not come, or came in part."""
        step = state.coverage.observe(answer)
        if step is None:
            return
        if not step.bounds:
            step = replace(step, rows=not_stored(self.commits.table, state, step.rows))
        state.coverage = state.coverage.after(step)
        self.landing.batch.files += files
        self.landing.batch.add(state.series, step)
