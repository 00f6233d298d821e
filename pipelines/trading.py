"""What a run of an account's flow does about orders and fills: the symbols it means, and how it finds more of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors.lake import Lake
from pipelines import listing, residue
from pipelines.discovery import probes_allowed, survey
from pipelines.fills import FillPull
from pipelines.idpages import AccountSeries
from pipelines.orders import OrderPull
from pipelines.receipts import Failure
from pipelines.session import Session
from pipelines.standing import known_symbols
from schemas.config import TRADED, AccountFlow

SPOT_MARKET = "spot"
UNSCHEDULED = timedelta(hours=1)  # how much of the budget is shared out to a run that has no schedule

Pulled = tuple[int, list[Failure]]


@dataclass(slots=True)
class Trading:
    """The orders and fills of one account flow. `budget` is the share of the exchange's weight that binlake uses."""

    session: Session
    flow: AccountFlow
    budget: float
    _failures: list[Failure] = field(default_factory=list)

    async def orders(self) -> Pulled:
        """Bring orders and lists of orders up to date."""
        pull = self._order_pull(await self._named())
        await pull.run()
        return pull.rows, [*self._failures, *pull.failures]

    async def fills(self) -> Pulled:
        """Bring fills in line with orders; where the flow wants whatever is traded, look for symbols unknown so far."""
        named = await self._named()
        pull = self._fill_pull()
        await pull.run(await self._known() if named is None else named)
        if named is not None:
            return pull.rows, [*self._failures, *pull.failures]
        found = await self._discover(pull)
        orders = self._order_pull(None)
        await orders.walk(found)
        await pull.run(found)
        return pull.rows + orders.rows, [*self._failures, *orders.failures, *pull.failures]

    async def _discover(self, pull: FillPull) -> set[str]:
        """Probe what the account may trade; return what turned out to be traded, and what is traded and was probed."""
        lake, account = self.session.lake, self.flow.account
        book = await listing.listing(self.session, SPOT_MARKET)
        before = await self._known()
        await asyncio.to_thread(residue.look, lake, account, SPOT_MARKET, book)
        now = self.session.client.now_us()
        found = await asyncio.to_thread(survey, lake, account, SPOT_MARKET, now)
        probed = found.probes(most_again(self.flow, self.budget))
        series = [AccountSeries(account, SPOT_MARKET, one) for one in probed]
        await pull.walk(series, frozenset(series))
        if found.suspicion and not self.session.stop.is_set():
            await asyncio.to_thread(self._clear_when_looked_at, lake, now)
        return await self._known() - (before - set(probed))

    def _clear_when_looked_at(self, lake: Lake, now: int) -> None:
        if not survey(lake, self.flow.account, SPOT_MARKET, now).suspects:
            residue.clear(lake, self.flow.account, SPOT_MARKET)

    async def _known(self) -> set[str]:
        return await asyncio.to_thread(known_symbols, self.session.lake, self.flow.account, SPOT_MARKET)

    async def _named(self) -> list[str] | None:
        """The symbols that the flow lists; None when it wants whatever is traded. A name nobody knows is a failure."""
        if self.flow.symbols == TRADED:
            return None
        named = self.flow.symbols or ()
        book = await listing.listing(self.session, SPOT_MARKET, named)
        self._failures = [book.unknown(SPOT_MARKET, symbol) for symbol in named if symbol not in book.rows]
        return [symbol for symbol in named if symbol in book.rows]

    def _order_pull(self, symbols: Iterable[str] | None) -> OrderPull:
        return OrderPull(
            session=self.session,
            account=self.flow.account,
            market=SPOT_MARKET,
            symbols=None if symbols is None else frozenset(symbols),
        )

    def _fill_pull(self) -> FillPull:
        return FillPull(session=self.session, account=self.flow.account, market=SPOT_MARKET)


def most_again(flow: AccountFlow, budget: float) -> int:
    """How many symbols one run may look at again: the flow's share of the budget from this run to the next."""
    period = flow.period(datetime.now(UTC)) or UNSCHEDULED
    return probes_allowed(flow.discovery, budget, period.total_seconds() / 60)
