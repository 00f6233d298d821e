"""A dataset's table: commit, replace, scan, and the upkeep of its files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake.files.data_files import (
    CHECKED,
    DataFile,
    discard,
    folder_name,
    new_files,
    refuse_damaged,
    write_rows,
)
from connectors.lake.files.intact import Inspection, inspect
from connectors.lake.files.local_disk import Busy, disk_problems, held
from connectors.lake.files.snapshot_files import LiveFile
from connectors.lake.log.cursor_moves import Move, Refused, Stale
from connectors.lake.log.delta_log import Log
from connectors.lake.log.snapshot import Snapshot
from connectors.lake.upkeep.compact import merge, worth_merging
from connectors.lake.upkeep.replace import holders, without
from connectors.lake.upkeep.vacuum import vacuum
from schemas.model.dataset import Dataset
from schemas.model.series import Series

Parts = list[tuple[Mapping[str, str], list[str]]]  # partitions, each with its files

NOTHING_COMMITTED = "nothing was committed"
MERGE_PATIENCE_S = 600.0  # merging a large partition takes minutes


@dataclass(frozen=True, slots=True)
class Maintained:
    """What upkeep did: files merged, files they became, files deleted that no snapshot names."""

    merged: int
    written: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did, durably."""

    version: int
    rows: int


class _Stands:
    """Where each series stands at one version of the log, taken apart once: a run asks about thousands many times."""

    def __init__(self, dataset: Dataset, log: Snapshot) -> None:
        self.version = log.version
        self.bounds = {id_: value for id_, value in log.bounds.items() if dataset.names_bound(id_)}
        self._dataset = dataset

    @cached_property
    def series(self) -> list[tuple[Series, Mapping[str, int]]]:
        by_series: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for app_id, value in self.bounds.items():
            series_id, _, bound = app_id.rpartition("#")
            by_series[series_id][bound] = value
        return [(Series.with_id(self._dataset, series_id), bounds) for series_id, bounds in by_series.items()]


