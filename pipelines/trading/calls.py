"""Which call of a market serves which purpose of trading."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.binance.endpoints import spot
from connectors.binance.endpoints.model import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingCalls:
    """The calls of one market; None where it has none. `orders` and `fills` are walked by id, symbol by symbol."""

    order: Endpoint
    open_orders: Endpoint
    orders: Endpoint
    fills: Endpoint
    order_lists: Endpoint | None = None
    allocations: Endpoint | None = None
    prevented_matches: Endpoint | None = None


_OF_MARKET = {
    "spot": TradingCalls(
        order=spot.ORDER,
        open_orders=spot.OPEN_ORDERS,
        orders=spot.ALL_ORDERS,
        fills=spot.MY_TRADES,
        order_lists=spot.ALL_ORDER_LISTS,
        allocations=spot.MY_ALLOCATIONS,
        prevented_matches=spot.MY_PREVENTED_MATCHES,
    )
}

MARKETS = tuple(_OF_MARKET)


def calls_of(market: str) -> TradingCalls:
    """The calls of a market in which an account can trade."""
    return _OF_MARKET[market]
