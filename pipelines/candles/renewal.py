"""Candles that came again for time the lake covers: changed ones replaced, late ones added, and both versions kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Lake
from pipelines.candles.answer import Answer
from pipelines.candles.commits import Batch, Commits
from pipelines.candles.coverage import Coverage, Step
from pipelines.store.candles import held
from pipelines.store.gaps import NO_ANSWER, OFF_GRID, Asked, Gap, load_gaps
from pipelines.store.rows import Instants, instants, with_instants
from schemas.model.series import Series


@dataclass(frozen=True, slots=True)
class Renewed:
    """How many candles came that were lacking, were stored and did not come, and came with other values."""

    added: int = 0
    removed: int = 0
    changed: int = 0

    @property
    def rows(self) -> int:
        return self.added + self.changed


def renew(lake: Lake, series: Series, rows: pa.Table, since: int, until: int, now: int, asked: Asked) -> Renewed | None:
    """Hold candles that came again for [since, until) against those stored, and commit what differs in one step.

    Stored rows that did not come again stay: what was returned once is not forgotten. None when another process moved
    the series meanwhile.
    """
    table = lake.table(series.dataset)
    bounds = table.bounds()
    coverage = Coverage.of(series, since, bounds, load_gaps(lake, series.dataset))
    since, until = max(since, coverage.since), min(until, coverage.until)
    if since >= until:
        return Renewed()
    old, new = held(table, series, since, until), between(rows, since, until)
    added, removed, before, after = difference(old, new)
    batch = Batch()
    for old_row, new_row in zip(with_instants(before), with_instants(after), strict=True):
        batch.correct(series, old_row, new_row)
    there = np.union1d(instants(old), instants(new))
    gaps = tuple(_filled(coverage, there, Answer(added, since, until, now, asked)))
    if added.num_rows or gaps:
        batch.add(series, Step(added, {}, gaps))
    commits = Commits(lake, table, bounds)
    commits.land(batch, now)
    return None if commits.stale else Renewed(added.num_rows, removed, before.num_rows)


def _filled(coverage: Coverage, there: Instants, answer: Answer) -> Iterator[Gap]:
    """What becomes of the gaps that have candles, and of those that wait for an answer.

    A run that was killed may have left candles in a gap; a candle beside the grid lies in the gap that tells of it.
    """
    added = instants(answer.rows)
    for gap in coverage.gaps.values():
        end, came = gap.until or coverage.until, added if gap.reason == OFF_GRID else there
        hit = bool(((came >= gap.since) & (came < end)).any())
        answered = gap.reason in NO_ANSWER and gap.since < answer.until and answer.since < end
        if hit or answered:
            # What lies outside of what was asked again stays as it was.
            before = replace(gap, until=min(end, answer.since))
            behind = replace(gap, since=max(gap.since, answer.until), until=end)
            asked = replace(answer.asked, unanswered=(before, *answer.asked.unanswered, behind))
            held_there = there[(there >= gap.since) & (there < end)]
            yield from coverage.filled(held_there, replace(answer, since=gap.since, until=end, asked=asked))


def difference(old: pa.Table, new: pa.Table) -> tuple[pa.Table, int, pa.Table, pa.Table]:
    """What `new` adds, how many rows of `old` it lacks, and the rows of both that differ, in the same order."""
    times = instants(old), instants(new)
    _, in_old, in_new = np.intersect1d(*times, assume_unique=True, return_indices=True)
    both_old, both_new = old.take(pa.array(in_old)), new.take(pa.array(in_new))
    differ = pa.array(_differ(both_old, both_new))
    added = new.filter(pa.array(~np.isin(times[1], times[0])))
    return added, len(times[0]) - len(in_old), both_old.filter(differ), both_new.filter(differ)


def _differ(old: pa.Table, new: pa.Table) -> npt.NDArray[np.bool_]:
    unequal = np.zeros(old.num_rows, dtype=bool)
    for name in old.schema.names:
        unequal |= pc.not_equal(old[name], new[name]).to_numpy()
    return unequal


def between(rows: pa.Table, since: int, until: int) -> pa.Table:
    """The candles that open in [since, until)."""
    times = instants(rows)
    return rows.filter(pa.array((times >= since) & (times < until)))
