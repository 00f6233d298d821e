"""Histories of futures as files: reference, sections 4.9.2, 4.10 and 12.1.

A question gives an id; asked about the id the exchange says processing until the file is there, and then has a link to
a zip that expires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import msgspec

from connectors.simulator.account.files import zipped
from connectors.simulator.account.futures_book import FuturesBook
from connectors.simulator.account.orders import Order, amount
from connectors.simulator.account.records import Page
from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal

_YEAR_MS = 366 * DAY_MS
_ASKED = 1000
_LINKED = {"usdm": 10, "coinm": 5}
_PREFIXES = {"usdm": "fapi", "coinm": "dapi"}
_QUOTAS = {
    ("usdm", "income"): ("income", 100),
    ("coinm", "income"): ("income", 100),
    ("usdm", "order"): ("usdm order", 10),
    ("coinm", "order"): ("coinm order", 8),
    ("usdm", "trade"): ("usdm trade", 5),
    ("coinm", "trade"): ("coinm trade", 8),
}
_COLUMNS = {
    "income": "Date(UTC),type,Amount,Asset,Symbol,Transaction ID",
    "order": "Uid,Time(UTC),Symbol,Type,Side,Position Side,Price,Average Price,Amount,Executed Amount,"
    "Executed Quote Amount,Stop Price,Status,Client Order Id,Time In Force,Activate Price,Price Rate,Update Time,"
    "Order No",
    "trade": "Uid,Time(UTC),Symbol,Side,Position Side,Price,Quantity,Amount,Fee,Realized Profit,Buyer,Maker,Trade Id,"
    "Order Id",
}
_Rows = Iterator[tuple[str, ...]]


def _income(book: FuturesBook, call: Call, page: Page) -> _Rows:
    assert call.key is not None  # noqa: S101 - signed
    for _, row in call.key.account.movements[f"/{_PREFIXES[book.market]}/v1/income"]:
        if (page.since_ms or 0) <= row["time"] <= (page.until_ms or 0):
            yield _time(row["time"]), row["incomeType"], row["income"], row["asset"], row["symbol"], str(row["tranId"])


def _orders(book: FuturesBook, call: Call, page: Page) -> _Rows:
    for order in (each for shelf in book.orders.values() for each in shelf.page(page)):
        yield _order(call, order)


def _order(call: Call, order: Order) -> tuple[str, ...]:
    average = order.quote_executed / order.executed if order.executed else order.executed
    numbers = (order.price, average, order.qty, order.executed, order.quote_executed, order.stop_price)
    return (
        *(_uid(call), _time(order.time_ms), order.symbol, order.type, order.side, "Both"),
        *(amount(number) for number in numbers),
        *(order.status, order.client_order_id, order.time_in_force, "0", "0.0"),
        *(_time(order.update_ms), str(order.order_id)),
    )


def _trades(book: FuturesBook, call: Call, page: Page) -> _Rows:
    for trade in (each for shelf in book.fills.values() for each in shelf.page(page)):
        yield (
            *(_uid(call), _time(trade.time_ms), trade.symbol, "BUY" if trade.is_buyer else "SELL", "Both"),
            *(amount(trade.price), amount(trade.qty), amount(trade.quote_qty)),
            f"{amount(trade.commission)} {trade.commission_asset}",
            amount(book.profits[trade.symbol, trade.number]),
            *(str(trade.is_buyer).lower(), str(trade.is_maker).lower(), str(trade.number), str(trade.order_id)),
        )


_ROWS: dict[str, Callable[[FuturesBook, Call, Page], _Rows]] = {"income": _income, "order": _orders, "trade": _trades}


def _uid(call: Call) -> str:
    assert call.key is not None  # noqa: S101 - signed
    return str(call.key.account.uid)


def _time(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms // 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _ask(exchange: Exchange, call: Call, market: str, kind: str) -> bytes:
    """The id of a file with the rows of the time asked for, both ends included."""
    assert call.key is not None  # noqa: S101 - signed
    since_ms, until_ms = int(call.given["startTime"]), int(call.given["endTime"])
    if since_ms > until_ms:
        raise Refusal(-1023, "Start time is greater than end time.")
    if until_ms - since_ms > _YEAR_MS:
        raise Refusal(-4047, "Time interval must be within 0-365 days")
    uid = call.key.account.uid
    book = exchange.futures_book(uid, market)
    page = Page(limit=1 << 60, at_ms=call.known_ms, since_ms=since_ms, until_ms=until_ms, oldest_first=True)
    rows = sorted(_ROWS[kind](book, call, page), key=lambda fields: fields[0 if kind == "income" else 1])
    body = zipped(f"{market}-{kind}", _COLUMNS[kind].split(","), rows)
    path = f"/{_PREFIXES[market]}/v1/{kind}/asyn"
    file = exchange.files.ask(uid, path, _QUOTAS[market, kind], call.now_ms, body)
    return msgspec.json.encode({"avgCostTimestampOfLast30d": 7241837, "downloadId": file.download_id})


def _link(exchange: Exchange, call: Call, market: str, kind: str) -> bytes:
    assert call.key is not None  # noqa: S101 - signed
    path = f"/{_PREFIXES[market]}/v1/{kind}/asyn"
    file = exchange.files.asked(call.key.account.uid, path, call.given["downloadId"])
    return msgspec.json.encode(exchange.files.link(file, exchange.address, call.now_ms))


def _signed(path: str, weight: int, answer: Callable[[Exchange, Call], bytes], *parameters: Parameter) -> Endpoint:
    return Endpoint(path, weight, parameters, answer, Security.SIGNED, "futures")


_TIMES = (Parameter("startTime", rules.time_ms, mandatory=True), Parameter("endTime", rules.time_ms, mandatory=True))
_ID = Parameter("downloadId", rules.text, mandatory=True)

ENDPOINTS = tuple(
    row
    for market, prefix in _PREFIXES.items()
    for kind in _ROWS
    for row in (
        _signed(f"/{prefix}/v1/{kind}/asyn", _ASKED, partial(_ask, market=market, kind=kind), *_TIMES),
        _signed(f"/{prefix}/v1/{kind}/asyn/id", _LINKED[market], partial(_link, market=market, kind=kind), _ID),
    )
)
