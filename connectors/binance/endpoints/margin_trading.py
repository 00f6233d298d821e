"""What an account orders and trades on cross and isolated margin: `/sapi/v1/margin`, signed."""

from __future__ import annotations

from typing import Any

from connectors.binance.endpoints.model import Bound, ById, Endpoint, Holds, Security, Unset
from connectors.binance.pools import sapi_by_ip
from schemas.datasets.orders import FILLS, ORDERS

_OF_SYMBOL = {"symbol": Holds("symbol")}
_OF_ORDER = _OF_SYMBOL | {"orderId": Holds("order_id")}
_ORDER: dict[str, Any] = {
    "dataset": ORDERS,
    "wire": {"cumulative_quote_qty": "cummulativeQuoteQty"},  # the exchange spells it so
    "unset": {
        "order_list_id": Unset.NEGATIVE,
        "price": Unset.NOT_POSITIVE,
        "stop_price": Unset.NOT_POSITIVE,
        "cumulative_quote_qty": Unset.NEGATIVE,
        "iceberg_qty": Unset.NOT_POSITIVE,
    },
}
_ALL_ORDERS: dict[str, Any] = _ORDER | {
    "weight": 200,
    "page_limit": 500,
    "walk": ById(id="order_id", param="orderId"),
    "held": _OF_SYMBOL | {"orderId": Holds("order_id", Bound.FROM)},
}
_MY_TRADES: dict[str, Any] = {
    "dataset": FILLS,
    "weight": 10,
    "page_limit": 1000,
    "walk": ById(id="trade_id", param="fromId"),
    "held": _OF_ORDER | {"fromId": Holds("trade_id", Bound.FROM)},
    "wire": {"trade_id": "id"},
    "unset": {"order_list_id": Unset.NEGATIVE},
}


def _signed(name: str, market: str, **row: Any) -> Endpoint:
    path = f"/sapi/v1/margin/{name}"
    return Endpoint(
        name=f"margin/{name}",
        path=path,
        pool=sapi_by_ip(path),
        family="wallet",
        market=market,
        fixed={"isIsolated": "TRUE" if market == "isolated_margin" else "FALSE"},
        security=Security.SIGNED,
        **row,
    )


ORDER = _signed("order", "margin", weight=10, **_ORDER, held=_OF_ORDER)
OPEN_ORDERS = _signed("openOrders", "margin", weight=10, **_ORDER, held=_OF_SYMBOL)
ALL_ORDERS = _signed("allOrders", "margin", **_ALL_ORDERS)
MY_TRADES = _signed("myTrades", "margin", **_MY_TRADES)

ISOLATED_ORDER = _signed("order", "isolated_margin", weight=10, **_ORDER, held=_OF_ORDER)
ISOLATED_OPEN_ORDERS = _signed("openOrders", "isolated_margin", weight=10, **_ORDER, held=_OF_SYMBOL)
ISOLATED_ALL_ORDERS = _signed("allOrders", "isolated_margin", **_ALL_ORDERS)
ISOLATED_MY_TRADES = _signed("myTrades", "isolated_margin", **_MY_TRADES)
