"""Where one series of trades stands, and what follows from rows that came: a step of its coverage. Pure.

Coverage is an interval of ids without holes in what was asked for, and the instants that it reaches. What is missing
inside is a gap, never silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from pipelines.candles.answer import LAG_US, QUIET_US
from pipelines.candles.coverage import Step
from pipelines.store.gaps import Gap
from pipelines.store.rows import instants
from pipelines.ticks.holes import between, gaps_of, real
from schemas.model.series import Series

_BOUNDS = ("since", "until", "since_id", "until_id")


@dataclass(frozen=True, slots=True)
class Stand:
    """Ids [since_id, until_id) are covered, and with them the instants [since, until); a new series has neither."""

    series: Series
    since: int = 0
    until: int = 0
    since_id: int = 0
    until_id: int = 0
    is_new: bool = True
    gaps: Mapping[int, Gap] = field(default_factory=dict)

    @classmethod
    def of(cls, series: Series, begin: int, bounds: Mapping[str, int], gaps: Mapping[int, Gap]) -> Stand:
        """Where the lake says that a series stands; one that it does not hold is to begin at `begin`."""
        since, until, since_id, until_id = (series.bound(name, bounds) for name in _BOUNDS)
        if since is None or until is None or since_id is None or until_id is None:
            return cls(series, begin, begin, gaps=gaps)
        return cls(series, since, until, since_id, until_id, is_new=False, gaps=gaps)

    def begin_at(self, first: int) -> Stand:
        """A new series of which it is known now which id comes first."""
        return replace(self, since_id=first, until_id=first) if self.is_new else self

    def forward(self, rows: pa.Table, end: int, until: int, asked: str, now: int) -> Step:
        """Go on from the end of coverage up to an id: these rows, in order, are all that was printed of them.

        `until` is an instant before which no later id lies.
        """
        rows = between(rows, self.until_id, end)
        if end <= self.until_id and not self.is_new and until <= self.until:
            return Step(rows.slice(0, 0), {})
        times = instants(rows, "time")
        reached = max(self.until, until, int(times[-1]) if len(times) else 0)
        gaps = gaps_of(rows, self.until_id, end, self.until, reached, asked, now) if end > self.until_id else ()
        moved = {"until_id": max(end, self.until_id), "until": reached}
        bounds = {"since": self.since, "since_id": self.since_id, **moved} if self.is_new else moved
        kept, _ = real(rows)
        return Step(kept, bounds, self._news(gaps))

    def backward(self, rows: pa.Table, first: int, since: int, asked: str, now: int) -> Step:
        """Go back from the start of coverage to an id, and to an instant from which on all ids are in."""
        rows = between(rows, first, self.since_id)
        gaps = gaps_of(rows, first, self.since_id, since, self.since, asked, now) if first < self.since_id else ()
        kept, _ = real(rows)
        return Step(kept, {"since": min(since, self.since), "since_id": min(first, self.since_id)}, self._news(gaps))

    def after(self, step: Step) -> Stand:
        """Where the series stands once a step is committed."""
        gaps = {**self.gaps, **{gap.since: gap for gap in step.gaps}}
        left = {since: gap for since, gap in gaps.items() if gap.filled_at is None}
        since, until, since_id, until_id = (step.bounds.get(name, getattr(self, name)) for name in _BOUNDS)
        return Stand(self.series, since, until, since_id, until_id, self.is_new and not step.bounds, left)

    def _news(self, gaps: tuple[Gap, ...]) -> tuple[Gap, ...]:
        """The gaps that are not known already, as after a run that died before their rows were committed."""
        return tuple(gap for gap in gaps if not gap.same_stretch(self.gaps.get(gap.since)))


def settled(rows: pa.Table, now: int) -> pa.Table:
    """The rows up to the first one that is too young to be taken for final."""
    young = np.flatnonzero(instants(rows, "time") > now - LAG_US)
    return rows.slice(0, int(young[0])) if len(young) else rows


def quiet_until(now: int) -> int:
    """Up to when silence counts, where the newest row that was asked for came."""
    return now - QUIET_US
