"""Stretches of a series that are asked for at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.model.grid import SECOND_US
from schemas.model.series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesWindow:
    """A stretch of a series, [since, until), of which the exchange can be asked from `ask_since` on."""

    series: Series
    since: int
    until: int
    ask_since: int
    backward: bool = False
    last: bool = False  # with it all is asked for up to now
    look: bool = False  # a second one, at what is covered

    @property
    def rank(self) -> tuple[bool, int, Series]:
        """Forward windows first and ascending, so that a commit touches few months; backward ones descend."""
        return self.backward, -self.until if self.backward else self.since, self.series

    @property
    def forgotten(self) -> tuple[int, int] | None:
        """The part of it that the exchange no longer returns."""
        return (self.since, min(self.ask_since, self.until)) if self.ask_since > self.since else None

    @property
    def asks(self) -> bool:
        return self.ask_since < self.until


def cut(
    series: Series, since: int, end: int, ask: int, width_us: int, *, backward: bool = False
) -> Iterator[SeriesWindow]:
    """[since, end) in windows, asked for from `ask` on; what lies before that belongs to the first one."""
    while since < end:
        until = min(ask + width_us, end) if ask < end else end
        yield SeriesWindow(series=series, since=since, until=until, ask_since=ask, backward=backward)
        since = ask = until


def whole_s(instant: int) -> int:
    """Some lists are printed in seconds: a window that began within one would miss what happened in the rest of it."""
    return instant // SECOND_US * SECOND_US
