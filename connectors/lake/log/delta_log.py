"""The compare-and-set commit over a table's Delta log.

A commit names files and the bounds they move; it lands only if those bounds are still what the plan started from. The
comparison is made on the snapshot that is committed on, under the table's commit lock. Delta's own conflict check sees
neither commits below that snapshot nor removes by a compaction, so it is only the guard against foreign writers.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.fs
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction, Transaction

from connectors.lake.files.data_files import DataFile, folder_name
from connectors.lake.files.local_disk import disk_problems, held, make_folder, not_read, os_error, read_problems, sync
from connectors.lake.files.snapshot_files import LiveFile, live_files, partitioned
from connectors.lake.log import reported
from connectors.lake.log.bounds import Bounds, checkpoint_path, entry_path, removed_ms
from connectors.lake.log.cursor_moves import Move, Refused, Stale
from connectors.lake.log.evolution import STATISTICS, evolve, new_columns
from connectors.lake.log.recovery import HINT, examine, recover
from schemas.model.dataset import Dataset
from schemas.model.errors import CorruptData, Problem

CHECKPOINT_EVERY = 20  # commits; each commit replays the entries since, 0.1 ms apiece; with 20,000 ids it takes 40 ms
ATTEMPTS = 20  # against writers that know nothing of the lock
CONFIGURATION = {"delta.logRetentionDuration": "interval 1 day", **STATISTICS}
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class Log:
    """One table's log as this process sees it. Safe to use from several threads."""

    def __init__(self, root: Path, dataset: Dataset, lock: Path) -> None:
        self.root = root
        self.dataset = dataset
        self._lock = lock
        self.folder = root / "_delta_log"
        self._guard = threading.Lock()  # from refreshing the snapshot until it has been used
        self._delta: DeltaTable | None = None
        self._rows: tuple[int, ds.Dataset] | None = None  # as of a version: 3 ms a file to make
        self._opened = -1  # the version at which it was opened
        self._bounds = Bounds(self.folder)
        self._durable = -1  # the last version known to survive a power loss
        self._ready = False  # mended and up to date, so that this process may commit

    def bounds(self) -> dict[str, int]:
        """The bounds of every series, under `SERIES#bound`; other ids of the log stay inside."""
        with self._snapshot():
            return {id_: value for id_, value in self._bounds.values.items() if self.dataset.names_bound(id_)}

    def version(self) -> int:
        """The current version; -1 when the table was never written."""
        with self._snapshot() as delta:
            return -1 if delta is None else delta.version()

    def files(self) -> list[tuple[str, Mapping[str, str]]]:
        """The path of each file of the current snapshot below the table's root, and its partition."""
        with self._snapshot() as delta:
            return [] if delta is None else partitioned(delta)

    def live(self) -> list[LiveFile]:
        """The files of the current snapshot."""
        with self._snapshot() as delta:
            return [] if delta is None else live_files(delta)

    def rows(self) -> ds.Dataset | None:
        """The current snapshot as an Arrow dataset that prunes by partition and statistics; None if never written."""
        with self._snapshot() as delta:
            if delta is None:
                return None
            if self._rows is None or self._rows[0] != delta.version():
                local = pyarrow.fs.SubTreeFileSystem(str(self.root), pyarrow.fs.LocalFileSystem())
                schema = self.dataset.stored_schema  # a column that the table lacks reads as NULL
                self._rows = delta.version(), delta.to_pyarrow_dataset(filesystem=local, schema=schema)
            return self._rows[1]

    def commit(
        self,
        added: Sequence[DataFile],
        moves: Sequence[Move],
        *,
        removed: Sequence[LiveFile] = (),
        data_change: bool = True,
    ) -> int:
        """Land files and moves as one durable version, or raise Stale with nothing changed."""
        with disk_problems(self.root, "nothing was committed", Refused), held(self._lock), self._guard:
            for _ in range(ATTEMPTS):
                if not self._make_ready():
                    self._create()
                delta = self._checkpoint_when_due(self._refresh())
                self._compare(delta, moves, removed)
                actions: list[AddAction | RemoveAction] = [*self._adds(added, data_change)]
                actions += _removes(removed, data_change)
                ids = _app_ids(self._bounds.values, moves, removed)
                if self._write(delta, actions, ids):
                    return self._make_durable()
        raise Stale(frozenset(move.series for move in moves))

    def removed_ms(self) -> dict[str, int]:
        """When each file left the table, as far as the log remembers. After a `tidy`."""
        with self._snapshot() as delta:
            return {} if delta is None else removed_ms(self.folder, delta.version())

    def tidy(self) -> None:
        """Checkpoint the log and drop entries that nobody needs any more."""
        with held(self._lock), self._guard:
            if self._make_ready():
                self._checkpoint(self._refresh()).cleanup_metadata()
                reported.forget_gone(self.folder)

    @contextmanager
    def _snapshot(self) -> Iterator[DeltaTable | None]:
        """The newest snapshot, held still while it is used."""
        if self._delta is None and self.folder.is_dir():
            with read_problems(self.folder):
                self._first_open()
        with self._guard:
            with read_problems(self.folder):
                delta = None if self._delta is None else self._refresh()
            yield delta

    def _first_open(self) -> None:
        """Open the table to read it. That takes no lock and writes nothing, unless the log must be mended first."""
        if self._needs_repair() and os.access(self.root, os.W_OK):
            with disk_problems(self.root, "the table was not opened"), held(self._lock):
                recover(self.root)
        with self._guard:
            if self._delta is None and DeltaTable.is_deltatable(self.root.as_uri()):
                self._reopen()

    def _needs_repair(self) -> bool:
        try:
            return examine(self.folder).needed
        except CorruptData:  # or entries were cleaned up under the look at them: the one under the lock decides
            if os.access(self.root, os.W_OK):
                return True
            raise

    def _make_ready(self) -> bool:
        """Have the table mended and with every declared column; False where there is none. Only under the lock."""
        if not self._ready:
            recover(self.root)
            if DeltaTable.is_deltatable(self.root.as_uri()):
                delta = self._reopen()
                self._durable = delta.version()
                evolve(delta, self.dataset, self.root)
                self._make_durable()
                self._ready = True
        return self._ready

    def _reopen(self) -> DeltaTable:
        delta = _stored(self.root)
        new_columns(delta, self.dataset, self.root)
        self._delta, self._opened = delta, delta.version()
        return delta

    def _create(self) -> None:
        make_folder(self.root, below=self.root.parent)
        DeltaTable.create(
            self.root.as_uri(),
            schema=self.dataset.stored_schema,
            partition_by=list(self.dataset.partition),
            configuration=CONFIGURATION,
        )
        self._reopen()
        self._make_durable()
        sync(self.root)
        self._ready = True

    def _refresh(self) -> DeltaTable:
        """The newest snapshot, with the bounds read up to it."""
        assert self._delta is not None
        delta = self._delta
        try:
            delta.update_incremental()
        except DeltaError as error:
            raise _unreadable(self.root, error) from error
        if delta.version() > self._opened + CHECKPOINT_EVERY:  # it replays all since the checkpoint it started from
            delta = self._reopen()
        self._bounds.follow(delta.version())
        return delta

    def _compare(self, delta: DeltaTable, moves: Sequence[Move], removed: Sequence[LiveFile]) -> None:
        """Raise Stale unless the snapshot is one that the plan fits."""
        stale = {move.series for move in moves if not move.fits(self._bounds.values)}
        gone = {file.path for file in removed} - {file.path for file in live_files(delta)} if removed else set()
        if stale or gone:
            raise Stale(frozenset(stale or (move.series for move in moves)))

    def _adds(self, files: Sequence[DataFile], data_change: bool) -> Iterator[AddAction]:
        """Actions for files that were looked at again: Delta would believe anything."""
        for file in files:
            path = self.root / file.path
            assert path.stat().st_size == file.size, f"{path} is not what was written"
            assert pq.read_schema(path).equals(self.dataset.file_schema), f"{path} has other columns"
            yield AddAction(file.path, file.size, file.partition, file.modified_ms, data_change, file.statistics)

    def _write(self, delta: DeltaTable, actions: list[AddAction | RemoveAction], ids: Mapping[str, int]) -> bool:
        """Write one entry; False when a writer outside the lock was faster."""
        transactions = [Transaction(name, version) for name, version in ids.items()]
        try:
            delta.create_write_transaction(
                actions,
                mode="append",
                schema=delta.schema(),
                partition_by=list(self.dataset.partition),
                commit_properties=CommitProperties(app_transactions=transactions, max_commit_retries=ATTEMPTS),
                post_commithook_properties=NO_HOOKS,
            )
        except CommitFailedError:
            return False
        except OSError as error:
            if entry_path(self.folder, delta.version() + 1).exists():
                raise Problem(f"Whether {self.root} was committed is not known: {error}.", "Run again.") from error
            raise
        return True

    def _make_durable(self) -> int:
        """Sync every entry since the last one known to be durable, and return the version reached."""
        with disk_problems(self.folder, "the last commit may not survive a power loss"):
            version = self._refresh().version()
            entries = [entry_path(self.folder, number) for number in range(self._durable + 1, version + 1)]
            entries = [path for path in entries if path.exists()]  # or cleaned up, below a durable checkpoint
            for path in entries:
                sync(path)
            sync(self.folder)
            known = reported.sums(self.folder) if len(entries) > 1 else {}  # other writers note their own
            reported.note(self.folder, [path for path in entries if path.name not in known])
        self._durable = version
        return version

    def _checkpoint_when_due(self, delta: DeltaTable) -> DeltaTable:
        due = delta.version() and delta.version() % CHECKPOINT_EVERY == 0
        return self._checkpoint(delta) if due else delta

    def _checkpoint(self, delta: DeltaTable) -> DeltaTable:
        """Have a durable checkpoint, of durable entries only, and a snapshot that starts from it."""
        checkpoint = checkpoint_path(self.folder, delta.version())
        if not checkpoint.exists():
            self._make_durable()
            try:
                delta.create_checkpoint()
            except DeltaError as error:
                raise OSError(str(error)) from error  # it has nothing but the disk to fail on
            delta = self._reopen()
            reported.note(self.folder, [checkpoint])
        for path in (checkpoint, self.folder / HINT, self.folder):
            with suppress(FileNotFoundError):  # a hint is a hint
                sync(path)
        return delta


def _stored(root: Path) -> DeltaTable:
    try:
        return DeltaTable(root.as_uri())
    except DeltaError as error:
        raise _unreadable(root, error) from error


def _unreadable(root: Path, error: DeltaError) -> Problem:
    refused = os_error(error)
    if refused.errno is not None:
        return not_read(root / "_delta_log", refused)
    return CorruptData(
        f"The log of {root} cannot be read: {str(error).partition(chr(10))[0]}.",
        "Restore the folder from a copy, or move it away and pull again.",
    )


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
