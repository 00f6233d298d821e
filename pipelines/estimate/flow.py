"""What a run of a flow will take, before it is started."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.endpoints import spot, wallet
from connectors.binance.endpoints.model import Endpoint
from connectors.binance.pools import SPOT
from connectors.binance.sites import resolve
from connectors.lake import Lake
from pipelines.archive.inventory import Shelf, shelf_of
from pipelines.candles.coverage import LAG_US, Walk
from pipelines.candles.windows import BYTES_PER_CANDLE, Cost, cost, reach, worth_a_look
from pipelines.context.progress import Silent
from pipelines.estimate.ledgers import ledger_costs
from pipelines.estimate.trading import outlook
from pipelines.pull.snapshot import question
from pipelines.pull.symbols import Listing, known
from pipelines.runs.registry import Window
from pipelines.runs.run import archive_for, open_run
from pipelines.settings.loader import flow_named
from pipelines.store.candles import series_of
from pipelines.store.gaps import load_gaps
from pipelines.store.rows import micros
from schemas.config.flows import AccountFlow, Flow, FlowsFile, MarketFlow
from schemas.datasets.market import KLINES
from schemas.model.series import Series

# What one run asks for besides candles, by dataset.
_ONCE: dict[str, tuple[Endpoint, ...]] = {
    "symbols": (spot.EXCHANGE_INFO,),
    "prices": (spot.PRICE,),
    "tickers": (spot.TICKER_24H,),
    "balances": (spot.ACCOUNT,),
    "orders": (spot.OPEN_ORDERS, spot.ALL_ORDER_LISTS),
}
_KEY = (spot.ACCOUNT, wallet.API_RESTRICTIONS)  # what tells whose key it is, and what it may do


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPlan:
    """What a run of one flow will take, and what each later run will.

    `minutes` is at the usable share of the exchange's limits; each ledger has one of its own. `note` says what comes on
    top that cannot be known yet, `warning` when a run takes longer than the schedule allows.
    """

    flow: str
    series: tuple[Cost, ...]
    requests: int
    weight: int
    minutes: float
    files: int
    download_bytes: int
    rows: int
    bytes: int
    steady_weight: int
    note: str = ""
    warning: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


async def plan_flow(config: FlowsFile, name: str, window: Window | None = None, state: Path | None = None) -> FlowPlan:
    """Plan a run of a flow. Asks the exchange for its listing only where the choice of symbols needs it."""
    flow = flow_named(config, name)
    once = [_weight(endpoint, flow) for endpoint in _once(flow)]
    series, steady, note = tuple[Cost, ...](), 0, ""
    if isinstance(flow, MarketFlow) and "klines" in flow.datasets:
        series = await _costs(config, flow, await _symbols(config, name, flow, window, state), window)
        steady = len(series) * spot.KLINES.cost({})  # one request a series once everything is up to date
    elif isinstance(flow, AccountFlow) and flow.symbols is not None:
        ahead = await outlook(config, flow, state)
        series, steady, note = ahead.costs, ahead.steady_weight, ahead.note
    ledgers = await asyncio.to_thread(ledger_costs, config.lake, flow) if isinstance(flow, AccountFlow) else []
    usable = SPOT.limit * config.budget
    steady += sum(once)
    weight = sum(once) + sum(one.weight for one in series)
    minutes = max([weight / usable, *(one.minutes(config.budget) for one in ledgers)])
    steady_minutes = max([steady / usable, *(one.steady_minutes(config.budget) for one in ledgers)])
    series = (*series, *(one.cost for one in ledgers))
    rows = sum(one.rows for one in series)
    return FlowPlan(
        flow=name,
        series=series,
        requests=len(once) + sum(one.requests for one in series),
        weight=weight + sum(one.cost.weight for one in ledgers),
        minutes=round(minutes, 2),
        files=sum(one.files for one in series),
        download_bytes=sum(one.download_bytes for one in series),
        rows=rows,
        bytes=rows * BYTES_PER_CANDLE,
        steady_weight=steady,
        note=note,
        warning=_warning(flow, steady, steady_minutes),
    )


def _weight(endpoint: Endpoint, flow: Flow) -> int:
    """What one call costs: a short list of symbols is asked for by name where that is cheaper."""
    listed = flow.symbols if isinstance(flow, MarketFlow) and isinstance(flow.symbols, tuple) else None
    return endpoint.cost(question(endpoint, listed))


def _once(flow: Flow) -> list[Endpoint]:
    """What a run asks whatever the lake holds."""
    datasets = flow.datasets if isinstance(flow, MarketFlow | AccountFlow) else ()
    key = _KEY if isinstance(flow, AccountFlow) else ()
    return [*key, *(endpoint for dataset in datasets for endpoint in _ONCE.get(dataset, ()))]


class _Symbols(NamedTuple):
    """The symbols meant, and which of them are delisted, or known to the archive alone, as far as that was seen."""

    names: Sequence[str]
    delisted: frozenset[str]
    forgotten: frozenset[str]


async def _symbols(
    config: FlowsFile, name: str, flow: MarketFlow, window: Window | None, state: Path | None
) -> _Symbols:
    wanted = window.symbols if window and window.symbols else flow.symbols
    if isinstance(wanted, tuple):
        book = await asyncio.to_thread(_stored_listing, config.lake, flow.market)
        return _Symbols(wanted, book.delisted, book.forgotten(symbol for symbol in wanted if symbol in book.rows))
    async with open_run(config, name, progress=Silent(), stop=asyncio.Event(), window=window, state=state) as run:
        chosen = await run.symbols()
        return _Symbols(chosen.names, chosen.delisted, chosen.forgotten)


def _stored_listing(lake_path: Path, market: str) -> Listing:
    lake = _lake(lake_path)
    return known(lake, market) if lake else Listing({})


async def _costs(config: FlowsFile, flow: MarketFlow, symbols: _Symbols, window: Window | None) -> tuple[Cost, ...]:
    moment = window.since if window else flow.since
    assert moment is not None  # noqa: S101 - the model of flows.yaml asks for it
    since, now = micros(moment), micros(datetime.now(UTC))
    end = micros(window.until) if window and window.until else now - LAG_US
    walks = await asyncio.to_thread(_walks, config.lake, flow, symbols)
    ends = {walk.series: reach(walk, end, now) for walk in walks}
    far = [walk for walk in walks if worth_a_look(walk, since, ends[walk.series], flow.source)]
    shelves = await _shelves(config, flow, far, since)
    weight = spot.KLINES.cost({})
    return tuple(cost(one, since, ends[one.series], weight, shelves.get(one.series)) for one in walks)


def _walks(lake_path: Path, flow: MarketFlow, symbols: _Symbols) -> list[Walk]:
    lake = _lake(lake_path)
    bounds = lake.table(KLINES).bounds() if lake else {}
    gaps = load_gaps(lake, KLINES) if lake else {}
    series = series_of(flow.market, symbols.names, flow.intervals)
    return [
        Walk(
            one,
            one.bound("since", bounds),
            one.bound("until", bounds),
            delisted=one["symbol"] in symbols.delisted,
            forgotten=one["symbol"] in symbols.forgotten,
            gaps=gaps.get(one, {}),
        )
        for one in series
    ]


def _lake(path: Path) -> Lake | None:
    """The lake; one that is not there yet holds nothing."""
    return Lake.at(path) if (path / "lake.json").exists() else None


async def _shelves(config: FlowsFile, flow: MarketFlow, far: Sequence[Walk], since: int) -> dict[Series, Shelf]:
    """What the archive holds of the series of which much is missing."""
    async with archive_for(resolve(config.exchange), flow) as archive:
        if archive is None:
            return {}
        visits = [shelf_of(archive, one.series, since, only=one.forgotten) for one in far]
        shelves = await asyncio.gather(*visits, return_exceptions=True)
    found = {}
    for walk, shelf in zip(far, shelves, strict=True):
        if isinstance(shelf, Shelf):
            if shelf.files or shelf.only:
                found[walk.series] = shelf
        elif walk.forgotten or flow.source == "archive" or not isinstance(shelf, ArchiveTrouble):
            raise shelf
    return found  # what the archive cannot be asked for is priced as the run would fetch it: over REST


def _warning(flow: Flow, steady: int, minutes: float) -> str:
    period = flow.period(datetime.now(UTC))
    if period is None or minutes <= period.total_seconds() / 60:
        return ""
    return (
        f"Each run needs {steady:,} weight, {minutes:.1f} minutes of the budget, but is due every "
        f"{period.total_seconds() / 60:g} minutes: ask for fewer series, or run less often."
    )
