"""Orders placed and filled by hand, and how the exchange tells of them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connectors.simulator import Exchange, MovableClock
from connectors.simulator.book import Book
from connectors.simulator.faults import Lagging
from connectors.simulator.rules import Refusal

SYMBOL = "BTCUSDT"
Read = Callable[..., Any]


@pytest.fixture
def book(exchange: Exchange, api_key: str) -> Book:
    """The orders of the account that the key belongs to."""
    assert api_key
    return exchange.book(7)


@pytest.fixture
def read(api_key: str, signed: Callable[..., str], get: Callable[..., Any]) -> Read:
    """What a signed endpoint of /api/v3 answers to parameters."""

    def read(path: str, **parameters: Any) -> Any:
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return get(signed(f"/api/v3/{path}", query), x_mbx_apikey=api_key)

    return read


def test_an_order_lives(book: Book, read: Read, clock: MovableClock) -> None:
    """Placed, filled in part, amended, filled to the end: each state is told as it is, under one id."""
    number = book.place(SYMBOL, "BUY", "2", "50000")
    placed = read("order", symbol=SYMBOL, orderId=number)
    assert placed == read("openOrders", symbol=SYMBOL)[0] == read("openOrders")[0]
    assert (placed["status"], placed["executedQty"], placed["workingTime"]) == ("NEW", "0.00000000", placed["time"])
    clock.advance(1)
    trade = book.fill(SYMBOL, number, "0.5")
    book.amend(SYMBOL, number, "1.5")
    partly = read("order", symbol=SYMBOL, orderId=number)
    assert (partly["status"], partly["executedQty"], partly["origQty"]) == (
        "PARTIALLY_FILLED",
        "0.50000000",
        "1.50000000",
    )
    assert partly["cummulativeQuoteQty"] == "25000.00000000"
    assert partly["clientOrderId"] != placed["clientOrderId"]
    assert partly["updateTime"] == placed["time"] + 1000
    last = book.fill(SYMBOL, number)
    assert [row["id"] for row in read("myTrades", symbol=SYMBOL)] == [trade, last]
    assert read("allOrders", symbol=SYMBOL)[0]["status"] == "FILLED"
    assert read("openOrders") == []


def test_a_lagging_database_does_not_know_the_last_events(
    exchange: Exchange, book: Book, read: Read, clock: MovableClock
) -> None:
    """Under the fault an endpoint answers as it would have so long ago, and only that endpoint."""
    number = book.place(SYMBOL, "BUY", "2", "50000")
    clock.advance(10)
    book.fill(SYMBOL, number, "1")
    exchange.inject(Lagging(path="/api/v3/myTrades", ms=5000, count=1))
    exchange.inject(Lagging(path="/api/v3/allOrders", ms=5000, count=1))
    assert read("myTrades", symbol=SYMBOL) == []
    assert len(read("myTrades", symbol=SYMBOL)) == 1
    assert [read("allOrders", symbol=SYMBOL)[0]["status"] for _ in range(2)] == ["NEW", "PARTIALLY_FILLED"]


def test_balances_follow(book: Book, read: Read) -> None:
    """Open orders hold back what they may spend; fills and fees move what there is."""
    number = book.place(SYMBOL, "BUY", "0.001", "50000")
    held = {row["asset"]: row for row in read("account")["balances"]}
    assert (held["USDT"]["free"], held["USDT"]["locked"]) == ("50.00000000", "50.00000000")
    book.fill(SYMBOL, number, fee=("0.01", "BNB"))
    held = {row["asset"]: row for row in read("account")["balances"]}
    assert (held["USDT"]["free"], held["USDT"]["locked"]) == ("50.00000000", "0.00000000")
    assert Decimal(held["BTC"]["free"]) == Decimal("1.501")
    assert held["BNB"]["free"] == "-0.01000000"


def test_what_cannot_be_is_refused(book: Book) -> None:
    """An ended order does not change any more."""
    number = book.place(SYMBOL, "BUY", "1", "50000")
    book.cancel(SYMBOL, number)
    with pytest.raises(Refusal, match="-2011"):
        book.fill(SYMBOL, number)
