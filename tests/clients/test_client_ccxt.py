"""ccxt, asynchronous and synchronous, reads what the exchange holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from owner import ccxt_clients
from pointing import OPTIONS, pointed_at

from connectors.simulator.account.account_book import Book

UNICODE = "币安人生USDT"
_STATUS = {
    "NEW": "open",
    "PENDING_NEW": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "closed",
    "CANCELED": "canceled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}
Call = Callable[..., Awaitable[Any]]


@pytest.fixture(params=["async", "sync"])
async def call(request: pytest.FixtureRequest, served: Any, credentials: Any) -> AsyncIterator[Call]:
    """Call a method of ccxt by name: in this event loop, or blocking in a thread."""
    settings = {"apiKey": credentials.api_key, "secret": credentials.secret, "options": OPTIONS}
    if request.param == "async":
        client = pointed_at(served.url, ccxt_clients().async_support.binance(settings))
        yield lambda method, *args, **more: getattr(client, method)(*args, **more)
        await client.close()
    else:
        client = pointed_at(served.url, ccxt_clients().binance(settings))
        yield lambda method, *args, **more: asyncio.to_thread(getattr(client, method), *args, **more)
        client.session.close()


async def test_ccxt_reads_the_same_candles(call: Call, candles: list[list[Any]]) -> None:
    """A hundred minutes of a symbol with a non-ASCII name, value by value."""
    rows = await call("fetch_ohlcv", "币安人生/USDT", "1m", since=candles[0][0], limit=100)
    assert rows == [[row[0], *map(float, row[1:6])] for row in candles]


async def test_ccxt_reads_the_same_ticker(call: Call, served: Any) -> None:
    """The rolling day is the exchange's at the instant it was asked."""
    ticker = await call("fetch_ticker", "BTC/USDT")
    at_ms = served.exchange.requests[-1].at_ms
    listing = served.exchange.listing("BTCUSDT", at_ms)
    expected = served.exchange.tickers.day(listing, at_ms, micro=False, mini=False)
    assert ticker["timestamp"] == expected["closeTime"] == at_ms
    for name, field in {"last": "lastPrice", "high": "highPrice", "low": "lowPrice", "baseVolume": "volume"}.items():
        assert ticker[name] == float(expected[field])


async def test_ccxt_reads_the_account(call: Call) -> None:
    """Balances come through the signature of each key type."""
    balance = await call("fetch_balance")
    held = {asset: amounts for asset, amounts in balance["total"].items() if amounts}
    assert held == {"BTC": 0.75, "USDT": 1234.56789012, "币安人生": 1000.0}
    assert balance["BTC"] == {"free": 0.5, "used": 0.25, "total": 0.75}
    assert balance["info"]["uid"] == 4242


async def test_ccxt_reads_what_the_key_may_do(call: Call) -> None:
    """The wallet's endpoint answers the same keys."""
    rights = await call("sapiGetAccountApiRestrictions")
    assert rights["enableReading"] is True
    assert rights["enableWithdrawals"] is False


async def test_ccxt_knows_every_symbol(call: Call, served: Any) -> None:
    """Its markets are the exchange's symbols outside regional groups, delisted ones marked."""
    markets = await call("load_markets")
    shown = {each.symbol: each for each in served.exchange.listed(served.exchange.now_ms) if "SPOT" in each.groups}
    assert {market["id"] for market in markets.values()} == set(shown)
    assert {market["id"] for market in markets.values() if not market["active"]} == {
        "MATICUSDT",
        "NANOUSDT",
        "WAVESUSDT",
    }


async def test_ccxt_reads_the_same_fills(call: Call, book: Book) -> None:
    """Every fill of a symbol with a non-ASCII name, as it reads them and as they came."""
    fills = {fill.number: fill for fill in book.fills[UNICODE]}
    trades = await call("fetch_my_trades", "币安人生/USDT", limit=1000)
    assert [trade["info"] for trade in sorted(trades, key=_id)] == [fill.as_fill(int) for fill in fills.values()]
    for trade in trades:
        fill = fills[int(trade["id"])]
        assert (trade["order"], trade["timestamp"]) == (str(fill.order_id), fill.time_ms)
        assert (trade["price"], trade["amount"]) == (float(fill.price), float(fill.qty))
        assert trade["fee"] == {"cost": float(fill.commission), "currency": fill.commission_asset}
        assert trade["side"] == ("buy" if fill.is_buyer else "sell")
        assert trade["takerOrMaker"] == ("maker" if fill.is_maker else "taker")


async def test_ccxt_walks_fills_by_id(call: Call, book: Book) -> None:
    """Page by page from the first, the way bots load a history."""
    walked: list[str] = []
    while page := await call("fetch_my_trades", "BTC/USDT", limit=100, params={"fromId": _next(walked)}):
        walked += sorted((trade["id"] for trade in page), key=int)
    assert walked == [str(fill.number) for fill in book.fills["BTCUSDT"]]


async def test_ccxt_reads_the_same_orders(call: Call, served: Any, book: Book) -> None:
    """Every order that the exchange still shows, with the state it is in."""
    shown = {order.order_id: order for order in book.orders["BTCUSDT"] if not order.gone(served.exchange.now_ms)}
    orders = await call("fetch_orders", "BTC/USDT", limit=1000)
    assert [order["info"] for order in sorted(orders, key=_order_id)] == [each.printed(int) for each in shown.values()]
    for order in orders:
        mine = shown[_order_id(order)]
        assert order["status"] == _STATUS[mine.status]
        assert (order["amount"], order["filled"]) == (float(mine.qty), float(mine.executed))
        assert (order["cost"], order["side"]) == (float(mine.quote_executed), mine.side.lower())
        assert (order["timestamp"], order["clientOrderId"]) == (mine.time_ms, mine.client_order_id)


async def test_ccxt_reads_the_open_orders(call: Call, served: Any, book: Book) -> None:
    """Of one symbol and of all it knows; an amended one under its id with its new name and quantity."""
    (order,) = await call("fetch_open_orders", "ETH/BTC")
    (mine,) = book.open_orders(served.exchange.now_ms, "ETHBTC")
    assert (_order_id(order), order["clientOrderId"]) == (mine.order_id, mine.client_order_id)
    assert (order["status"], order["amount"], order["remaining"]) == ("open", 1.5, 1.0)
    assert await call("fetch_order", str(mine.order_id), "ETH/BTC") == order
    every = await call("fetch_open_orders")
    assert {(each["info"]["symbol"], _order_id(each)) for each in every} == {
        (each.symbol, each.order_id) for each in book.open_orders(served.exchange.now_ms)
    }


def _id(row: Any) -> int:
    return int(row["id"])


def _order_id(order: Any) -> int:
    """The id, which ccxt mistakes: it takes that of a bot's strategy, where there is one."""
    return int(order["info"]["orderId"])


def _next(walked: list[str]) -> int:
    return int(walked[-1]) + 1 if walked else 0
