"""The fills of an account, driven by its orders: asked for only where what was executed is not what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from connectors.binance.endpoints.model import ById, Endpoint, SymbolWindows
from connectors.binance.errors import Fact
from connectors.lake import Lake
from pipelines.concurrency import prefetch
from pipelines.pull.symbol_windows import WindowWalk
from pipelines.pull.waves import WAVE, Waves
from pipelines.store.append import add_rows
from pipelines.store.id_cursor import Landed, Page, constants, page_of
from pipelines.store.lookup import LAG_US
from pipelines.store.rows import column
from pipelines.trading.account_pull import AccountPull
from pipelines.trading.calls import TradingCalls
from pipelines.trading.cursors import ASK_AGAIN_US, back_again
from pipelines.trading.missing_fills import Due, Told, due, lacking, note_matched, still_lacking, unexplained
from pipelines.trading.reconcile import EVERY_US, OrderLook, Overdue, overdue, spans, without_order
from schemas.datasets.orders import FILLS
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.grid import MINUTE_US
from schemas.model.instants import length_us
from schemas.model.series import Series


@dataclass(slots=True, kw_only=True)
class FillPull(AccountPull):
    """One pull of an account's fills, and of the allocations and prevented matches that its orders point to."""

    async def run(self, symbols: Iterable[str]) -> None:
        """Bring the fills of these symbols in line with their orders."""
        series, unanswered = await self._due(sorted(symbols))
        lake = self.session.lake
        short = await asyncio.to_thread(lacking, lake, series)
        first = frozenset(one.series for one in series if one.never_walked)
        unanswered |= await self.walk(sorted(first | short.keys()), first)
        if self.calls.allocations is not None:
            routed = {one for one, _ in await asyncio.to_thread(_routed, lake, series)}
            unanswered |= await self._follow(self._walk_of(self.calls.allocations), sorted(routed))
        for endpoint, wanted in _looks(self.calls):
            unanswered |= await self._one_by_one(endpoint, await asyncio.to_thread(wanted, lake, series))
        answered = [one for one in series if one.series not in unanswered]
        await asyncio.to_thread(note_matched, lake, answered, self.session.client.now_us())

    async def _due(self, symbols: Sequence[str]) -> tuple[list[Due], set[Series]]:
        """What is to be looked at, once the orders that are missing were asked for; and where one was not answered."""
        lake, now = self.session.lake, self.session.client.now_us()
        before, gone_before = now if self.session.again else now - EVERY_US, now - ASK_AGAIN_US
        late = await asyncio.to_thread(
            partial(overdue, before=before, gone_before=gone_before), lake, self.account, self.market, symbols
        )
        look = OrderLook(session=self.session, tally=self.tally, account=self.account, market=self.market)
        unanswered = await look.run(late) | await self._booked(late, look)
        wanted = partial(due, gone_before=gone_before, overdue={one.series: one.incomplete for one in late})
        return await asyncio.to_thread(wanted, lake, self.account, self.market, symbols), unanswered

    async def _booked(self, late: Sequence[Overdue], look: OrderLook) -> set[Series]:
        """Ask for the fills that income tells of, and for their orders; return the series that were not answered."""
        now, reachable = self.session.client.now_us(), self._reachable
        booked = [(one.series, [at for at in one.booked if at - MINUTE_US >= reachable]) for one in late]
        asked = [(series, span) for series, instants in booked for span in spans(instants, now)]
        unanswered, found = set(asked), list[Page]()
        self.session.progress.expect(requests=len(asked), rows=0)
        async with prefetch(asked, self._around, self.session.stop, limit=WAVE) as answers:
            async for (series, span), answer in answers:
                match answer:
                    case Fact():
                        unanswered.discard((series, span))  # it is not to be had, which the check goes on to say
                    case Problem():
                        self.tally.fail(series.name, answer)
                    case Page():
                        await self._add(FILLS, [answer])
                        found.append(answer)
                        unanswered.discard((series, span))
        orphans = await asyncio.to_thread(without_order, self.session.lake, found)
        return {series for series, _ in unanswered} | await look.run(orphans)

    @property
    def _reachable(self) -> int:
        """From when on fills are returned, where these are walked by time."""
        walk = self.calls.fills.walk
        return self.session.client.now_us() - length_us(walk.kept) if isinstance(walk, SymbolWindows) else 0

    async def _around(self, asked: tuple[Series, tuple[int, int]]) -> Page:
        """The fills of a stretch of time, in a market whose fills are walked by it."""
        (series, span), walk = asked, self._walk_of(self.calls.fills)
        assert isinstance(walk, WindowWalk)  # noqa: S101 - of no other market an income tells
        return await walk.page_between(series, *span)

    async def walk(self, series: Sequence[Series], probed: frozenset[Series] = frozenset()) -> set[Series]:
        """Walk the fills of these series on, and return those that were not walked to their end.

        Of those `probed` it is noted at their end that they were looked for from the first on.
        """
        stands = await self.stands(FILLS)
        known = {"probed_at": self.session.client.now_us() - LAG_US}
        walk = self._walk_of(self.calls.fills)
        walk.memos, walk.at_end = back_again(stands), lambda one: known if one in probed else {}
        unanswered = await self._follow(walk, series)
        gone = {"gone_at": self.session.client.now_us()}
        await self._add(
            FILLS, [Page(series=one, rows=FILLS.schema.empty_table(), instants={}, memos=gone) for one in walk.unknown]
        )
        return unanswered

    def _walk_of(self, endpoint: Endpoint) -> Waves[Any]:
        return self.walk_of(endpoint, partial(add_rows, self.session.lake, endpoint.feeds))

    async def _follow(self, walk: Waves[Any], series: Sequence[Series]) -> set[Series]:
        """Walk these series, and return those that did not come to their end."""
        asked = {one.in_dataset(walk.dataset): one for one in series}
        await walk.run(asked)
        return {one for walked, one in asked.items() if walked not in walk.whole}

    async def _one_by_one(self, endpoint: Endpoint, orders: Sequence[tuple[Series, Told]]) -> set[Series]:
        """Ask for the rows of single orders, and return the series of which an order was not answered."""
        self.session.progress.expect(requests=len(orders), rows=0)
        unanswered = set(orders)
        fetch = partial(self._of_order, endpoint)
        async with prefetch(orders, fetch, self.session.stop, limit=WAVE) as answers:
            async for (series, order), answer in answers:
                self.session.progress.advance(requests=1)
                match answer:
                    case Problem():
                        self.tally.fail(f"{series.name}, order {order.order_id}", answer)
                    case _ if await self._add(endpoint.feeds, [answer]):  # else the next run asks again
                        unanswered.discard((series, order))
        return {series for series, _ in unanswered}

    async def _of_order(self, endpoint: Endpoint, asked: tuple[Series, Told]) -> Page:
        """All rows of one order, page by page until they add up, or nothing follows."""
        (series, order), dataset = asked, endpoint.feeds
        walk = self._walk_of(endpoint) if isinstance(endpoint.walk, SymbolWindows) else None
        if isinstance(walk, WindowWalk):
            until = min(order.changed + MINUTE_US, self.session.client.now_us())
            return await walk.page_between(series, order.time, until, orderId=order.order_id)
        known, named = constants(dataset, series.values, 0), {"symbol": series["symbol"], **_named(endpoint, order)}
        pages = [await self.session.client.rows(endpoint, known, **named)]
        while pages[-1].num_rows and not _adds_up(pages, order):
            behind = max(column(pages[-1], dataset.id_column)) + 1
            self.session.progress.expect(requests=1, rows=0)
            more = {**named, endpoint.walked(ById).param: behind}
            pages.append(await self.session.client.rows(endpoint, known, **more))
            self.session.progress.advance(requests=1)
            if pages[-1].num_rows and min(column(pages[-1], dataset.id_column)) < behind:
                raise Problem(f"{endpoint.name} answered ids from {behind} on with lower ones.", "Run again.")
        return page_of(series.in_dataset(dataset), pa.concat_tables(pages))

    async def _add(self, dataset: Dataset, pages: Sequence[Page]) -> bool:
        """Store pages; whether all of them is stored now."""
        landed = await asyncio.to_thread(add_rows, self.session.lake, dataset, pages) if pages else Landed()
        self.tally.add(landed.rows)
        return not landed.beyond


