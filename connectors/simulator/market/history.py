"""Candles of every interval, aggregated from the market's minutes and seconds; whole days are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from connectors.simulator.market.candles import Candles, joined
from connectors.simulator.market.crowd import Crowd
from connectors.simulator.market.intervals import DAY_MS, MINUTE_MS, Interval
from connectors.simulator.market.listings import Listing
from connectors.simulator.market.minutes import Market

_DAY = Interval("1d")
_DAY_MINUTES = DAY_MS // MINUTE_MS
_DAYS_KEPT_TOGETHER = 32
_CHUNKS_KEPT = 4096
_T = TypeVar("_T")


class Kept:
    """The results used last, so that what is asked for again costs next to nothing; any thread may ask."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                kept: _T = self._results[key]
                return kept
        made = make()
        self.put(key, made)
        return made

    def put(self, key: Hashable, made: object) -> None:
        """Keep a result that was made elsewhere."""
        with self._lock:
            self._results[key] = made
            if len(self._results) > self._most:
                self._results.popitem(last=False)


class History:
    """What happened to each symbol, in candles on the grid."""

    def __init__(self, market: Market) -> None:
        self.seed = market.seed
        self._market = market
        self._days = Kept(_CHUNKS_KEPT)

    def candles(self, listing: Listing, interval: Interval, first: int, last: int) -> Candles:
        """The whole candles of slots [first, last)."""
        since, until = interval.opening(first), interval.opening(last)
        if interval.length_ms < MINUTE_MS:
            minutes = since // MINUTE_MS, -(-until // MINUTE_MS)
            seconds = self._market.seconds(listing, *minutes)
            return seconds.pick(slice(*np.searchsorted(seconds.opened, (since, until))))
        if interval.length_ms < DAY_MS:
            return merged(self._market.minutes(listing, since // MINUTE_MS, until // MINUTE_MS), interval)
        return merged(self._whole_days(listing, since // DAY_MS, until // DAY_MS), interval)

    def minutes(self, listing: Listing, first: int, last: int) -> Candles:
        """The whole minutes [first, last)."""
        return self._market.minutes(listing, first, last)

    def together(self, crowd: Crowd, first: int, last: int) -> Candles:
        """The one candle that the whole minutes [first, last) make, of each symbol of a crowd."""
        return self._market.together(crowd, first, last)

    def seconds_together(self, crowd: Crowd, minute: int) -> Candles:
        """The seconds of a minute, 60 rows of each symbol of a crowd."""
        return self._market.seconds_together(crowd, minute)

    def unfinished(self, listing: Listing, interval: Interval, now_ms: int) -> Candles:
        """The candle of the slot that holds `now_ms`, as far as it has come."""
        return merged(self.since(listing, interval.opening(interval.slot(now_ms)), now_ms), interval)

    def since(self, listing: Listing, since_ms: int, now_ms: int) -> Candles:
        """Everything from the start of a day or, today, of any slot until now, in days, minutes and seconds."""
        minute, midnight = now_ms // MINUTE_MS, now_ms // DAY_MS * DAY_MS
        parts = []
        if since_ms < midnight:
            parts.append(self._whole_days(listing, since_ms // DAY_MS, midnight // DAY_MS))
        if (today := max(since_ms, midnight) // MINUTE_MS) < minute:
            parts.append(self._market.minutes(listing, today, minute))
        seconds = self._market.seconds(listing, minute, minute + 1)
        parts.append(seconds.pick((seconds.opened >= since_ms) & (seconds.opened <= now_ms)))
        return joined(parts)

    def _whole_days(self, listing: Listing, first: int, last: int) -> Candles:
        chunks = range(first // _DAYS_KEPT_TOGETHER, (last - 1) // _DAYS_KEPT_TOGETHER + 1)
        days = joined([self._chunk(listing, chunk) for chunk in chunks])
        return days.pick((days.opened >= first * DAY_MS) & (days.opened < last * DAY_MS))

    def _chunk(self, listing: Listing, chunk: int) -> Candles:
        first, last = (day * _DAYS_KEPT_TOGETHER * _DAY_MINUTES for day in (chunk, chunk + 1))
        return self._days.get((listing, chunk), lambda: merged(self._market.minutes(listing, first, last), _DAY))


def merged(candles: Candles, interval: Interval) -> Candles:
    """Candles of a finer interval as those of this one."""
    return candles.merged(interval.opens(interval.slots(candles.opened)))
