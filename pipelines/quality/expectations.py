"""What a file promises: which series its flows pull how often, and how old the keys of its accounts may grow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import product

from connectors.lake import Lake
from pipelines.quality.checks import KeyTerms, Schedule
from pipelines.settings.credentials import unset_secret
from schemas.config.flows import AccountFlow, Flow, FlowsFile, MarketFlow, market_part
from schemas.datasets import DATASETS


def schedules(config: FlowsFile, lake: Lake, now: datetime) -> Iterator[Schedule]:
    """The promise of every flow that has a schedule; an account that never could be read promises nothing."""
    for name, flow in config.flows.items():
        every_s = _every_s(flow, now)
        if every_s is None:
            continue
        if isinstance(flow, AccountFlow):
            if flow.account not in lake.accounts and unset_secret(config, name):
                continue
            for dataset in flow.datasets:
                yield Schedule(flow=name, dataset=dataset, account=flow.account, every_s=every_s)
        if (part := market_part(flow)) is not None:
            yield from _of_market(name, part, every_s)


def key_terms(config: FlowsFile) -> Iterator[KeyTerms]:
    """How old the key of each account may grow."""
    for name, account in config.accounts.items():
        yield KeyTerms(
            account=name,
            max_age_s=int(account.rotate_every.total_seconds()),
            notice_s=int(account.expiry_notice.total_seconds()),
        )


def _every_s(flow: Flow, now: datetime) -> int | None:
    """The longest time between two runs around now: a cron line may pause over night or a weekend."""
    last = flow.last_due(now)
    before = flow.last_due(last) if last is not None else None
    if last is None or before is None:
        return None
    return int(max(last - before, now - last).total_seconds())


def _of_market(name: str, flow: MarketFlow, every_s: int) -> Iterator[Schedule]:
    symbols = flow.symbols if isinstance(flow.symbols, tuple) else (None,)
    for dataset in flow.datasets:
        by_interval = "interval" in DATASETS[dataset].series
        for symbol, interval in product(symbols, flow.intervals) if by_interval else [(None, None)]:
            yield Schedule(
                flow=name, dataset=dataset, market=flow.market, symbol=symbol, interval=interval, every_s=every_s
            )
