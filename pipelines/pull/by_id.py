"""Lists walked by id: a page of many series at once, committed before the next pages are asked for.

What is in flight is never more than one wave, so a run that is killed asks at most that again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import pyarrow as pa

from connectors.binance.decode import Refused
from connectors.binance.endpoints.model import ById, Endpoint
from connectors.binance.errors import UnknownSymbol
from pipelines.concurrency import prefetch
from pipelines.context.receipts import Failure, Tally
from pipelines.context.session import Session
from pipelines.store.id_cursor import NEVER_OLD, Landed, Page, Tail, constants, once, symbol_of, tail_of
from pipelines.store.lookup import LAG_US, ResetSeen, held_ids, lacks_rows, must_show
from pipelines.store.rows import column
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.series import Series

WAVE = 20  # pages asked for at once, as many as there are connections

Store = Callable[[Sequence[Page]], Landed]
Pinned = Callable[[pa.Table], Sequence[bool]]


def nothing_pinned(rows: pa.Table) -> Sequence[bool]:
    """No row has to be asked for again on its own account."""
    return [False] * rows.num_rows


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a series stands."""

    series: Series
    at: int | None  # the id from which on it is asked for; None when it was never walked
    until: int = 0  # up to where it is known
    tail: Tail = ()
    held: Sequence[int] = ()  # the stored ids from `at` on


