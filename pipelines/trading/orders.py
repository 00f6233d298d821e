"""The orders of an account: what is open, what became of what was, and what is new by id."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from connectors.binance.endpoints.model import ById
from connectors.binance.errors import Fact, UnknownSymbol
from pipelines.concurrency import prefetch
from pipelines.context.receipts import Failure, Tally
from pipelines.pull.ledger import LedgerPull
from pipelines.pull.waves import WAVE
from pipelines.store.id_cursor import OVERLAP_US, Landed, Page
from pipelines.store.lookup import LAG_US, lacks_rows
from pipelines.store.rows import with_instants
from pipelines.store.versions import Row, Seen, add_versions, by_series, refuse_others
from pipelines.trading.account_pull import AccountPull
from pipelines.trading.cursors import (
    OpenOrder,
    Stands,
    back_again,
    is_traded,
    known_symbols,
    last_named,
    note_unsettled,
    open_orders,
    raise_open_since,
)
from pipelines.trading.retention import Retention
from schemas.datasets.orders import ORDER_LISTS, ORDERS
from schemas.model.errors import Problem
from schemas.model.grid import DAY_US
from schemas.model.instants import length_us
from schemas.model.series import Series

NO_SUCH_ORDER = -2013  # said of an order never heard of; of one that was dropped, -2026
ASK_AGAIN_US = DAY_US  # how often a symbol that the exchange does not know any more is asked for all the same


@dataclass(slots=True, kw_only=True)
class OrderPull(AccountPull):
    """One pull of an account's orders; of some symbols, or of every one the account is known to trade."""

    symbols: Collection[str] | None = None

    async def run(self) -> None:
        """Walk the orders of what the lake holds, settle what was open, and bring lists and other orders up to date.

        What the lake holds comes first: what has another history than that, after a reset, must not be stored.
        """
        stands = await self.stands(ORDERS)
        held = {symbol for symbol, stand in stands.items() if is_traded(stand)}
        wanted = {symbol for symbol in held if self._wants(symbol)} - await self._quiet(stands)
        if held and not wanted and not self.calls.quiet:
            await self._compare(max(held, key=lambda one: (stands[one].get("changed_at", 0), one)))
        await self.walk(wanted)
        await self._settle()
        await self._lists()
        await self._bring_names()
        chosen = await self._known() if self.symbols is None else set(self.symbols)
        chosen &= await self._known() if self.calls.named_only else chosen
        await self.walk(chosen - wanted - await self._quiet(await self.stands(ORDERS)))
        await self._note_dropped()

    async def walk(self, symbols: Iterable[str]) -> None:
        """Bring the orders of these symbols up to date by id; what changed last first, since that is still shown."""
        stands = await self.stands(ORDERS)
        ordered = sorted(symbols, key=lambda one: (-stands.get(one, {}).get("changed_at", 0), one))
        series = [self._series(symbol) for symbol in ordered]
        since = self.session.client.now_us() - ASK_AGAIN_US
        known = [one for one in series if stands.get(one["symbol"], {}).get("gone_at", 0) < since]
        walk = self.walk_of(self.calls.orders, self._store_orders, memos=back_again(stands))
        if self.calls.quiet is not None:
            walk.at_end = lambda _: {"walked_at": self.session.client.now_us()}
        await walk.run(known)
        gone = [Seen(series=one, memos={"gone_at": self.session.client.now_us()}) for one in walk.unknown]
        await self.add_orders(gone)

    async def _known(self) -> set[str]:
        return await asyncio.to_thread(known_symbols, self.session.lake, self.account, self.market)

    async def _quiet(self, stands: Stands) -> set[str]:
        """The symbols that were walked lately, and of which no ledger has told since: to ask for them again is dear."""
        if self.calls.quiet is None or self.session.again:
            return set()
        named = await asyncio.to_thread(last_named, self.session.lake, self.account, self.market)
        since = self.session.client.now_us() - length_us(self.calls.quiet)
        walked = {symbol: stand.get("walked_at", 0) for symbol, stand in stands.items()}
        return {one for one, at in walked.items() if at > max(since, named.get(one, 0) + OVERLAP_US)}

    async def _compare(self, symbol: str) -> None:
        """Hold a symbol that the flow does not name against the lake, and store nothing of it."""
        walk = self.walk_of(self.calls.orders, self._hold_against)
        walk.tally = Tally(self.session.progress)
        await walk.run([self._series(symbol)])

    async def _lists(self) -> None:
        if self.calls.order_lists is None:
            return
        walk = self.walk_of(self.calls.order_lists, self._store_lists, pinned=_executing)
        await walk.run([Series.of(ORDER_LISTS, account=self.account, market=self.market)])

    async def _bring_names(self) -> None:
        """Bring the ledgers up to date that name whatever is traded, where that is wanted."""
        needed = self.symbols is None or self.calls.quiet is not None
        for endpoint in self.calls.named_by if needed else ():
            if endpoint in self.session.brought:
                continue
            tally = Tally(self.session.progress)
            await LedgerPull(
                session=self.session, tally=tally, endpoint=endpoint, account=self.account, since=self.since
            ).run()
            self.tally.failures += tally.failures
            self.session.brought.add(endpoint)

    async def _note_dropped(self) -> None:
        if not isinstance(self.calls.orders.walk, ById):
            return  # what is not shown any more is a gap
        look = Retention(
            session=self.session, tally=self.tally, account=self.account, market=self.market, symbols=self.symbols
        )
        await look.run()

    def _store_orders(self, pages: Sequence[Page]) -> Landed:
        return add_versions(self.session.lake, ORDERS, [Seen.of(page) for page in pages], self.session.client.now_us())

    def _hold_against(self, pages: Sequence[Page]) -> Landed:
        refuse_others(self.session.lake.table(ORDERS), [Seen.of(page) for page in pages])
        return Landed()

    def _store_lists(self, pages: Sequence[Page]) -> Landed:
        seen = [Seen.of(page) for page in pages]
        return add_versions(self.session.lake, ORDER_LISTS, seen, self.session.client.now_us())

    async def _settle(self) -> None:
        """Ask what is open, and one by one for what was and is not among it; note what stays unsettled."""
        stored = await asyncio.to_thread(open_orders, self.session.lake, self.account, self.market)
        unsettled = {one for one in stored if self._wants(one.series["symbol"])}
        try:
            await self._settle_open(unsettled)
            await self._settle_closed(unsettled)
        finally:
            await asyncio.to_thread(
                note_unsettled, self.session.lake, self.account, self.market, unsettled, self._wants
            )

    async def _settle_open(self, unsettled: set[OpenOrder]) -> None:
        """Take out what the exchange shows as open."""
        shown = self._wanted(await self._shown())
        await self.add_orders([Seen(series=series, rows=rows) for series, rows in shown.items()])
        still = {(series, row["order_id"]) for series, rows in shown.items() for row in rows}
        unsettled -= {one for one in unsettled if (one.series, one.order_id) in still}

    async def _settle_closed(self, unsettled: set[OpenOrder]) -> None:
        """Take out those whose end is told."""
        self.session.progress.expect(requests=len(unsettled), rows=0)
        closed = sorted(unsettled)
        waiting = iter(closed)
        while not self.session.stop.is_set() and (wave := list(islice(waiting, WAVE))):
            outcomes = await self._outcomes(wave)
            await self.add_orders(outcomes)
            told = {(seen.series, row["order_id"]) for seen in outcomes for row in seen.rows}
            told |= {(seen.series, order_id) for seen in outcomes for order_id in seen.unknown}
            unsettled -= {one for one in wave if (one.series, one.order_id) in told}
        if closed:
            await asyncio.to_thread(raise_open_since, self.session.lake, self.account, self.market)

    async def _shown(self) -> Sequence[Row]:
        """What is open: of all symbols at once, or one by one of those that are known."""
        symbols = sorted(await self._known()) if self.calls.open_by_symbol else [None]
        self.session.progress.expect(requests=len(symbols), rows=0)
        found = list[Row]()
        for symbol in symbols:
            known = self.order_constants({"account": self.account, "market": self.market})
            rows, refused = await self.session.client.readable_rows(self.calls.open_orders, known, symbol=symbol)
            where = f"{self.account}/{self.market}, order_id"
            self.tally.failures += [Failure(f"{where} {one.id}", one.why) for one in refused]
            self.session.progress.advance(requests=1)
            found += with_instants(rows)
        return found

    def _wanted(self, rows: Iterable[Row]) -> dict[Series, list[Row]]:
        return by_series(ORDERS, (row for row in rows if self._wants(row["symbol"])))

    def _wants(self, symbol: str) -> bool:
        return self.symbols is None or symbol in self.symbols

    async def _outcomes(self, orders: Sequence[OpenOrder]) -> list[Seen]:
        """What became of these orders; one that the exchange does not know any more keeps its last state."""
        rows: defaultdict[Series, list[Row]] = defaultdict(list)
        unknown: defaultdict[Series, dict[int, int]] = defaultdict(dict)
        now = self.session.client.now_us()
        async with prefetch(orders, self._order, self.session.stop, limit=WAVE) as answers:
            async for order, answer in answers:
                self.session.progress.advance(requests=1)
                match answer:
                    case Fact() if order.time > now - LAG_US and not isinstance(answer, UnknownSymbol):
                        pass  # the answer lags behind its placing; the next run asks again
                    case Fact() if answer.code == NO_SUCH_ORDER and not ORDERS.life.may_vanish(order.state, now):
                        raise lacks_rows(self.calls.order.name, order.series, [order.order_id])
                    case Fact():
                        unknown[order.series][order.order_id] = order.time
                    case Problem():
                        self.tally.fail(f"{order.series.name}, order {order.order_id}", answer)
                    case _:
                        rows[order.series] += with_instants(answer)
        return [Seen(series=one, rows=rows[one], unknown=unknown[one]) for one in {*rows, *unknown}]

    async def _order(self, order: OpenOrder) -> pa.Table:
        return await self.ask_order(order.series, order.order_id)

    def _series(self, symbol: str) -> Series:
        return Series.of(ORDERS, account=self.account, market=self.market, symbol=symbol)


def _executing(rows: pa.Table) -> Sequence[bool]:
    """Lists that may still change are asked for again until they are done."""
    life = ORDER_LISTS.life
    return [state not in life.final for state in rows[life.status].to_pylist()]
