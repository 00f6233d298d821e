"""What a run of a flow will take, before it is started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connectors.binance.endpoints.model import ById, Endpoint, SymbolWindows, Whole, Windows
from connectors.binance.key_guard import asked_of_key
from connectors.binance.pools import FUTURES
from connectors.binance.sites import resolve
from connectors.lake import Lake
from pipelines.estimate.candles import BYTES_PER_CANDLE
from pipelines.estimate.files import quota_note
from pipelines.estimate.ledgers import ledger_outlook
from pipelines.estimate.market import MarketPlan
from pipelines.estimate.outlook import Cost, Outlook, minutes, share_asking
from pipelines.estimate.trading import TradingPlan
from pipelines.estimate.trial import trial_lake
from pipelines.estimate.upkeep import upkeep_outlooks
from pipelines.pull.absence import due
from pipelines.pull.resting import rests
from pipelines.pull.snapshot import fixed_series
from pipelines.pull.symbol_selection import asked_to_choose
from pipelines.runs.registry import Unit, Window, units_of
from pipelines.runs.run import history_of
from pipelines.settings.loader import flow_named
from pipelines.store.looks import Looks, looks_due
from pipelines.trading.calls import calls_of
from schemas.config.flows import AccountFlow, Flow, FlowsFile, MaintenanceFlow
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


async def plan_flows(
    config: FlowsFile,
    names: Sequence[str],
    window: Window | None = None,
    state: Path | None = None,
    clock: Callable[[], int] = wall_clock,
) -> list[FlowPlan]:
    """Plan a run of each flow; store nothing. Asks the exchange for a listing only where the choice of symbols does."""
    with trial_lake(config) as lake:
        return [await _planned(config, name, _Look(config, lake, window, state, clock())) for name in names]


async def _planned(config: FlowsFile, name: str, look: _Look) -> FlowPlan:
    flow = flow_named(config, name)
    found, share = await look.outlooks(name), config.budget
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
        note=" ".join(dict.fromkeys(one.note for one in found if one.note)),
        warning=_warning(flow, steady, minutes([(one.pool, one.steady) for one in found], share)),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """What all flows of a plan are looked at with."""

    config: FlowsFile
    lake: Lake
    window: Window | None
    state: Path | None
    now: int

    async def outlooks(self, name: str) -> list[Outlook]:
        """What the run of a flow will request, dataset by dataset."""
        flow = flow_named(self.config, name)
        units = history_of(name, flow) if self.window else units_of(name, flow)
        found = list[Outlook]()
        if isinstance(flow, MaintenanceFlow):
            return await asyncio.to_thread(upkeep_outlooks, self.config, self.lake, self.now)
        if isinstance(flow, AccountFlow):
            found += [Outlook(pool=one.pool, once=(one.cost({}),), steady=one.cost({})) for one in asked_of_key()]
            found += await self._of_account(flow, [unit for unit in units if unit.account is not None])
        listed = any(unit.account is not None and _reads_listing(unit) for unit in units)
        for part in dict.fromkeys(unit.of_market for unit in units if unit.of_market is not None):
            market = MarketPlan(
                config=self.config, lake=self.lake, flow=part, window=self.window, state=self.state, now=self.now,
                listed=listed,
            )  # fmt: skip
            found += await market.outlooks([unit for unit in units if unit.of_market == part])
            listed = True
        return found

    async def _of_account(self, flow: AccountFlow, units: Sequence[Unit]) -> list[Outlook]:
        found, markets = list[Outlook](), set[str]()
        served = resolve(self.config.exchange).urls
        looks = await asyncio.to_thread(looks_due, self.lake, flow.account, self.now)
        for endpoint in (endpoint for unit in units for endpoint in unit.endpoints if endpoint.family in served):
            match endpoint.walk:
                case Windows():
                    found.append(await asyncio.to_thread(ledger_outlook, self.lake, endpoint, flow, looks, self.now))
                case ById() | SymbolWindows():
                    markets.add(endpoint.market)  # orders and fills drive one another: planned together
                case _ if await asyncio.to_thread(self._is_due, endpoint, flow):
                    found.append(await asyncio.to_thread(self._of_snapshot, endpoint, flow))
        trading = [
            TradingPlan(config=self.config, lake=self.lake, flow=flow, market=one, state=self.state, now=self.now)
            for one in sorted(markets)
            if (wallet := calls_of(one).wallet) is None or await asyncio.to_thread(self._is_due, wallet, flow)
        ]
        found += await asyncio.to_thread(lambda: [*self._shared(flow, trading, looks)])
        if asked := await asyncio.to_thread(quota_note, self.lake, flow, self.now):
            found.append(Outlook(pool=FUTURES, note=asked))
        return [*found, *[await one.outlook() for one in trading]]

    def _shared(self, flow: AccountFlow, trading: Sequence[TradingPlan], looks: Looks) -> Iterator[Outlook]:
        """What several markets learn from the same ledger or list, which is asked for once."""
        for ledger in dict.fromkeys(ledger for one in trading for ledger in one.ledgers):
            yield ledger_outlook(self.lake, ledger, flow, looks, self.now)
        for listed_in in {one.listed_in for one in trading if one.listed_in} - {one.market for one in trading}:
            for one in asked_to_choose(self.lake, listed_in, (), self.now, listed=False):
                yield Outlook(pool=one.pool, once=(one.cost({}),))

    def _is_due(self, endpoint: Endpoint, flow: AccountFlow) -> bool:
        """Whether a snapshot is asked for: not what was not there within a day."""
        bounds = self.lake.table(endpoint.feeds).bounds()
        series = fixed_series(endpoint, {"account": flow.account})
        return due(series, bounds, self.now)

    def _of_snapshot(self, endpoint: Endpoint, flow: AccountFlow) -> Outlook:
        """What a snapshot takes: nothing while it rests."""
        table, weight = self.lake.table(endpoint.feeds), endpoint.cost({})
        resting = rests(table, endpoint, {"account": flow.account}, self.now, looked=False)
        steady = round(share_asking(endpoint.walked(Whole).rests, flow) * weight)
        return Outlook(pool=endpoint.pool, once=() if resting else (weight,), steady=steady)


def _reads_listing(unit: Unit) -> bool:
    """Whether the list of spot symbols is asked for to pull an account's trading."""
    walked = (row.market for row in unit.endpoints if isinstance(row.walk, ById | SymbolWindows))
    return any(market == "spot" or calls_of(market).listed_in == "spot" for market in walked)


def _warning(flow: Flow, steady: int, minutes: float) -> str:
    period = flow.period(datetime.now(UTC))
    if period is None or minutes <= period.total_seconds() / 60:
        return ""
    return (
        f"Each run needs {steady:,} weight, {minutes:.1f} minutes of the budget, but is due every "
        f"{written_length(period)}: ask for fewer series, or run less often."
    )
