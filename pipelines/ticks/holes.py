"""Ids that no row has: each is part of a gap, with what was asked and what was seen around it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.store.gaps import IDS, Gap
from pipelines.store.rows import Instants, instants
from schemas.model.grid import MINUTE_US

SKIPPED, PLACEHOLDER = "skipped_ids", "placeholder"
_FIRST_AGGREGATED = "first_trade_id"
_ID = 2  # the place of the id among the columns: market and symbol come before it

Ids = tuple[int, int]  # the first and the last


def ids_of(rows: pa.Table) -> Instants:
    """The ids of rows."""
    ids: Instants = rows[rows.schema.names[_ID]].to_numpy()
    return ids


def ordered(rows: pa.Table) -> pa.Table:
    """Rows in order of their ids, each id once: archives and answers repeat some."""
    if not rows.num_rows:
        return rows
    ids = ids_of(rows)
    if (np.diff(ids) > 0).all():
        return rows
    order = np.argsort(ids, kind="stable")
    first = np.r_[True, np.diff(ids[order]) > 0]
    return rows.take(pa.array(order[first]))


def between(rows: pa.Table, first: int, end: int) -> pa.Table:
    """The rows, which are in order, with ids of [first, end)."""
    start, stop = np.searchsorted(ids_of(rows), (first, end)).tolist()
    return rows.slice(start, stop - start)


def real(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The rows of trades, and the placeholders that the exchange prints where there is none."""
    void = pc.equal(rows["price"], pa.scalar(0, pa.int64()).cast(rows.schema.field("price").type))
    if _FIRST_AGGREGATED in rows.schema.names:
        void = pc.or_(void, pc.less(rows[_FIRST_AGGREGATED], 0))
    if not pc.any(void).as_py():
        return rows, rows.slice(0, 0)
    return rows.filter(pc.invert(void)), rows.filter(void)


def skipped(ids: Instants, first: int, end: int) -> list[Ids]:
    """The ids of [first, end) that these, which ascend, leave out, in stretches."""
    edges = np.r_[first - 1, ids, end]
    holes = np.flatnonzero(np.diff(edges) > 1)
    return [(int(edges[at]) + 1, int(edges[at + 1]) - 1) for at in holes]


def gaps_of(rows: pa.Table, first: int, end: int, since: int, until: int, asked: str, now: int) -> tuple[Gap, ...]:
    """What is to be said of [first, end), of which these rows were printed, by minutes in which something is missing.

    `since` and `until` are the instants of the stretch, for what is missing at its edges.
    """
    if not len(rows) or (rows.num_rows == end - first and not real(rows)[1].num_rows):
        return () if rows.num_rows == end - first else (_gap([(first, end - 1)], since, until, asked, now),)
    ids, times = ids_of(rows), instants(rows, "time")
    found = list(_skipped_gaps(ids, times, skipped(ids, first, end), (since, until), asked, now))
    found += _placeholder_gaps(real(rows)[1], asked, now)
    return tuple(_apart(found))


def _skipped_gaps(
    ids: Instants, times: Instants, holes: Sequence[Ids], edges: Ids, asked: str, now: int
) -> Iterator[Gap]:
    def begins(hole: Ids) -> int:
        at = int(np.searchsorted(ids, hole[0]))
        return int(times[at - 1]) if at else edges[0]

    def ends(hole: Ids) -> int:
        at = int(np.searchsorted(ids, hole[1]))
        return int(times[at]) if at < len(ids) else edges[1]

    for _, group in groupby(holes, lambda hole: begins(hole) // MINUTE_US):
        some = list(group)
        yield _gap(some, begins(some[0]), ends(some[-1]), asked, now)


def _placeholder_gaps(void: pa.Table, asked: str, now: int) -> Iterator[Gap]:
    pairs = zip(ids_of(void).tolist(), instants(void, "time").tolist(), strict=True)
    for _, group in groupby(pairs, lambda pair: pair[1] // MINUTE_US):
        some = list(group)
        told = {"asked": asked, IDS: [[one, one] for one, _ in some]}
        yield Gap(
            since=some[0][1], until=some[-1][1] + 1, reason=PLACEHOLDER, evidence=told, first_seen=now, confirmed_at=now
        )


def _gap(ids: Sequence[Ids], since: int, until: int, asked: str, now: int) -> Gap:
    told = {"asked": asked, IDS: [list(one) for one in ids]}
    return Gap(since=since, until=max(until, since + 1), reason=SKIPPED, evidence=told, first_seen=now)


def _apart(gaps: Sequence[Gap]) -> Iterator[Gap]:
    """Gaps that begin at different instants, by which they are told apart."""
    ascending = sorted(gaps, key=lambda gap: gap.since)
    after = -1
    for gap in ascending:
        since = max(gap.since, after + 1)
        yield replace(gap, since=since, until=max(gap.until or 0, since + 1))
        after = since


def missing_ids(gap: Gap) -> list[Ids]:
    """The stretches of ids that a gap is about."""
    return [(first, last) for first, last in gap.evidence.get(IDS, ())]


def left_over(gap: Gap, found: Instants, now: int) -> Gap:
    """The gap once rows of some of its ids are there."""
    left = [hole for first, last in missing_ids(gap) for hole in skipped(_inside(found, first, last), first, last + 1)]
    if not left:
        return replace(gap, filled_at=now)
    return replace(gap, evidence={**gap.evidence, IDS: [list(one) for one in left]})


def _inside(ids: Instants, first: int, last: int) -> Instants:
    return ids[(ids >= first) & (ids <= last)]


def next_id(rows: pa.Table, otherwise: int) -> int:
    """The id after these rows."""
    return int(ids_of(rows)[-1]) + 1 if rows.num_rows else otherwise
