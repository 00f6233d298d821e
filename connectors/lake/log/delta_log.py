"""Who may read a table's log, and who may write it: the two locks, and what each lets in."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from deltalake import DeltaTable

from connectors.lake.files.data_files import DataFile
from connectors.lake.files.local_disk import disk_problems, held, read_problems, sync
from connectors.lake.files.snapshot_files import LiveFile
from connectors.lake.log.bounds import is_entry, number_of
from connectors.lake.log.committer import Committer
from connectors.lake.log.cursor_moves import Move, Refused
from connectors.lake.log.recovery import examine, recover
from connectors.lake.log.snapshot import Snapshot
from schemas.model.dataset import Dataset
from schemas.model.errors import CorruptData

Result = TypeVar("Result")


class Log:
    """One table's log as this process sees it. Safe to use from several threads."""

    def __init__(self, root: Path, dataset: Dataset, lock: Path) -> None:
        self.root = root
        self.dataset = dataset
        self.folder = root / "_delta_log"
        self._lock = lock  # among all who commit
        self._guard = threading.Lock()  # among threads: from refreshing the snapshot until it has been used
        self._snapshot: Snapshot | None = None
        self._committer: Committer | None = None  # once the log was mended, and has every declared column

    def read(self, ask: Callable[[Snapshot], Result], until: int | None = None) -> Result | None:
        """What the newest snapshot says, which is held still meanwhile; None where the table was never written.

        With `until`, what the newest one up to that version says.
        """
        with self._reading() as newest:
            snapshot = newest
            if newest and until is not None and newest.version > until:
                snapshot = Snapshot(self.root, self.dataset, until) if until >= 0 else None
            return ask(snapshot) if snapshot else None

    def newest(self) -> int | None:
        """The number of the newest entry, found without reading any; -1 without one, None where nobody can say."""
        try:
            return max((number_of(path) for path in self.folder.iterdir() if is_entry(path)), default=-1)
        except FileNotFoundError:
            return -1
        except OSError:
            return None

    def commit(
        self,
        added: Sequence[DataFile],
        moves: Sequence[Move],
        *,
        removed: Sequence[LiveFile] = (),
        data_change: bool = True,
    ) -> int:
        """Land files and moves as one durable version, or raise Stale with nothing changed."""
        with disk_problems(self.root, "nothing was committed", Refused):
            for folder in sorted({(self.root / file.path).parent for file in added}):
                sync(folder)  # once for all of its new files, before an entry names them
            with self._committing() as committer:
                ready = committer or self._adopt(Committer.create(self.root, self.dataset))
                return ready.commit(added, moves, removed, data_change=data_change)

    def tidy(self) -> None:
        """Checkpoint the log and drop entries that nobody needs any more."""
        with self._committing() as committer:
            if committer:
                committer.tidy()

    @contextmanager
    def _reading(self) -> Iterator[Snapshot | None]:
        """The newest snapshot, held still while it is used; None where there is no table."""
        if self._snapshot is None and self.folder.is_dir():
            with read_problems(self.folder):
                self._first_open()
        with self._guard:
            if self._snapshot:
                with read_problems(self.folder):
                    self._snapshot.refresh()
            yield self._snapshot

    @contextmanager
    def _committing(self) -> Iterator[Committer | None]:
        """The table's only committer, for as long as the commit lock is held; None where there is no table."""
        with held(self._lock), self._guard:
            if self._committer is None:
                recover(self.root)
                if DeltaTable.is_deltatable(self.root.as_uri()):
                    self._adopt(Committer.open(self.root, self.dataset))
            yield self._committer

    def _adopt(self, committer: Committer) -> Committer:
        self._committer, self._snapshot = committer, committer.snapshot
        return committer

    def _first_open(self) -> None:
        """Open the table to read it. That takes no lock and writes nothing, unless the log must be mended first."""
        if self._needs_repair() and os.access(self.root, os.W_OK):
            with disk_problems(self.root, "the table was not opened"), held(self._lock):
                recover(self.root)
        with self._guard:
            if self._snapshot is None and DeltaTable.is_deltatable(self.root.as_uri()):
                self._snapshot = Snapshot(self.root, self.dataset)

    def _needs_repair(self) -> bool:
        try:
            return examine(self.folder).needed
        except CorruptData:  # or entries were cleaned up under the look at them: the one under the lock decides
            if os.access(self.root, os.W_OK):
                return True
            raise
