"""The conditional orders of an account in a market of futures, which the exchange lists apart from all others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.endpoints.model import Endpoint
from connectors.binance.errors import Fact
from pipelines.store.id_cursor import constants
from pipelines.trading.account_pull import AccountPull
from pipelines.trading.cursors import OpenOrder
from pipelines.trading.settling import NO_SUCH_ORDER, Settling
from schemas.datasets.algo_orders import ALGO_ORDERS


@dataclass(slots=True, kw_only=True)
class AlgoOrderPull(AccountPull):
    """One pull of them; of some symbols, or of every one that has or had any."""

    symbols: Collection[str] | None = None

    async def run(self, traded: Collection[str]) -> None:
        """Settle what was open, then walk the symbols traded and those in which any is or was open."""
        assert self.calls.open_algo_orders is not None  # noqa: S101 - asked for only where there are any
        look = Settling(
            session=self.session,
            tally=self.tally,
            account=self.account,
            market=self.market,
            open=self.calls.open_algo_orders,
            ask=self._ask,
            wants=self._wants,
        )
        await look.run()
        stands = await self.stands(ALGO_ORDERS)
        symbols = sorted({*traded, *filter(self._wants, stands)})
        await self.walk_known(self.walk_of(self._listing), symbols, stands)

    @property
    def _listing(self) -> Endpoint:
        assert self.calls.algo_orders is not None  # noqa: S101 - as above
        return self.calls.algo_orders

    def _wants(self, symbol: str) -> bool:
        return self.symbols is None or symbol in self.symbols

    async def _ask(self, order: OpenOrder) -> pa.Table:
        """One of them, by its place in the list: the call for a single one takes no symbol, and ids repeat."""
        known = constants(ALGO_ORDERS, order.series.values, self.session.client.now_us())
        rows = await self.session.client.rows(
            self._listing, known, symbol=order.series["symbol"], algoId=order.order_id, limit=1
        )
        found = rows.filter(pc.equal(rows[ALGO_ORDERS.id_column], order.order_id))
        if not found.num_rows:
            raise Fact(f"{self._listing.name} lacks it.", path=self._listing.path, code=NO_SUCH_ORDER)
        return found
