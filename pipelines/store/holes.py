"""Holes in what should be there: those of an answer, and those that checks find and no row of `gaps` names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.store.gaps import NO_ANSWER, Gap, load_gaps
from pipelines.store.rows import Instants, with_instants
from schemas.derived.sql import literal
from schemas.model.dataset import Dataset
from schemas.model.errors import CorruptData
from schemas.model.grid import Grid
from schemas.model.series import Series

_NAMED_BY_NOBODY = "SELECT * FROM unnamed_holes WHERE dataset = {dataset}"


def gaps_and_holes(lake: Lake, dataset: Dataset) -> dict[Series, dict[int, Gap]]:
    """The gaps of a dataset, and holes that nobody has named yet: those were never seen, and have no evidence.

    Where a grid says what should be there, whoever asks names every hole at once, and nothing is left to look for.
    """
    found = load_gaps(lake, dataset)
    if dataset.paced_by is None or not lake.table(dataset).bounds():
        return found
    try:
        with connect(lake) as session:
            rows = with_instants(run(session, _NAMED_BY_NOBODY.format(dataset=literal(dataset.name))))
    except CorruptData:  # the checks tell of it
        return found
    for row in rows:
        hole = Gap(since=row["since"], until=row["until"], reason="exchange_outage")
        found.setdefault(Series.of_row(dataset, row), {}).setdefault(hole.since, hole)
    return found


def is_named(gap: Gap) -> bool:
    """Whether it was seen in an answer."""
    return gap.first_seen > 0


def holes(grid: Grid, times: Instants, since: int, until: int) -> Iterator[tuple[int, int]]:
    """The stretches of [since, until) of which no slot of the grid has an instant."""
    slots = np.arange(grid.ceil(since), until, grid.length_us)
    lacking = np.setdiff1d(slots, times - times % grid.length_us)
    for stretch in np.split(lacking, np.flatnonzero(np.diff(lacking) != grid.length_us) + 1):
        if len(stretch):
            yield int(stretch[0]), min(int(stretch[-1]) + grid.length_us, until)


def told_by_file(
    dataset: Dataset, gaps: Mapping[int, Gap], times: Instants, since: int, until: int, path: str, now: int
) -> list[Gap]:
    """What a file with rows at these instants says of [since, until): slots that it lacks, and gaps that it fills.

    There is no second look at what a file lacks: it is looked at again when it is published anew.
    """
    grid = Grid.of(dataset.grid) if dataset.grid is not None else None
    found = {
        start: Gap(
            since=start, until=stop, reason="not_in_archive", evidence={"asked": path}, first_seen=now, confirmed_at=now
        )
        for start, stop in (holes(grid, times, since, until) if grid is not None else ())
    }
    news = [gap for start, gap in found.items() if not gap.same_stretch(gaps.get(start))]
    waited = (gap for gap in gaps.values() if gap.reason in NO_ANSWER)
    return [*news, *(part for gap in waited for part in _answered(gap, since, until, now) if part.since not in found)]


def _answered(gap: Gap, since: int, until: int, now: int) -> Iterator[Gap]:
    """What becomes of a gap of which [since, until) was answered: what lies before that and behind it is still one."""
    end = until if gap.until is None else gap.until
    if gap.since < until and since < end:
        yield replace(gap, until=since) if gap.since < since else replace(gap, filled_at=now)
        if until < end:
            yield replace(gap, since=until)
