"""What the exchange says of an account's orders: one row an endpoint, as in `endpoints`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from connectors.simulator.account.account_book import Book
from connectors.simulator.account.orders import Order
from connectors.simulator.account.records import Page
from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal, combinations

_DEFAULT_LIMIT, _MOST = 500, 1000


def _book(exchange: Exchange, call: Call) -> Book:
    """The asking account's; a symbol in the request must be known."""
    assert call.key is not None  # noqa: S101 - signed
    if "symbol" in call.given:
        exchange.listing(call.given["symbol"], call.now_ms)
    return exchange.book(call.key.account.uid)


def _page(call: Call, *, cursor: str, **more: Any) -> Page:
    """The page that the parameters ask for."""
    given = call.given
    since, until = given.get("startTime"), given.get("endTime")
    if since is not None and until is not None and until - since > DAY_MS:
        raise Refusal(-1127, "More than 24 hours between startTime and endTime.")
    wanted = {
        "limit": min(given.get("limit", _DEFAULT_LIMIT), _MOST),
        "at_ms": call.known_ms,
        "from_id": given.get(cursor),
        "since_ms": None if since is None else math.ceil(since),
        "until_ms": None if until is None else math.floor(until),
        "group": None if cursor == "orderId" else given.get("orderId"),
    }
    return Page(**{**wanted, **more})


def _printed(rows: Iterable[Any], call: Call) -> bytes:
    return msgspec.json.encode([row.printed(call.stamp) for row in rows])


def _open_orders(exchange: Exchange, call: Call) -> bytes:
    return _printed(_book(exchange, call).open_orders(call.known_ms, call.given.get("symbol")), call)


def _all_orders(exchange: Exchange, call: Call) -> bytes:
    def shown(order: Order) -> bool:
        return not order.gone(call.now_ms)

    book = _book(exchange, call)
    page = _page(call, cursor="orderId", shown=shown)
    return _printed(book.orders[call.given["symbol"]].page(page), call)


def _order(exchange: Exchange, call: Call) -> bytes:
    given, book = call.given, _book(exchange, call)
    symbol, client = given["symbol"], given.get("origClientOrderId")
    found = None if client is None else book.find(symbol, client)
    number = given.get("orderId", found)
    order = None if number is None else book.orders[symbol].seen(number, call.known_ms)
    if order is None or ("orderId" not in given and client != order.client_order_id):
        raise Refusal(-2013, "Order does not exist.")
    if client not in (None, order.client_order_id):
        raise Refusal(-2039, "Client order ID is not correct for this order ID.")
    if order.gone(call.now_ms):
        raise Refusal(
            -2026, "Order was canceled or expired with no executed qty over 90 days ago and has been archived."
        )
    return msgspec.json.encode(order.printed(call.stamp))


def _all_lists(exchange: Exchange, call: Call) -> bytes:
    """Without a start or an id the newest come first."""
    page = _page(call, cursor="fromId")
    rows = _book(exchange, call).lists.page(page)
    return _printed(rows if page.forward else rows[::-1], call)


def _list(exchange: Exchange, call: Call) -> bytes:
    given, lists = call.given, _book(exchange, call).lists
    rows = (row for row in lists if row.client_id == given.get("origClientOrderId"))
    number = given["orderListId"] if "orderListId" in given else next((row.list_id for row in rows), -1)
    row = lists.seen(number, call.known_ms)
    if row is None:
        raise Refusal(-2018, "Order list does not exist.")
    return msgspec.json.encode(row.printed(call.stamp))


def _open_lists(exchange: Exchange, call: Call) -> bytes:
    everything = _book(exchange, call).lists.page(Page(limit=10**9, at_ms=call.known_ms, oldest_first=True))
    return _printed((row for row in everything if row.status == "EXECUTING"), call)


def _my_trades(exchange: Exchange, call: Call) -> bytes:
    book = _book(exchange, call)
    if exchange.from_id_zero == "absent" and call.given.get("fromId") == 0:
        given = {name: value for name, value in call.given.items() if name != "fromId"}
        call = Call(given, call.now_us, call.micro, call.key, call.lag_ms)
    page = _page(call, cursor="fromId")
    rows = book.fills[call.given["symbol"]].page(page)
    return msgspec.json.encode([row.as_fill(call.stamp) for row in rows])


