"""Many symbols that trade alike, as columns: what they all did is reckoned in one go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.market.listings import Listing
from connectors.simulator.market.random_field import Ints, Key

_FEWEST = 20  # symbols that are worth it


class Crowd:
    """Symbols of the same decimals that trade every minute. Each number that a listing has is a column here."""

    quiet = 0.0

    def __init__(self, listings: tuple[Listing, ...]) -> None:
        self.listings = listings
        self.tick_decimals, self.step_decimals = _decimals(listings[0])
        self.price: Ints = np.array([one.price for one in listings], np.int64)[:, None]
        self.turnover: Ints = np.array([one.turnover for one in listings], np.int64)[:, None]
        self._keys: dict[tuple[int | str, object], Key] = {}

    def __len__(self) -> int:
        return len(self.listings)

    def key(self, seed: int | str, what: object) -> Key:
        """The keys of one quantity of each symbol under a seed."""
        if (seed, what) not in self._keys:
            self._keys[seed, what] = np.array([one.key(seed, what) for one in self.listings], np.uint64)[:, None]
        return self._keys[seed, what]


def crowds(listings: Iterable[Listing], now_ms: int) -> Iterator[tuple[Listing, ...]]:
    """The symbols that have traded every minute of the last two days, by their decimals, where they are many."""
    alike = sorted((one for one in listings if _is_steady(one, now_ms)), key=_decimals)
    for _, some in groupby(alike, _decimals):
        if len(group := tuple(some)) >= _FEWEST:
            yield group


def _is_steady(listing: Listing, now_ms: int) -> bool:
    odd = listing.quiet or listing.outage is not None or listing.delisted_ms is not None
    return not odd and listing.listed_ms < now_ms - 2 * DAY_MS


def _decimals(listing: Listing) -> tuple[int, int]:
    return listing.tick_decimals, listing.step_decimals
