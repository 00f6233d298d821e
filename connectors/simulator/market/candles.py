"""Candles as columns of integers: prices in ticks, volumes in steps, quote volumes in units of 1e-8."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from connectors.simulator.market.random_field import Ints


@dataclass(frozen=True, slots=True)
class Candles:
    """Rows of one symbol in ascending order, each column an array of int64."""

    opened: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    quote: Ints
    trades: Ints
    taker_volume: Ints
    taker_quote: Ints

    def __len__(self) -> int:
        return len(self.opened)

    def columns(self) -> list[Ints]:
        return [getattr(self, field.name) for field in fields(self)]

    def pick(self, which: Any) -> Candles:
        """The rows of a slice or mask."""
        return Candles(*(column[which] for column in self.columns()))

    def merged(self, opened: Ints) -> Candles:
        """Longer candles: rows with the same new opening time become one."""
        if not len(self):
            return self
        starts = np.flatnonzero(np.r_[True, opened[1:] != opened[:-1]])
        ends = np.r_[starts[1:], len(self)] - 1
        sums = (self.volume, self.quote, self.trades, self.taker_volume, self.taker_quote)
        return Candles(
            opened[starts],
            self.open[starts],
            np.maximum.reduceat(self.high, starts),
            np.minimum.reduceat(self.low, starts),
            self.close[ends],
            *(np.add.reduceat(column, starts) for column in sums),
        )


def joined(parts: list[Candles]) -> Candles:
    """The rows of all parts, one after the other."""
    return Candles(*(np.concatenate(columns) for columns in zip(*(part.columns() for part in parts), strict=True)))