def _my_allocations(exchange: Exchange, call: Call) -> bytes:
    book, cursor = _book(exchange, call), "fromAllocationId"
    oldest_first = "endTime" not in call.given
    page = _page(call, cursor=cursor, oldest_first=oldest_first)
    rows = book.allocations[call.given["symbol"]].page(page)
    return msgspec.json.encode([row.as_allocation(call.stamp) for row in rows])


def _my_prevented_matches(exchange: Exchange, call: Call) -> bytes:
    given, book = call.given, _book(exchange, call)
    matches = book.prevented[given["symbol"]]
    if "preventedMatchId" in given:
        match = matches.seen(given["preventedMatchId"], call.known_ms)
        return _printed([] if match is None else [match], call)
    return _printed(matches.page(_page(call, cursor="fromPreventedMatchId")), call)


def _amendments(exchange: Exchange, call: Call) -> bytes:
    page = _page(call, cursor="fromExecutionId")
    return _printed(_book(exchange, call).amendments[call.given["symbol"]].page(page), call)


def _either(name: str, weight: int, otherwise: int) -> Callable[[Mapping[str, str]], int]:
    return lambda sent: weight if name in sent else otherwise


_SYMBOL = Parameter("symbol", rules.symbol_text, mandatory=True)
_ORDER_ID = Parameter("orderId", rules.number)
_CLIENT_ID = Parameter("origClientOrderId", rules.client_id)
_START, _END = Parameter("startTime", rules.time_ms), Parameter("endTime", rules.time_ms)
_LIMIT = Parameter("limit", rules.limit)
_FROM_ID = Parameter("fromId", rules.number)
_FROM_ALLOCATION = Parameter("fromAllocationId", rules.number)
_MATCHES = (Parameter("preventedMatchId", rules.number), Parameter("fromPreventedMatchId", rules.number))
_AMENDED = (Parameter("orderId", rules.number, mandatory=True), Parameter("fromExecutionId", rules.number))
_TIMES = ("startTime", "endTime", "startTime endTime")
_SIGNED = Security.SIGNED

ENDPOINTS = (
    Endpoint(
        "/api/v3/openOrders", _either("symbol", 6, 80), (Parameter("symbol", rules.symbol_text),), _open_orders, _SIGNED
    ),
    Endpoint(
        "/api/v3/order",
        4,
        (_SYMBOL, _ORDER_ID, _CLIENT_ID),
        _order,
        _SIGNED,
        combinations=combinations("orderId", "origClientOrderId", "orderId origClientOrderId"),
    ),
    Endpoint(
        "/api/v3/allOrders",
        20,
        (_SYMBOL, _ORDER_ID, _START, _END, _LIMIT),
        _all_orders,
        _SIGNED,
        combinations=combinations("", "orderId", *_TIMES),
    ),
    Endpoint(
        "/api/v3/orderList",
        4,
        (Parameter("orderListId", rules.number), _CLIENT_ID),
        _list,
        _SIGNED,
        combinations=combinations("orderListId", "origClientOrderId"),
    ),
    Endpoint(
        "/api/v3/allOrderList",
        20,
        (_FROM_ID, _START, _END, _LIMIT),
        _all_lists,
        _SIGNED,
        combinations=combinations("", "fromId", *_TIMES),
    ),
    Endpoint("/api/v3/openOrderList", 6, (), _open_lists, _SIGNED),
    Endpoint(
        "/api/v3/myTrades",
        _either("orderId", 5, 20),
        (_SYMBOL, _ORDER_ID, _START, _END, _FROM_ID, _LIMIT),
        _my_trades,
        _SIGNED,
        combinations=combinations("", "orderId", "fromId", "orderId fromId", *_TIMES),
    ),
    Endpoint(
        "/api/v3/myAllocations",
        20,
        (_SYMBOL, _START, _END, _FROM_ALLOCATION, _LIMIT, _ORDER_ID),
        _my_allocations,
        _SIGNED,
        combinations=combinations("", "orderId", "fromAllocationId", "orderId fromAllocationId", *_TIMES),
    ),
    Endpoint(
        "/api/v3/myPreventedMatches",
        _either("orderId", 20, 2),
        (_SYMBOL, *_MATCHES, _ORDER_ID, _LIMIT),
        _my_prevented_matches,
        _SIGNED,
        combinations=combinations(
            "preventedMatchId",
            "orderId",
            "orderId fromPreventedMatchId",
            "orderId fromPreventedMatchId limit",
        ),
    ),
    Endpoint("/api/v3/order/amendments", 4, (_SYMBOL, *_AMENDED, _LIMIT), _amendments, _SIGNED),
)
