"""The official clients for spot and wallet read what the exchange holds, and their models accept every answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from binance_common.configuration import ConfigurationRestAPI
from owner import spot_api, wallet_api

from connectors.simulator.account.account_book import Book
from pipelines.keys.generations import PRIVATE_KEY, Generation


@pytest.fixture
async def configuration(served: Any, credentials: Any) -> ConfigurationRestAPI:
    """The simulator's address and one key."""
    secret = {"api_secret" if credentials.kind == "hmac" else "private_key": credentials.secret}
    return ConfigurationRestAPI(api_key=credentials.api_key, base_path=served.url, timeout=10_000, **secret)


@pytest.fixture(autouse=True)
async def _models_accept(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """The official models fall back to raw data with a warning when an answer is not what they know; it never comes."""
    yield
    assert not [record for record in caplog.records if "Failed to parse" in record.getMessage()]


async def _ask(method: Any, **parameters: Any) -> Any:
    """The data of one call; the client blocks, so it runs in a thread."""
    return await asyncio.to_thread(lambda: method(**parameters).data())


async def test_the_sdk_reads_the_same_candles(configuration: ConfigurationRestAPI, candles: list[list[Any]]) -> None:
    """A hundred minutes of a symbol with a non-ASCII name, to the last digit."""
    spot = spot_api(configuration)
    rows = await _ask(spot.klines, symbol="币安人生USDT", interval="1m", start_time=candles[0][0], limit=100)
    assert [[_plain(value) for value in row] for row in rows] == candles


async def test_the_sdk_reads_the_same_prices(configuration: ConfigurationRestAPI, served: Any) -> None:
    """One, several and all prices are the exchange's at the instant they were asked."""
    spot, exchange = spot_api(configuration), served.exchange
    one = await _ask(spot.ticker_price, symbol="BTCUSDT")
    assert _pairs([one.actual_instance]) == _prices(exchange, ["BTCUSDT"])
    two = await _ask(spot.ticker_price, symbols=["BTCUSDT", "币安人生USDT"])
    assert _pairs(two.actual_instance) == _prices(exchange, ["BTCUSDT", "币安人生USDT"])
    every = await _ask(spot.ticker_price)
    assert _pairs(every.actual_instance) == _prices(
        exchange, [each.symbol for each in exchange.listed(exchange.now_ms)]
    )


async def test_the_sdk_reads_the_same_ticker(configuration: ConfigurationRestAPI, served: Any) -> None:
    """Every field of the rolling day."""
    spot, exchange = spot_api(configuration), served.exchange
    ticker = (await _ask(spot.ticker24hr, symbol="ETHBTC")).actual_instance
    at_ms = exchange.requests[-1].at_ms
    expected = exchange.tickers.day(exchange.listing("ETHBTC", at_ms), at_ms, micro=False, mini=False)
    assert ticker.additional_properties == {}
    assert ticker.to_dict() == expected


async def test_the_sdk_reads_the_account(configuration: ConfigurationRestAPI) -> None:
    """Balances and uid come through the signature of each key type; the model knows every field."""
    account = await _ask(spot_api(configuration).get_account, omit_zero_balances=True)
    assert account.uid == 4242
    assert account.additional_properties == {}
    assert [(each.asset, each.free, each.locked) for each in account.balances] == [
        ("BTC", "0.50000000", "0.25000000"),
        ("USDT", "1234.56789012", "0.00000000"),
        ("币安人生", "1000.00000000", "0.00000000"),
    ]


async def test_the_sdk_reads_what_the_key_may_do(configuration: ConfigurationRestAPI) -> None:
    """The wallet client reads every field of the restrictions."""
    rights = await _ask(wallet_api(configuration).get_api_key_permission)
    assert rights.additional_properties == {}
    assert [name for name, value in rights.to_dict().items() if value is True] == ["enableReading"]


async def test_the_sdk_signs_with_a_key_made_here(served: Any, tmp_path: Path) -> None:
    """A private key that `binlake keys add --generate` made is one that the official client takes as it is."""
    made = Generation(tmp_path, "main", 1)
    made.make_private_key()
    api_key = "made".ljust(64, "0")
    served.exchange.add_account(4242, api_key, public_key_pem=made.public_key())
    configuration = ConfigurationRestAPI(
        api_key=api_key, base_path=served.url, timeout=10_000, private_key=made.path(PRIVATE_KEY).read_text()
    )
    account = await _ask(spot_api(configuration).get_account, omit_zero_balances=True)
    assert account.uid == 4242


async def test_the_sdk_knows_every_symbol(configuration: ConfigurationRestAPI, served: Any) -> None:
    """The model of exchangeInfo accepts all symbols with no field left over."""
    info = await _ask(spot_api(configuration).exchange_info)
    shown = [each.symbol for each in served.exchange.listed(served.exchange.now_ms) if "SPOT" in each.groups]
    assert [each.symbol for each in info.symbols] == shown
    assert {str(each.additional_properties) for each in info.symbols} == {"{}"}


async def test_the_sdk_understands_the_server_time(configuration: ConfigurationRestAPI, served: Any) -> None:
    """The time is the exchange's."""
    now = await _ask(spot_api(configuration).time)
    assert now.server_time == served.exchange.requests[-1].at_ms


async def test_the_sdk_reads_the_same_fills(configuration: ConfigurationRestAPI, book: Book) -> None:
    """Page by page from the first, to the last digit; the model knows every field."""
    spot, walked = spot_api(configuration), []
    while page := await _ask(spot.my_trades, symbol="BTCUSDT", from_id=walked[-1].id + 1 if walked else 0, limit=200):
        walked += page
    assert _rows(walked) == [fill.as_fill(int) for fill in book.fills["BTCUSDT"]]
    one = walked[len(walked) // 2].order_id
    of_one = await _ask(spot.my_trades, symbol="BTCUSDT", order_id=one)
    assert _rows(of_one) == [row for row in _rows(walked) if row["orderId"] == one]


async def test_the_sdk_reads_the_same_orders(configuration: ConfigurationRestAPI, served: Any, book: Book) -> None:
    """Every order that is still shown of every symbol, and those that are open; the model knows every field."""
    spot, now_ms = spot_api(configuration), served.exchange.now_ms
    for symbol in ("BTCUSDT", "币安人生USDT", "ETHBTC", "BTCZAR"):
        shown = [order.printed(int) for order in book.orders[symbol] if not order.gone(now_ms)]
        assert _rows(await _ask(spot.all_orders, symbol=symbol, order_id=0, limit=1000)) == shown
    assert _rows(await _ask(spot.get_open_orders)) == [order.printed(int) for order in book.open_orders(now_ms)]
    (mine,) = book.orders["ETHBTC"]
    order = await _ask(spot.get_order, symbol="ETHBTC", orig_client_order_id=mine.client_order_id)
    assert _rows([order]) == [mine.printed(int)]


async def test_the_sdk_reads_lists_and_amendments(configuration: ConfigurationRestAPI, book: Book) -> None:
    """Order lists, and what was amended."""
    spot = spot_api(configuration)
    lists = [row.printed(int) for row in book.lists]
    assert _rows(await _ask(spot.all_order_list, from_id=0, limit=1000)) == lists
    assert _rows(await _ask(spot.open_order_list)) == [row for row in lists if row["listOrderStatus"] == "EXECUTING"]
    one = await _ask(spot.get_order_list, order_list_id=lists[0]["orderListId"])
    assert _rows([one]) == lists[:1]
    (amendment,) = book.amendments["ETHBTC"]
    told = await _ask(spot.order_amendments, symbol="ETHBTC", order_id=amendment.order_id)
    assert _rows(told) == [amendment.printed(int)]


async def test_the_sdk_reads_what_was_routed_and_prevented(configuration: ConfigurationRestAPI, book: Book) -> None:
    """Allocations by id, prevented matches by order."""
    spot = spot_api(configuration)
    allocations = [row.as_allocation(int) for row in book.allocations["BTCUSDT"]]
    assert allocations
    assert _rows(await _ask(spot.my_allocations, symbol="BTCUSDT", limit=1000)) == allocations
    for match in book.prevented["BTCUSDT"]:
        told = await _ask(spot.my_prevented_matches, symbol="BTCUSDT", order_id=match.taker_order_id)
        assert _rows(told) == [match.printed(int)]


def _rows(models: Any) -> list[dict[str, Any]]:
    """The rows as they came, which the model must know whole."""
    return [_known(model.to_dict()) for model in models]


def _known(value: Any) -> Any:
    if isinstance(value, list):
        return [_known(each) for each in value]
    if not isinstance(value, dict):
        return value
    assert not value.get("additional_properties")
    return {name: _known(each) for name, each in value.items() if name != "additional_properties"}


def _plain(value: Any) -> Any:
    return getattr(value, "actual_instance", value)


def _pairs(rows: Any) -> list[tuple[str, str]]:
    return [(row.symbol, row.price) for row in rows]


def _prices(exchange: Any, symbols: list[str]) -> list[tuple[str, str]]:
    at_ms = exchange.requests[-1].at_ms
    return [(symbol, exchange.tickers.price(exchange.listing(symbol, at_ms), at_ms)["price"]) for symbol in symbols]
