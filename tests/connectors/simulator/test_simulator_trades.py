"""Simulated trades: contiguous ids, and minutes whose candles are made of them to the last digit."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.simulator.futures import CONTRACTS, INVERSE
from connectors.simulator.market.intervals import MINUTE_MS
from connectors.simulator.market.listings import LISTINGS, Listing, plain
from connectors.simulator.market.minutes import Market
from connectors.simulator.market.trades import Tape

MINUTE = 1_793_500_000_000 // MINUTE_MS  # in November 2026
MINUTE_US = MINUTE_MS * 1000
BUSY = [one for one in (*LISTINGS, *CONTRACTS, *INVERSE) if one.listed_ms > 1_580_000_000_000]
ALL = pytest.mark.parametrize(
    "listing", [*BUSY, plain("DEADUSDT", "DEAD", "USDT", 2, 2, quiet=0.999, listed_ms=1_790_000_000_000)],
    ids=lambda listing: listing.symbol,
)  # fmt: skip


@ALL
def test_candles_are_made_of_trades(listing: Listing) -> None:
    """Prices, volumes and counts of each minute are those of its trades, of which each has a step at least."""
    market, first = Market(1), _traded_at(listing)
    candles, trades = market.minutes(listing, first, first + 40), Tape(market).span(listing, first, first + 40)
    assert (np.diff(trades.id) == 1).all()
    assert (np.diff(trades.time_us) >= 0).all()
    assert (trades.qty > 0).all()
    for place in range(len(candles)):
        candle = candles.pick(slice(place, place + 1))
        own = trades.pick(trades.time_us // MINUTE_US == candle.opened[0] // MINUTE_MS)
        made = [len(own), own.qty.sum(), own.qty[~own.sold].sum()]
        assert made == [candle.trades[0], candle.volume[0], candle.taker_volume[0]]
        if len(own):
            prices = [own.price[0], own.price.max(), own.price.min(), own.price[-1]]
            assert prices == [candle.open[0], candle.high[0], candle.low[0], candle.close[0]]


def test_trades_are_found_by_number_and_by_instant() -> None:
    """A trade has one number, however it is asked for; what is not made yet is not shown."""
    [listing] = [one for one in LISTINGS if one.symbol == "XNOUSDT"]
    tape, first = Tape(Market(1)), _traded_at(listing)
    span = tape.span(listing, first, first + 20)
    number = tape.first_from(listing, first * MINUTE_US)
    assert number == span.id[0] == tape.before(listing, first)
    page = tape.numbered(listing, number + 3, 700, (first + 20) * MINUTE_US)
    assert page.id.tolist() == list(range(number + 3, number + 703))
    assert np.array_equal(page.price, span.price[3:703])
    now_us = int(span.time_us[100])
    assert tape.numbered(listing, number, 700, now_us).id[-1] == tape.made(listing, now_us) - 1
    assert tape.first_from(listing, 0) == 0


def _traded_at(listing: Listing) -> int:
    return MINUTE if listing.delisted_ms is None else listing.delisted_ms // MINUTE_MS - 5000
