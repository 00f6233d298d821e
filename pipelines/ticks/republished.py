"""Files of trades that were published anew, or late: held against what is stored, part by part as they are unpacked.

What differs takes the place of the stored row, ids that were missing are added, and rows that a file has no more stay.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.files import Remote
from connectors.binance.archive.trades import stream
from connectors.lake import Move, Stale, Table
from pipelines.archive.provenance import note_files
from pipelines.context.session import Session
from pipelines.store.corrections import Correction, both_versions, write_corrections
from pipelines.store.filters import within
from pipelines.store.gaps import load_gaps, write_gaps
from pipelines.store.rows import instants, with_instants
from pipelines.ticks.holes import between, ids_of, left_over, missing_ids, ordered, real
from schemas.model.grid import DAY_US
from schemas.model.series import Series

MOST_HELD = 100_000  # rows that differ; more of one file are committed before its end is seen
_UNIT_US = 1000  # a file may print milliseconds where an answer printed microseconds

Mask = npt.NDArray[np.bool_]


async def load_trades_again(session: Session, archive: Archive, remote: Remote) -> int:
    """Put a file's rows in the place of those stored under their ids; returns how many rows changed or came.

    A file that cannot be read to its end changes none, nor does one whose series another process moved meanwhile:
    that is not noted as loaded, so that the next look is another try.
    """
    again = _Again(session, remote.file.series)
    async for part in stream(archive, remote):
        if isinstance(part, Fetched):
            return await asyncio.to_thread(again.finish, part)
        await asyncio.to_thread(again.compare, real(ordered(part))[0])
        if session.stop.is_set():
            break
    return 0


@dataclass(slots=True)
class _Again:
    """How a file differs from what is stored, as far as it was read."""

    session: Session
    series: Series
    table: Table = field(init=False)
    bounds: dict[str, int] = field(init=False)
    added: list[pa.Table] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("added", "removed", "changed"), 0))
    is_stale: bool = False
    _behind: int = 0  # ids up to here were looked at

    def __post_init__(self) -> None:
        self.table = self.session.lake.table(self.series.dataset)
        self.bounds = self.table.bounds()
        self._behind = self.series.bound("since_id", self.bounds) or 0

    def compare(self, rows: pa.Table) -> None:
        """Hold rows, which are in order, against those stored; what is not covered is none of theirs."""
        ends = [self.series.bound(name, self.bounds) for name in ("since_id", "until_id")]
        rows = between(rows, ends[0] or 0, ends[1] or 0)
        if not rows.num_rows or self.is_stale:
            return
        stored = self._stored(rows)
        here, there = ids_of(stored), ids_of(rows)
        _, in_stored, in_rows = np.intersect1d(here, there, assume_unique=True, return_indices=True)
        before, after = stored.take(pa.array(in_stored)), rows.take(pa.array(in_rows))
        differ = pa.array(_differ(before, after))
        pairs = zip(with_instants(before.filter(differ)), with_instants(after.filter(differ)), strict=True)
        self.corrections += [Correction(series=self.series, before=one, after=other) for one, other in pairs]
        self.added.append(rows.filter(pa.array(~np.isin(there, here))))
        self.counts["removed"] += int((~np.isin(here, there) & (here >= self._behind)).sum())
        self._behind = max(self._behind, int(there[-1]) + 1)
        if len(self.corrections) + sum(part.num_rows for part in self.added) > MOST_HELD:
            self._land()

    def _stored(self, rows: pa.Table) -> pa.Table:
        """The stored rows of these ids, and of those between them and what was looked at before.

        Partitions of days far from theirs are not read; a row that is not there is looked for by its id alone.
        """
        dataset, ids, times = self.series.dataset, ids_of(rows), instants(rows, "time")
        one, names = pc.field(dataset.id_column), dataset.schema.names
        first = min(int(ids[0]), max(self._behind, int(ids[0]) - MOST_HELD))
        near = (one >= first) & (one <= int(ids[-1]))
        span = int(times.min()) - DAY_US, int(times.max()) + DAY_US
        stored = self.table.scan(names, within([self.series], *span) & near)
        lacking = ids[~np.isin(ids, ids_of(stored))]
        if len(lacking):
            stored = pa.concat_tables([stored, self.table.scan(names, within([self.series]) & one.isin(lacking))])
        return ordered(stored)

    def _land(self) -> None:
        """Commit what was found, the journal first."""
        now = self.session.client.now_us()
        empty = self.series.dataset.schema.empty_table()
        added, corrections = pa.concat_tables([empty, *self.added]), self.corrections
        self.added, self.corrections = [], []
        if not added.num_rows and not corrections:
            return
        move = Move.of(self.series, {}, self.bounds)
        try:
            if corrections:
                write_corrections(
                    self.session.lake, corrections, {self.series: (move.expected["revision"] or 0) + 1}, now
                )
                before, after = both_versions(corrections)
                self.table.replace(before, pa.concat_tables([after, added]), [move])
            else:
                self.table.commit(added, [move])
        except Stale:
            self.is_stale = True
            return
        self.bounds |= move.ids(self.bounds)
        self.counts["added"] += added.num_rows
        self.counts["changed"] += len(corrections)

    def finish(self, fetched: Fetched) -> int:
        """Commit what is left, unless the file turned out not to be readable."""
        lake, now = self.session.lake, self.session.client.now_us()
        if not fetched.is_whole:
            note_files(lake, [fetched], now)
            return 0
        ids = ids_of(pa.concat_tables([self.series.dataset.schema.empty_table(), *self.added]))
        self._land()
        if self.is_stale:
            return 0
        self._fill(ids, fetched, now)
        note_files(lake, [fetched], now, self.counts)
        return self.counts["added"] + self.counts["changed"]

    def _fill(self, ids: npt.NDArray[np.int64], fetched: Fetched, now: int) -> None:
        """Say of the gaps that these ids were missing in what is left of them."""
        found = np.unique(ids)
        hit = [
            gap
            for gap in load_gaps(self.session.lake, self.series.dataset).get(self.series, {}).values()
            if any(((found >= first) & (found <= last)).any() for first, last in missing_ids(gap))
        ]
        write_gaps(self.session.lake, [(self.series, left_over(gap, found, fetched.path, now)) for gap in hit], now)


def _differ(before: pa.Table, after: pa.Table) -> Mask:
    """Which rows have other values; an instant that one of both prints in whole milliseconds is compared in these."""
    unequal: Mask = np.zeros(before.num_rows, dtype=np.bool_)
    for name in before.schema.names:
        if name != "time":
            unequal |= _unequal(before[name], after[name])
    old, new = instants(before, "time"), instants(after, "time")
    coarse = (old % _UNIT_US == 0) | (new % _UNIT_US == 0)
    moved: Mask = np.where(coarse, old // _UNIT_US != new // _UNIT_US, old != new)
    return unequal | moved


def _unequal(old: pa.ChunkedArray[Any], new: pa.ChunkedArray[Any]) -> Mask:
    one_alone = pc.not_equal(pc.is_null(old), pc.is_null(new))
    unequal: Mask = pc.or_(pc.fill_null(pc.not_equal(old, new), fill_value=False), one_alone).to_numpy()
    return unequal
