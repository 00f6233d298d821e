"""The grid candles lie on. Instants and lengths are integer microseconds, UTC.

1w opens on Monday, 1M on the first of a month, 3d on the symbol's own grid, everything else on multiples of
its length since 1970 (reference, section 4.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.model.instants import micros, moment

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

# Nominal lengths; a month is only ever stepped by the calendar.
LENGTH_US: dict[str, int] = {
    "1s": SECOND_US,
    "1m": MINUTE_US,
    "3m": 3 * MINUTE_US,
    "5m": 5 * MINUTE_US,
    "15m": 15 * MINUTE_US,
    "30m": 30 * MINUTE_US,
    "1h": HOUR_US,
    "2h": 2 * HOUR_US,
    "4h": 4 * HOUR_US,
    "6h": 6 * HOUR_US,
    "8h": 8 * HOUR_US,
    "12h": 12 * HOUR_US,
    "1d": DAY_US,
    "3d": 3 * DAY_US,
    "1w": 7 * DAY_US,
    "1M": 30 * DAY_US,
}
INTERVALS = tuple(LENGTH_US)


def longest_us(interval: str) -> int:
    """How long a candle lasts at most, whatever it prints for its end."""
    return 31 * DAY_US if interval == "1M" else LENGTH_US[interval]


_MONDAY_US = 4 * DAY_US  # 1970-01-05


@dataclass(frozen=True, slots=True)
class Grid:
    """The slots of one series: `floor`, `ceil` and `step` move between their first instants."""

    interval: str
    anchor_us: int = 0

    @classmethod
    def of(cls, interval: str, seen_us: int | None = None) -> Grid:
        """The grid of an interval; `seen_us` is any slot the exchange printed, which decides the grid of 3d."""
        if interval == "1w":
            return cls(interval, _MONDAY_US)
        return cls(interval, seen_us if interval == "3d" and seen_us is not None else 0)

    @property
    def length_us(self) -> int:
        """Nominal length of a slot."""
        return LENGTH_US[self.interval]

    def floor(self, instant_us: int) -> int:
        """The slot that holds an instant."""
        if self.interval == "1M":
            return _month_start(_month_of(instant_us))
        return instant_us - (instant_us - self.anchor_us) % self.length_us

    def ceil(self, instant_us: int) -> int:
        """The first slot at or after an instant."""
        slot = self.floor(instant_us)
        return slot if slot == instant_us else self.step(slot, 1)

    def step(self, slot_us: int, slots: int) -> int:
        """The slot so many slots later, or earlier when negative."""
        if self.interval == "1M":
            return _month_start(_month_of(slot_us) + slots)
        return slot_us + slots * self.length_us

    def count(self, since_us: int, until_us: int) -> int:
        """How many slots open in [since, until)."""
        first, last = self.ceil(since_us), self.ceil(until_us)
        if self.interval == "1M":
            return max(0, _month_of(last) - _month_of(first))
        return max(0, (last - first) // self.length_us)


def next_month(instant: datetime) -> datetime:
    """The first instant of the month after."""
    return moment(_month_start(_month_of(micros(instant)) + 1))


def _month_of(instant_us: int) -> int:
    when = moment(instant_us)
    return when.year * 12 + when.month - 1


def _month_start(month: int) -> int:
    return micros(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC))
