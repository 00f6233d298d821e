"""The candles of futures that are not made of trades: those of the index, of the mark price and of the premium."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from connectors.simulator.market.listings import Listing

_OPEN, _VOLUME, _CLOSE_TIME = 1, 5, 6  # places in a row

Row = list[Any]
Shown = Callable[[Listing, Iterable[Row]], Iterable[Row]]


def index_price(_listing: Listing, rows: Iterable[Row]) -> Iterable[Row]:
    """The price of the index, which here is what was last paid."""
    return (_prices_alone(row, row[_OPEN:_VOLUME]) for row in rows)


def mark_price(listing: Listing, rows: Iterable[Row]) -> Iterable[Row]:
    """One tick above the index."""
    tick = Decimal(1).scaleb(-listing.tick_decimals)
    return (_prices_alone(row, [f"{Decimal(price) + tick:.8f}" for price in row[_OPEN:_VOLUME]]) for row in rows)


def premium(_listing: Listing, rows: Iterable[Row]) -> Iterable[Row]:
    """A ratio that is above and below zero in turn."""
    for row in rows:
        first, last = (math.sin(time / 7_200_000) / 2000 for time in (row[0], row[_CLOSE_TIME] + 1))
        spread = (first, max(first, last) + 2e-8, min(first, last) - 2e-8, last)
        yield _prices_alone(row, [f"{value:.8f}" for value in spread])


def _prices_alone(row: Row, prices: Iterable[str]) -> Row:
    return [row[0], *(f"{Decimal(price):.8f}" for price in prices), "0", row[_CLOSE_TIME], "0", 60, "0", "0", "0"]
