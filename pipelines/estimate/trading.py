"""What bringing an account's orders and fills up to date will take, and what each later run will."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.binance.endpoints.model import Endpoint, SymbolWindows
from connectors.binance.sites import resolve
from connectors.lake import Lake
from pipelines.estimate.outlook import Cost, Outlook
from pipelines.estimate.trial import asking
from pipelines.pull.symbol_selection import asked_to_choose
from pipelines.pull.symbol_windows import windows_due
from pipelines.pull.symbols import listing
from pipelines.trading.calls import TradingCalls, calls_of
from pipelines.trading.cursors import known_symbols, quiet_symbols, stands_of, to_ask, walked_symbols
from pipelines.trading.flow import UNSCHEDULED, most_again
from pipelines.trading.retention import doubts
from pipelines.trading.symbol_discovery import COLD_US, WARM_US, Heat, Survey, survey
from schemas.config.flows import TRADED, AccountFlow, FlowsFile
from schemas.model.series import Series

_ON_TOP = "what is found comes on top"
_NAMED = "Symbols that the ledgers name for the first time come on top, with three months of windows each."


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingPlan:
    """The plan of an account's orders and fills in one market. `now` is when it will run, in microseconds."""

    config: FlowsFile
    lake: Lake
    flow: AccountFlow
    market: str
    state: Path | None
    now: int

    async def outlook(self) -> Outlook:
        """What a run will ask for each symbol. Asks the exchange for its listing when the stored one is old."""
        if self._calls.named_by:
            return await asyncio.to_thread(self._of_ledgers)
        named = self.flow.symbols if isinstance(self.flow.symbols, tuple) else ()
        listed = bool(named) and self.flow.prices is not None  # counted where the prices are planned
        due = await asyncio.to_thread(asked_to_choose, self.lake, self.market, named, self.now, listed=listed)
        once = [one.cost({}) for one in due]
        if self.flow.symbols != TRADED:
            return await asyncio.to_thread(self._of_named, once)
        async with asking(self.config, self.flow, self.lake, self.state) as session:
            await listing(session, self.market)
            now = session.client.now_us()
        return await asyncio.to_thread(self._of_traded, once, now)

    def _of_ledgers(self) -> Outlook:
        """What is traded is known only to the ledgers; the lake knows what they named so far."""
        calls, named = self._calls, self.flow.symbols if isinstance(self.flow.symbols, tuple) else None
        known = known_symbols(self.lake, self.flow.account, self.market)
        symbols = known if named is None else known.intersection(named) if calls.named_only else {*named}
        opened = calls.open_orders.cost({"symbol": "X" if calls.open_by_symbol else None})
        once = [*([opened] * (len(symbols) if calls.open_by_symbol else 1))]
        seen = calls.wallet is not None and calls.wallet.feeds.name in self.flow.datasets  # a moment before
        wallet = None if seen else calls.wallet
        once += [call.cost({}) for call in (wallet, calls.open_algo_orders) if call is not None]
        steady = sum(once)
        asked_always = [] if calls.quiet else filter(None, (calls.orders, calls.algo_orders))
        steady += len(symbols) * sum(call.cost({}) for call in asked_always)
        note = _NAMED if named is None else ""
        costs = tuple(self._walks(symbols))
        return Outlook(pool=calls.orders.pool, once=tuple(once), costs=costs, steady=steady, note=note)

    @property
    def listed_in(self) -> str | None:
        """The other market whose list of symbols is asked for."""
        return self._calls.listed_in

    @property
    def ledgers(self) -> tuple[Endpoint, ...]:
        """What is asked for beside, to learn what is traded."""
        needed = self.flow.symbols == TRADED or self._calls.quiet is not None
        return tuple(one for one in self._calls.named_by if needed and one.feeds.name not in self.flow.datasets)

    def _walks(self, symbols: Collection[str]) -> Iterator[Cost]:
        """Orders of each symbol of which there may be news, and fills of those that were never walked."""
        quiet = quiet_symbols(self.lake, self.flow.account, self.market, self.now)
        for walk in filter(None, (self._calls.orders, self._calls.algo_orders, self._calls.fills)):
            of = {"account": self.flow.account, "market": self.market}
            stands = stands_of(self.lake, walk.feeds, **of)
            meant = {*symbols} - quiet if walk is self._calls.orders else {*symbols}
            if walk is self._calls.algo_orders and self.flow.symbols == TRADED:
                meant |= stands.keys()  # one may wait in a symbol that was never traded
            series = [Series.of(walk.feeds, **of, symbol=one) for one in to_ask(meant, stands, self.now)]
            bounds = self.lake.table(walk.feeds).bounds()
            mark = "until" if isinstance(walk.walk, SymbolWindows) else "until_id"
            due = [one for one in series if walk is not self._calls.fills or one.bound(mark, bounds) is None]
            asked = windows_due(walk, due, bounds, self.now) if isinstance(walk.walk, SymbolWindows) else len(due)
            yield from _some(f"{walk.feeds.name} by symbol", asked, walk, _ON_TOP)

    def _of_named(self, once: Sequence[int]) -> Outlook:
        flow, symbols = self.flow, self.flow.symbols or ()
        walked = walked_symbols(self.lake, flow.account, self.market, flow.datasets)
        new = sum(1 for symbol in symbols if symbol not in walked)
        fills = self._calls.fills
        orders = self._orders(len(symbols))
        costs = (
            orders,
            *self._dropped(symbols, self.now),
            *_some("fills of symbols never walked", new if fills.feeds.name in flow.datasets else 0, fills, _ON_TOP),
        )
        note = f"Of {new:,} symbols nothing is stored yet. {self._unknown}" if new else ""
        return self._outlook(once, costs, orders.weight, note)

    def _of_traded(self, once: Sequence[int], now: int) -> Outlook:
        found = survey(self.lake, self.flow.account, self.market, now)
        orders, never = self._orders(_heats(found)[Heat.TRADED]), len(found.never)
        again = min(len(found.again), most_again(self.flow, self.market, self.config.budget))
        fills = self._calls.fills
        costs = (
            orders,
            *self._dropped(None, now),
            *_some("symbols never looked at", never, fills, _ON_TOP),
            *_some("symbols looked at again", again, fills, f"within {self.flow.discovery:.0%} of the budget"),
        )
        note = f"It finds which of {never:,} symbols are traded. {self._unknown} {self._later}" if never else ""
        return self._outlook(once, costs, orders.weight + self._steady(found), note)

    def _outlook(self, once: Sequence[int], costs: Sequence[Cost], steady: int, note: str) -> Outlook:
        """These costs, and what every run asks: what is open, and what is new among the lists."""
        calls = (self._calls.open_orders, self._calls.order_lists)
        always = tuple(call.cost({}) for call in calls if call is not None)
        pool, steady = self._calls.orders.pool, steady + sum(always)
        return Outlook(pool=pool, once=(*always, *once), costs=tuple(costs), steady=steady, note=note)

    def _orders(self, count: int) -> Cost:
        return _cost("orders by symbol", count, self._calls.orders, "more where orders are new")

    def _dropped(self, symbols: Collection[str] | None, now: int) -> list[Cost]:
        found = doubts(self.lake, self.flow.account, self.market, symbols, now)
        asked = sum(1 for one in found if one.orders)
        return _some("orders that ended unfilled", asked, self._calls.orders, "which of them the exchange dropped")

    def _steady(self, found: Survey) -> int:
        """The weight of looking again, spread over all runs."""
        heats, period = _heats(found), self.flow.period(datetime.now(UTC)) or UNSCHEDULED
        rounds = {Heat.WARM: WARM_US, Heat.COLD: COLD_US}
        due = sum(heats[heat] * (period / timedelta(microseconds=length)) for heat, length in rounds.items())
        return round(due * self._calls.fills.cost({}))

    @property
    def _calls(self) -> TradingCalls:
        return calls_of(self.market)

    @property
    def _unknown(self) -> str:
        orders, fills = self._calls.orders.cost({}), self._calls.fills.cost({})
        return (
            "What the account did there comes on top and is known only when it comes: "
            f"{orders} weight a thousand orders, {fills} a thousand fills."
        )

    @property
    def _later(self) -> str:
        has_archive = {"archive", "archive_list"} <= resolve(self.config.exchange).urls.keys()
        archived = " Symbols that only the archive names are looked at as well, at 20 weight each."
        found = f"Each one found adds {self._calls.orders.cost({})} to every later run."
        return found + (archived if has_archive else "")


def _heats(found: Survey) -> Counter[Heat]:
    return Counter(candidate.heat for candidate in found.candidates)


def _some(series: str, requests: int, endpoint: Endpoint, note: str) -> list[Cost]:
    return [_cost(series, requests, endpoint, note)] if requests else []


def _cost(series: str, requests: int, endpoint: Endpoint, note: str) -> Cost:
    return Cost(series=series, requests=requests, weight=requests * endpoint.cost({}), rows=0, note=note)
