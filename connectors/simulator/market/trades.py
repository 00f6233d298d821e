"""The single trades of a symbol: a pure function of (seed, symbol, minute) that the candle of the minute is made of.

Every minute has an even number of trades. Two in a row are one aggregate, of one price, time and side, so that the
number of an aggregate is half that of its trades.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from connectors.simulator.market.candles import Candles
from connectors.simulator.market.history import Kept
from connectors.simulator.market.intervals import DAY_MS, MINUTE_MS
from connectors.simulator.market.listings import Listing
from connectors.simulator.market.minutes import EDGES, Market
from connectors.simulator.market.random_field import Flags, Ints, key_of, uniform

_MINUTE_US = MINUTE_MS * 1000
_DAY_MINUTES = DAY_MS // MINUTE_MS
_DAYS_COUNTED_TOGETHER = 64
_BLOCK_MINUTES = 16
_blocks = Kept(512)  # of all exchanges: those of one seed have one market; some 5,000 trades each
_LAST = 10**9  # a minute that never comes


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades in order, each column an array: price in ticks, quantity in steps."""

    id: Ints
    price: Ints
    qty: Ints
    time_us: Ints
    sold: Flags  # the buyer's order was in the book

    def __len__(self) -> int:
        return len(self.id)

    def pick(self, which: slice | Flags) -> Trades:
        return Trades(*(getattr(self, field.name)[which] for field in fields(self)))

    def between(self, first: int, last: int) -> Trades:
        """Those with ids of [first, last)."""
        start, end = np.searchsorted(self.id, (first, last)).tolist()
        return self.pick(slice(start, end))


def joined(parts: list[Trades]) -> Trades:
    """The trades of all parts, one after the other."""
    return Trades(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Trades)))