def _behind(stand: _Stand, page: Page) -> _Stand:
    """Where a series stands behind a page."""
    at = page.answered[-1] + 1
    return _Stand(stand.series, at, max(stand.until, at), page.tail, [one for one in stand.held if one >= at])


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of one request: rows, and those that could not be read."""

    rows: pa.Table
    refused: Sequence[Refused]

    @property
    def count(self) -> int:
        return self.rows.num_rows + len(self.refused)


@dataclass(slots=True, kw_only=True)
class IdWalk:
    """One walk of many series of an endpoint; none that fails stops another.

    A row that cannot be read is a failure of its own: the rest is stored, and the next run asks for it again.
    """

    session: Session
    tally: Tally
    endpoint: Endpoint
    store: Store  # commits the pages of a wave
    pinned: Pinned = nothing_pinned  # tells rows that may still change
    memos: Callable[[Series], Mapping[str, int]] = lambda _: {}  # go into the log with each page of a series
    at_end: Callable[[Series], Mapping[str, int]] = lambda _: {}  # with the last one alone
    whole: set[Series] = field(default_factory=set)  # those that came to their end
    unknown: list[Series] = field(default_factory=list)  # those whose symbol the exchange does not know
    _unreadable: set[Series] = field(default_factory=set)

    @property
    def dataset(self) -> Dataset:
        return self.endpoint.feeds

    @property
    def _by(self) -> ById:
        return self.endpoint.walked(ById)

    async def run(self, series: Iterable[Series]) -> None:
        """Walk each series from where the log says it stands to its end."""
        waiting = deque(await asyncio.to_thread(self._stands, list(series)))
        self.session.progress.expect(requests=len(waiting), rows=0)
        while waiting and not self.session.stop.is_set():
            wave = [waiting.popleft() for _ in range(min(WAVE, len(waiting)))]
            waiting.extendleft(reversed(await self._wave(wave)))

    async def _wave(self, wave: Sequence[_Stand]) -> list[_Stand]:
        """Fetch a page of each, commit them, and return where those stand that go on."""
        pages: list[Page] = []
        try:
            async with prefetch(wave, self._page, self.session.stop, limit=WAVE) as answers:
                async for stand, answer in answers:
                    if isinstance(answer, Problem):
                        self._note(stand, answer)
                    else:
                        pages.append(answer)
        except ResetSeen:
            pages.clear()
            raise
        finally:
            landed = await asyncio.to_thread(self.store, pages) if pages else Landed()
            self.tally.add(landed.rows)
        self.whole |= {page.series for page in pages if page.last and not page.lagging} - self._unreadable
        stands = {stand.series: stand for stand in wave}
        going_on = [_behind(stands[page.series], page) for page in pages if not page.last]
        self.session.progress.expect(requests=len(going_on), rows=0)
        return going_on

    def _stands(self, series: Sequence[Series]) -> list[_Stand]:
        """Where each series stands, read before anything is asked: what is stored meanwhile need not be answered."""
        table = self.session.lake.table(self.dataset)
        bounds = table.bounds()
        since = {one: at for one in series if (at := one.bound("resume_id", bounds)) is not None}
        held = held_ids(table, since)
        return [
            _Stand(one, since.get(one), one.bound("until_id", bounds) or 0, held=held.get(one, ())) for one in series
        ]

    def _note(self, stand: _Stand, problem: Problem) -> None:
        self.session.progress.advance(requests=1)
        match problem:
            case UnknownSymbol():
                self.unknown.append(stand.series)
            case _:
                self.tally.fail(stand.series.name, problem)

    async def _page(self, stand: _Stand) -> Page:
        now = self.session.client.now_us()
        answer = await (self._first(stand) if stand.at is None else self._ask(stand, stand.at))
        rows = once(answer.rows, self._by.id)
        instants = dict(zip(column(rows, self._by.id), column(rows, str(self.dataset.clock)), strict=True))
        refused = self._refused(stand, answer.refused, instants)
        ids = sorted({*instants, *refused})
        self._refuse_standstill(stand, ids)
        # Neither a full page is an end, nor a shorter one that brings news or ends before what is known.
        full = answer.count >= self.endpoint.page_limit
        last = not ids or (not full and ids[-1] < stand.until and not any(one > ids[-1] for one in stand.held))
        lagging = await self._lags(stand, ids, now)
        whole = last and not lagging and stand.series not in self._unreadable
        again = [*self.pinned(rows), *(True for one in refused if one not in instants)]
        return Page(
            series=stand.series,
            rows=rows,
            instants=instants,
            refused=refused,
            last=last,
            lagging=lagging,
            tail=tail_of(stand.tail, instants | dict.fromkeys(refused, NEVER_OLD), again, now),
            memos={**self.memos(stand.series), **(self.at_end(stand.series) if whole else {})},
        )

    async def _lags(self, stand: _Stand, ids: Sequence[int], now: int) -> bool:
        """Whether an answer lacks young rows that the lake holds; it is refused when it lacks older ones."""
        end, shown = max(ids, default=inf), set(ids)
        lacking = [one for one in stand.held if one < end and one not in shown]
        if not lacking:
            return False
        table = self.session.lake.table(self.dataset)
        missing = await asyncio.to_thread(must_show, table, stand.series, lacking, now)
        if vanished := [one for one, instant in missing.items() if instant < now - LAG_US]:
            raise lacks_rows(self.endpoint.name, stand.series, vanished)
        return bool(missing)

    def _refused(self, stand: _Stand, refused: Sequence[Refused], instants: Mapping[int, int]) -> list[int]:
        """Name each row that could not be read; from which ids on to ask again, the page's first for one without id."""
        found = list[int]()
        for one in refused:
            name = f"{self._by.id} {one.id}" if one.id is not None else f"a row without a readable {self._by.id}"
            self.tally.failures.append(Failure(f"{stand.series.name}, {name}", one.why))
            self._unreadable.add(stand.series)
            known = [one.id] if one.id is not None else list(instants)[:1]
            found += known
        return found

    async def _first(self, stand: _Stand) -> _Answer:
        """The oldest rows there are. That id 0 means these is nowhere promised: it might mean the newest."""
        answer = await self._ask(stand, 0)
        if answer.count < self.endpoint.page_limit:
            return answer
        self.session.progress.expect(requests=1, rows=0)
        if self._ids(await self._ask(stand, None)) != self._ids(answer):
            return answer
        self.session.progress.expect(requests=1, rows=0)
        return await self._ask(stand, 1)

    async def _ask(self, stand: _Stand, since: int | None) -> _Answer:
        known = constants(self.dataset, stand.series.values, self.session.client.now_us())
        params: dict[str, Any] = {
            "symbol": symbol_of(stand.series) or None,
            "limit": self.endpoint.page_limit,
            self._by.param: since,
        }
        rows, refused = await self.session.client.readable_rows(self.endpoint, known, **params)
        self.session.progress.advance(requests=1)
        return _Answer(rows, refused)

    def _refuse_standstill(self, stand: _Stand, ids: Sequence[int]) -> None:
        if stand.at is not None and ids and ids[0] < stand.at:
            raise Problem(
                f"{self.endpoint.name} answered ids from {stand.at} on with {ids[0]}: the walk would not move on.",
                "Nothing of it was stored; run again.",
            )

    def _ids(self, answer: _Answer) -> list[int]:
        return sorted([*column(answer.rows, self._by.id), *(one.id or 0 for one in answer.refused)])
