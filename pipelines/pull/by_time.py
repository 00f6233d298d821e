"""Rows of many series along their instants: windows fetched ahead, each committed with the coverage it gives.

A row that comes again differently takes the place of the stored one, and both are kept as a correction.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa

from connectors.binance.answers import NOT_STORED
from connectors.binance.endpoints.model import ByTime, Endpoint, Param
from connectors.binance.errors import Mismatched
from connectors.binance.paging import whole_window
from connectors.lake import Move, Stale, Table
from pipelines.concurrency import AHEAD, prefetch
from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from pipelines.pull.time_gaps import gaps_told
from pipelines.pull.time_windows import Gaps, windows_again, windows_of
from pipelines.pull.windows import SeriesWindow
from pipelines.store.corrections import Correction, both_versions, write_corrections
from pipelines.store.filters import within
from pipelines.store.gaps import Gap, write_gaps
from pipelines.store.holes import gaps_and_holes
from pipelines.store.news import ROUNDS
from pipelines.store.rows import each_key, instants, rows_of, with_instants
from schemas.model.errors import Problem
from schemas.model.instants import utc_text
from schemas.model.series import Series

Row = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class TimePull:
    """One pull of rows along their instants, back to `since`. A series that fails stops no other."""

    session: Session
    tally: Tally
    endpoint: Endpoint
    series: Sequence[Series]
    since: int
    until: int | None
    ended: Callable[[Series], int | None]
    again: bool = False  # what is covered is asked for once more, and nothing else
    _gaps: Gaps = field(default_factory=dict)

    async def run(self) -> None:
        """Bring every series up to date, and back to where its history is wanted from."""
        table, now = self.session.lake.table(self.endpoint.feeds), self.session.client.now_us()
        bounds = await asyncio.to_thread(table.bounds)
        self._gaps = await asyncio.to_thread(gaps_and_holes, self.session.lake, self.endpoint.feeds)
        if self.again:
            until = now if self.until is None else self.until
            windows = list(windows_again(self.endpoint, self.series, bounds, self.since, until, now))
        else:
            windows = windows_of(
                self.endpoint, self.series, bounds, self.since, self.until, now, self.ended, self._gaps
            )
        self.session.progress.expect(requests=sum(window.asks for window in windows), rows=0)
        remaining, failed = iter(windows), set[Series]()
        while wave := list(islice((one for one in remaining if one.series not in failed), AHEAD)):
            failed |= await self._wave(wave)
            if self.session.stop.is_set():
                return

    async def _wave(self, wave: Sequence[SeriesWindow]) -> set[Series]:
        """Fetch these windows at once and commit what came; the series of which one failed."""
        answers, failed, waiting = list[tuple[SeriesWindow, pa.Table]](), set[Series](), iter(wave)
        try:
            async with prefetch(wave, self._fetch, self.session.stop) as fetched:
                async for window, answer in fetched:
                    failed |= {one.series for one in iter(partial(next, waiting), window)}  # a stop left them out
                    if isinstance(answer, Problem):
                        self.tally.fail(window.series.full_name, answer)
                        failed.add(window.series)
                    elif window.series not in failed:
                        answers.append((window, answer))
        finally:
            if answers:
                self.tally.add(await asyncio.to_thread(self._store, answers))
        return failed

    async def _fetch(self, window: SeriesWindow) -> pa.Table:
        empty = self.endpoint.feeds.schema.empty_table()
        if not window.asks:
            return empty
        most = math.inf if self.endpoint.walked(ByTime).at_once else self.endpoint.page_limit
        ask, full = partial(self._rows, window.series), lambda page: page.num_rows >= most
        pages = await whole_window(ask, window.ask_since // 1000, window.until // 1000, full=full)
        return _each_once(pa.concat_tables([empty, *pages]), self.endpoint)

    async def _rows(self, series: Series, start_ms: int, end_ms: int) -> pa.Table:
        known = {name: value for name, value in series.values.items() if name not in self.endpoint.held}
        walk = self.endpoint.walked(ByTime)
        window: dict[str, Param] = {"startTime": start_ms, "endTime": end_ms, "limit": self.endpoint.page_limit}
        asked: dict[str, Param] = {**walk.question(series["symbol"]), **({} if walk.at_once else window)}
        rows = await self.session.client.rows(self.endpoint, known, **asked)
        self.session.progress.advance(requests=1)
        return _inside(rows, str(self.endpoint.feeds.clock), start_ms, end_ms) if walk.at_once else rows

    def _store(self, answers: Sequence[tuple[SeriesWindow, pa.Table]]) -> int:
        """Commit what is new from where the series stand, anew when another process moved first.

        Gaps that are found are told before, and that less is missing once its rows are there.
        """
        lake, now = self.session.lake, self.session.client.now_us()
        table = lake.table(self.endpoint.feeds)
        for _ in range(ROUNDS):
            bounds = table.bounds()
            ahead = dict(bounds)
            fitting = [(window, rows) for window, rows in answers if _extends(window, ahead)]
            # Two windows may look at one gap.
            once = {
                (window.series, gap.since): gap for window, rows in fitting for gap in self._told(window, rows, now)
            }
            news = [(series, gap) for (series, _), gap in once.items()]
            write_gaps(lake, news, now, ahead=bounds)
            with suppress(Stale):
                rows = self._landed(table, fitting, bounds, ahead, now)
                write_gaps(lake, news, now)
                return rows
        raise Problem(f"Other processes kept moving {table.dataset.name} first.", "Run again.")

    def _told(self, window: SeriesWindow, rows: pa.Table, now: int) -> Iterator[Gap]:
        return gaps_told(self.endpoint, window, rows, self._gaps.get(window.series, {}), now)

    def _landed(
        self,
        table: Table,
        answers: Sequence[tuple[SeriesWindow, pa.Table]],
        bounds: Mapping[str, int],
        ahead: Mapping[str, int],
        now: int,
    ) -> int:
        """Commit rows and bounds in one step; how many rows came or changed."""
        fresh, changed = self._compared(answers, bounds)
        touched = {one.series for one in changed}
        touched |= {window.series for window, _ in answers} if fresh.num_rows else set()
        moves = _moves(answers, bounds, ahead, touched)
        if not moves:
            return 0
        if not changed:
            return table.commit(fresh, moves).rows
        revisions = {move.series: (move.expected["revision"] or 0) + 1 for move in moves}
        write_corrections(self.session.lake, changed, revisions, now)
        before, after = both_versions(changed)
        table.replace(before, pa.concat_tables([after, fresh]), moves)
        return fresh.num_rows + len(changed)

    def _compared(
        self, answers: Sequence[tuple[SeriesWindow, pa.Table]], bounds: Mapping[str, int]
    ) -> tuple[pa.Table, list[Correction]]:
        """The rows that are not stored, and those that are with other values."""
        dataset, stored = self.endpoint.feeds, self._stored([window for window, _ in answers], bounds)
        fresh: dict[tuple[Any, ...], Row] = {}
        changed: dict[tuple[Any, ...], Correction] = {}
        for window, rows in answers:
            for key, row in zip(each_key(rows, dataset), with_instants(rows), strict=True):
                if key not in stored:
                    fresh[key] = row
                elif stored[key] != row:
                    changed[key] = Correction(series=window.series, before=stored[key], after=row)
        return rows_of(dataset, list(fresh.values())), list(changed.values())

    def _stored(self, windows: Iterable[SeriesWindow], bounds: Mapping[str, int]) -> dict[tuple[Any, ...], Row]:
        """The stored rows of what is covered of windows, by key; another process may have covered it meanwhile."""
        dataset, spans = self.endpoint.feeds, [(one.series, *_covered(one, bounds)) for one in windows]
        again = [(series, since, until) for series, since, until in spans if since < until]
        if not again:
            return {}
        where = within(
            {one for one, *_ in again}, min(since for _, since, _ in again), max(until for *_, until in again)
        )
        rows = self.session.lake.table(dataset).scan(dataset.schema.names, where)
        return dict(zip(each_key(rows, dataset), with_instants(rows), strict=True))


def _inside(rows: pa.Table, clock: str, start_ms: int, end_ms: int) -> pa.Table:
    """The rows of a window, both ends included, as the exchange returns them where it can be asked for one."""
    times_ms = instants(rows, clock) // 1000
    return rows.filter(pa.array((times_ms >= start_ms) & (times_ms <= end_ms)))


def _each_once(rows: pa.Table, endpoint: Endpoint) -> pa.Table:
    """The rows of an answer; of two that contradict one another nothing says which one is right, so it is refused."""
    first: dict[tuple[Any, ...], Row] = {}
    for key, row in zip(each_key(rows, endpoint.feeds), with_instants(rows), strict=True):
        if first.setdefault(key, row) != row:
            shown = ", ".join(f"{name} {row[name]}" for name in endpoint.feeds.key if name != endpoint.feeds.clock)
            at = utc_text(row[str(endpoint.feeds.clock)])
            raise Mismatched(f"{endpoint.name} printed {shown} twice for {at}, not with the same values.", NOT_STORED)
    return rows_of(endpoint.feeds, list(first.values()))


def _covered(window: SeriesWindow, bounds: Mapping[str, int]) -> tuple[int, int]:
    """The part of what a window asks for that is covered; nothing where its end lies before its start."""
    since, until = (window.series.bound(name, bounds) or 0 for name in ("since", "until"))
    return max(window.ask_since, since), min(window.until, until)


def _extends(window: SeriesWindow, ahead: dict[str, int]) -> bool:
    """Whether a window touches what is covered, and takes it further; `ahead` then has it covered."""
    series = window.series
    since, until = (series.bound(name, ahead) for name in ("since", "until"))
    if since is None or until is None:
        ahead |= {series.field_id("since"): window.since, series.field_id("until"): window.until}
        return True
    if window.since <= until < window.until:
        ahead[series.field_id("until")] = window.until
        return True
    if window.since < since <= window.until:
        ahead[series.field_id("since")] = window.since
        return True
    return window.look


def _moves(
    answers: Sequence[tuple[SeriesWindow, pa.Table]],
    bounds: Mapping[str, int],
    ahead: Mapping[str, int],
    touched: Collection[Series],
) -> list[Move]:
    moves = []
    for series in sorted({window.series for window, _ in answers}):
        new = {name: series.bound(name, ahead) for name in ("since", "until")}
        told = {name: value for name, value in new.items() if value is not None and value != series.bound(name, bounds)}
        if told or series in touched:
            moves.append(Move.of(series, told, bounds))
    return moves
