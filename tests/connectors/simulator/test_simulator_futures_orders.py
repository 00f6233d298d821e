"""The rules of the order endpoints of futures and margin: windows, limits, retention, as the reference has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.simulator import Exchange, MovableClock
from connectors.simulator.account.futures_book import FuturesBook
from connectors.simulator.market.intervals import DAY_MS

DAY_S = 86_400
WEEK = 7 * DAY_MS


@pytest.fixture
def refused(api_key: str, signed: Callable[..., str], code: Callable[..., Any]) -> Callable[..., int]:
    """The code of a refusal."""
    return lambda path, query: code(signed(path, query), x_mbx_apikey=api_key)[1]


@pytest.fixture
def read(api_key: str, signed: Callable[..., str], get: Callable[..., Any]) -> Callable[..., Any]:
    return lambda path, query: get(signed(path, query), x_mbx_apikey=api_key)


@pytest.fixture
def book(exchange: Exchange, api_key: str) -> FuturesBook:
    """The futures of the account whose key it is."""
    return exchange.futures_book(exchange.keys[api_key].account.uid)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/fapi/v1/userTrades", f"symbol=BTCUSDT&startTime=1&endTime={1 + WEEK}", -4165),
        ("/dapi/v1/allOrders", f"symbol=BTCUSD_PERP&startTime=1&endTime={1 + WEEK}", -4165),
        ("/fapi/v1/allOrders", "symbol=BTCUSDT&limit=1001", -1130),
        ("/dapi/v1/allOrders", "symbol=BTCUSD_PERP&limit=101", -1130),
        ("/fapi/v1/userTrades", "symbol=BTCUSDT&fromId=1&startTime=1", -1128),
        ("/fapi/v1/allOrders", "symbol=BTCUSD_PERP", -1121),
        ("/sapi/v1/margin/allOrders", f"symbol=BTCUSDT&startTime=1&endTime={2 + DAY_MS}", -1127),
        ("/sapi/v1/margin/openOrders", "isIsolated=TRUE", -1102),
    ],
)
def test_what_the_documentation_does_not_allow_is_refused(
    path: str, query: str, expected: int, refused: Callable[..., int]
) -> None:
    """Windows wider than seven days or one, limits above the maximum, ids together with times, names of elsewhere."""
    assert refused(path, query) == expected


def test_orders_and_trades_are_forgotten(book: FuturesBook, clock: MovableClock, read: Callable[..., Any]) -> None:
    """Unfilled orders after three days, all after ninety, trades as well; L9, L10."""
    canceled, filled = (book.place("BTCUSDT", "BUY", 1, 50) for _ in range(2))
    book.cancel("BTCUSDT", canceled)
    book.fill("BTCUSDT", filled)

    def shown() -> tuple[list[int], int]:
        orders = read("/fapi/v1/allOrders", "symbol=BTCUSDT&orderId=1")
        return [row["orderId"] for row in orders], len(read("/fapi/v1/userTrades", "symbol=BTCUSDT&fromId=1"))

    assert shown() == ([canceled, filled], 1)
    clock.advance(4 * DAY_S)
    assert shown() == ([filled], 1)
    clock.advance(90 * DAY_S)
    assert shown() == ([], 0)


def test_what_does_not_apply_is_printed_as_zero(book: FuturesBook, read: Callable[..., Any]) -> None:
    """USD-M has no quantity in the base asset; N8."""
    book.fill("BTCUSDT", book.place("BTCUSDT", "BUY", 2, 50))
    (row,) = read("/fapi/v1/userTrades", "symbol=BTCUSDT")
    assert (row["quoteQty"], row["baseQty"], row["realizedPnl"]) == ("100.00000000", "0", "0.00000000")
