"""What one request, or one file of the archive, is to bring of one series.

Windows of existing series come first, so that a long backfill delays no one; within a phase they are ordered by time
across series, so that a commit touches few months.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from connectors.binance.archive.files import Remote
from connectors.binance.endpoints import feeding
from connectors.binance.endpoints.model import OnGrid
from schemas.model.grid import Grid, longest_us
from schemas.model.series import Series


class Phase(IntEnum):
    """The order in which windows are worked on."""

    FORWARD = 0  # on from the end of coverage
    CONFIRM = 1  # a second look at a gap
    FIRST = 2  # the opening page of a series without coverage
    REST = 3  # what follows an opening page
    LISTING = 4  # where history begins: the first candle at or after the start that was asked for
    BACKWARD = 5  # history before the start of coverage


OPENING = (Phase.FIRST, Phase.LISTING)  # one page, whatever it holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One stretch of one series, a page or a file long: candles that open in [since, until).

    `ask_since` lies earlier where candles are asked for again, and at the end where nothing is to be asked. With
    `remote`, the candles lie in a file of the archive.
    """

    phase: Phase
    series: Series
    since: int
    until: int
    ask_since: int
    remote: Remote | None = None

    @property
    def limit(self) -> int:
        """The limit to send: one for the first candle alone, else what costs no more than the candles of the window."""
        if self.phase is Phase.LISTING and not walk_of(self.series).newest_first:
            return 1
        return limit_for(self.series, self.ask_since, self.until)

    @property
    def weight(self) -> int:
        """What the request for it costs."""
        return feeding(self.series).cost({"limit": self.limit})

    @property
    def rank(self) -> tuple[Phase, int, Series]:
        """Forward windows ascend in time, backward ones descend."""
        return self.phase, -self.until if self.phase is Phase.BACKWARD else self.since, self.series


def walk_of(series: Series) -> OnGrid:
    """How the exchange is asked for a series."""
    return feeding(series).walked(OnGrid)


def page_rows(series: Series) -> int:
    """How many candles one answer of the exchange holds at most."""
    return walk_of(series).page_rows(series["interval"], feeding(series).page_limit)


def limit_for(series: Series, since: int, until: int) -> int:
    """The limit to send for the candles of [since, until)."""
    return feeding(series).limit_for(Grid.of(series["interval"]).count(since, until))


def pages_of(series: Series, since: int, until: int) -> Iterator[tuple[int, int]]:
    """[since, until) in stretches of which one answer holds all."""
    length_us = page_rows(series) * longest_us(series["interval"])
    return ((start, min(start + length_us, until)) for start in range(since, until, length_us))


def in_order(windows: Iterable[Window]) -> list[Window]:
    return sorted(windows, key=lambda window: window.rank)
