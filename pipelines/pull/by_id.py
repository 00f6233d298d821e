"""Lists of many series that are walked along their ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import pyarrow as pa

from connectors.binance.decode import Refused
from connectors.binance.endpoints.model import ById
from pipelines.pull.waves import Waves
from pipelines.store.id_cursor import NEVER_OLD, Page, Tail, constants, once, symbol_of, tail_of
from pipelines.store.lookup import held_ids
from pipelines.store.rows import column
from schemas.model.errors import Problem
from schemas.model.series import Series

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


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of one request: rows, and those that could not be read."""

    rows: pa.Table
    refused: Sequence[Refused]

    @property
    def count(self) -> int:
        return self.rows.num_rows + len(self.refused)


@dataclass(slots=True, kw_only=True)
class IdWalk(Waves[_Stand]):
    """One walk of many series by id."""

    pinned: Pinned = nothing_pinned  # tells rows that may still change

    @property
    def _by(self) -> ById:
        return self.endpoint.walked(ById)

    def _stands(self, series: Sequence[Series]) -> list[_Stand]:
        """Where each series stands, read before anything is asked: what is stored meanwhile need not be answered."""
        table = self.session.lake.table(self.dataset)
        bounds = table.bounds()
        since = {one: at for one in series if (at := one.bound("resume_id", bounds)) is not None}
        held = held_ids(table, since)
        return [
            _Stand(one, since.get(one), one.bound("until_id", bounds) or 0, held=held.get(one, ())) for one in series
        ]

    def _behind(self, stand: _Stand, page: Page) -> _Stand:
        at = page.answered[-1] + 1
        return _Stand(stand.series, at, max(stand.until, at), page.tail, [one for one in stand.held if one >= at])

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
        return await self._lacks(stand.series, [one for one in stand.held if one < end and one not in shown], now)

    def _refused(self, stand: _Stand, refused: Sequence[Refused], instants: Mapping[int, int]) -> list[int]:
        """From which ids on to ask again for rows that could not be read; the page's first for one without id."""
        self.tell(stand.series, refused)
        first = list(instants)[:1]
        return [one for each in refused for one in ([each.id] if each.id is not None else first)]

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
