"""What one page of candles says about a series: its new rows, its new coverage, the gaps it shows. Pure.

A series is walked in windows, in order. The grid says which candles a stretch should hold; what the exchange did
not print becomes a gap with its evidence, never silence. Instants are integer microseconds, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.store.gaps import NO_ANSWER, NOTHING_CAME, Asked, Gap
from pipelines.store.rows import Instants, instants
from schemas.model.errors import Problem
from schemas.model.grid import MINUTE_US, SECOND_US, Grid, longest_us
from schemas.model.instants import iso_text
from schemas.model.series import Series

LAG_US = 10 * SECOND_US  # a candle counts as closed only when its end lies this far back
MILLISECOND_US = 1000
QUIET_US = 10 * MINUTE_US  # silence counts as silence only when it lies this far back
CONFIRM_AFTER_US = 60 * MINUTE_US  # a gap is looked at again this long after it was first seen


@dataclass(frozen=True, slots=True)
class Step:
    """What one page adds: rows, bounds that move, and versions of gaps that changed."""

    rows: pa.Table
    bounds: Mapping[str, int]
    gaps: tuple[Gap, ...] = ()


@dataclass(slots=True)
class Walk:
    """Where one series stands: covered [since, until), and the gaps that touch or lie beyond that.

    Of a delisted symbol nothing new comes; one that is forgotten only the archive knows.
    """

    series: Series
    since: int | None
    until: int | None
    delisted: bool = False
    forgotten: bool = False
    gaps: dict[int, Gap] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.forgotten:
            self.gaps = {since: self._in_doubt(gap) for since, gap in self.gaps.items()}

    @property
    def grid(self) -> Grid:
        return Grid.of(self.series["interval"], self.until)

    @property
    def open_gap(self) -> Gap | None:
        """The gap that coverage currently ends in."""
        reaching = [gap for gap in self.gaps.values() if gap.until is None and gap.since < (self.until or 0)]
        return max(reaching, key=lambda gap: gap.since, default=None)

    @property
    def at_rest(self) -> bool:
        """A delisted symbol whose end was looked at twice is not asked for again."""
        gap = self.open_gap
        return self.delisted and gap is not None and gap.confirmed_at is not None

    def forward(self, page: pa.Table, since: int, until: int, now: int, asked: Asked) -> Step:
        """Take the candles of [since, until), where `since` is the end of coverage or the very start.

        The new end never passes the last closed candle by less than the quiet time.
        """
        rows = clean(page, since, until, now, longest_us(self.series["interval"]))
        times = instants(rows)
        grid = Grid.of(self.series["interval"], self.until or (int(times[0]) if len(times) else None))
        end = reached(grid, times, until, now)
        if end <= since:
            return Step(rows.slice(0, 0), {})
        rows, times = rows.slice(0, int(np.searchsorted(times, end))), times[times < end]
        first_ever = self.until is None
        found = self._at_frontier(closed_stretches(grid, times, since, end, now, asked), end, first_ever=first_ever)
        gaps = self._changed(self._joined(found, grid.ceil(since), since, first_ever=first_ever), since, end, now)
        self.since, self.until = since if self.since is None else self.since, end
        bounds = {"until": end, "since": since} if first_ever else {"until": end}
        return Step(rows, bounds, gaps)

    def backward(self, page: pa.Table, since: int, until: int, now: int, asked: Asked) -> Step:
        """Take the candles of [since, until), where `until` is the start of coverage."""
        rows = clean(page, since, until, now, longest_us(self.series["interval"]))
        grid = Grid.of(self.series["interval"], self.until)
        found = closed_stretches(grid, instants(rows), since, until, now, asked)
        edge, later = grid.ceil(until), self.gaps.get(until)
        reaches = bool(found) and found[-1].until == edge
        completed: tuple[Gap, ...] = ()
        if later is None and reaches:
            found[-1] = _with_edge(found[-1], row_after_opens=edge)
        elif later is not None and rows.num_rows:
            was_listed = replace(later, reason="exchange_outage") if later.reason == "not_listed" else later
            self.gaps[until] = was_listed if reaches else _with_edge(was_listed, row_before_ends=until)
            completed = (self.gaps[until],) if self.gaps[until] != later else ()
        self.since = since
        return Step(rows, {"since": since}, (*self._changed(found, since, until, now), *completed))

    def before_listing(self, nothing: pa.Table, since: int, until: int, now: int, asked: Asked) -> Step:
        """Cover [since, until), where `until` is the start of coverage and there is nothing before it."""
        told = evidence(None, until, asked)
        gap = Gap(since=since, until=until, reason="not_listed", evidence=told, first_seen=now)
        self.since = since
        return Step(nothing, {"since": since}, self._changed([gap], since, until, now))

    def filled(self, held: Instants, since: int, until: int, now: int, asked: Asked) -> tuple[Gap, ...]:
        """What becomes of the gaps of covered [since, until), in which these are now all the candles."""
        return self._changed(closed_stretches(self.grid, held, since, until, now, asked), since, until, now)

    def second_look(self, page: pa.Table, since: int, until: int, now: int, asked: Asked) -> Step:
        """Look again at the gap that starts at `since`: its rows are late ones; without any, the answer confirms it.

        A second look without an answer confirms nothing, and a file is confirmed to be unusable, not to be empty.
        """
        rows = clean(page, since, until, now, longest_us(self.series["interval"]))
        gap = self.gaps.get(since)
        if rows.num_rows:
            return Step(rows, {}, self.filled(instants(rows), since, until, now, asked))
        if gap is None:
            return Step(rows, {})
        if asked.unanswered or gap.reason in NO_ANSWER:
            news = self.filled(instants(rows), since, until, now, asked)
            if news or gap.reason == "unavailable":
                return Step(rows, {}, news)
        unasked = self.forgotten and gap.told_by(Asked.of_exchange(self.series))
        told = {**gap.evidence, "asked": asked.what} if unasked else gap.evidence
        self.gaps[since] = replace(gap, confirmed_at=now, evidence=told)
        return Step(rows, {}, (self.gaps[since],))

    def _in_doubt(self, gap: Gap) -> Gap:
        """A gap of a symbol that the exchange has forgotten, to be looked at again where its answer is the evidence.

        Earlier versions wrote that without having asked. The archive's answer then takes its place.
        """
        unasked = gap.reason in NOTHING_CAME and gap.told_by(Asked.of_exchange(self.series))
        return replace(gap, confirmed_at=None) if unasked else gap

    def _at_frontier(self, found: list[Gap], end: int, *, first_ever: bool) -> list[Gap]:
        """The gaps of a page that reaches the frontier: what begins the series is not listed yet, what ends it open."""
        if first_ever and found and found[0].reason == "exchange_outage" and _begins(found[0]):
            found[0] = replace(found[0], reason="not_listed")
        if found and found[-1].until == end and found[-1].reason in NOTHING_CAME:
            reason = "delisted" if self.delisted and found[-1].reason == "exchange_outage" else found[-1].reason
            found[-1] = replace(found[-1], until=None, reason=reason)
        return found

    def _joined(self, found: list[Gap], first: int, since: int, *, first_ever: bool) -> list[Gap]:
        """The gaps of a page, whose first slot is `first`, joined to the open gap before it; edges are evidence too."""
        before = self.open_gap
        at_edge = bool(found) and found[0].since <= first
        if before is None:
            if at_edge and first_ever and found[0].reason == "not_listed":
                found[0] = replace(found[0], since=since)
            elif at_edge and not first_ever and not self._ends_in_gap(since):
                found[0] = _with_edge(found[0], row_before_ends=since)
            return found
        if not at_edge:
            reason = "exchange_outage" if before.reason == "delisted" else before.reason  # more came after all
            return [_with_edge(replace(before, until=since, reason=reason), row_after_opens=first), *found]
        if found[0].reason not in NOTHING_CAME:
            return [replace(before, until=since), *found]
        joined = found.pop(0)
        reason = "delisted" if joined.reason == "delisted" else before.reason
        return [replace(before, until=joined.until, reason=reason, evidence=_both(before, joined)), *found]

    def _ends_in_gap(self, instant: int) -> bool:
        return any(gap.until == instant for gap in self.gaps.values())

    def _changed(self, found: Iterable[Gap], since: int, end: int, now: int) -> tuple[Gap, ...]:
        """Remember the gaps found; return those that say something new, and those that turned out filled."""
        found = list(found)
        seen = {gap.since for gap in found}
        filled = [
            replace(gap, filled_at=now)
            for gap in self.gaps.values()
            if since <= gap.since < end and gap.since not in seen
        ]
        news = [
            _keeping(gap, self.gaps.get(gap.since)) for gap in found if not gap.same_stretch(self.gaps.get(gap.since))
        ]
        for gap in filled:
            del self.gaps[gap.since]
        self.gaps.update((gap.since, gap) for gap in news)
        return (*news, *filled)


def _keeping(gap: Gap, before: Gap | None) -> Gap:
    """A new version of a gap keeps when it was first seen; a moved end asks for a new second look."""
    return gap if before is None else replace(gap, first_seen=before.first_seen, confirmed_at=None)


def _begins(gap: Gap) -> bool:
    """Whether no row came before a gap."""
    return gap.evidence.get("row_before_ends") is None


def _with_edge(gap: Gap, **edges: int) -> Gap:
    """A gap with the row that turned out to lie at its edge, in the page before or after."""
    if gap.reason not in NOTHING_CAME:
        return gap
    lacking = {name: iso_text(at) for name, at in edges.items() if gap.evidence.get(name) is None}
    return replace(gap, evidence={**gap.evidence, **lacking})


def _both(before: Gap, after: Gap) -> Mapping[str, Any]:
    """The evidence of a gap that two pages show the halves of."""
    first, then = str(before.evidence.get("asked")), str(after.evidence.get("asked"))
    asked = first if then in first else f"{first} and {then}"
    return {**before.evidence, "asked": asked, "row_after_opens": after.evidence.get("row_after_opens")}


def clean(page: pa.Table, since: int, until: int, now: int, longest_us: int) -> pa.Table:
    """The closed candles of a page that open in [since, until): ascending, each once.

    A candle that prints a later end than it can have is over all the same. Raises Problem when one instant comes with
    two different candles.
    """
    times = instants(page)
    if not len(times):
        return page
    if not (np.diff(times) > 0).all():
        page = _distinct(page)
        times = instants(page)
    ends = np.minimum(instants(page, "close_time") + MILLISECOND_US, times + longest_us)  # printed inclusive
    inside = (times >= since) & (times < until) & (ends <= now - LAG_US)
    return page if inside.all() else page.filter(pa.array(inside))


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


def reached(grid: Grid, times: Instants, until: int, now: int) -> int:
    """How far coverage may go: past the last candle seen, through silence only up to the quiet time."""
    frontier = grid.floor(min(now - LAG_US, until))
    after_last = grid.step(grid.floor(int(times[-1])), 1) if len(times) else 0
    return min(frontier, max(after_last, grid.floor(now - QUIET_US)))


def closed_stretches(grid: Grid, times: Instants, since: int, until: int, now: int, asked: Asked) -> list[Gap]:
    """The slots of [since, until) without a candle, joined; off-grid candles explain the slot they lie in."""
    first, last = grid.ceil(since), grid.ceil(until)
    slots = times if grid.interval == "1M" else times - (times - grid.anchor_us) % grid.length_us
    if len(times) == grid.count(first, last) and bool((slots == times).all()):
        return []
    odd = np.unique(slots[slots != times])
    off_grid = [
        Gap(since=int(slot), until=grid.step(int(slot), 1), reason="off_grid", first_seen=now, confirmed_at=now,
            evidence=off_grid_evidence(times, slot, asked))
        for slot in np.setdiff1d(odd, slots[slots == times])
    ]  # fmt: skip
    holes = _holes(grid, np.unique(slots), first, last)
    gaps = [gap for hole in holes for gap in _gaps(grid, hole, (first, last), now, asked)]
    return sorted([*gaps, *off_grid], key=lambda gap: gap.since)


def _holes(grid: Grid, slots: Instants, first: int, last: int) -> Iterator[tuple[int, int]]:
    starts = [first, *(grid.step(int(slot), 1) for slot in slots)]
    ends = [*(int(slot) for slot in slots), last]
    return ((start, end) for start, end in zip(starts, ends, strict=True) if start < end)


def _gaps(grid: Grid, hole: tuple[int, int], page: tuple[int, int], now: int, asked: Asked) -> Iterator[Gap]:
    """A hole as the stretches of it that were answered, and those that were not."""

    def nothing(since: int, until: int) -> Gap:
        row_before = since if page[0] < since == hole[0] else None
        row_after = until if hole[1] == until < page[1] else None
        told = evidence(row_before, row_after, asked)
        return Gap(since=since, until=until, reason="exchange_outage", evidence=told, first_seen=now)

    at, end = hole
    for other in asked.unanswered:
        start, stop = max(at, grid.ceil(other.since)), min(end, grid.ceil(other.until or end))
        if start < stop:
            if at < start:
                yield nothing(at, start)
            yield replace(other, since=start, until=stop, first_seen=now)
            at = stop
    if at < end:
        yield nothing(at, end)


def evidence(after: int | None, before: int | None, asked: Asked) -> dict[str, str | None]:
    """What was seen: what was asked for across the stretch, and the candles on either side."""
    return {
        "asked": asked.what,
        "row_before_ends": iso_text(after) if after is not None else None,
        "row_after_opens": iso_text(before) if before is not None else None,
    }


def off_grid_evidence(times: Instants, slot: int, asked: Asked) -> dict[str, str]:
    """The candle that the exchange printed inside the slot instead of at its start."""
    return {"asked": asked.what, "printed": iso_text(int(times[times > slot][0]))}
