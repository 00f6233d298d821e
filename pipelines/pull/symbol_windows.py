"""An account's trading of many symbols, walked in windows of time where ids do not reach all that is returned.

The log keeps from when to when each series is whole. What the exchange no longer returned when a walk came by is
a gap, not covered by silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import pyarrow as pa

from connectors.binance.decode import Refused
from connectors.binance.endpoints.model import Endpoint, SymbolWindows
from connectors.binance.paging import whole_window
from pipelines.pull.sure import covered, marks_at
from pipelines.pull.waves import Waves
from pipelines.store.filters import within
from pipelines.store.gaps import NOT_RETAINED, Gap, write_gaps
from pipelines.store.id_cursor import Landed, Page, constants, once, page_of, symbol_of
from pipelines.store.rows import column
from schemas.model.grid import DAY_US, SECOND_US
from schemas.model.instants import length_us
from schemas.model.series import Series

_LAG_US = 10 * SECOND_US  # what happened since may be missing from an answer
_OVERLAP_US = DAY_US  # asked for again: what is younger may still change


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a series stands: whole in [since, until), and to be asked for from `at` on up to `end`."""

    series: Series
    since: int
    until: int
    at: int
    end: int
    marks: Mapping[str, int]  # what is noted once it is whole up to there
    forgotten: Sequence[tuple[int, int, timedelta]] = ()  # wanted, but not returned after so long


def windows_due(endpoint: Endpoint, series: Iterable[Series], bounds: Mapping[str, int], now: int) -> int:
    """In how many windows these series will be asked for."""
    walk = endpoint.walked(SymbolWindows)
    reachable, end = now - length_us(walk.kept), now - _LAG_US
    stands = (covered(one, bounds, end, _OVERLAP_US) for one in series)
    begins = (reachable if stand is None else max(stand.again, reachable) for stand in stands)
    return sum(max(1, -((at - end) // length_us(walk.width))) for at in begins)


@dataclass(slots=True, kw_only=True)
class WindowWalk(Waves[_Stand]):
    """One walk of many symbols; `wanted` is where their history is wanted from, None for as far back as there is."""

    wanted: int | None = None

    @property
    def _by(self) -> SymbolWindows:
        return self.endpoint.walked(SymbolWindows)

    def _stands(self, series: Sequence[Series]) -> list[_Stand]:
        now = self.session.client.now_us()
        bounds = self.session.lake.table(self.dataset).bounds()
        return [self._stand(one, bounds, _whole_ms(now)) for one in series]

    def _stand(self, series: Series, bounds: Mapping[str, int], now: int) -> _Stand:
        reachable, end = self._reachable(now), now - _LAG_US
        marks = marks_at(series, bounds, end)
        stand = covered(series, bounds, end, _OVERLAP_US)
        if stand is None:
            lost = self._lost(reachable if self.wanted is None else self.wanted, now)
            return _Stand(series, reachable, reachable, reachable, end, marks, lost)
        at = max(stand.again, reachable)
        return _Stand(series, stand.since, stand.until, at, end, marks, self._lost(stand.sure, now))

    def _lost(self, since: int, now: int) -> list[tuple[int, int, timedelta]]:
        """What is not returned any more of what happened since an instant."""
        limits = [self._by.kept, *([self._by.undone] if self._by.undone else [])]
        spans = [
            (max(since, now - length_us(more)), now - length_us(kept), kept)
            for more, kept in zip([timedelta(days=36500), *limits], limits, strict=False)
        ]
        return [span for span in spans if span[0] < span[1]]

    def _reachable(self, now: int) -> int:
        return now - length_us(self._by.kept)

    async def _page(self, stand: _Stand) -> Page:
        now = self.session.client.now_us()
        end = min(stand.at + length_us(self._by.width), stand.end)
        found, refused = await self.between(stand.series, stand.at, end)
        self.tell(stand.series, refused)
        rows = once(found, self.dataset.id_column)
        instants = dict(zip(column(rows, self.dataset.id_column), column(rows, str(self.dataset.clock)), strict=True))
        last = end >= stand.end
        shown = {*instants, *(one.id for one in refused)}
        lagging = last and await self._lacks(stand.series, self._held(stand, end, shown), now)
        whole = last and not lagging and stand.series not in self._unreadable
        halted = lagging or stand.series in self._unreadable  # the next run asks from there on again
        return Page(
            series=stand.series,
            rows=rows,
            instants=instants,
            refused=[one.id for one in refused if one.id is not None],
            last=last,
            lagging=lagging,
            span=(stand.since, stand.until if halted else max(end, stand.until)),
            memos={**self.memos(stand.series), **({**stand.marks, **self.at_end(stand.series)} if whole else {})},
        )

    def _behind(self, stand: _Stand, page: Page) -> _Stand:
        assert page.span is not None  # noqa: S101 - every page of this walk has one
        at = min(stand.at + length_us(self._by.width), stand.end)
        return replace(stand, until=page.span[1], at=at, forgotten=())

    def _commit(self, pages: Sequence[Page], stands: Mapping[Series, _Stand]) -> Landed:
        now = self.session.client.now_us()
        lost = [(page.series, span) for page in pages for span in stands[page.series].forgotten]
        write_gaps(self.session.lake, [(series, self._gap(*span, now)) for series, span in lost], now)
        return self.store(pages)

    def _gap(self, since: int, until: int, kept: timedelta, now: int) -> Gap:
        """There is nothing that a second look could find."""
        evidence: dict[str, str | int] = {"endpoint": self.endpoint.name, "kept_days": kept.days}
        if kept == self._by.undone:
            evidence["only"] = "what ended with nothing done"
        return Gap(since=since, until=until, reason=NOT_RETAINED, evidence=evidence, first_seen=now, confirmed_at=now)

    def _held(self, stand: _Stand, end: int, shown: set[int | None]) -> list[int]:
        """The stored ids of the last window that an answer lacks."""
        table = self.session.lake.table(self.dataset)
        stored = table.scan([self.dataset.id_column], within([stand.series], stand.at, end))
        return sorted({*column(stored, self.dataset.id_column)} - shown)

    async def page_between(self, series: Series, since: int, until: int, **named: int) -> Page:
        """The rows of [since, until), asked for out of turn; those that cannot be read are told."""
        rows, refused = await self.between(series, since, until, **named)
        self.tell(series, refused)
        return page_of(series.in_dataset(self.dataset), rows)

    async def between(self, series: Series, since: int, until: int, **named: int) -> tuple[pa.Table, list[Refused]]:
        """All rows of [since, until) that can be read, each as often as it was answered, and those that cannot."""
        refused, width = list[Refused](), length_us(self._by.width)
        empty = self.dataset.schema.empty_table()
        pages, ask = [empty], partial(self._ask, series, named, refused)
        for start in range(max(since, self._reachable(until)), until, width):
            end = min(start + width, until)
            pages += await whole_window(
                ask, start // 1000, end // 1000, full=lambda page: page.num_rows >= self.endpoint.page_limit
            )
        return pa.concat_tables(pages), refused

    async def _ask(
        self, series: Series, named: Mapping[str, int], refused: list[Refused], start_ms: int, end_ms: int
    ) -> pa.Table:
        known = constants(self.dataset, series.values, self.session.client.now_us())
        rows, unreadable = await self.session.client.readable_rows(
            self.endpoint,
            known,
            symbol=symbol_of(series),
            startTime=start_ms,
            endTime=end_ms,
            limit=self.endpoint.page_limit,
            **named,
        )
        self.session.progress.advance(requests=1)
        refused += unreadable
        return rows


def _whole_ms(instant: int) -> int:
    return instant // 1000 * 1000
