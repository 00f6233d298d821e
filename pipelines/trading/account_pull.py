"""What every pull of an account's trading shares: whose it is, in which market, and how one order is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from connectors.binance.endpoints.model import Endpoint, SymbolWindows
from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from pipelines.pull.by_id import IdWalk
from pipelines.pull.symbol_windows import WindowWalk
from pipelines.pull.waves import Store, Waves
from pipelines.store.id_cursor import Landed, Page, constants
from pipelines.store.versions import Seen, add_versions
from pipelines.trading.calls import TradingCalls, calls_of
from pipelines.trading.cursors import Stands, back_again, stands_of, to_ask
from schemas.datasets.orders import ORDERS
from schemas.model.dataset import Dataset
from schemas.model.series import Series


@dataclass(slots=True, kw_only=True)
class AccountPull:
    """A pull of what one account did in one market."""

    session: Session
    tally: Tally
    account: str
    market: str
    since: int | None = None  # where history is wanted from, in a market whose exchange forgets it

    @property
    def calls(self) -> TradingCalls:
        return calls_of(self.market)

    def walk_of(self, endpoint: Endpoint, store: Store | None = None, **more: Any) -> Waves[Any]:
        """A walk of a list of this market, in the way that its endpoint declares; by default it stores versions."""
        store = store or partial(self._add_pages, endpoint.feeds)
        if isinstance(endpoint.walk, SymbolWindows):
            return WindowWalk(
                session=self.session, tally=self.tally, endpoint=endpoint, store=store, wanted=self.since, **more
            )
        return IdWalk(session=self.session, tally=self.tally, endpoint=endpoint, store=store, **more)

    async def walk_known(self, walk: Waves[Any], symbols: Iterable[str], stands: Stands) -> None:
        """Walk these symbols, given where they stand; one that is not known any more is asked for only once a day."""
        walk.memos, now = back_again(stands), self.session.client.now_us()
        of = {"account": self.account, "market": self.market}
        await walk.run([Series.of(walk.dataset, **of, symbol=one) for one in to_ask(symbols, stands, now)])
        gone = {"gone_at": self.session.client.now_us()}
        await self.add(walk.dataset, [Seen(series=one, memos=gone) for one in walk.unknown])

    async def stands(self, dataset: Dataset) -> Stands:
        """Where each symbol stands."""
        return await asyncio.to_thread(stands_of, self.session.lake, dataset, self.account, self.market)

    def order_constants(self, values: Mapping[str, str]) -> dict[str, str | int]:
        """What an answer about orders does not print."""
        return constants(ORDERS, values, self.session.client.now_us())

    async def ask_order(self, series: Series, order_id: int) -> pa.Table:
        """One order as it is now; Fact where the exchange does not know it."""
        known = self.order_constants(series.values)
        return await self.session.client.rows(self.calls.order, known, symbol=series["symbol"], orderId=order_id)

    async def add(self, dataset: Dataset, seen: Sequence[Seen]) -> None:
        """Store what was seen of things that change."""
        if seen:
            now = self.session.client.now_us()
            self.tally.add((await asyncio.to_thread(add_versions, self.session.lake, dataset, seen, now)).rows)

    def _add_pages(self, dataset: Dataset, pages: Sequence[Page]) -> Landed:
        seen = [Seen.of(page) for page in pages]
        return add_versions(self.session.lake, dataset, seen, self.session.client.now_us())
