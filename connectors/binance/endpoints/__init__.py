"""What may be asked of the exchange. One row per endpoint; whatever is not a row here is never sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from connectors.binance.endpoints import coinm, spot, usdm
from connectors.binance.endpoints.model import Endpoint
from schemas.datasets import with_role
from schemas.model.dataset import Role
from schemas.model.series import Series

_FIRST = ("spot", "wallet")  # as a reader meets them; other modules follow by name


def _modules() -> Iterator[ModuleType]:
    """The modules beside this file: an endpoint that stands there may be asked."""
    found = {module.name for module in iter_modules(__path__)}
    return (import_module(f"{__name__}.{name}") for name in (*_FIRST, *sorted(found - {*_FIRST})))


ENDPOINTS: tuple[Endpoint, ...] = tuple(
    dict.fromkeys(row for module in _modules() for row in vars(module).values() if isinstance(row, Endpoint))
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
