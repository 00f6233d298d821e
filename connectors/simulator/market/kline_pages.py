"""Pages of candles as `klines` prints them: blocks of rows are printed once and kept, a page is cut out of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from connectors.simulator.market.candles import Candles
from connectors.simulator.market.history import History, Kept
from connectors.simulator.market.intervals import LENGTH_MS, MINUTE_MS, SECOND_MS, Interval
from connectors.simulator.market.listings import DECIMALS, Listing
from connectors.simulator.market.random_field import Ints
from connectors.simulator.market.rendering import Rows, recorded, rendered

_BLOCKS_KEPT = 600  # of at most 160 kB
_BLOCK_SLOTS = 960
_BLOCK_MINUTES = 12_288  # at most, so that the first page of a series comes quickly
_blocks = Kept(_BLOCKS_KEPT)  # of all exchanges: those of one seed have one market
_LATE_MS = 14 * SECOND_MS  # by how much a candle off the grid opens late
_OFF_GRID = frozenset({"1m", "3m", "5m", "15m", "30m"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are asked for, when, and in which unit of time."""

    since_ms: int | None
    until_ms: int | None
    limit: int
    now_ms: int
    micro: bool = False


class Charts:
    """Every candle of every symbol, printed with eight decimals when `padded`, else with those of the symbol."""

    def __init__(self, history: History, *, padded: bool = True) -> None:
        self._history = history
        self._padded = padded
        self._recorded: dict[tuple[str, str], dict[bool, Rows]] = {}

    def replay(self, symbol: str, interval: str, rows: Sequence[Sequence[Any]]) -> None:
        """From now on this series consists of these recorded rows alone."""
        self._recorded[symbol, interval] = {micro: recorded(rows, micro=micro) for micro in (False, True)}

    @property
    def seed(self) -> Any:
        """What all numbers of this market follow from."""
        return self._history.seed

    def market(self, symbol: str, interval: str) -> Hashable:
        """What is equal for all charts that print the same of a series."""
        return self if (symbol, interval) in self._recorded else (self._history.seed, self._padded)

    def page(self, listing: Listing, name: str, wanted: Wanted) -> bytes:
        """The answer of `klines`: the oldest rows from a start, else the newest up to an end."""
        cuts = list(_cuts(self._stretches(listing, name, wanted), wanted))
        ordered = cuts if wanted.since_ms is not None else cuts[::-1]
        return b"[" + b"".join(ordered)[:-1] + b"]"

    def _stretches(self, listing: Listing, name: str, wanted: Wanted) -> Iterator[Rows]:
        """Printed rows around the window, forward from its start, backward without one."""
        if replayed := self._recorded.get((listing.symbol, name)):
            yield replayed[wanted.micro]
            return
        interval, now_ms = Interval.of(name, listing.listed_ms), listing.ends_ms(wanted.now_ms)
        until = now_ms if wanted.until_ms is None else min(wanted.until_ms, now_ms)
        since = max(wanted.since_ms or 0, listing.listed_ms - LENGTH_MS[name])
        current = interval.slot(now_ms)
        walk = (
            self._walk(interval.slot(since), interval.slot(until), current, _block_size(name)) if since <= until else []
        )
        for block in walk if wanted.since_ms is not None else reversed(walk):
            if block is None:
                yield self._printed(
                    self._history.unfinished(listing, interval, now_ms), listing, interval, wanted.micro
                )
            else:
                yield self._block(listing, interval, block, wanted.micro).before(interval.opening(current))

    @staticmethod
    def _walk(first: int, last: int, current: int, size: int) -> list[int | None]:
        """The blocks that hold slots first to last; None for the slot that is not over."""
        blocks: list[int | None] = list(range(first // size, min(last, current - 1) // size + 1))
        return [*blocks, None] if last == current else blocks

    def _block(self, listing: Listing, interval: Interval, number: int, micro: bool) -> Rows:
        def make() -> Rows:
            size = _block_size(interval.name)
            candles = self._history.candles(listing, interval, number * size, (number + 1) * size)
            return self._printed(candles, listing, interval, micro)

        return _blocks.get((self._history.seed, self._padded, listing, interval.name, number, micro), make)

    def _printed(self, candles: Candles, listing: Listing, interval: Interval, micro: bool) -> Rows:
        late = _lateness(listing, interval.name, candles.opened)
        closed = interval.opens(interval.slots(candles.opened) + 1) - 1 + late
        shifted = Candles(candles.opened + late, *candles.columns()[1:])
        shifted = shifted if listing.size is None else _in_coins(shifted, listing)
        return rendered(shifted, closed, listing, micro=micro, padded=self._padded)


def _cuts(stretches: Iterator[Rows], wanted: Wanted) -> Iterator[bytes]:
    """The text of the rows asked for, until there are enough."""
    since, left = wanted.since_ms or 0, wanted.limit
    until = wanted.now_ms if wanted.until_ms is None else min(wanted.until_ms, wanted.now_ms)
    for rows in stretches:
        first, last = rows.between(since, until)
        took = min(last - first, left)
        yield rows.cut(last - took, last) if wanted.since_ms is None else rows.cut(first, first + took)
        left -= took
        if not left:
            return


def _in_coins(candles: Candles, listing: Listing) -> Candles:
    """What was traded of contracts of COIN-M: in coins where others say what was paid."""
    coins = (listing.size or 0) * 10.0 ** (listing.tick_decimals + DECIMALS) / np.maximum(candles.close, 1)
    quote, bought = ((one * coins).astype(np.int64) for one in (candles.volume, candles.taker_volume))
    return replace(candles, quote=quote, taker_quote=bought)


def _block_size(name: str) -> int:
    """How many slots are printed together."""
    minutes = max(LENGTH_MS[name] // MINUTE_MS, 1)
    return max(8, min(_BLOCK_SLOTS, _BLOCK_MINUTES // minutes))


def _lateness(listing: Listing, name: str, opened: Ints) -> Ints:
    if listing.off_grid is None or name not in _OFF_GRID:
        return np.zeros(len(opened), dtype=np.int64)
    return listing.off_grid.holds(opened // MINUTE_MS) * np.int64(_LATE_MS)
