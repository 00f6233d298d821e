"""What may be asked of the exchange. One row per endpoint; whatever is not a row here is never sent."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.binance.endpoints import coinm, spot, usdm, wallet, wallets
from connectors.binance.endpoints.model import Endpoint
from schemas.datasets import with_role
from schemas.model.dataset import Role
from schemas.model.series import Series

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    row for family in (spot, wallet, usdm, coinm, wallets) for row in vars(family).values() if isinstance(row, Endpoint)
)


def _feeding() -> dict[tuple[str, str], tuple[Endpoint, ...]]:
    found: dict[tuple[str, str], tuple[Endpoint, ...]] = {}
    for row in ENDPOINTS:
        if row.walk is not None:
            place = row.feeds.name, row.market
            found[place] = (*found.get(place, ()), row)
    return found


FEEDING: Mapping[tuple[str, str], tuple[Endpoint, ...]] = _feeding()
"""Where each dataset is pulled from, by its name and the market; the constants of several rows tell them apart."""


def feeding(series: Series) -> Endpoint:
    """Where a series of a market is pulled from."""
    (row,) = FEEDING[series.dataset.name, series["market"]]
    return row


def serving(role: Role, market: str) -> Endpoint:
    """Where the dataset of a market that plays a role is pulled from."""
    (row,) = FEEDING[with_role(role).name, market]
    return row


ALLOWED = frozenset((endpoint.method, endpoint.path) for endpoint in ENDPOINTS)

CLOCKS: Mapping[str, Endpoint] = {
    "spot": spot.TIME,
    "wallet": spot.TIME,
    "usdm": usdm.TIME,
    "coinm": coinm.TIME,
}
"""Which call shows the clock of the host that serves a family; wallet calls live on the spot host."""
