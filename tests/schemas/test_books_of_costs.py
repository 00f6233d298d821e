"""What was gained and what is held at its cost is the money that went in, less what came out, whatever happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.meaning import Meaning, meaning_session

START = datetime(2026, 1, 5, 10, 30, tzinfo=UTC)
# What each asset costs in USDT. Powers of two, so that no value has to be rounded in any quote asset.
PRICES = {"USDT": Decimal(1), "BTC": Decimal(64), "ETH": Decimal(16), "BNB": Decimal(4)}
PAIRS = (("BTC", "USDT", "64"), ("BNB", "USDT", "4"), ("ETH", "BTC", "0.25"), ("NEW", "OLD", None))
ASSETS = (*PRICES, "NEW")  # of which nobody knows what it costs
NEAR = Decimal("0.000001")


class Event(NamedTuple):
    """A trade, or without one of its sides a deposit or withdrawal; the fee of a trade may be in any asset."""

    ms: int
    sent: tuple[str, int] | None
    received: tuple[str, int] | None
    fee: tuple[str, int] | None


@st.composite
def events(draw: st.DrawFn, assets: tuple[str, ...]) -> Event:
    """Any event of these assets within a few milliseconds."""
    qty, ms = st.integers(1, 9), draw(st.integers(0, 3))
    sent, received = draw(st.permutations(assets))[:2]
    kind = draw(st.sampled_from(("trade", "trade", "trade", "deposit", "withdrawal")))
    if kind == "deposit":
        return Event(ms, None, (received, draw(qty)), None)
    if kind == "withdrawal":
        return Event(ms, (sent, draw(qty)), None, None)
    fee = draw(st.none() | st.tuples(st.sampled_from(sorted(PRICES)), st.integers(1, 2)))
    return Event(ms, (sent, draw(qty)), (received, draw(qty)), fee)


@pytest.fixture(scope="module")
def lake() -> Iterator[Meaning]:
    """Pairs and a candle of the day for each."""
    with meaning_session() as session:
        for base, quote, price in PAIRS:
            pair = {"market": "spot", "symbol": base + quote}
            session.put("symbols", pair | {"base_asset": base, "quote_asset": quote})
            if price:
                day = START.replace(hour=0, minute=0)
                session.put("klines", pair | {"interval": "1d", "open_time": day, "close": Decimal(price)})
        yield session


def write(lake: Meaning, events: list[Event]) -> None:
    """Have these be all that the ledger tells."""
    lake.clear("ledger")
    for number, event in enumerate(events):
        time, key = START + timedelta(milliseconds=event.ms), f"{number:03}"
        sides = [(side[0], str(sign * side[1])) for side, sign in ((event.sent, -1), (event.received, 1)) if side]
        kind = "trade" if len(sides) == 2 else "deposit" if event.received else "withdrawal"
        lake.moved(time, kind, key, *sides)
        if event.fee:
            lake.moved(time, "fee", key, (event.fee[0], str(-event.fee[1])))


def put_in(events: list[Event], quote: str) -> Decimal:
    """The money that went into other assets, less what came out of them; what was deposited counts at its worth."""
    money = Decimal(0)
    for event in events:
        money += sum(
            qty
            for asset, qty in (side for side in (event.sent, event.fee) if side)
            if asset == quote and event.received
        )
        if event.received and event.sent:
            money -= event.received[1] if event.received[0] == quote else 0
        elif event.received and event.received[0] != quote:
            money += event.received[1] * PRICES.get(event.received[0], Decimal(0)) / PRICES[quote]
    return money


SUMS = """
WITH parts AS MATERIALIZED (FROM lots('{quote}'))
SELECT
    coalesce(sum(cost) FILTER (event IS NULL OR event = 'sent'), 0) AS kept,
    coalesce(sum(proceeds) FILTER (event = 'disposed'), 0) - coalesce(sum(cost) FILTER (event = 'disposed'), 0) AS gained,
    coalesce(sum(qty) FILTER (in_key IS NOT NULL), 0) AS came,
    coalesce(sum(qty) FILTER (event IS NOT NULL), 0) AS went,
FROM parts
"""
AVERAGES = """
WITH costs AS MATERIALIZED (FROM average_costs('{quote}'))
SELECT
    (SELECT coalesce(sum(cost), 0) FROM (FROM costs QUALIFY n = max(n) OVER (PARTITION BY asset)))
        + coalesce(sum(cost_taken) FILTER (event = 'sent'), 0) AS kept,
    coalesce(sum(net_value - cost_taken) FILTER (event = 'disposed'), 0) AS gained,
FROM costs
"""


def amounts(events: list[Event], quote: str) -> tuple[int, int]:
    """How much came, and how much went, of all assets but the quote asset."""
    came = [event.received for event in events]
    went = [side for event in events for side in (event.sent, event.fee)]
    first, second = (sum(side[1] for side in sides if side and side[0] != quote) for sides in (came, went))
    return first, second


bounded = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@bounded
@given(st.lists(events(ASSETS), max_size=14), st.sampled_from(("USDT", "BTC")))
def test_nothing_is_lost_first_in_first_out(lake: Meaning, events: list[Event], quote: str) -> None:
    """To the last digit, also where more is sold than was there, and where nobody knows what a deposit cost."""
    write(lake, events)
    (sums,) = lake.rows(SUMS.format(quote=quote))
    assert sums["kept"] - sums["gained"] == put_in(events, quote)
    assert (sums["came"], sums["went"]) == amounts(events, quote)


@bounded
@given(st.lists(events(tuple(PRICES)), max_size=14), st.sampled_from(("USDT", "BTC")))
def test_nothing_is_lost_on_average(lake: Meaning, events: list[Event], quote: str) -> None:
    """Of an account that holds enough of all it gives away; the method computes in binary, so to the sixth digit."""
    whole = [*(Event(0, None, (asset, 1000), None) for asset in PRICES), *events]
    write(lake, whole)
    (sums,) = lake.rows(AVERAGES.format(quote=quote))
    assert abs(sums["kept"] - sums["gained"] - put_in(whole, quote)) < NEAR
