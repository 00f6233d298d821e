"""Time: our own even clock, the exchange's beside it, and instants as the exchange prints them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from connectors.binance.errors import Unreadable
from schemas.model.instants import utc_text

MILLISECONDS_FROM = 10**11  # smaller numbers are seconds
MICROSECONDS_FROM = 10**14
EARLIEST_US = 1_498_867_200_000_000  # 2017-07-01: the exchange was not open yet
LATEST_US = 4_102_444_800_000_000  # 2100-01-01
DATE_SPREAD_S = 180.0  # how far an answer's Date header may lie from the time that it prints
SPREAD_S = 1.0  # how far two readings of the exchange's clock may differ beyond the time between them

_WALL_MINUS_STEADY_S = time.time() - time.monotonic()


def steady_clock() -> float:
    """Seconds since 1970 by the wall clock at start, and evenly from there on.

    A wall clock that is set forward under a running program would make open candles look closed.
    """
    return time.monotonic() + _WALL_MINUS_STEADY_S


def instant_us(printed: int) -> int | None:
    """An instant of the exchange's, whose size tells the unit; None for a number that can be none."""
    factor = 1 if printed >= MICROSECONDS_FROM else 1_000 if printed >= MILLISECONDS_FROM else 1_000_000
    instant = printed * factor
    return instant if EARLIEST_US <= instant < LATEST_US else None


def header_us(date: str) -> int | None:
    """The instant in a header such as Date; None where it is not there, cannot be read, or is none of our times."""
    try:
        return instant_us(int(parsedate_to_datetime(date).timestamp()) * 1_000_000)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the exchange's clock: when it was asked and answered by our own, what it showed, and the Date."""

    asked_s: float
    answered_s: float
    shown: int
    date: str = ""

    @property
    def midpoint_s(self) -> float:
        return (self.asked_s + self.answered_s) / 2

    @property
    def took_s(self) -> float:
        return self.answered_s - self.asked_s

    @property
    def shown_s(self) -> float:
        """What it showed, in seconds; Unreadable when that is no instant of our times, or far from the Date."""
        instant, dated = instant_us(self.shown), header_us(self.date)
        if instant is None:
            raise wrong_time(
                f"printed {str(self.shown)[:40]} for its time, which is not an instant between 2017 and 2100"
            )
        if dated is not None and abs(instant - dated) > DATE_SPREAD_S * 1e6:
            raise wrong_time(
                f"printed {utc_text(instant)} for its time, but {utc_text(dated)} in the Date header of the same answer"
            )
        return instant / 1e6


class ExchangeClock:
    """The exchange's time: as it was measured, until then as an answer's Date header has it, else our own."""

    def __init__(self, own: Callable[[], float]) -> None:
        self._own = own
        self._offset_s = 0.0
        self._measured_s: float | None = None
        self.measurements = 0

    def now_s(self) -> float:
        return self.at(self._own())

    def at(self, own_s: float) -> float:
        """The exchange's time at an instant of our own clock."""
        return own_s + self._offset_s

    def older_than(self, age_s: float) -> bool:
        """Whether the last measurement is; our own clock drifts."""
        return self._measured_s is None or self._own() - self._measured_s > age_s

    def measure(self, readings: Sequence[Reading]) -> None:
        """Believe the quicker of two readings, whose midpoint is the surer one; Unreadable when they contradict."""
        first, second = readings
        showed_s, between_s = second.shown_s - first.shown_s, second.midpoint_s - first.midpoint_s
        if abs(showed_s - between_s) > SPREAD_S + first.took_s + second.took_s + between_s:
            raise wrong_time(f"printed two times that lie {showed_s:,.0f} s apart within {between_s:.1f} s")
        quicker = min(readings, key=lambda reading: reading.took_s)
        self._offset_s = quicker.shown_s - quicker.midpoint_s
        self._measured_s = self._own()
        self.measurements += 1

    def hint(self, date: str, own_s: float) -> None:
        """Take the Date header of an answer that came at `own_s` for the time, while nothing better is known."""
        if self._measured_s is None:
            shown = header_us(date)
            if shown is not None:
                self._offset_s = shown / 1e6 - own_s


def wrong_time(what: str) -> Unreadable:
    """What the exchange did instead of telling its time, and the way out."""
    return Unreadable(f"The exchange {what}.", "Run again; if it stays so, check the addresses under `exchange`.")
