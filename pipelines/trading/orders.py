"""The orders of an account: what is open, what became of what was, and what is new by id."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from connectors.binance.endpoints.model import ById
from pipelines.context.receipts import Tally
from pipelines.pull.ledger import LedgerPull
from pipelines.store.id_cursor import Landed, Page
from pipelines.store.versions import Seen, refuse_others
from pipelines.trading.account_pull import AccountPull
from pipelines.trading.algo_orders import AlgoOrderPull
from pipelines.trading.cursors import is_traded, known_symbols, note_unsettled, quiet_symbols
from pipelines.trading.retention import Retention
from pipelines.trading.settling import Settling
from schemas.datasets.orders import ORDER_LISTS, ORDERS
from schemas.model.series import Series


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
        wanted = {symbol for symbol in held if self._wants(symbol)} - await self._quiet()
        if held and not wanted and not self.calls.quiet:
            await self._compare(max(held, key=lambda one: (stands[one].get("changed_at", 0), one)))
        await self.walk(wanted)
        await self._settle()
        await self._lists()
        await self._bring_names()
        chosen = await self._known() if self.symbols is None else set(self.symbols)
        chosen &= await self._known() if self.calls.named_only else chosen
        await self.walk(chosen - wanted - await self._quiet())
        await self._algo_orders(chosen)
        await self._note_dropped()

    async def walk(self, symbols: Iterable[str]) -> None:
        """Bring the orders of these symbols up to date by id; what changed last first, since that is still shown."""
        stands = await self.stands(ORDERS)
        ordered = sorted(symbols, key=lambda one: (-stands.get(one, {}).get("changed_at", 0), one))
        walk = self.walk_of(self.calls.orders)
        if self.calls.quiet is not None:
            walk.at_end = lambda _: {"walked_at": self.session.client.now_us()}
        await self.walk_known(walk, ordered, stands)

    async def _known(self) -> set[str]:
        return await asyncio.to_thread(known_symbols, self.session.lake, self.account, self.market)

    async def _quiet(self) -> set[str]:
        if self.session.again:
            return set()
        now = self.session.client.now_us()
        return await asyncio.to_thread(quiet_symbols, self.session.lake, self.account, self.market, now)

    async def _compare(self, symbol: str) -> None:
        """Hold a symbol that the flow does not name against the lake, and store nothing of it."""
        walk = self.walk_of(self.calls.orders, self._hold_against)
        walk.tally = Tally(self.session.progress)
        await walk.run([self._series(symbol)])

    async def _lists(self) -> None:
        if self.calls.order_lists is None:
            return
        walk = self.walk_of(self.calls.order_lists, pinned=_executing)
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

    def _hold_against(self, pages: Sequence[Page]) -> Landed:
        refuse_others(self.session.lake.table(ORDERS), [Seen.of(page) for page in pages])
        return Landed()

    async def _settle(self) -> None:
        """Ask what is open, and one by one for what was and is not among it; note what stays unsettled."""
        look = Settling(
            session=self.session,
            tally=self.tally,
            account=self.account,
            market=self.market,
            open=self.calls.open_orders,
            ask=lambda order: self.ask_order(order.series, order.order_id),
            wants=self._wants,
            by_symbol=sorted(await self._known()) if self.calls.open_by_symbol else [None],
        )
        try:
            await look.run()
        finally:
            await asyncio.to_thread(
                note_unsettled, self.session.lake, self.account, self.market, look.unsettled, self._wants
            )

    async def _algo_orders(self, symbols: Collection[str]) -> None:
        if self.calls.algo_orders is None:
            return
        pull = AlgoOrderPull(
            session=self.session,
            tally=self.tally,
            account=self.account,
            market=self.market,
            since=self.since,
            symbols=self.symbols,
        )
        await pull.run(symbols)

    def _wants(self, symbol: str) -> bool:
        return self.symbols is None or symbol in self.symbols

    def _series(self, symbol: str) -> Series:
        return Series.of(ORDERS, account=self.account, market=self.market, symbol=symbol)


def _executing(rows: pa.Table) -> Sequence[bool]:
    """Lists that may still change are asked for again until they are done."""
    life = ORDER_LISTS.life
    return [state not in life.final for state in rows[life.status].to_pylist()]
