"""What bringing an account's orders and fills up to date will take, and what each later run will."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.binance.budget import Budget, default_path
from connectors.binance.client import Client
from connectors.binance.endpoints import ALL_ORDERS, MY_TRADES
from connectors.binance.sites import resolve
from connectors.lake import Lake
from pipelines import listing
from pipelines.discovery import COLD_US, WARM_US, Heat, Survey, survey
from pipelines.journal import Journal
from pipelines.plan import Cost
from pipelines.progress import Silent
from pipelines.session import Session
from pipelines.standing import stands_of
from pipelines.trading import SPOT_MARKET, UNSCHEDULED, most_again
from schemas.config import TRADED, AccountFlow, FlowsFile
from schemas.orders import FILLS


@dataclass(frozen=True, slots=True)
class Outlook:
    """The costs of the next run by kind of work, and the weight of each later one beside what every run asks."""

    costs: tuple[Cost, ...]
    steady_weight: int


async def outlook(config: FlowsFile, flow: AccountFlow, state: Path | None) -> Outlook:
    """What a run will ask for each symbol. Asks the exchange for its listing when the stored one is old."""
    if flow.symbols != TRADED:
        return await asyncio.to_thread(_of_named, config.lake, flow)
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


def _of_named(path: Path, flow: AccountFlow) -> Outlook:
    symbols = flow.symbols or ()
    lake = Lake.at(path) if (path / "lake.json").exists() else None
    walked = stands_of(lake, FILLS, flow.account, SPOT_MARKET) if lake else {}
    new = [symbol for symbol in symbols if symbol not in walked] if "fills" in flow.datasets else []
    orders = _orders(len(symbols))
    return Outlook((orders, *_probes(("symbols never walked", len(new), "more where there are fills"))), orders.weight)


def _of_traded(config: FlowsFile, flow: AccountFlow, now: int) -> Outlook:
    found = survey(Lake.at(config.lake), flow.account, SPOT_MARKET, now)
    heats = Counter(candidate.heat for candidate in found.candidates)
    orders = _orders(heats[Heat.TRADED])
    again = min(len(found.again), most_again(flow, config.budget))
    probes = _probes(
        ("symbols never looked at", len(found.never), "more where there are fills"),
        ("symbols looked at again", again, f"within {flow.discovery:.0%} of the budget"),
    )
    return Outlook((orders, *probes), orders.weight + _steady(found, flow))


def _orders(count: int) -> Cost:
    weight = count * ALL_ORDERS.cost({})
    return Cost(series="orders by symbol", requests=count, weight=weight, rows=0, note="more where orders are new")


def _probes(*kinds: tuple[str, int, str]) -> list[Cost]:
    weight = MY_TRADES.cost({})
    return [Cost(series=name, requests=n, weight=n * weight, rows=0, note=note) for name, n, note in kinds if n]


def _steady(found: Survey, flow: AccountFlow) -> int:
    """The weight of looking again, spread over all runs."""
    heats = Counter(candidate.heat for candidate in found.candidates)
    period = flow.period(datetime.now(UTC)) or UNSCHEDULED
    rounds = {Heat.WARM: WARM_US, Heat.COLD: COLD_US}
    due = sum(heats[heat] * (period / timedelta(microseconds=length)) for heat, length in rounds.items())
    return round(due * MY_TRADES.cost({}))
