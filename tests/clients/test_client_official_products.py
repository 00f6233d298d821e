"""The official clients of each product read an account that has lived, and their models know every field of it."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from binance_common.configuration import ConfigurationRestAPI
from support.trade_desk import UNLIMITED

from connectors.binance.endpoints import ENDPOINTS
from connectors.binance.endpoints.model import Security
from connectors.simulator import Cashflow, Exchange, serve
from connectors.simulator.account.cashflow import untold
from connectors.simulator.account.cashflow.life import STORIES
from connectors.simulator.protocol.limits import Limits

if TYPE_CHECKING:
    from types import ModuleType

UID = 4242
API_KEY, SECRET = "k" * 64, "s" * 64
DAY_MS = 86_400_000
# The class of each package, and from how many endpoints it reads rows at least; that of C2C does not sign its call.
CLIENTS = {
    "convert": ("Convert", 1),
    "derivatives_trading_coin_futures": ("DerivativesTradingCoinFutures", 5),
    "derivatives_trading_usds_futures": ("DerivativesTradingUsdsFutures", 7),
    "dual_investment": ("DualInvestment", 1),
    "fiat": ("Fiat", 2),
    "margin_trading": ("MarginTrading", 7),
    "pay": ("Pay", 1),
    "simple_earn": ("SimpleEarn", 8),
    "staking": ("Staking", 10),
    "wallet": ("Wallet", 8),
}
SYMBOLS = {"fapi": "BTCUSDT", "dapi": "BTCUSD_PERP", "sapi": "BTCUSDT"}
MARKETS = {"fapi": "usdm", "dapi": "coinm"}
_CALL = re.compile(r'method="(\w+)",\s+path="(/[^"]+)"')
_READ = {(row.method, row.path) for row in ENDPOINTS if row.security is Security.SIGNED}
_OF_ONE = {"goodTillDate", "orderListId"}  # their models know these in lists of orders, and not of a single one
_BY_SYMBOL = {"allOrders", "userTrades", "myTrades", "allAlgoOrders", "order"}
_DAYS = {"allOrders": 0.9, "myTrades": 0.9, "borrow-repay": 6, "capital-flow": 6}  # of margin; else 29
_MORE: dict[str, list[dict[str, str]]] = {
    "/sapi/v1/asset/transfer": [{"type": "MAIN_UMFUTURE"}],
    "/sapi/v1/fiat/orders": [{"transaction_type": kind} for kind in ("0", "1")],
    "/sapi/v1/fiat/payments": [{"transaction_type": kind} for kind in ("0", "1")],
    "/sapi/v1/margin/borrow-repay": [{"type": kind} for kind in ("BORROW", "REPAY")],
    "/sapi/v1/sol-staking/sol/history/boostRewardsHistory": [{"type": "CLAIM"}],
}


@pytest.fixture(scope="module")
def lived() -> Exchange:
    """An exchange on which one account did a little of everything in the last month, futures and conditional orders."""
    exchange = Exchange(limits=Limits(enforced=False, weight=UNLIMITED))
    money = Cashflow(exchange.now_ms - 28 * DAY_MS, 8.0, STORIES | dict.fromkeys(untold.STORIES, 0.1))
    exchange.add_account(UID, API_KEY, secret=SECRET, money=money)
    exchange.book(UID).agenda.clear()  # nothing happens by itself between two readings
    for market, symbol in (("usdm", "BTCUSDT"), ("coinm", "BTCUSD_PERP")):
        book = exchange.futures_book(UID, market)
        book.fill(symbol, book.place(symbol, "BUY", 2, 64_000))
        book.place(symbol, "SELL", 1, 70_000)
    exchange.futures_book(UID).algo.place("BTCUSDT", "SELL", 1, 60_000)
    margin = exchange.margin_book(UID)
    margin.fill("BTCUSDT", margin.place("BTCUSDT", "BUY", 1, 64_000))
    return exchange


@pytest.fixture
async def address(lived: Exchange) -> AsyncIterator[str]:
    async with serve(lived) as url:
        yield url


def reads(client: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods of a client that ask for what binlake reads, with the path of each."""
    for group in vars(client).values():
        for name, function in vars(type(group)).items():
            call = _CALL.search(inspect.getsource(function)) if inspect.isfunction(function) else None
            if call and call.groups() in _READ:
                yield call[2], getattr(group, name)


def parameters(method: Callable[..., Any], path: str, exchange: Exchange) -> Iterator[dict[str, Any]]:
    """What a person would ask for: the last days, in each direction there is; of one order, the first one."""
    if path == "/sapi/v1/accountSnapshot":
        yield from ({"type": kind} for kind in ("SPOT", "MARGIN", "FUTURES"))
        return
    names, place, call = inspect.signature(method).parameters, path.split("/")[1], path.rsplit("/", 1)[1]
    given: dict[str, Any] = {}
    if "start_time" in names and call != "order":
        days = 6 if place != "sapi" else _DAYS.get(call, 29)
        given |= {"start_time": exchange.now_ms - int(days * DAY_MS), "end_time": exchange.now_ms}
    if call in _BY_SYMBOL:
        given["symbol"] = SYMBOLS[place]
    if call == "order":
        book = exchange.margin_book(UID) if place == "sapi" else exchange.futures_book(UID, MARKETS[place])
        given["order_id"] = next(iter(book.orders[SYMBOLS[place]])).order_id
    if call == "id":
        file = exchange.files.ask(UID, path.removesuffix("/id"), ("files", 100), exchange.now_ms, b"")
        given["download_id"] = file.download_id
    if "current" in names and names["current"].default is inspect.Parameter.empty:
        given |= {"current": 1, "size": 100}
    for more in _MORE.get(path, [{}]):
        yield given | more


def plain(value: Any) -> Any:
    """An answer as it came; every field of it the model must know."""
    value = getattr(value, "actual_instance", value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    if hasattr(value, "additional_properties"):
        assert value.additional_properties.keys() <= _OF_ONE, type(value).__name__
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    return value


def has_rows(answer: Any) -> bool:
    """Whether an answer holds anything; one that is no list is a row."""
    if isinstance(answer, list):
        return bool(answer)
    lists = [each for each in answer.values() if isinstance(each, list)]
    return any(lists) if lists else True


@pytest.mark.parametrize("name", list(CLIENTS))
async def test_the_official_client_reads_its_product(
    name: str, address: str, lived: Exchange, caplog: pytest.LogCaptureFixture
) -> None:
    """Every list of the product that binlake reads is parsed without a warning and without a field left over."""
    package: ModuleType = import_module(f"binance_sdk_{name}.{name}")
    configuration = ConfigurationRestAPI(api_key=API_KEY, api_secret=SECRET, base_path=address, timeout=10_000)
    of_class, least = CLIENTS[name]
    client = getattr(package, of_class)(config_rest_api=configuration).rest_api
    filled = set[str]()
    for path, method in reads(client):
        for given in parameters(method, path, lived):
            answer = await asyncio.to_thread(lambda: method(**given).data())  # noqa: B023 - awaited at once
            assert not [one for one in caplog.records if "Failed to parse" in one.getMessage()], path
            if has_rows(plain(answer)):
                filled.add(path)
    assert len(filled) >= least, filled
