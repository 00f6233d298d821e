"""What movements mean: acquisitions and disposals, what they cost and gained, and what an account was worth."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.meaning import Meaning, meaning_session
from support.movements import KINDS

START = datetime(2026, 1, 5, 10, 30, tzinfo=UTC)
BEYOND = "more was disposed of than the ledger shows as acquired"


@pytest.fixture(scope="module")
def _session() -> Iterator[Meaning]:
    with meaning_session() as session:
        session.put(
            "symbols",
            *(
                {"market": "spot", "symbol": base + quote, "base_asset": base, "quote_asset": quote}
                for base, quote in (("BTC", "USDT"), ("BNB", "USDT"), ("ETH", "BTC"), ("ETH", "BNB"), ("ABC", "XYZ"))
            ),
        )
        yield session


@pytest.fixture
def lake(_session: Meaning) -> Iterator[Meaning]:
    yield _session
    for table in ("ledger", "klines", "balances"):
        _session.clear(table)


def closes(lake: Meaning, interval: str, time: datetime, **prices: str) -> None:
    """The close of a candle of each symbol at an instant."""
    lake.put(
        "klines",
        *(
            {"market": "spot", "symbol": symbol, "interval": interval, "open_time": time, "close": Decimal(price)}
            for symbol, price in prices.items()
        ),
    )


def day(time: datetime = START) -> datetime:
    return time.replace(hour=0, minute=0)


def shown(rows: list[dict[str, Any]], *names: str) -> list[tuple[str, ...]]:
    """Some columns, decimals without trailing zeros."""
    return [
        tuple(f"{value.normalize():f}" if isinstance(value, Decimal) else value for value in map(row.get, names))
        for row in rows
    ]


def test_both_sides_of_a_trade_are_worth_what_was_paid(lake: Meaning) -> None:
    """A coin bought for the quote asset costs what was paid and the fee; the quote asset itself is money."""
    lake.moved(START, "trade", "1", ("BTC", "0.5"), ("USDT", "-20000"))
    lake.moved(START, "fee", "1", ("BNB", "-0.1"))
    closes(lake, "1m", START, BNBUSDT="600")
    found = lake.rows("FROM tax_events('USDT') ORDER BY asset")
    assert shown(found, "asset", "event", "qty", "value", "fee_value", "net_value") == [
        ("BNB", "disposed", "0.1", "60", "0", "60"),
        ("BTC", "acquired", "0.5", "20000", "60", "20060"),
    ]


def test_a_coin_paid_with_a_coin_costs_what_was_given(lake: Meaning) -> None:
    """Where no side is the quote asset, both have the value of the one that was given, through the candles named."""
    lake.moved(START, "trade", "1", ("ETH", "10"), ("BTC", "-0.4"))
    closes(lake, "1m", START, BTCUSDT="50000", ETHBTC="0.05")
    found = lake.rows("FROM tax_events('USDT') ORDER BY asset")
    assert shown(found, "asset", "event", "value", "candles", "path") == [
        ("BTC", "disposed", "20000", "1m", ["BTCUSDT"]),
        ("ETH", "acquired", "20000", "1m", ["BTCUSDT"]),
    ]


def test_money_beside_a_coin_is_not_all_that_was_given(lake: Meaning) -> None:
    """What is given for a coin is its quote asset and the other coin that went with it, each at its worth."""
    closes(lake, "1m", START, BTCUSDT="40000", ETHBTC="0.05")
    lake.moved(START, "trade", "1", ("BTC", "1"), ("ETH", "-2"), ("USDT", "-100"))
    found = lake.rows("SELECT asset, value FROM tax_events('USDT') ORDER BY asset")
    assert shown(found, "asset", "value") == [("BTC", "4100"), ("ETH", "4000")]


def test_a_day_stands_in_for_a_minute_that_is_not_there(lake: Meaning) -> None:
    """Without the candle of the minute the close of the day values an event, and `candles` says so."""
    lake.moved(START, "reward", "1", ("BTC", "0.01"))
    closes(lake, "1d", day(), BTCUSDT="50000")
    (found,) = lake.rows("FROM tax_events('USDT')")
    assert (found["candles"], found["net_value"]) == ("1d", Decimal(500))


def test_nothing_is_valued_without_a_candle(lake: Meaning) -> None:
    """Without a candle there is no value, no gain, and a reason; sums count what they leave out."""
    lake.moved(START, "reward", "1", ("BTC", "0.01"))
    lake.moved(START + timedelta(1), "trade", "2", ("BTC", "-0.01"), ("USDT", "400"))
    (gain,) = lake.rows("FROM realized_gains('USDT', 'fifo')")
    assert (gain["proceeds"], gain["cost"], gain["gain"]) == (Decimal(400), None, None)
    assert gain["why"] == "no candle of that minute or day leads from BTC to USDT"
    (average,) = lake.rows("FROM realized_gains('USDT', 'average')")
    assert (average["gain"], average["why"]) == (None, "the cost of something acquired before is not known")
    (income,) = lake.rows("FROM income_by_month('USDT')")
    assert (income["value"], income["unvalued"], income["unvalued_amount"]) == (None, 1, Decimal("0.01"))


def test_a_move_between_wallets_is_no_event(lake: Meaning) -> None:
    """What leaves one wallet of an account for another is neither acquired nor disposed of."""
    lake.moved(START, "transfer_out", "1", ("BTC", "-1"))
    lake.moved(START, "transfer_in", "1", ("BTC", "1"), wallet="funding")
    assert lake.rows("FROM tax_events('USDT')") == []


def test_a_coin_in_a_product_of_earn_keeps_its_cost(lake: Meaning) -> None:
    """What a product of earn takes and gives back is neither sold nor bought; another asset that it gives is bought."""
    lake.moved(START, "trade", "1", ("BTC", "2"), ("USDT", "-80"))
    lake.moved(START + timedelta(1), "earn_in", "2", ("BTC", "-1"))
    lake.moved(START + timedelta(2), "earn_out", "3", ("BTC", "1"))
    lake.moved(START + timedelta(3), "earn_in", "4", ("USDT", "-100"), ("XYZ", "99"))
    for costing in ("fifo", "average"):
        held = lake.rows(f"FROM positions_cost('USDT', '{costing}') ORDER BY asset")
        assert shown(held, "asset", "qty", "cost") == [("BTC", "2", "80"), ("XYZ", "99", "100")]


def test_what_is_sent_away_is_no_gain(lake: Meaning) -> None:
    """A withdrawal takes lots along at what they cost, without a gain; its fee is disposed of."""
    lake.moved(START, "trade", "1", ("BTC", "2"), ("USDT", "-80000"))
    lake.moved(START + timedelta(hours=1), "withdrawal", "2", ("BTC", "-1"))
    lake.moved(START + timedelta(hours=1), "withdrawal_fee", "2", ("BTC", "-0.001"))
    closes(lake, "1d", day(), BTCUSDT="50000")
    (gain,) = lake.rows("FROM realized_gains('USDT', 'fifo')")
    assert shown([gain], "qty", "proceeds", "cost", "gain") == [("0.001", "50", "40", "10")]
    assert shown(lake.rows("FROM positions_cost('USDT', 'fifo')"), "qty", "cost") == [("0.999", "39960")]
    (fees,) = lake.rows("FROM fees_by_month('USDT')")
    assert shown([fees], "asset", "amount", "value") == [("BTC", "0.001", "50")]


def test_the_first_lots_go_first(lake: Meaning) -> None:
    """First in, first out: a sale takes the oldest lots, each with its own row and day; average takes the mean."""
    lake.moved(START, "trade", "1", ("BTC", "1"), ("USDT", "-10"))
    lake.moved(START + timedelta(1), "trade", "2", ("BTC", "1"), ("USDT", "-30"))
    lake.moved(START + timedelta(2), "trade", "3", ("BTC", "-1.5"), ("USDT", "60"))
    found = lake.rows("FROM realized_gains('USDT') ORDER BY acquired_at")
    assert shown(found, "acquired_at", "qty", "cost", "gain") == [
        (START, "1", "10", "30"),
        (START + timedelta(1), "0.5", "15", "5"),
    ]
    (average,) = lake.rows("FROM realized_gains('USDT', 'average')")
    assert shown([average], "qty", "cost", "gain") == [("1.5", "30", "30")]
    assert [
        shown(lake.rows(f"FROM positions_cost('USDT', '{costing}')"), "qty", "cost") for costing in ("fifo", "average")
    ] == [[("0.5", "15")], [("0.5", "10")]]


@pytest.mark.parametrize("costing", ["fifo", "average"])
def test_what_was_never_acquired_has_no_cost(lake: Meaning, costing: str) -> None:
    """A sale of more than the ledger shows as acquired says so, and takes nothing from what is bought later."""
    lake.moved(START, "trade", "1", ("BTC", "1"), ("USDT", "-10"))
    lake.moved(START + timedelta(1), "trade", "2", ("BTC", "-3"), ("USDT", "90"))
    lake.moved(START + timedelta(2), "trade", "3", ("BTC", "1"), ("USDT", "-50"))
    found = lake.rows(f"FROM realized_gains('USDT', '{costing}')")
    assert sum(row["proceeds"] for row in found) == Decimal(90)
    assert [row["cost"] for row in found if row["why"] == BEYOND] == [None]
    assert shown(lake.rows(f"FROM positions_cost('USDT', '{costing}')"), "qty", "cost") == [("1", "50")]


Trade = tuple[int, int, int]  # millisecond, signed quantity, price


def by_hand(trades: list[Trade]) -> tuple[Fraction, Fraction, Fraction]:
    """What is held costs first in first out, the gains, and what is held on average; purchases of an instant first."""
    lots: deque[list[Fraction]] = deque()
    gain = average = held = Fraction()
    for _, qty, price in sorted(trades, key=lambda trade: (trade[0], trade[1] < 0)):
        if qty > 0:
            lots.append([Fraction(qty), Fraction(price)])
            average, held = average + qty * price, held + qty
            continue
        left = Fraction(-qty)
        average, held = (average * max(held - left, 0) / held if held else average), max(held - left, Fraction())
        while left and lots:
            taken = min(left, lots[0][0])
            gain += taken * (price - lots[0][1])
            lots[0][0] -= taken
            left -= taken
            if not lots[0][0]:
                lots.popleft()
    return sum((qty * price for qty, price in lots), Fraction()), gain, average


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-9, 9).filter(bool), st.integers(1, 99)), max_size=25))
def test_costs_and_gains_are_those_computed_by_hand(lake: Meaning, trades: list[Trade]) -> None:
    """Whatever is bought and sold in whichever order: lots, gains and average costs are what a person would compute,
    and what was acquired costs what was disposed of and what is held did, to the last digit.
    """
    lake.clear("ledger")
    for number, (ms, qty, price) in enumerate(trades):
        time = START + timedelta(milliseconds=ms)
        lake.moved(time, "trade", f"{number:03}", ("BTC", str(qty)), ("USDT", str(-qty * price)))
    lots = lake.rows("FROM lots('USDT')")
    (average,) = lake.rows("SELECT coalesce(sum(cost), 0) AS cost FROM positions_cost('USDT', 'average')")
    held, gain, mean = by_hand(trades)
    known = [row for row in lots if row["cost"] is not None]
    near = Decimal("0.000001")
    assert (
        abs(sum(row["cost"] for row in known if row["event"] is None) - Decimal(held.numerator) / held.denominator)
        < near
    )
    gained = sum(row["proceeds"] - row["cost"] for row in known if row["event"])
    assert abs(gained - Decimal(gain.numerator) / gain.denominator) < near
    assert abs(average["cost"] - Decimal(mean.numerator) / mean.denominator) < near
    assert sum(row["cost"] for row in known) == sum(qty * price for _, qty, price in trades if qty > 0)
    assert sum(row["proceeds"] for row in lots if row["event"]) == sum(
        -qty * price for _, qty, price in trades if qty < 0
    )


def test_equity_is_rebuilt_from_movements_before_the_first_snapshot(lake: Meaning) -> None:
    """A day without a snapshot is what the next one shows less what moved since; unvalued assets are counted."""
    lake.moved(START, "trade", "1", ("BTC", "1"), ("USDT", "-100"))
    lake.moved(START + timedelta(1), "reward", "2", ("XYZ", "5"))
    lake.put(
        "balances",
        *(
            {"account": "main", "wallet": "spot", "asset": asset, "free": Decimal(free), "locked": Decimal(0),
             "observed_at": START + timedelta(2)}
            for asset, free in (("BTC", "1"), ("USDT", "900"), ("XYZ", "5"))
        ),
    )  # fmt: skip
    for n in range(3):
        closes(lake, "1d", day(START) + timedelta(n), BTCUSDT=str(100 + n))
    found = lake.rows("FROM equity_daily('USDT') ORDER BY day")
    assert shown(found, "day", "value", "unvalued") == [
        (day(), "1000", 0),
        (day() + timedelta(1), "1001", 1),
    ]
    assert found[1]["unvalued_holdings"] == [{"asset": "XYZ", "total": Decimal(5)}]
    (now,) = lake.rows("FROM equity('USDT')")
    assert (now["value"], now["unvalued"]) == (Decimal(1001), 1)


def test_equity_goes_on_for_a_wallet_that_is_empty_or_was_read_before(lake: Meaning) -> None:
    """Days count up to the account's last snapshot: a wallet that is empty then hides none, nor does one read earlier."""
    for days, wallet, free in ((0, "spot", "100"), (0, "usdm", "7"), (2, "spot", "0")):
        lake.put(
            "balances",
            {"account": "main", "wallet": wallet, "asset": "USDT", "free": Decimal(free), "locked": Decimal(0),
             "observed_at": START + timedelta(days)},
        )  # fmt: skip
    lake.moved(START + timedelta(2), "withdrawal", "1", ("USDT", "-100"))
    found = lake.rows("FROM equity_daily('USDT') ORDER BY day")
    assert shown(found, "day", "value") == [(day(), "107"), (day() + timedelta(1), "107")]


@pytest.mark.parametrize(
    ("asset", "quote", "symbols"),
    [
        ("BTC", "USDT", ("BTCUSDT", None)),
        ("USDT", "BTC", ("BTCUSDT", None)),
        ("ETH", "USDT", ("ETHBTC", "BTCUSDT")),
        ("USDT", "USDT", None),
        ("ABC", "USDT", None),
    ],
)
def test_the_way_to_the_quote_asset_is_the_shortest(
    asset: str, quote: str, symbols: tuple[str, str | None] | None, lake: Meaning
) -> None:
    """A pair of both assets either way round, else two through another asset; nothing where none leads there."""
    found = lake.rows(f"FROM routes_to('{quote}') WHERE rank = 1 AND asset = '{asset}'")
    assert [(row["first"], row["second"]) for row in found] == ([] if symbols is None else [symbols])


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_movement_has_its_part(kind: str, lake: Meaning) -> None:
    """No kind of the ledger is taken for another because nobody thought of it."""
    lake.moved(START, kind, "1", ("BTC", "1"))
    (event,) = lake.rows("FROM account_events")
    assert event["part"] in {"trade", "income", "transfer", "fee"}
