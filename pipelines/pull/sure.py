"""How far what a walk along time covers is sure, though a run's clock may have been ahead. Pure.

A run notes how far it came by the exchange's clock. Where that was ahead, rows that come later lie in what it claims.
So once a day a run asks again from `resume` on: an instant that one run noted, and a later one confirmed, since its
clock showed a day more. What was noted last waits for that as `resume_next`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schemas.model.grid import DAY_US, HOUR_US
from schemas.model.series import Series


class Covered(NamedTuple):
    """What a series covers, up to where that is sure, and from where a walk asks again."""

    since: int
    until: int
    sure: int
    again: int


def covered(series: Series, bounds: Mapping[str, int], end: int, overlap_us: int) -> Covered | None:
    """How a series stands for a walk up to `end`, which asks for as much as may still change once more."""
    since, until, resume, noted = (series.bound(name, bounds) for name in ("since", "until", "resume", "resume_next"))
    if since is None or until is None:
        return None
    sure = until
    if until > end + HOUR_US:  # the clock of an earlier run was ahead
        sure = next((mark for mark in (resume, noted, since) if mark is not None and mark <= end), end)
    again = min(sure, end) - overlap_us
    return Covered(since, until, sure, min(again, resume) if resume and _bears_out(noted, end) else again)


def missed_at(series: Series, bounds: Mapping[str, int], missed: int) -> dict[str, int]:
    """The same of an answer that lacks what an earlier one had at an instant, which the next run asks for again."""
    return dict.fromkeys(("resume", "resume_next"), min(missed, series.bound("resume", bounds) or missed))


def marks_at(series: Series, bounds: Mapping[str, int], end: int) -> dict[str, int]:
    """What the log notes of a walk that came whole up to `end`."""
    noted = series.bound("resume_next", bounds)
    if noted is None or end < noted:
        return {"resume_next": end}
    return {"resume": noted, "resume_next": end} if _bears_out(noted, end) else {}


def _bears_out(noted: int | None, end: int) -> bool:
    """Whether a clock that shows this instant bears out what was noted."""
    return noted is not None and end - noted >= DAY_US
