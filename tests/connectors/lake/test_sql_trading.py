"""What the views of orders and fills show, row by row."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from support.lakes import at
from support.tables import Tables

from schemas.datasets.market import KLINES, SYMBOLS
from schemas.datasets.orders import ALLOCATIONS, FILLS, ORDER_LIFE, ORDERS

SERIES = {"account": "main", "market": "spot", "symbol": "BTCUSDT"}
MINUTE = "2026-01-01 10:05"


def listed(base: str, quote: str) -> dict[str, Any]:
    return {"market": "spot", "symbol": base + quote, "base_asset": base, "quote_asset": quote, "valid_from": MINUTE}


def candle(symbol: str, close: str, minute: str = MINUTE, interval: str = "1m", **values: Any) -> dict[str, Any]:
    series = {"market": "spot", "symbol": symbol, "interval": interval}
    times = {"open_time": minute, "close_time": at(minute) + timedelta(seconds=59.999)}
    return series | times | {"close": close} | values


def order(order_id: int, status: str = "FILLED", **values: Any) -> dict[str, Any]:
    times = dict.fromkeys(("time", "update_time", "seen_at"), f"{MINUTE}:30")
    return SERIES | times | {"order_id": order_id, "version": 1, "status": status, "side": "BUY"} | values


def fill(trade_id: int, fee: str, fee_asset: str, **values: Any) -> dict[str, Any]:
    row = {"trade_id": trade_id, "order_id": 7, "price": "100", "qty": "2", "quote_qty": "200", "time": f"{MINUTE}:40"}
    return SERIES | row | {"commission": fee, "commission_asset": fee_asset} | values


def allocation(allocation_id: int, fee: str, fee_asset: str, **values: Any) -> dict[str, Any]:
    return fill(0, fee, fee_asset, **values) | {"allocation_id": allocation_id}


# Open orders.


def test_open_orders_are_those_that_may_still_change(tables: Tables) -> None:
    """`open_orders` has every order whose last state is not a final one, unless the exchange forgot the order."""
    may_change = [*ORDER_LIFE.open, "PENDING_TRIGGER"]
    states = [*may_change, *ORDER_LIFE.final]
    tables.put(ORDERS, *(order(number, state) for number, state in enumerate(states)))
    tables.put(ORDERS, order(50, "NEW"), order(50, "CANCELED", version=2), order(51, "NEW", gone_since="2026-02-01"))
    shown = tables.tuples("SELECT order_id, status FROM open_orders ORDER BY order_id")
    assert shown == list(enumerate(may_change))


def test_an_open_order_says_what_is_left_of_it(tables: Tables) -> None:
    """The rest of an amended and partly filled order follows from its newest version."""
    tables.put(ORDERS, order(7, "NEW", orig_qty="5", executed_qty="0"))
    tables.put(ORDERS, order(7, "PARTIALLY_FILLED", version=2, orig_qty="4", executed_qty="1.5", price="99.5"))
    columns = "account, symbol, order_id, status, price, orig_qty, executed_qty, remaining_qty"
    assert tables.tuples(f"SELECT {columns} FROM open_orders") == [
        ("main", "BTCUSDT", 7, "PARTIALLY_FILLED", Decimal("99.5"), Decimal(4), Decimal("1.5"), Decimal("2.5"))
    ]


# Fees.


@pytest.fixture
def market(tables: Tables) -> Tables:
    """Candles for each way of valuing a fee in USDT, and some that must not be taken."""
    pairs = [("BTC", "USDT"), ("BNB", "USDT"), ("USDT", "TRY"), ("ADA", "BTC"), ("ADA", "ETH"), ("ETH", "USDT")]
    tables.put(
        SYMBOLS,
        *(listed(*pair) for pair in pairs),
        *(listed(asset, "USDT") for asset in ("XMR", "EUR", "ZERO")),
        *(listed(*pair) for pair in (("HALF", "BTC"), ("LONE", "MXN"))),
    )
    closes = {"BTCUSDT": "50000", "BNBUSDT": "600", "USDTTRY": "40", "ADABTC": "0.00001", "ADAETH": "1", "ETHUSDT": "1"}
    rows = [candle(symbol, close) for symbol, close in closes.items()]
    tables.put(
        KLINES,
        *rows,
        candle("BNBUSDT", "1", "2026-01-01 10:04"),
        candle("BNBUSDT", "2", "2026-01-01 10:06"),
        candle("EURUSDT", "3", "2026-01-01 10:06"),
        candle("XMRUSDT", "4", interval="1h"),
        candle("ZEROUSDT", "0"),
    )
    return tables


def nowhere(asset: str) -> str:
    return f"no candle of that minute leads from {asset} to USDT"


FEES = [
    ("0.12345678", "USDT", "0.12345678", [], None),
    ("12345678901234567890.12345678", "USDT", "12345678901234567890.12345678", [], None),
    ("0.002", "BTC", "0.2", ["BTCUSDT"], None),
    ("0.001", "BNB", "0.6", ["BNBUSDT"], None),
    ("8", "TRY", "0.2", ["USDTTRY"], None),
    ("3", "ADA", "1.5", ["ADABTC", "BTCUSDT"], None),
    ("-0.001", "BNB", "-0.6", ["BNBUSDT"], None),
    ("1", "EUR", None, None, nowhere("EUR")),
    ("1", "XMR", None, None, nowhere("XMR")),
    ("1", "ZERO", None, None, nowhere("ZERO")),
    ("1", "GONE", None, None, "no pair, nor two, lead from GONE to USDT"),
    ("1", "LONE", None, None, "no pair, nor two, lead from LONE to USDT"),
    ("0.002", "HALF", None, None, nowhere("HALF")),
]


@pytest.mark.parametrize("make", [fill, allocation])
@pytest.mark.parametrize(("fee", "asset", "value", "path", "why"), FEES)
def test_a_fee_is_valued_in_the_quote_asset(
    make: Any, fee: str, asset: str, value: str | None, path: list[str] | None, why: str | None, market: Tables
) -> None:
    """Itself, at the fill's price, through a pair either way round, through one other asset; else NULL, and named."""
    market.put(FILLS if make is fill else ALLOCATIONS, make(1, fee, asset))
    columns = "commission, commission_asset, quote_asset, fee_value, fee_path, why, typeof(fee_value)"
    assert market.tuples(f"SELECT {columns} FROM fills_with_fees") == [
        (Decimal(fee), asset, "USDT", None if value is None else Decimal(value), path, why, "DECIMAL(38,8)")
    ]


