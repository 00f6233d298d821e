"""The compare-and-set commit over a table's Delta log.

A commit names files and the bounds they move; it lands only if those bounds are still what the plan started from. The
comparison is made on the snapshot that is committed on, under the table's commit lock. Delta's own conflict check sees
neither commits below that snapshot nor removes by a compaction, so it is only the guard against foreign writers.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction, Transaction

from connectors.lake.files.data_files import DataFile, folder_name
from connectors.lake.files.local_disk import disk_problems, make_folder, sync
from connectors.lake.files.snapshot_files import LiveFile
from connectors.lake.log import reported
from connectors.lake.log.bounds import checkpoint_path, entry_path
from connectors.lake.log.cursor_moves import Move, Stale
from connectors.lake.log.evolution import NO_HOOKS, STATISTICS, evolve
from connectors.lake.log.recovery import HINT
from connectors.lake.log.snapshot import CHECKPOINT_EVERY, Snapshot
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem

ATTEMPTS = 20  # against writers that know nothing of the lock
CONFIGURATION = {"delta.logRetentionDuration": "interval 1 day", **STATISTICS}


class Committer:
    """Writes the log of a table. Whoever has it in hand holds the table's commit lock and the guard of its `Log`."""

    def __init__(self, snapshot: Snapshot, durable: int) -> None:
        self.snapshot = snapshot
        self._durable = durable  # the last version known to survive a power loss

    @classmethod
    def create(cls, root: Path, dataset: Dataset) -> Self:
        """Make the table, durably."""
        make_folder(root, below=root.parent)
        created = DeltaTable.create(
            root.as_uri(),
            schema=dataset.stored_schema,
            partition_by=list(dataset.partition),
            configuration=CONFIGURATION,
        )
        committer = cls(Snapshot(root, dataset, opened=created), durable=-1)
        committer._make_durable()
        sync(root)
        return committer

    @classmethod
    def open(cls, root: Path, dataset: Dataset) -> Self:
        """Open the table after its recovery, and give it every declared column."""
        snapshot = Snapshot(root, dataset)
        committer = cls(snapshot, durable=snapshot.version)
        evolve(snapshot.delta, dataset, root)
        committer._make_durable()
        return committer

    def commit(
        self, added: Sequence[DataFile], moves: Sequence[Move], removed: Sequence[LiveFile], *, data_change: bool
    ) -> int:
        """Land files and moves as one durable version, or raise Stale with nothing changed."""
        for _ in range(ATTEMPTS):
            self.snapshot.refresh()
            if self.snapshot.version and self.snapshot.version % CHECKPOINT_EVERY == 0:
                self._checkpoint()
            self._compare(moves, removed)
            actions: list[AddAction | RemoveAction] = [*self._adds(added, data_change)]
            actions += _removes(removed, data_change)
            if self._write(actions, _app_ids(self.snapshot.bounds, moves, removed)):
                return self._make_durable()
        raise Stale(frozenset(move.series for move in moves))

    def tidy(self) -> None:
        """Checkpoint the log and drop entries that nobody needs any more."""
        self.snapshot.refresh()
        self._checkpoint()
        self.snapshot.delta.cleanup_metadata()
        reported.forget_gone(self.snapshot.folder)

    def _compare(self, moves: Sequence[Move], removed: Sequence[LiveFile]) -> None:
        """Raise Stale unless the snapshot is one that the plan fits."""
        stale = {move.series for move in moves if not move.fits(self.snapshot.bounds)}
        gone = {file.path for file in removed} - {file.path for file in self.snapshot.live()} if removed else set()
        if stale or gone:
            raise Stale(frozenset(stale or (move.series for move in moves)))

    def _adds(self, files: Sequence[DataFile], data_change: bool) -> Iterator[AddAction]:
        """Actions for files that were looked at again: Delta would believe anything."""
        for file in files:
            path = self.snapshot.root / file.path
            assert path.stat().st_size == file.size, f"{path} is not what was written"
            assert pq.read_schema(path).equals(self.snapshot.dataset.file_schema), f"{path} has other columns"
            yield AddAction(file.path, file.size, file.partition, file.modified_ms, data_change, file.statistics)

    def _write(self, actions: list[AddAction | RemoveAction], ids: Mapping[str, int]) -> bool:
        """Write one entry; False when a writer outside the lock was faster."""
        snapshot = self.snapshot
        transactions = [Transaction(name, version) for name, version in ids.items()]
        try:
            snapshot.delta.create_write_transaction(
                actions,
                mode="append",
                schema=snapshot.delta.schema(),
                partition_by=list(snapshot.dataset.partition),
                commit_properties=CommitProperties(app_transactions=transactions, max_commit_retries=ATTEMPTS),
                post_commithook_properties=NO_HOOKS,
            )
        except CommitFailedError:
            return False
        except OSError as error:
            if entry_path(snapshot.folder, snapshot.version + 1).exists():
                raise Problem(f"Whether {snapshot.root} was committed is not known: {error}.", "Run again.") from error
            raise
        return True

    def _make_durable(self) -> int:
        """Sync every entry since the last one known to be durable, and return the version reached."""
        log = self.snapshot.folder
        with disk_problems(log, "the last commit may not survive a power loss"):
            self.snapshot.refresh()
            version = self.snapshot.version
            entries = [entry_path(log, number) for number in range(self._durable + 1, version + 1)]
            entries = [path for path in entries if path.exists()]  # or cleaned up, below a durable checkpoint
            for path in entries:
                sync(path)
            sync(log)
            known = reported.sums(log) if len(entries) > 1 else {}  # other writers note their own
            reported.note(log, [path for path in entries if path.name not in known])
        self._durable = version
        return version

    def _checkpoint(self) -> None:
        """Have a durable checkpoint, of durable entries only, and a snapshot that starts from it."""
        log = self.snapshot.folder
        checkpoint = checkpoint_path(log, self.snapshot.version)
        if not checkpoint.exists():
            self._make_durable()
            try:
                self.snapshot.delta.create_checkpoint()
            except DeltaError as error:
                raise OSError(str(error)) from error  # it has nothing but the disk to fail on
            self.snapshot.reopen()
            reported.note(log, [checkpoint])
        for path in (checkpoint, log / HINT, log):
            with suppress(FileNotFoundError):  # a hint is a hint
                sync(path)


def _removes(files: Sequence[LiveFile], data_change: bool) -> Iterator[RemoveAction]:
    now_ms = time.time_ns() // 1_000_000
    for file in files:
        yield RemoveAction(
            path=file.path,
            data_change=data_change,
            deletion_timestamp=now_ms,
            size=file.size,
            partition_values=dict(file.partition),
        )


def _app_ids(bounds: Mapping[str, int], moves: Sequence[Move], removed: Collection[LiveFile]) -> dict[str, int]:
    """What makes two commits of the same series, or two rewrites of one partition, refuse each other."""
    rewrites = {f"rewrite/{folder_name(file.partition)}" for file in removed}
    ids = {name: bounds.get(name, 0) + 1 for name in sorted(rewrites)}
    for move in moves:
        ids |= move.ids(bounds)
    return ids
