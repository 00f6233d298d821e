"""What an account orders and trades on USD-M and COIN-M futures: `/fapi` and `/dapi`, signed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connectors.binance.endpoints.model import (
    Bound,
    ByParams,
    Endpoint,
    Holds,
    Security,
    SymbolWindows,
    Unset,
)
from connectors.binance.pools import FUTURES
from schemas.datasets.algo_orders import ALGO_ORDERS
from schemas.datasets.orders import FILLS, ORDERS

_OF_SYMBOL = {"symbol": Holds("symbol")}
_OF_ORDER = _OF_SYMBOL | {"orderId": Holds("order_id")}
_ORDER: dict[str, Any] = {
    "dataset": ORDERS,
    "unset": {
        **dict.fromkeys(("price", "avg_price", "stop_price", "activate_price", "price_rate"), Unset.NOT_POSITIVE),
        "good_till_date": Unset.BEYOND_2100,
    },
}
# Whether orders are found by when they were placed or by when they changed is not documented: either holds.
_ORDERS: dict[str, Any] = _ORDER | {
    "walk": SymbolWindows(width=timedelta(days=7), kept=timedelta(days=90), undone=timedelta(days=3)),
    "held": _OF_ORDER | {"startTime": Holds("update_time", Bound.FROM), "endTime": Holds("time", Bound.UP_TO)},
    "weight": 5,
}
_FILLS: dict[str, Any] = {
    "dataset": FILLS,
    "walk": SymbolWindows(width=timedelta(days=7), kept=timedelta(days=89)),  # three months, which are no shorter
    "page_limit": 1000,
    "held": _OF_ORDER | {"startTime": Holds("time", Bound.FROM), "endTime": Holds("time", Bound.UP_TO)},
    "weight": 5,
    "wire": {"trade_id": "id", "is_buyer": "buyer", "is_maker": "maker"},
    "unset": {"quote_qty": Unset.NOT_POSITIVE, "base_qty": Unset.NOT_POSITIVE},  # of the other market
}
_ALGO: dict[str, Any] = {
    "dataset": ALGO_ORDERS,
    "unset": {
        **dict.fromkeys(("quantity", "trigger_price", "price", "actual_price"), Unset.NOT_POSITIVE),
        "actual_order_id": Unset.EMPTY,
    },
}
_OPEN = ByParams(given=(("symbol", 1),), otherwise=40)


def _signed(path: str, market: str, **row: Any) -> Endpoint:
    name = path.removeprefix("/").replace("/v1/", "/")
    return Endpoint(name=name, path=path, pool=FUTURES, family=market, market=market, security=Security.SIGNED, **row)


USDM_ORDER = _signed("/fapi/v1/order", "usdm", **_ORDER, held=_OF_ORDER)
USDM_OPEN_ORDERS = _signed("/fapi/v1/openOrders", "usdm", weight=_OPEN, **_ORDER, held=_OF_SYMBOL)
USDM_ALL_ORDERS = _signed("/fapi/v1/allOrders", "usdm", page_limit=1000, **_ORDERS)
USDM_USER_TRADES = _signed("/fapi/v1/userTrades", "usdm", **_FILLS)
USDM_OPEN_ALGO_ORDERS = _signed("/fapi/v1/openAlgoOrders", "usdm", weight=_OPEN, **_ALGO, held=_OF_SYMBOL)
USDM_ALL_ALGO_ORDERS = _signed(
    "/fapi/v1/allAlgoOrders",
    "usdm",
    page_limit=1000,
    walk=SymbolWindows(width=timedelta(days=7), kept=timedelta(days=90), undone=timedelta(days=3)),
    held=_OF_SYMBOL
    | {
        "algoId": Holds("algo_id", Bound.FROM),
        "startTime": Holds("update_time", Bound.FROM),
        "endTime": Holds("create_time", Bound.UP_TO),
    },
    weight=5,
    **_ALGO,
)

COINM_ORDER = _signed("/dapi/v1/order", "coinm", **_ORDER, held=_OF_ORDER)
COINM_OPEN_ORDERS = _signed("/dapi/v1/openOrders", "coinm", weight=_OPEN, **_ORDER, held=_OF_SYMBOL)
COINM_ALL_ORDERS = _signed("/dapi/v1/allOrders", "coinm", page_limit=100, **_ORDERS)
COINM_USER_TRADES = _signed("/dapi/v1/userTrades", "coinm", **_FILLS)
