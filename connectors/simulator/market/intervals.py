"""The slots that candles of an interval lie on, in milliseconds. Written for itself, not shared with binlake's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connectors.simulator.market.random_field import Ints

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_MONDAY_MS = 4 * DAY_MS  # 1970-01-05

LENGTH_MS: dict[str, int] = {
    "1s": SECOND_MS,
    **{f"{n}m": n * MINUTE_MS for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * HOUR_MS for n in (1, 2, 4, 6, 8, 12)},
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
    "1M": 31 * DAY_MS,  # the longest; months are stepped by the calendar
}


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers the slots of an interval, and says when each opens."""

    name: str
    anchor_ms: int = 0

    @classmethod
    def of(cls, name: str, listed_ms: int) -> Interval:
        """Weeks open on Monday; three-day candles are counted from the day the symbol was listed."""
        anchors = {"1w": _MONDAY_MS, "3d": listed_ms // DAY_MS * DAY_MS}
        return cls(name, anchors.get(name, 0))

    @property
    def length_ms(self) -> int:
        return LENGTH_MS[self.name]

    def slots(self, times_ms: Ints) -> Ints:
        """The number of the slot that holds each instant."""
        if self.name == "1M":
            return times_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
        return (times_ms - self.anchor_ms) // self.length_ms

    def opens(self, slots: Ints) -> Ints:
        """When each slot opens."""
        if self.name == "1M":
            return slots.astype("datetime64[M]").astype("datetime64[ms]").astype(np.int64)
        return slots * self.length_ms + self.anchor_ms

    def slot(self, time_ms: int) -> int:
        return int(self.slots(np.array([time_ms], dtype=np.int64))[0])

    def opening(self, slot: int) -> int:
        return int(self.opens(np.array([slot], dtype=np.int64))[0])