def test_a_fee_takes_the_candle_of_its_own_minute(market: Tables) -> None:
    """The first instant of a minute belongs to its candle, the last one too."""
    times = ("10:04:59.999", "10:05:00", "10:05:59.999", "10:06:00")
    market.put(FILLS, *(fill(number, "1", "BNB", time=f"2026-01-01 {time}") for number, time in enumerate(times)))
    shown = market.tuples("SELECT fee_price, fee_value FROM fills_with_fees ORDER BY trade_id")
    assert shown == [(1.0, Decimal(1)), (600.0, Decimal(600)), (600.0, Decimal(600)), (2.0, Decimal(2))]


def test_a_fill_of_an_unknown_symbol_is_shown_all_the_same(market: Tables) -> None:
    """Where the assets of a symbol are not known, the fee has no value, and the row says why."""
    market.put(FILLS, fill(1, "1", "BNB", symbol="LOSTX"))
    assert market.tuples("SELECT symbol, qty, fee_value, fee_path, why FROM fills_with_fees") == [
        ("LOSTX", Decimal(2), None, None, "the assets of LOSTX are not known")
    ]


def test_every_fill_and_allocation_is_shown_once(market: Tables) -> None:
    """However many ways lead to the quote asset, a fill is one row, and the id of an allocation is not a trade's."""
    fills = [fill(number, "1", asset) for number, asset in enumerate(["ADA", "ADA", "BNB", "GONE", "USDT"])]
    market.put(FILLS, *fills, fill(0, "1", "ADA", account="other"))
    market.put(ALLOCATIONS, allocation(3, "1", "ADA"))
    sql = "SELECT account, trade_id, allocation_id FROM fills_with_fees ORDER BY ALL"
    assert market.tuples(sql) == [*(("main", n, None) for n in range(5)), ("main", None, 3), ("other", 0, None)]


# Activity.


def test_activity_is_counted_by_day_and_symbol(market: Tables) -> None:
    """Both sides in both assets, days of UTC; a fee that cannot be valued leaves no half sum, and is counted."""
    market.put(
        FILLS,
        fill(1, "1", "USDT", is_buyer=True, is_maker=True, time="2026-01-01 00:00"),
        fill(2, "2", "USDT", is_buyer=False, is_maker=False, qty="0.5", quote_qty="51", time="2026-01-01 23:59:59.999"),
        fill(3, "1", "GONE", is_buyer=True, is_maker=False, order_id=8, time="2026-01-02"),
        fill(4, "1", "USDT", is_buyer=True, is_maker=True, order_id=9, time="2026-01-02"),
        fill(1, "3", "USDT", symbol="BNBUSDT", is_buyer=False, is_maker=True),
    )
    market.put(ALLOCATIONS, allocation(1, "0.5", "USDT", is_buyer=True, is_maker=False, time="2026-01-01 12:00"))
    nothing = Decimal(0)
    first, second = date(2026, 1, 1), date(2026, 1, 2)
    assert market.tuples("FROM trading_activity ORDER BY symbol, day") == [
        ("main", "spot", "BNBUSDT", first, 1, 1, 1, nothing, nothing, Decimal(2), Decimal(200), Decimal(3), 0),
        (
            *("main", "spot", "BTCUSDT", first, 1, 3, 1),
            *(Decimal(4), Decimal(400), Decimal("0.5"), Decimal(51), Decimal("3.5"), 0),
        ),
        ("main", "spot", "BTCUSDT", second, 2, 2, 1, Decimal(4), Decimal(400), nothing, nothing, None, 1),
    ]


