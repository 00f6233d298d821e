"""What may be asked of the exchange. One row per endpoint; whatever is not a row here is never sent."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.binance.endpoints import spot, usdm, wallet
from connectors.binance.endpoints.model import Endpoint
from schemas.datasets import with_role
from schemas.model.dataset import Role
from schemas.model.series import Series

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    row for family in (spot, wallet, usdm) for row in vars(family).values() if isinstance(row, Endpoint)
)

FEEDING: Mapping[tuple[str, str], Endpoint] = {
    (row.feeds.name, row.market): row for row in ENDPOINTS if row.walk is not None
}
"""Where each dataset is pulled from, by its name and the market."""


def feeding(series: Series) -> Endpoint:
    """Where a series of a market is pulled from."""
    return FEEDING[series.dataset.name, series["market"]]


def serving(role: Role, market: str) -> Endpoint:
    """Where the dataset of a market that plays a role is pulled from."""
    return FEEDING[with_role(role).name, market]


ALLOWED = frozenset((endpoint.method, endpoint.path) for endpoint in ENDPOINTS)

CLOCKS: Mapping[str, Endpoint] = {"spot": spot.TIME, "wallet": spot.TIME, "usdm": usdm.TIME}
"""Which call shows the clock of the host that serves a family; wallet calls live on the spot host."""
