"""Where one series of candles stands, and what follows from an answer: new rows, new bounds, the gaps it shows. Pure.

Each answer is observed where the series stands. Its step is all that changes: what is committed, and what the series
stands `after` it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.candles.answer import Answer
from pipelines.store.gaps import ASKED_AGAIN, NO_ANSWER, NOTHING_CAME, Asked, Gap
from pipelines.store.rows import Instants, instants
from schemas.model.grid import Grid, longest_us
from schemas.model.instants import iso_text
from schemas.model.series import Series


@dataclass(frozen=True, slots=True)
class Step:
    """What one answer adds: rows, bounds that move, and versions of gaps that changed."""

    rows: pa.Table
    bounds: Mapping[str, int]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """Where one series stands: covered [since, until), and the gaps that touch or lie beyond that.

    A new series is covered from where it is to begin up to there; one that has `earlier` rows did not begin there.
    Of a delisted symbol nothing new comes; one that is forgotten only the archive knows.
    """

    series: Series
    since: int
    until: int
    delisted: bool = False
    forgotten: bool = False
    gaps: Mapping[int, Gap] = field(default_factory=dict)
    earlier: bool = False

    @classmethod
    def of(
        cls,
        series: Series,
        begin: int,
        bounds: Mapping[str, int],
        gaps: Mapping[Series, Mapping[int, Gap]],
        *,
        delisted: Collection[str] = (),
        forgotten: Collection[str] = (),
    ) -> Coverage:
        """Where the lake says that a series stands; one that it does not hold is to begin at `begin`."""
        since, until = (series.bound(name, bounds) for name in ("since", "until"))
        if since is None or until is None:
            since = until = begin
        symbol, known = series["symbol"], gaps.get(series, {})
        if symbol in forgotten:
            known = {at: _in_doubt(gap, Asked.of_exchange(series)) for at, gap in known.items()}
        return cls(series, since, until, symbol in delisted, symbol in forgotten, known)

    @property
    def is_new(self) -> bool:
        return self.since == self.until

    @property
    def grid(self) -> Grid:
        return Grid.of(self.series["interval"], None if self.is_new else self.until)

    @property
    def open_gap(self) -> Gap | None:
        """The gap that coverage currently ends in."""
        reaching = [gap for gap in self.gaps.values() if gap.until is None and gap.since < self.until]
        return None if self.is_new else max(reaching, key=lambda gap: gap.since, default=None)

    @property
    def at_rest(self) -> bool:
        """A delisted symbol whose end was looked at twice is not asked for again."""
        gap = self.open_gap
        return self.delisted and gap is not None and gap.confirmed_at is not None

    def observe(self, answer: Answer) -> Step | None:
        """What an answer adds to the series; None where it does not touch what is covered, so that a hole would stay.

        Raises Problem when one instant comes with two different candles.
        """
        if answer.since == self.until:
            return self._forward(answer)
        if answer.until == self.since:
            return self._backward(answer)
        if self.since <= answer.since and answer.until <= self.until:
            return self._again(answer)
        return None

    def after(self, step: Step) -> Coverage:
        """Where the series stands once a step is committed."""
        gaps = {**self.gaps, **{gap.since: gap for gap in step.gaps}}
        return replace(
            self,
            since=step.bounds.get("since", self.since),
            until=step.bounds.get("until", self.until),
            gaps={since: gap for since, gap in gaps.items() if gap.filled_at is None},
        )

    def filled(self, held: Instants, answer: Answer) -> tuple[Gap, ...]:
        """What becomes of the gaps of the stretch of an answer, in which these are now all the candles."""
        return self._news(answer.missing(self.grid, held), answer.since, answer.until, answer.now)

    def _forward(self, answer: Answer) -> Step:
        """Go on from the end of coverage; the new end passes the last candle only up to the quiet time."""
        rows = answer.closed(longest_us(self.series["interval"]))
        times = instants(rows)
        grid = Grid.of(self.series["interval"], int(times[0])) if self.is_new and len(times) else self.grid
        end = answer.reach(grid, times)
        if end <= self.until:
            return Step(rows.slice(0, 0), {})
        rows, times = rows.slice(0, int(np.searchsorted(times, end))), times[times < end]
        first, missing = grid.ceil(self.until), replace(answer, until=end).missing(grid, times)
        found = self._joined([self._named(gap, first, end) for gap in missing], first)
        gaps = self._news(found, self.until, end, answer.now)
        return Step(rows, {"until": end, "since": self.since} if self.is_new else {"until": end}, gaps)

    def _backward(self, answer: Answer) -> Step:
        """Go back from the start of coverage."""
        rows = answer.closed(longest_us(self.series["interval"]))
        found = answer.missing(self.grid, instants(rows)) if answer.listed else [answer.not_listed()]
        edge, later = self.grid.ceil(self.since), self.gaps.get(self.since)
        reaches = bool(found) and found[-1].until == edge
        completed = later
        if later is None and reaches:
            found[-1] = _with_edge(found[-1], row_after_opens=edge)
        elif later is not None and rows.num_rows:
            was_listed = replace(later, reason=answer.asked.silence) if later.reason == "not_listed" else later
            completed = was_listed if reaches else _with_edge(was_listed, row_before_ends=self.since)
        gaps = self._news(found, answer.since, self.since, answer.now)
        changed = (completed,) if completed is not None and completed != later else ()
        return Step(rows, {"since": answer.since}, (*gaps, *changed))

    def _again(self, answer: Answer) -> Step:
        """Look again at covered time: rows are late ones; without any, the gap that starts at `since` is confirmed.

        A second look without an answer confirms nothing, and a file is confirmed to be unusable, not to be empty.
        """
        rows = answer.closed(longest_us(self.series["interval"]))
        news, gap = self.filled(instants(rows), answer), self.gaps.get(answer.since)
        if rows.num_rows:
            return Step(rows, {}, news)
        if gap is None:
            return Step(rows, {})
        if (answer.asked.unanswered or gap.reason in NO_ANSWER) and (news or gap.reason in ASKED_AGAIN):
            return Step(rows, {}, news)
        was_another = gap.reason in NOTHING_CAME and not gap.told_by(answer.asked)
        told = {**gap.evidence, "asked": answer.asked.what} if was_another else gap.evidence
        return Step(rows, {}, (replace(gap, confirmed_at=answer.now, evidence=told),))

    def _named(self, gap: Gap, first: int, end: int) -> Gap:
        """A gap of a page that reaches the frontier: what begins the series is not listed yet, what ends it open."""
        begins, ends = self.is_new and not self.earlier and gap.since == first, gap.until == end
        if begins and gap.reason == "not_in_archive":
            return replace(gap, since=self.since, reason="not_listed")
        if gap.reason not in NOTHING_CAME:
            return gap
        reason = "not_listed" if begins else "delisted" if ends and self.delisted else gap.reason
        return replace(gap, since=self.since if begins else gap.since, until=None if ends else gap.until, reason=reason)

    def _joined(self, found: Sequence[Gap], first: int) -> Sequence[Gap]:
        """The gaps of a page, whose first slot is `first`, joined to the open gap before it; edges are evidence too."""
        before, at_edge = self.open_gap, bool(found) and found[0].since <= first
        if before is None:
            if at_edge and not self.is_new and all(gap.until != self.until for gap in self.gaps.values()):
                return [_with_edge(found[0], row_before_ends=self.until), *found[1:]]
            return found
        if not at_edge:
            reason = "exchange_outage" if before.reason == "delisted" else before.reason  # more came after all
            return [_with_edge(replace(before, until=self.until, reason=reason), row_after_opens=first), *found]
        if found[0].reason not in NOTHING_CAME:
            return [replace(before, until=self.until), *found]
        reason = "delisted" if found[0].reason == "delisted" else before.reason
        joined = replace(before, until=found[0].until, reason=reason, evidence=_both(before, found[0]))
        return [joined, *found[1:]]

    def _news(self, found: Sequence[Gap], since: int, end: int, now: int) -> tuple[Gap, ...]:
        """The gaps found that say something new, and those of the stretch that turned out filled."""
        seen = {gap.since for gap in found}
        filled = (
            replace(gap, filled_at=now)
            for gap in self.gaps.values()
            if since <= gap.since < end and gap.since not in seen
        )
        news = (
            _keeping(gap, self.gaps.get(gap.since)) for gap in found if not gap.same_stretch(self.gaps.get(gap.since))
        )
        return (*news, *filled)


def _in_doubt(gap: Gap, unasked: Asked) -> Gap:
    """A gap of a symbol that the exchange has forgotten, to be looked at again where its answer is the evidence.

    Earlier versions wrote that without having asked. The archive's answer then takes its place.
    """
    return replace(gap, confirmed_at=None) if gap.reason in NOTHING_CAME and gap.told_by(unasked) else gap


def _keeping(gap: Gap, before: Gap | None) -> Gap:
    """A new version of a gap keeps when it was first seen; a moved end asks for a new second look."""
    return gap if before is None else replace(gap, first_seen=before.first_seen, confirmed_at=None)


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
