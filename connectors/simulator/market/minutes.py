"""The market itself: every minute and second of a symbol as a pure function of (seed, symbol, time)."""

from __future__ import annotations

import numpy as np

from connectors.simulator.market.candles import Candles
from connectors.simulator.market.crowd import Crowd
from connectors.simulator.market.intervals import MINUTE_MS, SECOND_MS
from connectors.simulator.market.listings import DECIMALS, Listing
from connectors.simulator.market.random_field import Flags, Floats, Ints, Key, smooth, uniform

_RUN = 32  # a minute whose number divides by this always trades, so the last trade is never far back
# How far prices wander (share of the level) over how many minutes.
_WAVES = ((0.30, 400_000), (0.15, 60_000), (0.07, 9_000), (0.025, 1_300), (0.009, 210), (0.003, 33), (0.001, 5))
_WICK = 0.0007
_FEWEST = 24  # trades of a minute that has any
EDGES = (("open", True, 0), ("high", False, 1), ("low", True, 1), ("close", False, 2))
"""The prices that a minute trades at in any case, two trades of one step each: whether takers sold, and their order."""


class Market:
    """All symbols under one seed."""

    def __init__(self, seed: int | str) -> None:
        self.seed = seed

    def minutes(self, listing: Listing, first: int, last: int) -> Candles:
        """The candles of minutes [first, last), those without a trade flat, those that never were left out."""
        start = (first // _RUN - 1) * _RUN
        candles = self._unbroken(listing, np.arange(start, last, dtype=np.int64)).pick(slice(first - start, None))
        return candles.pick(_printed(listing, candles.opened))

    def scattered(self, listing: Listing, minutes: Ints) -> Candles:
        """The candles of single minutes in ascending order, the same as among their neighbours."""
        back = np.full(len(minutes), 1) if not listing.quiet else minutes % _RUN + _RUN
        reach = np.arange(2 * _RUN if listing.quiet else 2, dtype=np.int64)
        windows = (minutes - back)[:, None] + reach
        candles = self._unbroken(listing, windows.reshape(-1)).pick(np.arange(len(minutes)) * len(reach) + back)
        return candles.pick(_printed(listing, candles.opened))

    def seconds(self, listing: Listing, first: int, last: int) -> Candles:
        """The candles of every second of minutes [first, last); they add up to the minutes."""
        minutes = self.minutes(listing, first, last)
        return _split(minutes, listing.key(self.seed, "seconds")) if len(minutes) else minutes

    def together(self, crowd: Crowd, first: int, last: int) -> Candles:
        """The one candle that minutes [first, last) make, of each symbol of a crowd."""
        rows = self._unbroken(crowd, np.arange(first - 1, last, dtype=np.int64)).columns()
        _, open_, high, low, close, *sums = (
            np.broadcast_to(row, (len(crowd), last - first + 1))[:, 1:] for row in rows
        )
        opened = np.full(len(crowd), first * MINUTE_MS)
        edges = opened, open_[:, 0], high.max(axis=1), low.min(axis=1), close[:, -1]
        return Candles(*edges, *(row.sum(axis=1) for row in sums))

    def seconds_together(self, crowd: Crowd, minute: int) -> Candles:
        """The candles of every second of a minute, of each symbol of a crowd: 60 rows each."""
        return _split(self.together(crowd, minute, minute + 1), crowd.key(self.seed, "seconds"))

    def _unbroken(self, listing: Listing | Crowd, minutes: Ints) -> Candles:
        """Candles of contiguous minutes as if the symbol had always traded; right from the second run on."""
        active = self._active(listing, minutes)
        open_, close = self._open_close(listing, minutes, active)
        high, low = self._high_low(listing, minutes, active, open_, close)
        trades, volume = self._traded(listing, minutes, active)
        average = self._average(listing, minutes, low, high)
        bought = (volume * (0.3 + 0.4 * self._noise(listing, "bought", minutes))).astype(np.int64) & ~1
        # What is not traded at the edges is traded around the average, as far above it as below.
        quote = 2 * (open_ + high + low + close - 4 * average) * active + volume * average
        bought_quote = 2 * (high + close - 2 * average) * active + bought * average
        sums = volume, _money(listing, quote), trades, bought, _money(listing, bought_quote)
        return Candles(minutes * MINUTE_MS, open_, high, low, close, *sums)

    def averages(self, listing: Listing, candles: Candles) -> Ints:
        """Around which price each of these minutes trades."""
        return self._average(listing, candles.opened // MINUTE_MS, candles.low, candles.high)

    def trade_counts(self, listing: Listing, minutes: Ints) -> Ints:
        """How many trades each minute has; nothing else of it is made for that."""
        active = self._active(listing, minutes) & _printed(listing, minutes * MINUTE_MS)
        return self._trades(listing, active, self._busy(listing, minutes))

    def _active(self, listing: Listing | Crowd, minutes: Ints) -> Flags:
        active: Flags = self._noise(listing, "quiet", minutes) >= listing.quiet
        active |= minutes % _RUN == 0
        return active

    def _average(self, listing: Listing | Crowd, minutes: Ints, low: Ints, high: Ints) -> Ints:
        return low + ((high - low) * self._noise(listing, "average", minutes)).astype(np.int64)

    def _noise(self, listing: Listing | Crowd, what: str, n: Ints) -> Floats:
        return uniform(listing.key(self.seed, what), n)

    def _price(self, listing: Listing | Crowd, minutes: Ints) -> Ints:
        """Where the price stands when each minute begins, should there be a trade just before."""
        level: Floats = np.ones(1)
        for share, period in _WAVES:
            level = level + share * smooth(listing.key(self.seed, period), minutes, period)
        return np.maximum((listing.price * level).astype(np.int64), 1)

    def _open_close(self, listing: Listing | Crowd, minutes: Ints, active: Flags) -> tuple[Ints, Ints]:
        """A minute closes at its last trade, or where the last trading minute closed; the next opens there."""
        after = self._price(listing, minutes + 1)
        traded = np.maximum.accumulate(np.where(active, np.arange(len(minutes)), 0), axis=-1)
        close = np.take_along_axis(after, traded, axis=-1)
        return np.concatenate([close[..., :1], close[..., :-1]], axis=-1), close

    def _high_low(
        self, listing: Listing | Crowd, minutes: Ints, active: Flags, open_: Ints, close: Ints
    ) -> tuple[Ints, Ints]:
        reach = (listing.price * _WICK + 2) * active
        up = (reach * self._noise(listing, "high", minutes) ** 2).astype(np.int64)
        down = (reach * self._noise(listing, "low", minutes) ** 2).astype(np.int64)
        return np.maximum(open_, close) + up, np.maximum(np.minimum(open_, close) - down, 1)

    def _traded(self, listing: Listing | Crowd, minutes: Ints, active: Flags) -> tuple[Ints, Ints]:
        """Number of trades and volume, both even; each trade is of one step at least."""
        busy = self._busy(listing, minutes)
        trades = self._trades(listing, active, busy)
        volume = ((listing.turnover * busy).astype(np.int64) & ~1) * active
        return trades, np.maximum(volume, trades)

    def _busy(self, listing: Listing | Crowd, minutes: Ints) -> Floats:
        return 0.2 + 2.4 * self._noise(listing, "busy", minutes) ** 3

    @staticmethod
    def _trades(listing: Listing | Crowd, active: Flags, busy: Floats) -> Ints:
        most: Ints = (1 + 400 * busy * (1 - listing.quiet)).astype(np.int64) & ~1
        return np.maximum(most, _FEWEST) * active


def _printed(listing: Listing, opened: Ints) -> Flags:
    """Which minutes the exchange ever printed."""
    minutes = opened // MINUTE_MS
    there: Flags = minutes >= listing.listed_ms // MINUTE_MS
    if listing.delisted_ms is not None:
        there &= opened < listing.delisted_ms
    if listing.outage is not None:
        there &= ~listing.outage.holds(minutes)
    return there


def _money(listing: Listing | Crowd, ticks_times_steps: Ints) -> Ints:
    """Price times quantity in units of 1e-8, what is finer cut off, as the exchange prints it."""
    finer = listing.tick_decimals + listing.step_decimals - DECIMALS
    unit: int = 10 ** abs(finer)
    return ticks_times_steps // unit if finer > 0 else ticks_times_steps * unit


def _split(minutes: Candles, key: Key) -> Candles:
    """Divide each minute into its 60 seconds."""
    opened = minutes.opened[:, None] + np.arange(60, dtype=np.int64) * SECOND_MS
    chance = uniform(key, opened)
    trades = _shares(minutes.trades, np.maximum(chance - 0.6, 0.0) + 1e-9)
    volume = trades + _shares(minutes.volume - minutes.trades, trades + 1e-9 * (trades > 0))
    quote, bought = _shares(minutes.quote, volume), _shares(minutes.taker_volume, volume)
    bought_quote = _shares(minutes.taker_quote, bought)
    prices = _second_prices(minutes, trades > 0, uniform(key, opened + 1))
    columns = (opened, *prices, volume, quote, trades, bought, bought_quote)
    return Candles(*(column.reshape(-1) for column in columns))


def _shares(totals: Ints, weights: Floats | Ints) -> Ints:
    """Divide each total among 60 seconds by weight; they add up exactly, and no weight means nothing."""
    reached = np.cumsum(weights, axis=1, dtype=np.float64)
    part = reached / np.maximum(reached[:, -1:], 1e-12)
    cumulated = np.floor(totals[:, None] * part).astype(np.int64)
    cumulated[part >= 1.0] = np.broadcast_to(totals[:, None], part.shape)[part >= 1.0]
    return np.diff(cumulated, axis=1, prepend=0)


def _second_prices(minutes: Candles, active: Flags, chance: Floats) -> tuple[Ints, Ints, Ints, Ints]:
    """Open, high, low, close of the seconds: from the minute's open to its close, touching its high and low."""
    low, high = minutes.low[:, None], minutes.high[:, None]
    places = np.broadcast_to(np.arange(60), active.shape)
    end = np.where(active, places, -1).max(axis=1, keepdims=True)
    after = np.where(places == end, minutes.close[:, None], low + ((high - low) * chance).astype(np.int64))
    traded = np.maximum.accumulate(np.where(active, places, -1), axis=1)
    held = np.take_along_axis(after, np.maximum(traded, 0), axis=1)
    close = np.where(traded < 0, minutes.open[:, None], held)
    open_ = np.concatenate([minutes.open[:, None], close[:, :-1]], axis=1)
    at_high = active & (places == np.where(active, chance, -1.0).argmax(axis=1)[:, None])
    at_low = active & (places == np.where(active, chance, 2.0).argmin(axis=1)[:, None])
    return (
        open_,
        np.where(at_high, high, np.maximum(open_, close)),
        np.where(at_low, low, np.minimum(open_, close)),
        close,
    )
