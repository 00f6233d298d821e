"""What bringing an account's orders and fills up to date will take, and what each later run will."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.binance.budget import Budget, default_path
from connectors.binance.client import Client
from connectors.binance.endpoints.model import Endpoint
from connectors.binance.sites import resolve
from connectors.lake import Lake
from pipelines.candles.windows import Cost
from pipelines.context.progress import Silent
from pipelines.context.run_log import Journal
from pipelines.context.session import Session
from pipelines.estimate.outlook import Outlook
from pipelines.pull import symbols as listing
from pipelines.pull.symbol_selection import asked_to_choose
from pipelines.trading.calls import SPOT_MARKET, calls_of
from pipelines.trading.cursors import stands_of
from pipelines.trading.flow import UNSCHEDULED, most_again
from pipelines.trading.retention import doubts
from pipelines.trading.symbol_discovery import COLD_US, WARM_US, Heat, Survey, survey
from schemas.config.flows import TRADED, AccountFlow, FlowsFile
from schemas.datasets.orders import FILLS, ORDERS

_CALLS = calls_of(SPOT_MARKET)
_ON_TOP = "what is found comes on top"
_UNKNOWN = (
    "What the account did there comes on top and is known only when it comes: "
    f"{_CALLS.orders.cost({})} weight a thousand orders, {_CALLS.fills.cost({})} a thousand fills."
)
_LATER = f"Each one found adds {_CALLS.orders.cost({})} to every later run."


# What is open, and what is new among the lists.
_EVERY_RUN = tuple(call.cost({}) for call in (_CALLS.open_orders, _CALLS.order_lists) if call is not None)


async def outlook(config: FlowsFile, flow: AccountFlow, state: Path | None, now: int) -> Outlook:
    """What a run will ask for each symbol. Asks the exchange for its listing when the stored one is old."""
    if flow.symbols != TRADED:
        return await asyncio.to_thread(_of_named, config.lake, flow, now)
    now = await _have_listing(config, state)
    return await asyncio.to_thread(_of_traded, config, flow, now)


async def _have_listing(config: FlowsFile, state: Path | None) -> int:
    """Have every symbol in the lake, and return the exchange's time."""
    site = resolve(config.exchange)
    lake = await asyncio.to_thread(Lake.open, config.lake, site.environment)
    budget = Budget(state or default_path(), site.environment, share=config.budget)
    async with Client(site, budget) as client:
        session = Session(lake=lake, client=client, journal=Journal("plan"), progress=Silent())
        await listing.listing(session, SPOT_MARKET)
        return client.now_us()


def _outlook(once: Sequence[int], costs: Sequence[Cost], steady: int, note: str) -> Outlook:
    steady += sum(_EVERY_RUN)
    return Outlook(pool=_CALLS.orders.pool, once=(*_EVERY_RUN, *once), costs=tuple(costs), steady=steady, note=note)


def _of_named(path: Path, flow: AccountFlow, now: int) -> Outlook:
    symbols = flow.symbols or ()
    lake = Lake.at(path) if (path / "lake.json").exists() else None
    new = [symbol for symbol in symbols if symbol not in _walked(lake, flow)]
    orders = _by_symbol(len(symbols))
    costs = (
        orders,
        *_dropped(lake, flow, symbols, now),
        *_some("fills of symbols never walked", len(new) if "fills" in flow.datasets else 0, _CALLS.fills, _ON_TOP),
    )
    listing = asked_to_choose(lake, SPOT_MARKET, tuple(symbols), now, listed=flow.valuation is not None)
    note = f"Of {len(new):,} symbols nothing is stored yet. {_UNKNOWN}" if new else ""
    return _outlook([one.cost({}) for one in listing], costs, orders.weight, note)


def _walked(lake: Lake | None, flow: AccountFlow) -> Collection[str]:
    """The symbols of which whatever there was is known."""
    last, mark = (FILLS, "probed_at") if "fills" in flow.datasets else (ORDERS, "revision")
    stands = stands_of(lake, last, flow.account, SPOT_MARKET) if lake else {}
    return [symbol for symbol, stand in stands.items() if mark in stand]


def _of_traded(config: FlowsFile, flow: AccountFlow, now: int) -> Outlook:
    lake = Lake.at(config.lake)
    found = survey(lake, flow.account, SPOT_MARKET, now)
    heats = Counter(candidate.heat for candidate in found.candidates)
    orders, never = _by_symbol(heats[Heat.TRADED]), len(found.never)
    again = min(len(found.again), most_again(flow, SPOT_MARKET, config.budget))
    costs = (
        orders,
        *_dropped(lake, flow, None, now),
        *_some("symbols never looked at", never, _CALLS.fills, _ON_TOP),
        *_some("symbols looked at again", again, _CALLS.fills, f"within {flow.discovery:.0%} of the budget"),
    )
    note = f"It finds which of {never:,} symbols are traded. {_UNKNOWN} {_LATER}{_archived(config)}" if never else ""
    return _outlook((), costs, orders.weight + _steady(found, flow), note)


def _archived(config: FlowsFile) -> str:
    has_archive = {"archive", "archive_list"} <= resolve(config.exchange).urls.keys()
    return " Symbols that only the archive names are looked at as well, at 20 weight each." if has_archive else ""


def _by_symbol(count: int) -> Cost:
    return _cost("orders by symbol", count, _CALLS.orders, "more where orders are new")


def _dropped(lake: Lake | None, flow: AccountFlow, symbols: Collection[str] | None, now: int) -> list[Cost]:
    found = doubts(lake, flow.account, SPOT_MARKET, symbols, now) if lake else []
    asked = sum(1 for one in found if one.orders)
    return _some("orders that ended unfilled", asked, _CALLS.orders, "which of them the exchange dropped")


def _some(series: str, requests: int, endpoint: Endpoint, note: str) -> list[Cost]:
    return [_cost(series, requests, endpoint, note)] if requests else []


def _cost(series: str, requests: int, endpoint: Endpoint, note: str) -> Cost:
    return Cost(series=series, requests=requests, weight=requests * endpoint.cost({}), rows=0, note=note)


def _steady(found: Survey, flow: AccountFlow) -> int:
    """The weight of looking again, spread over all runs."""
    heats = Counter(candidate.heat for candidate in found.candidates)
    period = flow.period(datetime.now(UTC)) or UNSCHEDULED
    rounds = {Heat.WARM: WARM_US, Heat.COLD: COLD_US}
    due = sum(heats[heat] * (period / timedelta(microseconds=length)) for heat, length in rounds.items())
    return round(due * _CALLS.fills.cost({}))
