"""What a file promises: which series its flows pull how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

from connectors.binance.archive.layouts import LAYOUTS
from connectors.binance.endpoints.model import Windows
from connectors.lake import Lake
from pipelines.archive.inventory import PUBLISHED_US
from pipelines.pull.symbols import by_symbol
from pipelines.quality.checks import Schedule
from pipelines.runs.registry import Unit, units_of
from pipelines.settings.credentials import unset_secret
from schemas.config.flows import AccountFlow, Flow, FlowsFile, MaintenanceFlow
from schemas.datasets import DATASETS

_PUBLISHED = timedelta(microseconds=PUBLISHED_US)
_MONTHLY = timedelta(days=31 + 7)  # files of a month come on the first Monday of the next one


def schedules(config: FlowsFile, lake: Lake, now: datetime) -> Iterator[Schedule]:
    """The promise of every flow that has a schedule; an account that never could be read promises nothing."""
    for name, flow in config.flows.items():
        period = _period(flow, now)
        if period is None or isinstance(flow, MaintenanceFlow):
            continue
        if isinstance(flow, AccountFlow) and flow.account not in lake.accounts and unset_secret(config, name):
            continue
        for unit in units_of(name, flow):
            yield from _of_unit(unit, period)


def _period(flow: Flow, now: datetime) -> timedelta | None:
    """The longest time between two runs around now: a cron line may pause over night or a weekend."""
    last = flow.last_due(now)
    before = flow.last_due(last) if last is not None else None
    if last is None or before is None:
        return None
    return max(last - before, now - last)


def _of_unit(unit: Unit, period: timedelta) -> Iterator[Schedule]:
    """What a unit promises of each of its markets, and of each series of candles by name."""
    market = unit.of_market
    if market is not None and market.of_account:
        return  # the lake alone says which symbols it values by
    rests = [max(row.walk.rests, row.walk.quiet) for row in unit.endpoints if isinstance(row.walk, Windows)]
    if market is not None and (market.source == "archive" or unit.by_file):
        if not isinstance(market.symbols, tuple):
            return  # nobody says which of all symbols there ever were still get files
        rests.append(_PUBLISHED / 2)  # two periods may pass
        if not LAYOUTS[unit.dataset, market.market].daily:
            rests.append((_PUBLISHED + _MONTHLY) / 2)
    every_s = int(max([period, *rests]).total_seconds())
    promise = Schedule(flow=unit.flow, dataset=unit.dataset, market=unit.market, account=unit.account, every_s=every_s)
    if market is None:
        yield from [promise] if unit.endpoints else []
        return
    by_name = by_symbol(unit.dataset, market.market)
    symbols = market.symbols if by_name and isinstance(market.symbols, tuple) else (None,)
    by_interval = "interval" in DATASETS[unit.dataset].series
    for symbol, interval in product(symbols, market.intervals) if by_interval else [(None, None)]:
        yield replace(promise, symbol=symbol, interval=interval)
