"""The market: a pure function of seed, symbol and time whose longer candles are exactly their shorter ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.simulator.market.candles import Candles
from connectors.simulator.market.history import History
from connectors.simulator.market.intervals import DAY_MS, LENGTH_MS, MINUTE_MS, Interval
from connectors.simulator.market.listings import LISTINGS, Listing, generated, plain
from connectors.simulator.market.minutes import Market

MINUTE = 1_793_500_000_000 // MINUTE_MS  # in November 2026
BY_NAME = {listing.symbol: listing for listing in LISTINGS}
DEAD = plain("DEADUSDT", "DEAD", "USDT", 2, 2, quiet=0.999)  # hardly ever trades
ALL = pytest.mark.parametrize("listing", [*LISTINGS, *generated(2)], ids=lambda listing: listing.symbol)


def _traded_at(listing: Listing) -> int:
    return MINUTE if listing.delisted_ms is None else listing.delisted_ms // MINUTE_MS - 5000


def _equal(one: Candles, other: Candles) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one.columns(), other.columns(), strict=True))


@ALL
def test_single_minutes_are_what_they_are_among_others(listing: Listing) -> None:
    """A minute asked for alone has the candle it has in a row of minutes."""
    market, last = Market(1), _traded_at(listing)
    scattered = last - np.array([3000, 2999, 1970, 640, 33, 2, 0], dtype=np.int64)
    row = market.minutes(listing, last - 3000, last + 1)
    assert _equal(market.scattered(listing, scattered), row.pick(np.isin(row.opened, scattered * MINUTE_MS)))


@ALL
def test_candles_are_sane(listing: Listing) -> None:
    """Prices lie between low and high, each trade has a step, money fits price times volume, takers are a part."""
    rows = Market(1).minutes(listing, _traded_at(listing), _traded_at(listing) + 4000)
    assert np.all((rows.low <= np.minimum(rows.open, rows.close)) & (rows.high >= np.maximum(rows.open, rows.close)))
    assert np.all(rows.low > 0)
    assert np.all(rows.volume >= rows.trades)
    assert np.all((rows.taker_volume <= rows.volume) & (rows.taker_quote <= rows.quote))
    scale = 10.0 ** (8 - listing.tick_decimals - listing.step_decimals)
    assert np.all(rows.quote <= rows.volume * rows.high * scale)
    assert np.all(rows.quote + 1 >= rows.volume * rows.low * scale)


@ALL
def test_a_minute_opens_where_the_one_before_closed(listing: Listing) -> None:
    """The close of a minute is the open of the next, also across separately made stretches."""
    market = Market(1)
    first, second = (market.minutes(listing, _traded_at(listing) + n, _traded_at(listing) + n + 700) for n in (0, 700))
    assert np.array_equal(first.open[1:], first.close[:-1])
    if len(first) == 700:
        assert first.close[-1] == second.open[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3000), st.integers(1, 200), st.sampled_from([*LISTINGS, DEAD]))
def test_a_minute_is_a_pure_function_of_seed_symbol_and_minute(offset: int, length: int, listing: Listing) -> None:
    """Any stretch asked for alone equals the same stretch cut out of a longer one."""
    since = _traded_at(listing)
    whole = Market(1).minutes(listing, since, since + 3200)
    part = Market(1).minutes(listing, since + offset, since + offset + length)
    there = (whole.opened >= (since + offset) * MINUTE_MS) & (whole.opened < (since + offset + length) * MINUTE_MS)
    assert _equal(part, whole.pick(there))


def test_another_seed_is_another_market() -> None:
    """Seeds matter."""
    btc = BY_NAME["BTCUSDT"]
    assert not _equal(Market(1).minutes(btc, MINUTE, MINUTE + 10), Market(2).minutes(btc, MINUTE, MINUTE + 10))


def test_quiet_minutes_are_flat_and_empty() -> None:
    """Where nobody trades the row stands still and holds no volume; such rows exist and are not all."""
    rows = Market(1).minutes(BY_NAME["1000SATSUSDT"], MINUTE, MINUTE + 2000)
    quiet = rows.trades == 0
    assert 0.4 < quiet.mean() < 0.6
    flat = (rows.open == rows.high) & (rows.open == rows.low) & (rows.open == rows.close)
    assert np.all(flat[quiet])
    assert not rows.volume[quiet].any()
    assert not rows.quote[quiet].any()


@pytest.mark.parametrize("symbol", ["BTCUSDT", "1000SATSUSDT", "XRPUSDT", "NANOUSDT"])
def test_seconds_add_up_to_their_minutes(symbol: str) -> None:
    """The seconds of a minute, merged, are the minute; a second without a trade is flat and empty."""
    market, since = Market(1), _traded_at(BY_NAME[symbol])
    seconds = market.seconds(BY_NAME[symbol], since, since + 50)
    minutes = market.minutes(BY_NAME[symbol], since, since + 50)
    assert len(seconds) == 60 * len(minutes)
    assert _equal(seconds.merged(seconds.opened // MINUTE_MS * MINUTE_MS), minutes)
    quiet = seconds.trades == 0
    assert np.all((seconds.high == seconds.low)[quiet])
    assert not (seconds.volume + seconds.quote)[quiet].any()
    assert np.all(seconds.volume >= seconds.trades)
    assert np.all(seconds.taker_volume <= seconds.volume)


@pytest.mark.parametrize("symbol", ["ETHBTC", "XRPUSDT"])
@pytest.mark.parametrize("name", [name for name in LENGTH_MS if name not in ("1s", "1m")])
def test_longer_candles_are_their_minutes(name: str, symbol: str) -> None:
    """Two candles of every interval equal the minutes inside them, merged by hand."""
    listing, history = BY_NAME[symbol], History(Market(1))
    interval = Interval.of(name, listing.listed_ms)
    slot = interval.slot(1_793_500_000_000)
    since, until = interval.opening(slot), interval.opening(slot + 2)
    minutes = Market(1).minutes(listing, since // MINUTE_MS, until // MINUTE_MS)
    for row, opening in enumerate((since, interval.opening(slot + 1))):
        end = interval.opening(slot + row + 1)
        inside = minutes.pick((minutes.opened >= opening) & (minutes.opened < end))
        made = history.candles(listing, interval, slot, slot + 2).pick(slice(row, row + 1))
        assert made.opened[0] == opening
        assert (made.open[0], made.close[0]) == (inside.open[0], inside.close[-1])
        assert (made.high[0], made.low[0]) == (inside.high.max(), inside.low.min())
        assert [int(sums[0]) for sums in made.columns()[5:]] == [int(sums.sum()) for sums in inside.columns()[5:]]


def test_weeks_months_and_three_days_begin_where_the_exchange_begins_them() -> None:
    """1w opens on Monday, 1M on the first, 3d is counted from the symbol's own first day."""
    listed = BY_NAME["BNBUSDT"].listed_ms
    week, month, three = (Interval.of(name, listed) for name in ("1w", "1M", "3d"))
    now = 1_793_500_000_000
    opened = np.array([interval.opening(interval.slot(now)) for interval in (week, month, three)])
    monday, first, third = opened.astype("datetime64[ms]").tolist()
    assert (monday.weekday(), monday.hour) == (0, 0)
    assert (first.day, first.hour) == (1, 0)
    assert (opened[2] - listed // DAY_MS * DAY_MS) % (3 * DAY_MS) == 0
    assert third.hour == 0


def test_the_oddities_are_there() -> None:
    """At least twelve symbols: delisted, listed mid-history, non-ASCII, with an outage, off the grid, a YAML trap."""
    assert len(LISTINGS) >= 12
    assert len(set(BY_NAME)) == len(LISTINGS)
    assert BY_NAME["NANOUSDT"].delisted_ms
    assert BY_NAME["XNOUSDT"].listed_ms % DAY_MS
    assert not BY_NAME["币安人生USDT"].symbol.isascii()
    assert "ON" in BY_NAME
    xrp = Market(1).minutes(BY_NAME["XRPUSDT"], 1_791_936_000_000 // MINUTE_MS, 1_791_936_000_000 // MINUTE_MS + 1440)
    assert len(xrp) == 1440 - 240
