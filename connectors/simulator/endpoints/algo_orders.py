"""Conditional orders of USD-M futures, as the reference has them: sections 4.9.2, 5.7 and N7."""

from __future__ import annotations

import msgspec

from connectors.simulator.account.algo_orders import AlgoOrder
from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.endpoints.futures_orders import (
    IN_TIME,
    ORDERS_MS,
    SYMBOL,
    TIMES,
    UNFILLED_MS,
    book_of,
    open_weight,
    page_of,
)
from connectors.simulator.exchange import Exchange
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, combinations

_ALGO_ID = Parameter("algoId", rules.number)


def _gone(order: AlgoOrder, now_ms: int) -> bool:
    """Canceled or expired unfilled and placed more than 3 days ago, or placed more than 90 days ago."""
    age_ms = now_ms - order.time_ms
    return age_ms > ORDERS_MS or (order.closed_unfilled and age_ms > UNFILLED_MS)


def _open(exchange: Exchange, call: Call) -> bytes:
    orders = book_of(exchange, call, "usdm").algo.open_orders(call.known_ms, call.given.get("symbol"))
    return msgspec.json.encode([order.printed() for order in orders])


def _all(exchange: Exchange, call: Call) -> bytes:
    shelf = book_of(exchange, call, "usdm").algo.orders[call.given["symbol"]]
    page = page_of(call, "usdm", "algoId", ORDERS_MS, shown=lambda order: not _gone(order, call.now_ms))
    return msgspec.json.encode([order.printed() for order in shelf.page(page)])


ENDPOINTS = (
    Endpoint(
        "/fapi/v1/openAlgoOrders",
        open_weight,
        (Parameter("symbol", rules.symbol_text), Parameter("algoType", rules.text), _ALGO_ID),
        _open,
        Security.SIGNED,
        "futures",
    ),
    Endpoint(
        "/fapi/v1/allAlgoOrders",
        5,
        (SYMBOL, _ALGO_ID, *TIMES, Parameter("limit", rules.limit_to(1000))),
        _all,
        Security.SIGNED,
        "futures",
        combinations=combinations(*IN_TIME, "algoId"),
    ),
)
