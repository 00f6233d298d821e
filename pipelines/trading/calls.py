"""Which call of a market serves which purpose of trading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from connectors.binance.endpoints import futures_account, futures_trading, margin, margin_trading, spot, wallets
from connectors.binance.endpoints.model import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingCalls:
    """The calls of one market; None where it has none. `orders` and `fills` are walked symbol by symbol."""

    order: Endpoint
    open_orders: Endpoint
    orders: Endpoint
    fills: Endpoint
    order_lists: Endpoint | None = None
    allocations: Endpoint | None = None
    prevented_matches: Endpoint | None = None
    algo_orders: Endpoint | None = None  # walked symbol by symbol, too
    open_algo_orders: Endpoint | None = None
    wallet: Endpoint | None = None  # tells whether the account has to do with the market; None: each account has
    listed_in: str | None = None  # another market, whose list says which assets a symbol is made of
    open_by_symbol: bool = False  # what is open is asked for symbol by symbol
    quiet: timedelta | None = None  # for so long no orders are asked for of which ledgers tell nothing new
    named_only: bool = False  # nothing is asked about a symbol that no ledger names: there may be no account for it
    named_by: tuple[Endpoint, ...] = ()  # ledgers that name whatever is traded; without one, symbols are probed


_OF_MARGIN: dict[str, Any] = {
    "listed_in": "spot",
    "open_by_symbol": True,
    "quiet": timedelta(days=1),
    "named_by": (margin.FLOWS,),
}
_OF_MARKET = {
    "spot": TradingCalls(
        order=spot.ORDER,
        open_orders=spot.OPEN_ORDERS,
        orders=spot.ALL_ORDERS,
        fills=spot.MY_TRADES,
        order_lists=spot.ALL_ORDER_LISTS,
        allocations=spot.MY_ALLOCATIONS,
        prevented_matches=spot.MY_PREVENTED_MATCHES,
    ),
    "margin": TradingCalls(
        order=margin_trading.ORDER,
        open_orders=margin_trading.OPEN_ORDERS,
        orders=margin_trading.ALL_ORDERS,
        fills=margin_trading.MY_TRADES,
        wallet=wallets.MARGIN,
        **_OF_MARGIN,
    ),
    "isolated_margin": TradingCalls(
        order=margin_trading.ISOLATED_ORDER,
        open_orders=margin_trading.ISOLATED_OPEN_ORDERS,
        orders=margin_trading.ISOLATED_ALL_ORDERS,
        fills=margin_trading.ISOLATED_MY_TRADES,
        wallet=wallets.ISOLATED_MARGIN,
        named_only=True,
        **_OF_MARGIN,
    ),
    "usdm": TradingCalls(
        order=futures_trading.USDM_ORDER,
        open_orders=futures_trading.USDM_OPEN_ORDERS,
        orders=futures_trading.USDM_ALL_ORDERS,
        fills=futures_trading.USDM_USER_TRADES,
        algo_orders=futures_trading.USDM_ALL_ALGO_ORDERS,
        open_algo_orders=futures_trading.USDM_OPEN_ALGO_ORDERS,
        wallet=wallets.USDM,
        named_by=(futures_account.USDM_INCOME,),
    ),
    "coinm": TradingCalls(
        order=futures_trading.COINM_ORDER,
        open_orders=futures_trading.COINM_OPEN_ORDERS,
        orders=futures_trading.COINM_ALL_ORDERS,
        fills=futures_trading.COINM_USER_TRADES,
        wallet=wallets.COINM,
        named_by=(futures_account.COINM_INCOME,),
    ),
}

MARKETS = tuple(_OF_MARKET)


def calls_of(market: str) -> TradingCalls:
    """The calls of a market in which an account can trade."""
    return _OF_MARKET[market]