def test_a_sum_that_the_market_does_not_say_is_not_zero(market: Tables) -> None:
    """Fills that do not say what they came to leave no sum, and are no reason to miss any of an order's."""
    market.put(ORDERS, order(7, orig_qty="4", executed_qty="4", cumulative_quote_qty="400"))
    market.put(FILLS, fill(1, "1", "USDT", is_buyer=True), fill(2, "1", "USDT", is_buyer=True, quote_qty=None))
    sql = "SELECT bought_qty, bought_quote_qty, sold_quote_qty FROM trading_activity"
    assert market.tuples(sql) == [(Decimal(4), None, Decimal(0))]
    assert market.tuples("SELECT order_id FROM incomplete_orders") == []
    market.put(ORDERS, order(8, orig_qty="4", executed_qty="4", cumulative_quote_qty="400"))
    assert market.tuples("SELECT received_qty, received_quote_qty FROM incomplete_orders") == [(Decimal(0), Decimal(0))]


# The life of an order.

LIFE = """
    SELECT order_id, status, first_fill, last_fill, time_to_first_fill_ms, time_to_fill_ms, fills, fill_ratio,
        average_price, reference_price, slippage
    FROM order_lifecycle ORDER BY order_id
"""


def test_the_life_of_an_order(tables: Tables) -> None:
    """How long, how much, at which price and how much worse than the market, from all that the order received."""
    tables.put(KLINES, candle("BTCUSDT", "1", open="100"))
    half = {"orig_qty": "4", "executed_qty": "2", "cumulative_quote_qty": "202"}
    tables.put(
        ORDERS,
        order(7, orig_qty="3", executed_qty="3", cumulative_quote_qty="303"),
        order(8, "CANCELED", side="SELL", **half),
        order(9, "NEW", orig_qty="1", executed_qty="0", cumulative_quote_qty="0"),
    )
    tables.put(
        FILLS,
        fill(2, "0", "USDT", qty="1", quote_qty="101", time="2026-01-01 10:05:30.250"),
        fill(1, "0", "USDT", qty="1", quote_qty="101", time="2026-01-02 10:05:30"),
        fill(3, "0", "USDT", order_id=8, qty="2", quote_qty="202", time="2026-01-01 10:06:30"),
        fill(4, "0", "USDT", order_id=9, symbol="ETHUSDT"),
    )
    tables.put(ALLOCATIONS, allocation(1, "0", "USDT", qty="1", quote_qty="101", time="2026-01-01 12:00"))
    soon, later, minute = at("2026-01-01 10:05:30.250"), at("2026-01-02 10:05:30"), at("2026-01-01 10:06:30")
    assert tables.tuples(LIFE) == [
        (
            *(7, "FILLED", soon, later, 250, 86_400_000, 3, Decimal(1)),
            *(Decimal(101), Decimal(100), Decimal("0.01")),
        ),
        (
            *(8, "CANCELED", minute, minute, 60_000, None, 1, Decimal("0.5")),
            *(Decimal(101), Decimal(100), Decimal("-0.01")),
        ),
        (9, "NEW", None, None, None, None, 0, Decimal(0), None, Decimal(100), None),
    ]


@pytest.mark.parametrize(
    ("values", "average"),
    [
        ({"executed_qty": "2"}, Decimal("100.5")),
        ({"executed_qty": "3"}, None),
        ({"executed_qty": "2", "cumulative_quote_qty": "204"}, Decimal(102)),
    ],
)
def test_a_lost_quote_amount_is_taken_from_whole_fills(
    values: dict[str, Any], average: Decimal | None, tables: Tables
) -> None:
    """The exchange's own sum counts; where it is lost, that of the fills, when all of them are there."""
    tables.put(ORDERS, order(7, **values))
    tables.put(FILLS, fill(1, "0", "USDT", quote_qty="201"))
    assert tables.tuples("SELECT average_price, slippage FROM order_lifecycle") == [(average, None)]


def test_an_order_without_quantity_has_no_ratio(tables: Tables) -> None:
    """Nothing is divided by zero."""
    tables.put(ORDERS, order(7, "EXPIRED", orig_qty="0", executed_qty="0", cumulative_quote_qty="0"))
    assert tables.tuples("SELECT fill_ratio, average_price FROM order_lifecycle") == [(None, None)]
