"""What a run of a flow will take, before it is started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.binance.endpoints.model import ById, Windows
from connectors.binance.key_guard import asked_of_key
from pipelines.estimate.candles import BYTES_PER_CANDLE
from pipelines.estimate.ledgers import ledger_outlook
from pipelines.estimate.market import MarketPlan, lake_at
from pipelines.estimate.outlook import Cost, Outlook, minutes
from pipelines.estimate.trading import TradingPlan
from pipelines.runs.registry import Unit, Window, units_of
from pipelines.runs.run import history_of
from pipelines.settings.loader import flow_named
from schemas.config.flows import AccountFlow, Flow, FlowsFile, market_part
from schemas.config.values import written_length
from schemas.model.instants import wall_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPlan:
    """What a run of one flow will take, and what each later run will."""

    flow: str
    series: tuple[Cost, ...]
    requests: int
    weight: int
    minutes: float  # at the usable share of the exchange's limits
    files: int
    download_bytes: int
    rows: int
    bytes: int
    steady_weight: int
    note: str = ""  # what comes on top that cannot be known yet
    warning: str = ""  # that a run takes longer than the schedule allows

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


async def plan_flow(
    config: FlowsFile,
    name: str,
    window: Window | None = None,
    state: Path | None = None,
    clock: Callable[[], int] = wall_clock,
) -> FlowPlan:
    """Plan a run of a flow. Asks the exchange for its listing only where the choice of symbols needs it."""
    flow = flow_named(config, name)
    found, share = await _outlooks(config, name, window, state, clock()), config.budget
    costs = tuple(cost for one in found for cost in one.costs)
    steady, rows = sum(one.steady for one in found), sum(one.rows for one in costs)
    return FlowPlan(
        flow=name,
        series=costs,
        requests=sum(one.requests for one in found),
        weight=sum(one.weight for one in found),
        minutes=round(minutes([(one.pool, one.weight) for one in found], share), 2),
        files=sum(one.files for one in costs),
        download_bytes=sum(one.download_bytes for one in costs),
        rows=rows,
        bytes=rows * BYTES_PER_CANDLE,
        steady_weight=steady,
        note=" ".join(filter(None, (one.note for one in found))),
        warning=_warning(flow, steady, minutes([(one.pool, one.steady) for one in found], share)),
    )


async def _outlooks(config: FlowsFile, name: str, window: Window | None, state: Path | None, now: int) -> list[Outlook]:
    """What the run will request, dataset by dataset."""
    flow = flow_named(config, name)
    units = history_of(name, flow) if window else units_of(name, flow)
    found = list[Outlook]()
    if isinstance(flow, AccountFlow):
        found += [Outlook(pool=one.pool, once=(one.cost({}),), steady=one.cost({})) for one in asked_of_key()]
        found += await _of_account(config, flow, [unit for unit in units if unit.account is not None], state, now)
    if (part := market_part(flow)) is not None:
        market = MarketPlan(config=config, name=name, flow=part, window=window, state=state, now=now)
        found += await market.outlooks([unit for unit in units if unit.account is None])
    return found


async def _of_account(
    config: FlowsFile, flow: AccountFlow, units: Sequence[Unit], state: Path | None, now: int
) -> list[Outlook]:
    found, lake, markets = list[Outlook](), await asyncio.to_thread(lake_at, config.lake), set[str]()
    for unit in units:
        match unit.endpoint.walk:
            case Windows():
                found.append(await asyncio.to_thread(ledger_outlook, lake, unit.endpoint, flow, now))
            case ById():
                markets.add(unit.endpoint.market)  # what is walked by id drives one another, and is planned together
            case _:
                weight = unit.endpoint.cost({})
                found.append(Outlook(pool=unit.endpoint.pool, once=(weight,), steady=weight))
    trading = (TradingPlan(config=config, flow=flow, market=one, state=state, now=now) for one in sorted(markets))
    return [*found, *[await one.outlook() for one in trading]]


def _warning(flow: Flow, steady: int, minutes: float) -> str:
    period = flow.period(datetime.now(UTC))
    if period is None or minutes <= period.total_seconds() / 60:
        return ""
    return (
        f"Each run needs {steady:,} weight, {minutes:.1f} minutes of the budget, but is due every "
        f"{written_length(period)}: ask for fewer series, or run less often."
    )
