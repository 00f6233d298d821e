"""What came for one stretch of a series: its closed candles, and the slots of the grid that have none. Pure.

What the exchange did not print becomes a gap with its evidence, never silence. Instants are integer microseconds, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from pipelines.store.gaps import OFF_GRID, Asked, Gap
from pipelines.store.rows import Instants, instants, kept
from schemas.model.errors import Problem
from schemas.model.grid import MINUTE_US, SECOND_US, Grid
from schemas.model.instants import iso_text

LAG_US = 10 * SECOND_US  # a candle counts as closed only when its end lies this far back
MILLISECOND_US = 1000
QUIET_US = 10 * MINUTE_US  # silence counts as silence only when it lies this far back


@dataclass(frozen=True, slots=True)
class Answer:
    """What came for [since, until): candles, and what they were asked of.

    Without `listed` nothing was asked, since the first candle there is opens later.
    """

    rows: pa.Table
    since: int
    until: int
    now: int
    asked: Asked
    listed: bool = True

    def closed(self, longest_us: int) -> pa.Table:
        """The closed candles that open in the stretch: ascending, each once.

        A candle that prints a later end than it can have is over all the same. Raises Problem when one instant comes
        with two different candles.
        """
        page, times = self.rows, instants(self.rows)
        if not len(times):
            return page
        if not (np.diff(times) > 0).all():
            page = _distinct(page)
            times = instants(page)
        ends = np.minimum(instants(page, "close_time") + MILLISECOND_US, times + longest_us)  # printed inclusive
        inside = (times >= self.since) & (times < self.until) & (ends <= self.now - LAG_US)
        return kept(page, inside)

    def reach(self, grid: Grid, times: Instants) -> int:
        """How far coverage may go: past the last candle seen, through silence only up to the quiet time."""
        frontier = grid.floor(min(self.now - LAG_US, self.until))
        after_last = grid.step(grid.floor(int(times[-1])), 1) if len(times) else 0
        return min(frontier, max(after_last, grid.floor(self.now - QUIET_US)))

    def missing(self, grid: Grid, times: Instants) -> list[Gap]:
        """The slots of the stretch without a candle, joined; off-grid candles explain the slot they lie in."""
        first, last = grid.ceil(self.since), grid.ceil(self.until)
        slots, start = times, grid.anchor_us
        if grid.interval != "1M":
            slots = (times - start) // grid.length_us * grid.length_us + start  # numpy takes ten times as long for %
        if len(times) == grid.count(first, last) and bool((slots == times).all()):
            return []
        odd = np.unique(slots[slots != times])
        off_grid = [_off_grid(grid, times, int(slot), self) for slot in np.setdiff1d(odd, slots[slots == times])]
        holes = _holes(grid, np.unique(slots), first, last)
        gaps = [gap for hole in holes for gap in _gaps(grid, hole, (first, last), self)]
        return sorted([*gaps, *off_grid], key=lambda gap: gap.since)

    def not_listed(self) -> Gap:
        """The whole stretch, behind which the first candle opens."""
        told = _evidence(None, self.until, self.asked)
        return Gap(since=self.since, until=self.until, reason="not_listed", evidence=told, first_seen=self.now)


def _distinct(page: pa.Table) -> pa.Table:
    """Sort by time and drop exact repeats."""
    page = page.sort_by("open_time")
    times = instants(page)
    repeats = np.flatnonzero(np.diff(times) == 0).tolist()
    for index in repeats:
        if not page.slice(index, 1).equals(page.slice(index + 1, 1)):
            raise Problem(f"The exchange sent two different candles for {iso_text(int(times[index]))} in one answer.")
    keep = np.ones(len(times), dtype=bool)
    keep[[index + 1 for index in repeats]] = False
    return page.filter(pa.array(keep))


def _holes(grid: Grid, slots: Instants, first: int, last: int) -> Iterator[tuple[int, int]]:
    starts = [first, *(grid.step(int(slot), 1) for slot in slots)]
    ends = [*(int(slot) for slot in slots), last]
    return ((start, end) for start, end in zip(starts, ends, strict=True) if start < end)


def _gaps(grid: Grid, hole: tuple[int, int], page: tuple[int, int], answer: Answer) -> Iterator[Gap]:
    """A hole as the stretches of it that were answered, and those that were not."""

    def nothing(since: int, until: int) -> Gap:
        row_before = since if page[0] < since == hole[0] else None
        row_after = until if hole[1] == until < page[1] else None
        told = _evidence(row_before, row_after, answer.asked)
        return Gap(since=since, until=until, reason=answer.asked.silence, evidence=told, first_seen=answer.now)

    at, end = hole
    for other in answer.asked.unanswered:
        start, stop = max(at, grid.ceil(other.since)), min(end, grid.ceil(other.until or end))
        if start < stop:
            if at < start:
                yield nothing(at, start)
            yield replace(other, since=start, until=stop, first_seen=answer.now)
            at = stop
    if at < end:
        yield nothing(at, end)


def _off_grid(grid: Grid, times: Instants, slot: int, answer: Answer) -> Gap:
    """A slot inside of which the exchange printed a candle, instead of at its start."""
    told = {"asked": answer.asked.what, "printed": iso_text(int(times[times > slot][0]))}
    end, now = grid.step(slot, 1), answer.now
    return Gap(since=slot, until=end, reason=OFF_GRID, evidence=told, first_seen=now, confirmed_at=now)


def _evidence(after: int | None, before: int | None, asked: Asked) -> dict[str, str | None]:
    """What was seen: what was asked for across the stretch, and the candles on either side."""
    return {
        "asked": asked.what,
        "row_before_ends": iso_text(after) if after is not None else None,
        "row_after_opens": iso_text(before) if before is not None else None,
    }
