"""What margin says of an account's orders and trades. Rules are those of the reference, sections 4.7 and 5.5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.simulator.account.margin_book import MarginBook
from connectors.simulator.account.records import Page
from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal, combinations

_NOT_HERE = ("origQuoteOrderQty", "workingTime")


def _isolated(call: Call) -> bool:
    return bool(call.given.get("isIsolated") == "TRUE")


def _book(exchange: Exchange, call: Call) -> MarginBook:
    """The asking account's; a symbol in the request must be known."""
    assert call.key is not None  # noqa: S101 - signed
    if "symbol" in call.given:
        exchange.listing(call.given["symbol"], call.now_ms)
    elif _isolated(call):
        raise Refusal(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    return exchange.margin_book(call.key.account.uid, "isolated_margin" if _isolated(call) else "margin")


def _page(call: Call, cursor: str, most: int) -> Page:
    """From an id on, or within a day; without either the last 24 hours."""
    given = call.given
    if cursor in given or "orderId" in given:
        times: dict[str, Any] = {"from_id": given.get(cursor)}
    else:
        until_ms = int(given.get("endTime", call.now_ms))
        since_ms = int(given.get("startTime", until_ms - DAY_MS))
        if until_ms - since_ms > DAY_MS:
            raise Refusal(-1127, "More than 24 hours between startTime and endTime.")
        times = {"since_ms": since_ms, "until_ms": until_ms}
    group = None if cursor == "orderId" else given.get("orderId")
    return Page(limit=min(given.get("limit", 500), most), at_ms=call.known_ms, group=group, **times)


def _order_row(row: Any, call: Call) -> dict[str, Any]:
    fields = {name: value for name, value in row.printed(call.stamp).items() if name not in _NOT_HERE}
    return fields | {"isIsolated": _isolated(call)}


def _open_orders(exchange: Exchange, call: Call) -> bytes:
    rows = _book(exchange, call).open_orders(call.known_ms, call.given.get("symbol"))
    return msgspec.json.encode([_order_row(row, call) for row in rows])


def _order(exchange: Exchange, call: Call) -> bytes:
    order = _book(exchange, call).orders[call.given["symbol"]].seen(call.given["orderId"], call.known_ms)
    if order is None or order.gone(call.now_ms):
        raise Refusal(-2013, "Order does not exist.")
    return msgspec.json.encode(_order_row(order, call))


def _all_orders(exchange: Exchange, call: Call) -> bytes:
    rows = _book(exchange, call).orders[call.given["symbol"]].page(_page(call, "orderId", 500))
    return msgspec.json.encode([_order_row(row, call) for row in rows if not row.gone(call.now_ms)])


def _my_trades(exchange: Exchange, call: Call) -> bytes:
    """Without the quantity in the quote asset, which spot prints."""
    rows = _book(exchange, call).fills[call.given["symbol"]].page(_page(call, "fromId", 1000))
    printed = ({**row.as_fill(call.stamp), "isIsolated": _isolated(call)} for row in rows)
    return msgspec.json.encode([{name: row[name] for name in row if name != "quoteQty"} for row in printed])


def _open_weight(sent: Mapping[str, str]) -> int:
    return 10 if "symbol" in sent else 700


_SYMBOL = Parameter("symbol", rules.symbol_text, mandatory=True)
_ISOLATED = Parameter("isIsolated", rules.text)
_ORDER_ID = Parameter("orderId", rules.number)
_TIMES = (Parameter("startTime", rules.time_ms), Parameter("endTime", rules.time_ms))
_LIMIT = Parameter("limit", rules.limit)
_IN_TIME = ("", "startTime", "endTime", "startTime endTime")
_ROWS: tuple[tuple[Any, ...], ...] = (
    ("openOrders", _open_weight, (Parameter("symbol", rules.symbol_text),), _open_orders, ("",)),
    ("order", 10, (_SYMBOL, _ORDER_ID), _order, ("orderId",)),
    ("allOrders", 200, (_SYMBOL, _ORDER_ID, *_TIMES, _LIMIT), _all_orders, (*_IN_TIME, "orderId")),
    (
        "myTrades",
        10,
        (_SYMBOL, _ORDER_ID, *_TIMES, Parameter("fromId", rules.number), _LIMIT),
        _my_trades,
        (*_IN_TIME, "orderId", "fromId", "orderId fromId"),
    ),
)

ENDPOINTS = tuple(
    Endpoint(
        f"/sapi/v1/margin/{name}",
        weight,
        (*parameters, _ISOLATED),
        answer,
        Security.SIGNED,
        f"ip:/sapi/v1/margin/{name}",
        combinations=combinations(*allowed),
    )
    for name, weight, parameters, answer, allowed in _ROWS
)
