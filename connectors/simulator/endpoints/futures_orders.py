"""What futures say of an account's orders and trades. Rules are those of the reference, sections 4.9.2 to 5.8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from connectors.simulator.account.futures_book import FuturesBook
from connectors.simulator.account.orders import ENDED, ZERO, Execution, Order, amount
from connectors.simulator.account.records import Page
from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal, combinations

_WEEK_MS = 7 * DAY_MS
UNFILLED_MS, ORDERS_MS, _TRADES_MS = 3 * DAY_MS, 90 * DAY_MS, 90 * DAY_MS
_DEFAULT = {"usdm": 500, "coinm": 50}


def gone(order: Order, now_ms: int) -> bool:
    """Canceled or expired unfilled and placed more than 3 days ago, or placed more than 90 days ago."""
    age_ms = now_ms - order.time_ms
    unfilled = order.status in ENDED and order.status != "FILLED" and not order.executed
    return age_ms > ORDERS_MS or (unfilled and age_ms > UNFILLED_MS)


def book_of(exchange: Exchange, call: Call, market: str) -> FuturesBook:
    """The asking account's; a symbol in the request must be known."""
    assert call.key is not None  # noqa: S101 - signed
    if "symbol" in call.given:
        exchange.contract(market, call.given["symbol"], call.now_ms)
    return exchange.futures_book(call.key.account.uid, market)


def page_of(call: Call, market: str, cursor: str, kept_ms: int, **more: Any) -> Page:
    """The page that the parameters ask for; without times, what lies seven days back at most."""
    given, now_ms = call.given, call.now_ms
    until_ms = int(given.get("endTime", given.get("startTime", now_ms) + _WEEK_MS if "startTime" in given else now_ms))
    since_ms = int(given.get("startTime", until_ms - _WEEK_MS))
    if until_ms - since_ms >= _WEEK_MS and {"startTime", "endTime"} <= given.keys():
        raise Refusal(-4165, "Maximum time interval is 7 days.")
    times: dict[str, Any] = {"since_ms": max(since_ms, now_ms - kept_ms), "until_ms": until_ms}
    if cursor in given:
        times = {"from_id": given[cursor]}
    return Page(limit=given.get("limit", _DEFAULT[market]), at_ms=call.known_ms, **times, **more)


def _order_row(order: Order, market: str) -> dict[str, Any]:
    average = order.quote_executed / order.executed if order.executed else ZERO
    filled = {"cumQuote": amount(order.quote_executed)} if market == "usdm" else {"cumBase": amount(ZERO)}
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_order_id,
        "price": amount(order.price),
        "avgPrice": f"{average:.5f}",
        "origQty": amount(order.qty),
        "executedQty": amount(order.executed),
        **filled,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "reduceOnly": False,
        "closePosition": False,
        "side": order.side,
        "positionSide": "BOTH",
        "stopPrice": amount(order.stop_price),
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.stp_mode,
        "goodTillDate": 0,
        "time": order.time_ms,
        "updateTime": order.update_ms,
        **order.more,
    }


def _trade_row(book: FuturesBook, trade: Execution) -> dict[str, Any]:
    """What does not apply to a market is printed as 0."""
    coins = book.market == "coinm"
    return {
        "symbol": trade.symbol,
        "id": trade.number,
        "orderId": trade.order_id,
        "side": "BUY" if trade.is_buyer else "SELL",
        "price": amount(trade.price),
        "qty": amount(trade.qty),
        "realizedPnl": amount(book.profits[trade.symbol, trade.number]),
        "marginAsset": book.margin_asset(trade.symbol),
        "quoteQty": "0" if coins else amount(trade.quote_qty),
        "baseQty": amount(book.base_qty(trade)) if coins else "0",
        "commission": amount(trade.commission),
        "commissionAsset": trade.commission_asset,
        "time": trade.time_ms,
        "positionSide": "BOTH",
        "buyer": trade.is_buyer,
        "maker": trade.is_maker,
    }


def _open_orders(exchange: Exchange, call: Call, market: str) -> bytes:
    rows = book_of(exchange, call, market).open_orders(call.known_ms, call.given.get("symbol"))
    return msgspec.json.encode([_order_row(order, market) for order in rows])


def _all_orders(exchange: Exchange, call: Call, market: str) -> bytes:
    book = book_of(exchange, call, market)
    page = page_of(call, market, "orderId", ORDERS_MS, shown=lambda order: not gone(order, call.now_ms))
    return msgspec.json.encode([_order_row(order, market) for order in book.orders[call.given["symbol"]].page(page)])


def _order(exchange: Exchange, call: Call, market: str) -> bytes:
    book = book_of(exchange, call, market)
    order = book.orders[call.given["symbol"]].seen(call.given["orderId"], call.known_ms)
    if order is None or gone(order, call.now_ms):
        raise Refusal(-2013, "Order does not exist.")
    return msgspec.json.encode(_order_row(order, market))


def _user_trades(exchange: Exchange, call: Call, market: str) -> bytes:
    book, since_ms = book_of(exchange, call, market), call.now_ms - _TRADES_MS
    order = call.given.get("orderId")

    def shown(trade: Execution) -> bool:
        return trade.time_ms >= since_ms and order in (None, trade.order_id)

    page = page_of(call, market, "fromId", _TRADES_MS, shown=shown)
    return msgspec.json.encode([_trade_row(book, trade) for trade in book.fills[call.given["symbol"]].page(page)])


def open_weight(sent: Mapping[str, str]) -> int:
    return 1 if "symbol" in sent else 40


SYMBOL = Parameter("symbol", rules.symbol_text, mandatory=True)
_ORDER_ID = Parameter("orderId", rules.number)
TIMES = (Parameter("startTime", rules.time_ms), Parameter("endTime", rules.time_ms))
IN_TIME = ("", "startTime", "endTime", "startTime endTime")


def _of(market: str, prefix: str, most_orders: int) -> tuple[Endpoint, ...]:
    rows: tuple[tuple[Any, ...], ...] = (
        ("openOrders", open_weight, (Parameter("symbol", rules.symbol_text),), _open_orders, ("",)),
        ("order", 1, (SYMBOL, _ORDER_ID), _order, ("orderId",)),
        (
            "allOrders",
            5,
            (SYMBOL, _ORDER_ID, *TIMES, Parameter("limit", rules.limit_to(most_orders))),
            _all_orders,
            (*IN_TIME, "orderId"),
        ),
        (
            "userTrades",
            5,
            (SYMBOL, _ORDER_ID, *TIMES, Parameter("fromId", rules.number), Parameter("limit", rules.limit_to(1000))),
            _user_trades,
            (*IN_TIME, *(f"{one} orderId".strip() for one in IN_TIME), "fromId"),
        ),
    )

    def answering(answer: Callable[[Exchange, Call, str], bytes]) -> Callable[[Exchange, Call], bytes]:
        return lambda exchange, call: answer(exchange, call, market)

    return tuple(
        Endpoint(
            f"/{prefix}/v1/{name}",
            weight,
            parameters,
            answering(answer),
            Security.SIGNED,
            "futures",
            combinations=combinations(*allowed),
        )
        for name, weight, parameters, answer, allowed in rows
    )


ENDPOINTS = (*_of("usdm", "fapi", 1000), *_of("coinm", "dapi", 100))
