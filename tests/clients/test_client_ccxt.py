"""ccxt, asynchronous and synchronous, reads what the exchange holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ccxt
import ccxt.async_support
import pytest

BINANCE = "https://api.binance.com"
NOWHERE = "http://127.0.0.1:1"  # nothing but the simulator is ever asked
OPTIONS = {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}}
Call = Callable[..., Awaitable[Any]]


def _pointed_at(url: str, client: Any) -> Any:
    addresses = client.urls["api"]
    client.urls["api"] = {
        name: address.replace(BINANCE, url) if address.startswith(BINANCE) else NOWHERE
        for name, address in addresses.items()
    }
    return client


@pytest.fixture(params=["async", "sync"])
async def call(request: pytest.FixtureRequest, served: Any, credentials: Any) -> AsyncIterator[Call]:
    """Call a method of ccxt by name: in this event loop, or blocking in a thread."""
    settings = {"apiKey": credentials.api_key, "secret": credentials.secret, "options": OPTIONS}
    if request.param == "async":
        client = _pointed_at(served.url, ccxt.async_support.binance(settings))
        yield lambda method, *args, **more: getattr(client, method)(*args, **more)
        await client.close()
    else:
        client = _pointed_at(served.url, ccxt.binance(settings))
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
    assert {market["id"] for market in markets.values() if not market["active"]} == {"MATICUSDT", "NANOUSDT", "WAVESUSDT"}
