"""Rows with ids that come again, of files as they are unpacked or of answers, held against those that are stored.

What differs takes the place of the stored row, ids that were missing are added, and rows that do not come again stay.
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
from connectors.lake import Move, Stale, Table
from pipelines.archive.provenance import note_files
from pipelines.context.session import Session
from pipelines.store.corrections import Correction, both_versions, write_corrections
from pipelines.store.filters import within
from pipelines.store.gaps import load_gaps, write_gaps
from pipelines.store.holes import told_by_file
from pipelines.store.rows import instants, with_instants
from pipelines.ticks.files import Parts, streams
from pipelines.ticks.holes import between, ids_of, left_over, missing_ids, ordered, real
from schemas.model.grid import DAY_US
from schemas.model.series import Series

MOST_HELD = 100_000  # rows that differ; more of one file are committed before its end is seen
_UNIT_US = 1000  # a file may print milliseconds where an answer printed microseconds

Mask = npt.NDArray[np.bool_]
Ids = npt.NDArray[np.int64]
_NONE: Ids = np.empty(0, np.int64)


async def load_large_file_again(session: Session, archive: Archive, remote: Remote) -> int:
    """Put a file's rows in the place of those stored under their ids; returns how many rows changed or came.

    A file that cannot be read changes none. Where another process moved the series meanwhile the file is not noted as
    loaded, so that the next look is another try.
    """
    rows = 0
    async with streams(archive, [remote], session.stop) as files:
        async for one, parts in files:
            rows, _ = await file_again(session, one, parts)
    return rows


async def file_again(session: Session, remote: Remote, parts: Parts) -> tuple[int, Fetched | None]:
    """The same, with what became of the file; None where it was not read to its end or another process moved first."""
    again = Again(session, remote.file.series, remote.file.since_us, remote.file.until_us, remote.path)
    async for part in parts:
        if isinstance(part, Fetched):
            rows = await asyncio.to_thread(again.finish, part)
            return rows, None if again.is_stale else part
        await asyncio.to_thread(again.compare, ordered(part))
        if session.stop.is_set():
            break
    return 0, None


@dataclass(slots=True)
class Again:
    """How rows that come again for [since, until) of a series differ from those stored, as far as they were taken."""

    session: Session
    series: Series
    since: int
    until: int
    asked: str  # what brings them, as evidence names it
    table: Table = field(init=False)
    bounds: dict[str, int] = field(init=False)
    _missing: Ids = field(init=False)  # the first and the last id of each stretch that gaps name
    added: list[pa.Table] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("added", "removed", "changed"), 0))
    is_stale: bool = False
    _gathered: list[Ids] = field(default_factory=list)  # ids of what is added and corrected with the next commit
    _missed: list[Ids] = field(default_factory=list)  # ids of what came that gaps name as missing
    _behind: int = 0  # ids up to here were looked at

    def __post_init__(self) -> None:
        self.table = self.session.lake.table(self.series.dataset)
        self.bounds = self.table.bounds()
        gaps = load_gaps(self.session.lake, self.series.dataset).get(self.series, {})
        stretches = sorted(stretch for gap in gaps.values() for stretch in missing_ids(gap))
        self._missing = np.array(stretches, np.int64).reshape(-1, 2)

    @property
    def by_id(self) -> bool:
        """Whether what is covered is told by ids, which nothing may be missing of; otherwise by instants."""
        return "since_id" in self.series.dataset.remembered

    def compare(self, rows: pa.Table) -> None:
        """Hold rows, in order of their ids, against those stored; what is not covered is none of theirs."""
        rows = self._covered(rows)
        if not rows.num_rows or self.is_stale:
            return
        stored = self._stored(rows)
        here, there = ids_of(stored), ids_of(rows)
        known = np.concatenate([here, *self._gathered])
        _, in_stored, in_rows = np.intersect1d(here, there, assume_unique=True, return_indices=True)
        before, after = stored.take(pa.array(in_stored)), rows.take(pa.array(in_rows))
        differ = _differ(before, after) & ~np.isin(ids_of(before), np.concatenate([_NONE, *self._gathered]))
        before, after = before.filter(pa.array(differ)), after.filter(pa.array(differ))
        pairs = zip(with_instants(before), with_instants(after), strict=True)
        self.corrections += [Correction(series=self.series, before=one, after=other) for one, other in pairs]
        new = rows.filter(pa.array(~np.isin(there, known)))
        self.added.append(new)
        self._gathered += [ids_of(new), ids_of(before)]
        self._missed.append(self._named(there))
        self.counts["removed"] += self._lacking(stored, there)
        self._behind = max(self._behind, int(there[-1]) + 1)
        if sum(map(len, self._gathered)) > MOST_HELD:
            self._land()

    def _covered(self, rows: pa.Table) -> pa.Table:
        """Those of the rows that the series covers; of trades, those that are none are left out."""
        ends = [self.series.bound(name, self.bounds) or 0 for name in ("since", "until", "since_id", "until_id")]
        if self.by_id:
            return real(between(rows, *ends[2:]))[0]
        times = instants(rows, "time")
        return rows.filter(pa.array((times >= ends[0]) & (times < ends[1])))

    def _named(self, ids: Ids) -> Ids:
        """Those of the ids that gaps name as missing; a run that was killed may have left them stored."""
        at = np.searchsorted(self._missing[:, 0], ids, side="right")
        ends = np.r_[-1, np.maximum.accumulate(self._missing[:, 1])]
        named: Ids = ids[ids <= ends[at]]
        return named

    def _lacking(self, stored: pa.Table, ids: Ids) -> int:
        """How many stored rows of the stretch, of ids that were not looked at before, did not come again."""
        times, here = instants(stored, "time"), ids_of(stored)
        inside = (times >= self.since) & (times < self.until) & (here >= self._behind)
        return int((inside & ~np.isin(here, ids)).sum())

    def _stored(self, rows: pa.Table) -> pa.Table:
        """The stored rows of these ids, and of those between them and what was looked at before.

        Partitions of days far from theirs are not read; a trade that is not there is looked for by its id alone.
        """
        dataset, ids, times = self.series.dataset, ids_of(rows), instants(rows, "time")
        one, names = pc.field(dataset.id_column), dataset.schema.names
        first = min(int(ids[0]), max(self._behind, int(ids[0]) - MOST_HELD))
        near = (one >= first) & (one <= int(ids[-1]))
        span = int(times.min()) - DAY_US, int(times.max()) + DAY_US
        stored = self.table.scan(names, within([self.series], *span) & near)
        lacking = ids[~np.isin(ids, ids_of(stored))]
        if len(lacking) and self.by_id:
            stored = pa.concat_tables([stored, self.table.scan(names, within([self.series]) & one.isin(lacking))])
        return ordered(stored)

    def _land(self) -> None:
        """Commit what was found, the journal first, and say of gaps last that they are filled."""
        now = self.session.client.now_us()
        empty = self.series.dataset.schema.empty_table()
        added, corrections = pa.concat_tables([empty, *self.added]), self.corrections
        missed = np.concatenate([_NONE, *self._missed])
        self.added, self.corrections, self._gathered, self._missed = [], [], [], []
        if added.num_rows or corrections:
            self._commit(added, corrections, now)
        if len(missed) and not self.is_stale:
            self._fill(missed, now)

    def _commit(self, added: pa.Table, corrections: list[Correction], now: int) -> None:
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

    def finish(self, file: Fetched | None = None) -> int:
        """Commit what is left, unless it is of a file that turned out not to be readable.

        Returns how many rows changed or came.
        """
        lake, now = self.session.lake, self.session.client.now_us()
        if file is not None and not file.is_whole:
            note_files(lake, [file], now)
            return 0
        self._land()
        if self.is_stale:
            return 0
        if not self.by_id:
            self._wait_no_more(now)
        if file is not None:
            note_files(lake, [file], now, self.counts)
        return self.counts["added"] + self.counts["changed"]

    def _wait_no_more(self, now: int) -> None:
        """Say that what was waited for is there."""
        gaps = load_gaps(self.session.lake, self.series.dataset).get(self.series, {})
        told = told_by_file(self.series.dataset, gaps, _NONE, self.since, self.until, self.asked, now)
        write_gaps(self.session.lake, [(self.series, gap) for gap in told], now)

    def _fill(self, ids: Ids, now: int) -> None:
        """Say of the gaps that these ids were missing in what is left of them."""
        found = np.unique(ids)
        hit = [
            gap
            for gap in load_gaps(self.session.lake, self.series.dataset).get(self.series, {}).values()
            if any(((found >= first) & (found <= last)).any() for first, last in missing_ids(gap))
        ]
        write_gaps(self.session.lake, [(self.series, left_over(gap, found, now)) for gap in hit], now)


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
