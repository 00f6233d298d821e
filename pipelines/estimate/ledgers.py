"""What a run will ask of an account's ledgers: the very windows that the pull walks, counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.binance.endpoints import LEDGERS
from connectors.binance.endpoints.model import Endpoint, Inside
from connectors.lake import Lake
from pipelines.candles.windows import Cost
from pipelines.pull.ledger_windows import instant_us, series_of, windows_of
from pipelines.store.rows import wall_clock
from schemas.config.flows import AccountFlow

_ON_TOP = {
    Inside.SPLIT: "a window with more rows than an answer holds is asked for in halves",
    Inside.OFFSET: "a window with rows takes one more request for each page",
    Inside.PAGES: "a window with rows takes one more request for each page",
}


@dataclass(frozen=True, slots=True)
class LedgerCost:
    """The cost of one ledger, in requests to a pool of its own."""

    endpoint: Endpoint
    cost: Cost
    steady_requests: int

    def minutes(self, share: float) -> float:
        """How long the requests take at the usable share of the pool."""
        return self.cost.weight / (self.endpoint.pool.limit * share)

    def steady_minutes(self, share: float) -> float:
        """How long those of a later run take."""
        return self.steady_requests * self.endpoint.cost({}) / (self.endpoint.pool.limit * share)


def ledger_costs(lake_path: Path, flow: AccountFlow) -> list[LedgerCost]:
    """The cost of every ledger of a flow, as of now."""
    return list(_costs(lake_path, flow, wall_clock()))


def _costs(lake_path: Path, flow: AccountFlow, now: int) -> Iterator[LedgerCost]:
    lake = Lake.at(lake_path) if (lake_path / "lake.json").exists() else None
    since = instant_us(flow.since)
    for endpoint in of_flow(flow):
        bounds = lake.table(endpoint.feeds).bounds() if lake else {}
        asked = sum(window.asks for window in windows_of(endpoint, flow.account, bounds, since, now))
        cost = Cost(
            series=f"{flow.account}/{endpoint.feeds.name}",
            requests=asked,
            weight=asked * endpoint.cost({}),
            rows=0,
            note=_ON_TOP[endpoint.windows.inside],
        )
        yield LedgerCost(endpoint, cost, len(series_of(endpoint, flow.account)))


def of_flow(flow: AccountFlow) -> Iterable[Endpoint]:
    """The endpoints of the ledgers that a flow pulls."""
    return [endpoint for endpoint in LEDGERS if endpoint.feeds.name in flow.datasets]
