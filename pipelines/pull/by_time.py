"""Rows of many series along their instants: windows fetched ahead, each committed with the coverage it gives.

A row that comes again differently takes the place of the stored one, and both are kept as a correction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa

from connectors.binance.endpoints.model import ByTime, Endpoint
from connectors.binance.paging import whole_window
from connectors.lake import Move, Stale
from pipelines.concurrency import AHEAD, prefetch
from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from pipelines.pull.ledger import NOT_RETAINED
from pipelines.store.corrections import Correction, write_corrections
from pipelines.store.filters import within
from pipelines.store.gaps import Gap, write_gaps
from pipelines.store.news import ROUNDS
from pipelines.store.rows import rows_of, with_instants
from schemas.model.errors import Problem
from schemas.model.grid import SECOND_US
from schemas.model.instants import length_us
from schemas.model.series import Series

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWindow:
    """A stretch of a series, [since, until), of which the exchange can be asked from `ask_since` on."""

    series: Series
    since: int
    until: int
    ask_since: int
    backward: bool = False

    @property
    def rank(self) -> tuple[bool, int, Series]:
        """Forward windows first and ascending, so that a commit touches few months; backward ones descend."""
        return self.backward, -self.until if self.backward else self.since, self.series

    @property
    def asks(self) -> bool:
        return self.ask_since < self.until


def windows_of(
    endpoint: Endpoint,
    series: Iterable[Series],
    bounds: Mapping[str, int],
    since: int,
    until: int | None,
    now: int,
    ended: Callable[[Series], bool],
) -> list[TimeWindow]:
    """All windows of these series in a run, in the order they are asked for. What has ended is asked for once."""
    end = _whole_s(now - length_us(endpoint.walked(ByTime).settles))
    end = end if until is None else min(end, until)
    found = (window for one in series for window in _windows(endpoint, one, bounds, since, end, now, ended(one)))
    return sorted(found, key=lambda window: window.rank)


def _windows(
    endpoint: Endpoint, series: Series, bounds: Mapping[str, int], wanted: int, end: int, now: int, ended: bool
) -> Iterator[TimeWindow]:
    walk = endpoint.walked(ByTime)
    reachable = 0 if walk.kept is None else _whole_s(now - length_us(walk.kept))
    since, until = series.bound("since", bounds), series.bound("until", bounds)
    if since is None or until is None:
        yield from _cut(walk, series, wanted, end, max(wanted, reachable))
        return
    if until < end and not ended:
        again = max(since, until - length_us(walk.lookback))
        yield from _cut(walk, series, until, end, max(again, reachable))
    if wanted < since:
        yield from _cut(walk, series, wanted, since, max(wanted, reachable), backward=True)


def _cut(
    walk: ByTime, series: Series, since: int, end: int, ask: int, *, backward: bool = False
) -> Iterator[TimeWindow]:
    """[since, end) in windows, asked for from `ask` on; what lies before that belongs to the first one."""
    while since < end:
        until = min(ask + length_us(walk.width), end) if ask < end else end
        yield TimeWindow(series=series, since=since, until=until, ask_since=ask, backward=backward)
        since = ask = until


@dataclass(slots=True, kw_only=True)
class TimePull:
    """One pull of rows along their instants, back to `since`. A series that fails stops no other."""

    session: Session
    tally: Tally
    endpoint: Endpoint
    series: Sequence[Series]
    since: int
    until: int | None
    ended: Callable[[Series], bool]

    async def run(self) -> None:
        """Bring every series up to date, and back to where its history is wanted from."""
        table, now = self.session.lake.table(self.endpoint.feeds), self.session.client.now_us()
        bounds = await asyncio.to_thread(table.bounds)
        windows = windows_of(self.endpoint, self.series, bounds, self.since, self.until, now, self.ended)
        self.session.progress.expect(requests=sum(window.asks for window in windows), rows=0)
        remaining, failed = iter(windows), set[Series]()
        while wave := list(islice((one for one in remaining if one.series not in failed), AHEAD)):
            failed |= await self._wave(wave)
            if self.session.stop.is_set():
                return

    async def _wave(self, wave: Sequence[TimeWindow]) -> set[Series]:
        """Fetch these windows at once and commit what came; the series of which one failed."""
        answers, failed, waiting = list[tuple[TimeWindow, pa.Table]](), set[Series](), iter(wave)
        try:
            async with prefetch(wave, self._fetch, self.session.stop) as fetched:
                async for window, answer in fetched:
                    failed |= {one.series for one in iter(partial(next, waiting), window)}  # a stop left them out
                    if isinstance(answer, Problem):
                        self.tally.fail("/".join(window.series.key), answer)
                        failed.add(window.series)
                    elif window.series not in failed:
                        answers.append((window, answer))
        finally:
            if answers:
                self.tally.add(await asyncio.to_thread(self._store, answers))
        return failed

    async def _fetch(self, window: TimeWindow) -> pa.Table:
        empty = self.endpoint.feeds.schema.empty_table()
        if not window.asks:
            return empty
        ask, full = partial(self._rows, window.series), lambda page: page.num_rows >= self.endpoint.page_limit
        pages = await whole_window(ask, window.ask_since // 1000, window.until // 1000, full=full)
        return pa.concat_tables([empty, *pages])

    async def _rows(self, series: Series, start_ms: int, end_ms: int) -> pa.Table:
        known = {name: value for name, value in series.values.items() if name not in self.endpoint.held}
        rows = await self.session.client.rows(
            self.endpoint, known, **self.endpoint.walked(ByTime).question(series["symbol"]),
            startTime=start_ms, endTime=end_ms, limit=self.endpoint.page_limit,
        )  # fmt: skip
        self.session.progress.advance(requests=1)
        return rows

    def _store(self, answers: Sequence[tuple[TimeWindow, pa.Table]]) -> int:
        """Commit what is new from where the series stand, anew when another process moved first."""
        lake, now = self.session.lake, self.session.client.now_us()
        table = lake.table(self.endpoint.feeds)
        lost = ((window.series, self._lost(window, now)) for window, _ in answers)
        write_gaps(lake, [(series, gap) for series, gap in lost if gap is not None], now)
        for _ in range(ROUNDS):
            bounds = table.bounds()
            ahead = dict(bounds)
            fitting = [(window, rows) for window, rows in answers if _extends(window, ahead)]
            if not fitting:
                return 0
            moves = _moves(fitting, bounds, ahead)
            fresh, changed = self._compared(fitting)
            with suppress(Stale):
                if not changed:
                    return table.commit(fresh, moves).rows
                revisions = {move.series: (move.expected["revision"] or 0) + 1 for move in moves}
                write_corrections(lake, changed, revisions, now)
                after = rows_of(table.dataset, [one.after for one in changed])
                table.replace(after.select(table.dataset.key), pa.concat_tables([after, fresh]), moves)
                return fresh.num_rows + len(changed)
        raise Problem(f"Other processes kept moving {table.dataset.name} first.", "Run again.")

    def _compared(self, answers: Sequence[tuple[TimeWindow, pa.Table]]) -> tuple[pa.Table, list[Correction]]:
        """The rows that are not stored, and those that are with other values."""
        dataset, stored = self.endpoint.feeds, self._stored(answers)
        fresh: dict[tuple[Any, ...], Row] = {}
        changed: dict[tuple[Any, ...], Correction] = {}
        for window, rows in answers:
            for row in with_instants(rows):
                key = tuple(row[name] for name in dataset.key)
                if key not in stored:
                    fresh[key] = row
                elif stored[key] != row:
                    changed[key] = Correction(series=window.series, before=stored[key], after=row)
        return rows_of(dataset, list(fresh.values())), list(changed.values())

    def _stored(self, answers: Sequence[tuple[TimeWindow, pa.Table]]) -> dict[tuple[Any, ...], Row]:
        """The stored rows of what is asked for again, by key."""
        dataset, again = self.endpoint.feeds, [window for window, _ in answers if window.ask_since < window.since]
        if not again:
            return {}
        where = within(
            {window.series for window in again},
            min(window.ask_since for window in again),
            max(window.since for window in again),
        )
        rows = with_instants(self.session.lake.table(dataset).scan(dataset.schema.names, where))
        return {tuple(row[name] for name in dataset.key): row for row in rows}

    def _lost(self, window: TimeWindow, now: int) -> Gap | None:
        """What the exchange can no longer be asked for; there is nothing that a second look could find."""
        if window.ask_since <= window.since:
            return None
        kept = self.endpoint.walked(ByTime).kept
        told = {"asked": f"{self.endpoint.method} {self.endpoint.path}", "kept_days": kept.days if kept else None}
        until = min(window.ask_since, window.until)
        return Gap(
            since=window.since, until=until, reason=NOT_RETAINED, evidence=told, first_seen=now, confirmed_at=now
        )


def _extends(window: TimeWindow, ahead: dict[str, int]) -> bool:
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
    return False


def _moves(
    answers: Sequence[tuple[TimeWindow, pa.Table]], bounds: Mapping[str, int], ahead: Mapping[str, int]
) -> list[Move]:
    moves = []
    for series in sorted({window.series for window, _ in answers}):
        new = {name: series.bound(name, ahead) for name in ("since", "until")}
        told = {name: value for name, value in new.items() if value is not None and value != series.bound(name, bounds)}
        moves.append(Move.of(series, told, bounds))
    return moves


def _whole_s(instant: int) -> int:
    return instant // SECOND_US * SECOND_US
