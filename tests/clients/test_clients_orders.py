"""What binlake stores of orders and fills is what ccxt and the official SDK read, to the digit, with each type of key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from owner import Stored, ask, spot_api
from support.sampled import some_of

from connectors.simulator.account.account_book import Book

IN_CCXT = {"BTCUSDT": "BTC/USDT", "币安人生USDT": "币安人生/USDT", "ETHBTC": "ETH/BTC"}
SYMBOLS = {*IN_CCXT, "BTCZAR"}  # which belongs to a region, and which ccxt therefore does not know
PAGE = 1000

# Of each stored column the name on the wire, and what its value there is as a value of the column.
Columns = Mapping[str, tuple[str, Callable[[Any], Any]]]
ORDER: Columns = {
    "symbol": ("symbol", str), "order_id": ("orderId", int), "client_order_id": ("clientOrderId", str),
    "order_list_id": ("orderListId", lambda one: None if one == -1 else one), "side": ("side", str),
    "type": ("type", str), "status": ("status", str), "time_in_force": ("timeInForce", str),
    "price": ("price", lambda text: Decimal(text) or None), "orig_qty": ("origQty", Decimal),
    "executed_qty": ("executedQty", Decimal), "cumulative_quote_qty": ("cummulativeQuoteQty", Decimal),
    "time": ("time", int), "update_time": ("updateTime", int),
}  # fmt: skip
FILL: Columns = {
    "symbol": ("symbol", str), "trade_id": ("id", int), "order_id": ("orderId", int), "price": ("price", Decimal),
    "qty": ("qty", Decimal), "quote_qty": ("quoteQty", Decimal), "commission": ("commission", Decimal),
    "commission_asset": ("commissionAsset", str), "time": ("time", int), "is_buyer": ("isBuyer", bool),
    "is_maker": ("isMaker", bool),
}  # fmt: skip
Rows = list[dict[str, Any]]


@pytest.fixture
async def history(stored: Stored, book: Book) -> Book:
    """Six weeks of an account in a lake: pulled, and pulled again after what was open went on."""
    await stored.pull("trading")
    (amended,) = book.orders["ETHBTC"]
    book.fill("ETHBTC", amended.order_id, "0.25", fee=("-0.00000002", "ETH"))
    book.cancel("ETHBTC", amended.order_id)
    waiting = book.place("币安人生USDT", "SELL", "40", "0.5")
    book.amend("币安人生USDT", waiting, "30")
    book.fill("币安人生USDT", book.place("币安人生USDT", "BUY", "7", "0.25"), "3")
    book.expire("BTCUSDT", book.place("BTCUSDT", "BUY", "0.001", "50000"))
    await stored.pull("trading")
    return book


@pytest.fixture(autouse=True)
async def _models_accept(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """The official models never fall back to raw data."""
    yield
    assert not [record for record in caplog.records if "Failed to parse" in record.getMessage()]


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("credentials", some_of(["hmac", "rsa", "ed25519"]), indirect=True)
async def test_ccxt_and_the_sdk_read_the_orders_and_fills_of_the_lake(stored: Stored, ccxt_client: Any) -> None:
    """Every order and every fill of each symbol that they know, field by field; and what is open."""
    await _read_by_ccxt(stored, ccxt_client)
    await _read_by_the_sdk(stored)


async def _read_by_ccxt(stored: Stored, client: Any) -> None:
    for symbol, name in IN_CCXT.items():
        orders = await client.fetch_orders(name, limit=PAGE)
        assert _as_stored(ORDER, orders) == _stored(stored, "orders", ORDER, symbol)
        trades: Rows = []
        while page := await client.fetch_my_trades(name, limit=PAGE, params={"fromId": _next(trades)}):
            trades += [trade["info"] for trade in page]
        assert _as_stored(FILL, trades) == _stored(stored, "fills", FILL, symbol)


async def _read_by_the_sdk(stored: Stored) -> None:
    spot = spot_api(stored.sdk)
    assert {row["symbol"] for row in stored.rows("SELECT symbol FROM orders UNION SELECT symbol FROM fills")} == SYMBOLS
    for symbol in SYMBOLS:
        orders = _wire(await ask(spot.all_orders, symbol=symbol, order_id=0, limit=PAGE))
        assert _as_stored(ORDER, orders) == _stored(stored, "orders", ORDER, symbol)
        trades: Rows = []
        while page := _wire(await ask(spot.my_trades, symbol=symbol, from_id=_next(trades), limit=PAGE)):
            trades += page
        assert _as_stored(FILL, trades) == _stored(stored, "fills", FILL, symbol)
    columns = {name: told for name, told in ORDER.items() if name != "cumulative_quote_qty"}  # the view has none
    still_open = _wire(await ask(spot.get_open_orders))
    assert _as_stored(columns, still_open) == _stored(stored, "open_orders", columns)


@pytest.mark.parametrize("credentials", ["hmac"], indirect=True)
async def test_the_history_is_worth_comparing(stored: Stored, history: Book) -> None:
    """Orders of every fate, some of them amended, filled in several parts, fees in several assets, one of them paid."""
    orders = stored.rows("SELECT DISTINCT status, executed_qty > 0 AS filled FROM orders")
    fates = {(row["status"], row["filled"]) for row in orders}
    assert fates >= {("FILLED", True), ("CANCELED", True), ("CANCELED", False), ("EXPIRED", False)}
    assert {("NEW", False), ("PARTIALLY_FILLED", True)} <= fates
    [parts] = stored.rows("SELECT max(n) AS most FROM (SELECT count(*) AS n FROM fills GROUP BY symbol, order_id)")
    assert parts["most"] >= 3
    [fees] = stored.rows("SELECT count(DISTINCT commission_asset) AS assets, min(commission) AS least FROM fills")
    assert (fees["assets"] >= 4, fees["least"] < 0) == (True, True)
    [changed] = stored.rows("SELECT max(version) AS most FROM order_versions WHERE symbol = 'ETHBTC'")
    assert changed["most"] == 2
    assert len(history.amendments["币安人生USDT"]) >= 1


def _stored(stored: Stored, view: str, columns: Columns, symbol: str | None = None) -> Rows:
    """The rows of a view with times as the exchange prints them, in order of their ids."""
    names = ", ".join(f"epoch_ms({name}) AS {name}" if name.endswith("time") else name for name in columns)
    only = "true" if symbol is None else f"symbol = '{symbol}'"
    return _by_id(stored.rows(f"SELECT {names} FROM {view} WHERE {only}"))


def _as_stored(columns: Columns, printed: Rows) -> Rows:
    """Printed rows under the names of the columns, as values of theirs, in order of their ids."""
    rows = (row.get("info", row) for row in printed)
    return _by_id([{name: exact(row[wire]) for name, (wire, exact) in columns.items()} for row in rows])


def _by_id(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: (row["symbol"], row.get("trade_id", row["order_id"])))


def _wire(models: Any) -> Rows:
    """What an official client was answered, under the names it came with."""
    return [model.to_dict() for model in models]


def _next(trades: Rows) -> int:
    return max((trade["id"] for trade in trades), default=-1) + 1