class Table:
    """One dataset's rows and bounds in a lake. Safe to use from several threads and processes."""

    def __init__(self, root: Path, dataset: Dataset, locks: Path) -> None:
        self.dataset = dataset
        self.root = root
        self._rewrite_lock = locks / f"{dataset.table}.rewrite"
        self._log = Log(root, dataset, locks / f"{dataset.table}.commit")
        self._last: _Stands | None = None

    def bounds(self) -> dict[str, int]:
        """Bounds by `SERIES#since`, `SERIES#until`, `SERIES#revision`, ... A hint for planning."""
        stands = self._log.read(self._stands)
        return dict(stands.bounds) if stands else {}

    def series(self) -> list[tuple[Series, Mapping[str, int]]]:
        """Each series that the log knows, with its bounds."""
        stands = self._log.read(self._stands)
        return stands.series if stands else []

    def newest(self) -> int | None:
        """The version that the table has now, as far as the names of its log tell, which is not read."""
        return self._log.newest()

    def as_of(self, version: int | None) -> tuple[Parts, list[tuple[Series, Mapping[str, int]]]]:
        """What `parts` and `series` say of the newest version up to this one."""
        return self._log.read(lambda log: (self._parts(log), self._stands(log).series), version) or ([], [])

    def version(self) -> int:
        """The current version of the table; -1 when it was never written."""
        version = self._log.read(lambda log: log.version)
        return -1 if version is None else version

    def files(self) -> list[str]:
        """Absolute paths of the current snapshot's data files."""
        return [path for _, paths in self.parts() for path in paths]

    def parts(self) -> Parts:
        """Absolute paths of the current snapshot's data files, with the partition that the log says they are of."""
        return self._log.read(self._parts) or []

    def scan(self, columns: Sequence[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """The rows, or those `where` holds, from the files that partition and statistics do not rule out."""
        schema = self.dataset.stored_schema
        schema = pa.schema([schema.field(name) for name in columns or self.dataset.schema.names])
        stored = self._log.read(Snapshot.rows)
        if stored is None:
            return schema.empty_table()
        try:
            found = stored.to_table(columns=schema.names, filter=where, fragment_scan_options=CHECKED)
        except (pa.ArrowException, OSError):
            refuse_damaged(self.root / fragment.path for fragment in stored.get_fragments(filter=where))
            raise
        return found.cast(schema)

    def commit(self, rows: pa.Table | Iterable[pa.Table] | None, moves: Sequence[Move]) -> Committed:
        """Add rows and move bounds in one durable step; Stale, and nothing written, when a bound is not as expected.

        Rows may come a part at a time, of which each is written before the next is asked for.
        """
        assert len({move.series for move in moves}) == len(moves), "a series moves twice in one commit"
        assert {move.series.dataset.table for move in moves} <= {self.dataset.table}, "a series of another table moves"
        parts = [rows] if isinstance(rows, pa.Table) else rows or []
        with disk_problems(self.root, NOTHING_COMMITTED), new_files(self.root) as files:
            for part in parts:
                files.extend(write_rows(self.root, self.dataset, part) if part.num_rows else [])
        version = self._land(files, moves)
        return Committed(version, sum(file.rows for file in files))

    def replace(self, old: pa.Table, new: pa.Table, moves: Sequence[Move]) -> Committed:
        """Swap the stored rows `old`, by key and partition, for those of `new` in one durable step, or raise Stale."""
        with held(self._rewrite_lock, MERGE_PATIENCE_S):
            with disk_problems(self.root, NOTHING_COMMITTED), new_files(self.root) as written:
                touched = holders(self._log, old)
                written.extend(without(self.root, self.dataset, touched))
                written.extend(write_rows(self.root, self.dataset, new) if new.num_rows else [])
            version = self._land(written, moves, removed=[holder.file for holder in touched])
        return Committed(version, new.num_rows)

    def maintain(self, now: datetime | None = None) -> Maintained:
        """Merge and sort files, shorten the log, and delete what no reader can still hold. Changes no row."""
        now = now or datetime.now(UTC)
        with disk_problems(self.root, "upkeep is not finished, and no row changed"):
            return self._maintain(now)

    def _maintain(self, now: datetime) -> Maintained:
        crowded = [name for name, files in self._by_partition() if worth_merging(files, self.dataset, now)]
        done = [self._merge(name, now) for name in crowded]
        self._log.tidy()
        merged, written = (sum(counts) for counts in zip((0, 0), *done, strict=True))
        return Maintained(merged, written, vacuum(self._log, now))

    def inspect(self, now: datetime, most_bytes: int) -> Inspection:
        """Look whether every data file is there, and read so many bytes of those not read for longest."""
        notes = self.root.parent / ".verified" / f"{self.dataset.table}.json"
        return inspect(self.root, self._log.read(Snapshot.live) or [], notes, now, most_bytes)

    def crowd(self, now: datetime | None = None) -> int:
        """How many files upkeep would merge now; every one of them makes every commit slower."""
        now = now or datetime.now(UTC)
        return sum(len(worth_merging(files, self.dataset, now)) for _, files in self._by_partition())

    def _parts(self, log: Snapshot) -> Parts:
        parts: dict[str, tuple[Mapping[str, str], list[str]]] = {}
        for path, partition in log.files():
            parts.setdefault(folder_name(partition), (partition, []))[1].append(str(self.root / path))
        return list(parts.values())

    def _stands(self, log: Snapshot) -> _Stands:
        if self._last is None or self._last.version != log.version:
            self._last = _Stands(self.dataset, log)
        return self._last

    def _by_partition(self) -> list[tuple[str, list[LiveFile]]]:
        partitions: defaultdict[str, list[LiveFile]] = defaultdict(list)
        for file in self._log.read(Snapshot.live) or []:
            partitions[folder_name(file.partition)].append(file)
        return sorted(partitions.items())

    def _merge(self, partition: str, now: datetime) -> tuple[int, int]:
        """Merge files of one partition where it pays: how many, into how many."""
        with held(self._rewrite_lock, MERGE_PATIENCE_S):
            files = dict(self._by_partition()).get(partition, [])
            chosen = worth_merging(files, self.dataset, now) if files else []
            if not chosen:
                return 0, 0
            written = merge(self.root, self.dataset, chosen)
            try:
                self._land(written, [], removed=chosen, data_change=False)
            except Stale:  # a writer that knows nothing of the lock rewrote them; the next upkeep sees its files
                return 0, 0
            return len(chosen), len(written)

    def _land(
        self,
        files: Sequence[DataFile],
        moves: Sequence[Move],
        *,
        removed: Sequence[LiveFile] = (),
        data_change: bool = True,
    ) -> int:
        try:
            return self._log.commit(files, moves, removed=removed, data_change=data_change)
        except (Refused, Busy):  # and nothing else: after any other error the log may name the files
            discard(self.root, files)
            raise
