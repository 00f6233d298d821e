"""What a market has of all that a flow may ask for; the endpoints say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.binance.archive.files import has_archive
from connectors.binance.archive.layouts import LAYOUTS
from connectors.binance.endpoints import FEEDING
from connectors.binance.endpoints.model import Endpoint, OnGrid
from schemas.config.flows import (
    AccountFlow,
    AccountSymbols,
    Flow,
    FlowsFile,
    MaintenanceFlow,
    MarketFlow,
    TopSymbols,
)
from schemas.datasets import with_role
from schemas.model.dataset import Role


def family_of(flow: Flow) -> str:
    """The family whose host serves a flow, and whose clock it goes by."""
    match flow:
        case MarketFlow():
            fed = (rows[0].family for (name, market), rows in FEEDING.items() if market == flow.market)
            return next(fed, "spot")
        case AccountFlow() | MaintenanceFlow():
            return "spot"  # the key is looked at there; wallets that live elsewhere have clocks of their own


def by_archive_alone(config: FlowsFile) -> frozenset[str]:
    """The markets of which the flows of a file ask the archive alone; none where an account asks the exchange."""
    if any(isinstance(flow, AccountFlow) for flow in config.flows.values()):
        return frozenset()
    of_markets = [flow for flow in config.flows.values() if isinstance(flow, MarketFlow)]
    asked = {flow.market for flow in of_markets if flow.source != "archive"}
    return frozenset({flow.market for flow in of_markets} - asked)


def lacking(flow: MarketFlow) -> Iterator[tuple[str, str, str]]:
    """What the market of a flow does not have: the key that asks for it, what is wrong, and the way out."""
    market = flow.market
    served = {dataset: rows[0] for (dataset, where), rows in FEEDING.items() if where == market}
    for dataset in flow.datasets:
        yield from _lacking_of(flow, dataset, served)
    if flow.source == "archive":
        yield from _lacking_in_archive(flow)
    if flow.delisted and not any(has_archive(dataset, market) for dataset in flow.datasets):
        yield "delisted", f"the public archive has no {' or '.join(flow.datasets)} of {market}", "Remove it."


def _lacking_of(flow: MarketFlow, dataset: str, served: Mapping[str, Endpoint]) -> Iterator[tuple[str, str, str]]:
    """What the market of a flow does not have of one dataset."""
    market = flow.market
    if dataset not in served and has_archive(dataset, market):
        if flow.source == "rest":
            yield "source", f"{dataset} of {market} come from the public archive alone", "Write source: archive."
        elif flow.source == "auto" and (with_role(Role.LISTING).name, market) not in FEEDING:
            yield "market", f"{market} has nothing but an archive", "Write source: archive."
    elif dataset not in served:
        from_files = [name for name, where in LAYOUTS if where == market and name not in served]
        fed = [name for name in served if served[name].feeds.series[:1] == ("market",)]
        names = ", ".join([*fed, *from_files])
        yield "datasets", f"{market} has no {dataset}", f"It has {names}."
    elif isinstance(walk := served[dataset].walk, OnGrid):
        for interval in flow.intervals:
            if interval not in walk.intervals:
                has = f"It has {', '.join(walk.intervals)}."
                yield "intervals", f"{market} has no {dataset} of {interval}", has


def _lacking_in_archive(flow: MarketFlow) -> Iterator[tuple[str, str, str]]:
    """What a flow that asks the archive alone cannot have."""
    for dataset in flow.datasets:
        if not has_archive(dataset, flow.market):
            away = "Pull it in a flow of its own, or write source: auto."
            yield "datasets", f"the public archive has no {dataset} of {flow.market}", away
    if isinstance(flow.symbols, TopSymbols):
        yield "symbols", "the public archive does not say which symbols are traded most", "Name them, or write all."
    if isinstance(flow.symbols, AccountSymbols):
        yield "symbols", "the public archive does not say which assets a symbol is of", "Name them, or write all."
