"""Pages of candles: the slots of an interval, aggregated from the market, printed once and kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from connectors.simulator.candles import Candles, joined
from connectors.simulator.intervals import DAY_MS, LENGTH_MS, MINUTE_MS, SECOND_MS, Interval
from connectors.simulator.listings import Listing
from connectors.simulator.market import Market
from connectors.simulator.noise import Ints
from connectors.simulator.rendering import Rows, recorded, rendered

_DAYS_KEPT_TOGETHER = 32
_LATE_MS = 14 * SECOND_MS  # by how much a candle off the grid opens late
_OFF_GRID = frozenset({"1m", "3m", "5m", "15m", "30m"})
_T = TypeVar("_T")
_Piece = tuple[Rows, int, int]


class Kept:
    """The last so many results, so that a page asked for again costs next to nothing."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        if key not in self._results:
            self._results[key] = make()
            if len(self._results) > self._most:
                self._results.popitem(last=False)
        self._results.move_to_end(key)
        result: _T = self._results[key]
        return result


class Charts:
    """Every candle of every symbol, as asked for by `klines`."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._blocks = Kept(256)
        self._days = Kept(4096)
        self._recorded: dict[tuple[str, str], dict[bool, Rows]] = {}

    def replay(self, symbol: str, interval: str, rows: Sequence[Sequence[Any]]) -> None:
        """From now on this series consists of these recorded rows alone."""
        self._recorded[symbol, interval] = {micro: recorded(rows, micro=micro) for micro in (False, True)}

    def page(
        self,
        listing: Listing,
        name: str,
        since_ms: int | None,
        until_ms: int | None,
        limit: int,
        now_ms: int,
        *,
        micro: bool = False,
    ) -> bytes:
        """The answer of `klines`: the oldest rows from a start, else the newest up to an end."""
        pieces = self._pieces(listing, name, since_ms, until_ms, now_ms, micro)
        if since_ms is None:
            texts = [rows.cut(first, last) for rows, first, last in _newest(pieces, limit)][::-1]
        else:
            texts = [rows.cut(first, last) for rows, first, last in _oldest(pieces, limit)]
        return b"[" + b"".join(texts)[:-1] + b"]"

    def candles(self, listing: Listing, name: str, first: int, last: int) -> Candles:
        """The candles of slots [first, last) as the market made them, on the grid."""
        interval = Interval.of(name, listing.listed_ms)
        since, until = interval.opening(first), interval.opening(last)
        if name == "1s":
            minutes = since // MINUTE_MS, -(-until // MINUTE_MS)
            seconds = self._market.seconds(listing, *minutes)
            return seconds.pick(slice(*np.searchsorted(seconds.opened, (since, until))))
        return _merged(self._parts(listing, interval, since, until), interval)

    def unfinished(self, listing: Listing, name: str, now_ms: int) -> Candles:
        """The candle of the slot that holds `now_ms`, made of the seconds begun until then."""
        interval = Interval.of(name, listing.listed_ms)
        opening = interval.opening(interval.slot(now_ms))
        return _merged(self.span(listing, opening, now_ms), interval)

    def span(self, listing: Listing, since_ms: int, now_ms: int) -> Candles:
        """What happened from an instant, a minute's start, until now, in candles of days, minutes and seconds."""
        minute = now_ms // MINUTE_MS
        seconds = self._market.seconds(listing, minute, minute + 1)
        today = max(since_ms, now_ms // DAY_MS * DAY_MS)
        parts = [seconds.pick((seconds.opened >= since_ms) & (seconds.opened <= now_ms))]
        if today < minute * MINUTE_MS:
            parts.insert(0, self._market.minutes(listing, today // MINUTE_MS, minute))
        if since_ms < today:
            parts.insert(0, self._since(listing, since_ms, today))
        return joined(parts)

    def _since(self, listing: Listing, since_ms: int, today_ms: int) -> Candles:
        if since_ms % DAY_MS == 0:
            return self._whole_days(listing, since_ms // DAY_MS, today_ms // DAY_MS)
        return self._market.minutes(listing, since_ms // MINUTE_MS, today_ms // MINUTE_MS)

    def _parts(self, listing: Listing, interval: Interval, since_ms: int, until_ms: int) -> Candles:
        """The finest kept candles that make up the interval's."""
        if interval.length_ms < DAY_MS:
            return self._market.minutes(listing, since_ms // MINUTE_MS, until_ms // MINUTE_MS)
        return self._whole_days(listing, since_ms // DAY_MS, until_ms // DAY_MS)

    def _whole_days(self, listing: Listing, first: int, last: int) -> Candles:
        chunks = range(first // _DAYS_KEPT_TOGETHER, (last - 1) // _DAYS_KEPT_TOGETHER + 1)
        days = joined([self._day_chunk(listing, chunk) for chunk in chunks])
        return days.pick((days.opened >= first * DAY_MS) & (days.opened < last * DAY_MS))

    def _day_chunk(self, listing: Listing, chunk: int) -> Candles:
        first = chunk * _DAYS_KEPT_TOGETHER * (DAY_MS // MINUTE_MS)
        last = first + _DAYS_KEPT_TOGETHER * (DAY_MS // MINUTE_MS)
        day = Interval("1d")
        return self._days.get((listing, chunk), lambda: _merged(self._market.minutes(listing, first, last), day))

    def _pieces(
        self, listing: Listing, name: str, since_ms: int | None, until_ms: int | None, now_ms: int, micro: bool
    ) -> Iterator[_Piece]:
        """Stretches of printed rows, forward from a start, backward without one."""
        if replayed := self._recorded.get((listing.symbol, name)):
            rows = replayed[micro]
            yield rows, *rows.between(since_ms or 0, now_ms if until_ms is None else min(until_ms, now_ms))
            return
        now_ms = listing.ends_ms(now_ms)
        until = now_ms if until_ms is None else min(until_ms, now_ms)
        since = max(since_ms or 0, listing.listed_ms - LENGTH_MS[name])
        if since <= until:
            for rows in self._rows(listing, name, since, until, now_ms, micro, backward=since_ms is None):
                yield rows, *rows.between(since, until)

    def _rows(
        self, listing: Listing, name: str, since: int, until: int, now_ms: int, micro: bool, *, backward: bool
    ) -> Iterator[Rows]:
        interval = Interval.of(name, listing.listed_ms)
        size, current = _block_size(name), interval.slot(now_ms)
        numbers = range(interval.slot(since) // size, min(interval.slot(until), current - 1) // size + 1)
        reaches_now = interval.slot(until) == current
        if backward and reaches_now:
            yield self._unfinished_row(listing, interval, now_ms, micro)
        for number in reversed(numbers) if backward else numbers:
            rows = self._block(listing, interval, number, micro)
            yield rows if (number + 1) * size <= current else _before(rows, interval.opening(current))
        if reaches_now and not backward:
            yield self._unfinished_row(listing, interval, now_ms, micro)

    def _block(self, listing: Listing, interval: Interval, number: int, micro: bool) -> Rows:
        size = _block_size(interval.name)
        return self._blocks.get(
            (listing, interval.name, number, micro),
            lambda: _printed(
                self.candles(listing, interval.name, number * size, (number + 1) * size), listing, interval, micro
            ),
        )

    def _unfinished_row(self, listing: Listing, interval: Interval, now_ms: int, micro: bool) -> Rows:
        return _printed(self.unfinished(listing, interval.name, now_ms), listing, interval, micro)


def _block_size(name: str) -> int:
    """How many slots are printed together: few enough minutes that the first page of a series comes quickly."""
    minutes = max(LENGTH_MS[name] // MINUTE_MS, 1)
    return 1920 if minutes == 1 else max(8, 12_288 // minutes)


def _merged(candles: Candles, interval: Interval) -> Candles:
    return candles.merged(interval.opens(interval.slots(candles.opened)))


def _before(rows: Rows, opened_ms: int) -> Rows:
    last = int(np.searchsorted(rows.opened, opened_ms))
    return Rows(rows.opened[:last], rows.text, rows.ends[: last + 1])


def _printed(candles: Candles, listing: Listing, interval: Interval, micro: bool) -> Rows:
    late = _lateness(listing, interval.name, candles.opened)
    closed = interval.opens(interval.slots(candles.opened) + 1) - 1 + late
    shifted = Candles(candles.opened + late, *candles.columns()[1:])
    return rendered(shifted, closed, listing, micro=micro)


def _lateness(listing: Listing, name: str, opened: Ints) -> Ints:
    if listing.off_grid is None or name not in _OFF_GRID:
        return np.zeros(len(opened), dtype=np.int64)
    return listing.off_grid.holds(opened // MINUTE_MS) * np.int64(_LATE_MS)


def _oldest(pieces: Iterator[_Piece], limit: int) -> Iterator[_Piece]:
    for rows, first, last in pieces:
        took = min(last - first, limit)
        yield rows, first, first + took
        limit -= took
        if limit <= 0:
            return


def _newest(pieces: Iterator[_Piece], limit: int) -> Iterator[_Piece]:
    for rows, first, last in pieces:
        took = min(last - first, limit)
        yield rows, last - took, last
        limit -= took
        if limit <= 0:
            return