class Tape:
    """The trades of all symbols of a market, numbered from 0 when a symbol is listed."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._days: dict[Listing, Ints] = {}  # how many trades came before each day since the listing
        self._minutes = Kept(256)
        self.unprinted: dict[tuple[str, str], set[int]] = {}  # by symbol and dataset, ids that are never shown
        self.voided: dict[str, set[int]] = {}  # by symbol, aggregates that are shown as placeholders

    def before(self, listing: Listing, minute: int) -> int:
        """How many trades came before a minute."""
        day, in_day = divmod(minute, _DAY_MINUTES)
        days = self._before_days(listing, day)
        return int(days[day - _first_day(listing)] + self._before_minutes(listing, day)[in_day])

    def minute_of(self, listing: Listing, number: int, now_minute: int) -> int:
        """The minute of the trade with a number; one that never comes for a trade that is not made by now."""
        days = self._before_days(listing, now_minute // _DAY_MINUTES + 1)
        place = int(np.searchsorted(days, number, "right")) - 1
        if place >= len(days) - 1:
            return _LAST
        day = place + _first_day(listing)
        in_day = int(np.searchsorted(self._before_minutes(listing, day), number - days[place], "right")) - 1
        return day * _DAY_MINUTES + in_day

    def numbered(self, listing: Listing, number: int, most: int, now_us: int) -> Trades:
        """The oldest trades from a number on, at most so many, as far as they are made by now."""
        now_minute = now_us // _MINUTE_US
        minute = self.minute_of(listing, number, now_minute)
        parts, found = [_NOTHING], 0
        while minute <= now_minute and found < most:
            block = self._block(listing, minute // _BLOCK_MINUTES)
            parts.append(_made(block.between(number, number + most), now_us))
            found += len(parts[-1])
            minute = (minute // _BLOCK_MINUTES + 1) * _BLOCK_MINUTES
        return joined(parts).between(number, number + most)

    def first_from(self, listing: Listing, at_us: int) -> int:
        """The number of the first trade at or after an instant."""
        at_us = max(at_us, listing.listed_ms * 1000)
        minute = at_us // _MINUTE_US
        within = self.span(listing, minute, minute + 1)
        return self.before(listing, minute) + int(np.searchsorted(within.time_us, at_us))

    def made(self, listing: Listing, now_us: int) -> int:
        """How many trades there are by now."""
        return self.first_from(listing, now_us + 1)

    def span(self, listing: Listing, first: int, last: int) -> Trades:
        """The trades of minutes [first, last)."""
        blocks = range(first // _BLOCK_MINUTES, (last - 1) // _BLOCK_MINUTES + 1)
        trades = joined([_NOTHING, *(self._block(listing, number) for number in blocks)])
        start, end = np.searchsorted(trades.time_us, (first * _MINUTE_US, last * _MINUTE_US)).tolist()
        return trades.pick(slice(start, end))

    def _block(self, listing: Listing, number: int) -> Trades:
        def make() -> Trades:
            first = number * _BLOCK_MINUTES
            candles = self._market.minutes(listing, first, first + _BLOCK_MINUTES)
            begins = self.before(listing, max(first, listing.listed_ms // MINUTE_MS))
            candles = candles.pick(candles.trades > 0)
            averages = self._market.averages(listing, candles)
            return _split(candles, averages, key_of(self._market.seed, listing.symbol, "trades"), begins)

        return _blocks.get((self._market.seed, listing, number), make)

    def _before_days(self, listing: Listing, day: int) -> Ints:
        days = self._days.get(listing, np.zeros(1, dtype=np.int64))
        while _first_day(listing) + len(days) <= day:
            first = _first_day(listing) + len(days) - 1
            minutes = np.arange(first * _DAY_MINUTES, (first + _DAYS_COUNTED_TOGETHER) * _DAY_MINUTES, dtype=np.int64)
            counts = self._market.trade_counts(listing, minutes).reshape(-1, _DAY_MINUTES).sum(axis=1)
            days = np.concatenate([days, days[-1] + np.cumsum(counts)])
        self._days[listing] = days
        return days

    def _before_minutes(self, listing: Listing, day: int) -> Ints:
        """How many trades of a day came before each of its minutes."""

        def make() -> Ints:
            minutes = np.arange(day * _DAY_MINUTES, (day + 1) * _DAY_MINUTES, dtype=np.int64)
            counts: Ints = np.r_[0, np.cumsum(self._market.trade_counts(listing, minutes))]
            return counts

        return self._minutes.get((listing, day), make)


_NO_NUMBERS = np.empty(0, np.int64)
_NOTHING = Trades(_NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, np.empty(0, np.bool_))


def _made(trades: Trades, now_us: int) -> Trades:
    return trades.pick(slice(0, int(np.searchsorted(trades.time_us, now_us, "right"))))


def _first_day(listing: Listing) -> int:
    return listing.listed_ms // DAY_MS


def _split(minutes: Candles, averages: Ints, key: np.uint64, begins: int) -> Trades:
    """Divide minutes into their trades, of which the first has the number `begins`."""
    if not len(minutes):
        return _NOTHING
    parts = [*_edges(minutes), *(_middle(minutes, averages, key, sold=sold) for sold in (False, True))]
    minute, price, first, second, sold, rank = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort([uniform(key, minute * 4096 + np.arange(len(minute))), rank, minute])
    minute, price, first, second, sold = (column[order] for column in (minute, price, first, second, sold))
    aggregates = minutes.trades // 2
    nth = np.arange(len(minute)) - np.repeat(np.cumsum(aggregates) - aggregates, aggregates)
    at_us = (2 * nth + 1) * _MINUTE_US // (2 * np.repeat(aggregates, aggregates))
    time_us = np.repeat(minutes.opened, aggregates) * 1000 + at_us
    return Trades(
        begins + np.arange(2 * len(minute), dtype=np.int64),
        np.repeat(price, 2),
        np.stack([first, second], axis=1).reshape(-1),
        np.repeat(time_us, 2),
        np.repeat(sold, 2),
    )


_Part = tuple[Ints, Ints, Ints, Ints, Flags, Ints]  # minute, price, the quantities of both trades, sold, rank


def _edges(minutes: Candles) -> Iterator[_Part]:
    """One aggregate each at the open, high, low and close, of two steps: the first comes first, the last one last."""
    count = len(minutes)
    numbers, one = np.arange(count, dtype=np.int64), np.ones(count, dtype=np.int64)
    for name, sold, rank in EDGES:
        yield numbers, getattr(minutes, name), one, one, np.full(count, sold), one * rank


def _middle(minutes: Candles, averages: Ints, key: np.uint64, *, sold: bool) -> _Part:
    """What is left of one side, around the average price: pairs of aggregates as far above it as below."""
    bought_trades, bought = _bought(minutes)
    edges = 2 * len(EDGES)
    trades = minutes.trades - edges - bought_trades if sold else bought_trades
    volume = minutes.volume - edges - bought if sold else bought
    aggregates = trades // 2
    at = np.repeat(np.arange(len(minutes), dtype=np.int64), aggregates)
    nth = np.arange(len(at)) - np.repeat(np.cumsum(aggregates) - aggregates, aggregates)
    seed = (minutes.opened[at] // MINUTE_MS) * 8192 + nth + 4096 * sold
    last_pair = nth // 2 == (aggregates[at] - 1) // 2
    reach = np.minimum(minutes.high - averages, averages - minutes.low)[at]
    away = (uniform(key, seed // 2 * 2 + 1_000_003) * (reach + 1)).astype(np.int64) * ~last_pair
    each = (volume // np.maximum(trades, 1))[at]
    uneven = (uniform(key, seed + 7_000_001) * each).astype(np.int64)
    rest = (volume - volume // np.maximum(trades, 1) * trades)[at] * (nth == aggregates[at] - 1)
    price = averages[at] + np.where(nth % 2 == 0, away, -away)
    return at, price, each + uneven, each - uneven + rest, np.full(len(at), sold), np.ones(len(at), dtype=np.int64)


def _bought(minutes: Candles) -> tuple[Ints, Ints]:
    """How many trades beside the edges are of takers who buy, and how much they buy."""
    edges = 2 * len(EDGES)
    bought = minutes.taker_volume - sum(2 for _, sold, _ in EDGES if not sold)
    share = (minutes.trades - edges) * bought // (2 * (minutes.volume - edges))
    return np.maximum(2 * share, 2), bought
