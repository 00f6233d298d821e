"""What a run of an account's flow does about orders and fills: the symbols it means, and how it finds more of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.lake import Lake
from pipelines.context.receipts import Failure, Tally
from pipelines.context.session import Session
from pipelines.pull import symbols as listing
from pipelines.pull.absence import unless_absent
from pipelines.pull.snapshot import fixed_series
from pipelines.pull.symbol_selection import in_archive
from pipelines.store.lookup import ResetSeen
from pipelines.trading import balance_changes as residue
from pipelines.trading.calls import calls_of
from pipelines.trading.cursors import is_traded, known_symbols, stands_of
from pipelines.trading.fills import FillPull
from pipelines.trading.orders import OrderPull
from pipelines.trading.symbol_discovery import archive_due, note_archive, probes_allowed, survey
from schemas.config.flows import TRADED, AccountFlow
from schemas.datasets.orders import FILLS, ORDERS
from schemas.model.dataset import Dataset
from schemas.model.instants import micros
from schemas.model.series import Series

UNSCHEDULED = timedelta(hours=1)  # how much of the budget is shared out to a run that has no schedule


@dataclass(slots=True)
class Trading:
    """The orders and fills of one account flow in one market."""

    session: Session
    tally: Tally
    market: str
    flow: AccountFlow
    budget: float  # the share of the exchange's weight that binlake uses

    async def pull(self, dataset: Dataset) -> None:
        """Bring one of the two up to date, unless the account has nothing to do with the market."""
        work, wallet = self.orders if dataset is ORDERS else self.fills, calls_of(self.market).wallet
        if wallet is None:
            await work()
            return

        lake, account, there = self.session.lake, self.flow.account, False
        read_before = bool(await asyncio.to_thread(stands_of, lake, dataset, account, self.market))

        async def look() -> None:
            nonlocal there
            if dataset is ORDERS and wallet not in self.session.brought:
                await self.session.client.body(wallet)  # raises what says that there is none
            if not read_before:
                await work()
            there = True

        await unless_absent(self.session, fixed_series(wallet, {"account": account}), wallet, look)
        if there and read_before:  # what is refused now is a right that is lost, and no word about the wallet
            await work()

    async def orders(self) -> None:
        """Bring orders and lists of orders up to date."""
        self.session.resets.pop(self.market, None)
        if listed_in := calls_of(self.market).listed_in:
            await listing.listing(self.session, listed_in)
        with self._seeing_a_reset():
            await self._order_pull(self._named, self.tally).run()
        self.tally.failures += [*self._refused, *await self._unknown(ORDERS)]

    async def fills(self) -> None:
        """Bring fills in line with orders; where the flow wants whatever is traded, look for symbols unknown so far.

        The orders of what is found come with it and count among the orders, not among the fills.
        """
        pull = FillPull(
            session=self.session,
            tally=self.tally,
            account=self.flow.account,
            market=self.market,
            since=self._since,
        )
        orders = self._order_pull(None, Tally(self.session.progress))
        if (
            self.market not in self.session.resets
        ):  # else the orders of this run showed that nothing of it may be stored
            with self._seeing_a_reset():
                await pull.run(await self._known() if self._named is None else self._named)
                if self._named is None and not calls_of(self.market).named_by:
                    await self._discover(pull, orders)
        self.tally.failures += [*orders.tally.failures, *self._refused, *await self._unknown(FILLS)]

    @contextmanager
    def _seeing_a_reset(self) -> Iterator[None]:
        """Have the rest of the run store nothing of the account's trading once an answer lacks what the lake holds.

        Balances and movements go on: each snapshot is true of its own instant, and a movement that is not returned any
        more is kept with the instant since when.
        """
        try:
            yield
        except ResetSeen as problem:
            self.session.resets[self.market] = problem

    @property
    def _refused(self) -> list[Failure]:
        where = f"{self.flow.account}/{self.market}"
        reset = self.session.resets.get(self.market)
        return [Failure.of(where, reset)] if reset else []

    async def _discover(self, pull: FillPull, orders: OrderPull) -> None:
        """Probe what the account may trade, and pull the orders of what turned out to be traded."""
        lake, account = self.session.lake, self.flow.account
        book = await listing.listing(self.session, self.market)
        before = await self._known()
        await asyncio.to_thread(residue.look, lake, account, self.market)
        now = self.session.client.now_us()
        archived = await self._archived(now)
        found = await asyncio.to_thread(survey, lake, account, self.market, now, archived)
        probed = found.probes(most_again(self.flow, self.market, self.budget))
        series = [Series.of(FILLS, account=account, market=self.market, symbol=one) for one in probed]
        await pull.walk(series, frozenset(series))
        if archived:
            await asyncio.to_thread(note_archive, lake, account, self.market, archived - book.rows.keys(), now)
        # What was routed over several books left no fill, but orders; and orders of what is traded may be unknown too.
        walked = (await self._known() - (before - set(probed))) | found.keen.intersection(probed)
        await orders.walk(walked)
        await pull.run(walked)
        if found.suspicion and not orders.tally.failures and not self.session.stop.is_set():
            await asyncio.to_thread(self._clear_when_looked_at, lake, now)

    async def _archived(self, now: int) -> set[str]:
        """The symbols of the archive, now and then: about those not listed any more the exchange may still answer."""
        lake, archive = self.session.lake, self.session.archive
        due = await asyncio.to_thread(archive_due, lake, self.flow.account, self.market, now)
        return await in_archive(self.session, archive, self.market) if archive is not None and due else set()

    def _clear_when_looked_at(self, lake: Lake, now: int) -> None:
        if not survey(lake, self.flow.account, self.market, now).suspects:
            residue.clear(lake, self.flow.account, self.market)

    @property
    def _since(self) -> int | None:
        return micros(self.flow.since) if self.flow.since else None

    async def _known(self) -> set[str]:
        return await asyncio.to_thread(known_symbols, self.session.lake, self.flow.account, self.market)

    @property
    def _named(self) -> Sequence[str] | None:
        """The symbols that the flow lists, which are asked for whether they are listed or not; None for the traded."""
        return None if self.flow.symbols == TRADED else self.flow.symbols or ()

    async def _unknown(self, dataset: Dataset) -> list[Failure]:
        """A failure for each name that the exchange neither lists nor answers about."""
        if not (named := self._named or ()):
            return []
        probed = not calls_of(self.market).named_by
        book = await listing.listing(self.session, self.market, named) if probed else listing.Listing({})
        stands = await asyncio.to_thread(stands_of, self.session.lake, dataset, self.flow.account, self.market)
        silent = {symbol for symbol, stand in stands.items() if stand.get("gone_at") and not is_traded(stand)}
        return [book.unknown(self.market, one) for one in named if one not in book.rows and one in silent]

    def _order_pull(self, symbols: Iterable[str] | None, tally: Tally) -> OrderPull:
        return OrderPull(
            session=self.session,
            tally=tally,
            account=self.flow.account,
            market=self.market,
            since=self._since,
            symbols=None if symbols is None else frozenset(symbols),
        )


def most_again(flow: AccountFlow, market: str, budget: float) -> int:
    """How many symbols one run may look at again: the flow's share of the budget from this run to the next."""
    period = flow.period(datetime.now(UTC)) or UNSCHEDULED
    return probes_allowed(calls_of(market).fills, flow.discovery * budget, period.total_seconds() / 60)