def _adds_up(pages: Sequence[pa.Table], order: Told) -> bool:
    """Whether these are all rows that an order can have; a prevented match is asked for alone."""
    names = pages[0].column_names
    return "qty" not in names or sum(qty for page in pages for qty in column(page, "qty")) >= order.executed_qty


def _named(endpoint: Endpoint, order: Told) -> dict[str, int | None]:
    """How a call is asked for what one order points to: a prevented match by its own id, where that is known."""
    if isinstance(endpoint.walk, ById):
        return {"orderId": order.order_id, "limit": endpoint.page_limit}
    return {"orderId": order.order_id} if order.match_misprinted else {"preventedMatchId": order.prevented_match_id}


def _matches(lake: Lake, series: Sequence[Due]) -> list[tuple[Series, Told]]:
    """One order of each prevented match that is not stored: two may share it."""
    pointing = unexplained(lake, series)
    by_match = {(one, order.prevented_match_id): (one, order) for one, order in pointing if not order.match_misprinted}
    return [*by_match.values(), *((one, order) for one, order in pointing if order.match_misprinted)]


def _routed(lake: Lake, series: Sequence[Due]) -> list[tuple[Series, Told]]:
    """The orders that lack fills and were routed, as far as they say; those that a check names, whatever they say."""
    named = {one.series for one in series if one.overdue}
    return [(one, order) for one, order in still_lacking(lake, series) if order.routed or one in named]


Wanted = Callable[[Lake, Sequence[Due]], list[tuple[Series, Told]]]


def _looks(calls: TradingCalls) -> list[tuple[Endpoint, Wanted]]:
    """What is asked for one by one, each after the one before it, as far as the market has it."""
    looks: list[tuple[Endpoint | None, Wanted]] = [
        (calls.fills, still_lacking),
        (calls.allocations, _routed),
        (calls.prevented_matches, _matches),
    ]
    return [(endpoint, wanted) for endpoint, wanted in looks if endpoint is not None]
