"""The newest version of a table's log as this process reads it: files, rows and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.fs
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from connectors.lake.files.local_disk import not_read, os_error
from connectors.lake.files.snapshot_files import LiveFile, live_files, partitioned
from connectors.lake.log.bounds import Bounds, entry_path, removed_ms
from connectors.lake.log.evolution import new_columns
from schemas.model.dataset import Dataset
from schemas.model.errors import CorruptData, Problem

CHECKPOINT_EVERY = 20  # commits; each commit replays the entries since, 0.1 ms apiece; with 20,000 ids it takes 40 ms


class Snapshot:
    """A table that exists, at one version: the newest, unless an earlier one is asked for.

    Whoever has it in hand holds the guard of its `Log`; it takes no lock.
    """

    def __init__(
        self, root: Path, dataset: Dataset, version: int | None = None, *, opened: DeltaTable | None = None
    ) -> None:
        self.root = root
        self.dataset = dataset
        self.folder = root / "_delta_log"
        self._bounds = Bounds(self.folder)
        self._rows: tuple[int, ds.Dataset] | None = None  # as of a version: 3 ms a file to make
        self.reopen(version, opened)
        if version is not None:
            self._bounds.follow(version)

    def reopen(self, version: int | None = None, opened: DeltaTable | None = None) -> None:
        """Start from the newest checkpoint. UsageProblem where another binlake's table lies here."""
        try:
            self.delta = opened or DeltaTable(self.root.as_uri(), version=version)
        except DeltaError as error:
            raise _unreadable(self.root, error) from error
        new_columns(self.delta, self.dataset, self.root)
        self._opened = self.version

    def refresh(self) -> None:
        """Go on to the newest version, and read the bounds up to it."""
        if not self._is_newest():
            self._go_on()
        self._bounds.follow(self.version)

    def _go_on(self) -> None:
        try:
            self.delta.update_incremental()
        except DeltaError as error:
            raise _unreadable(self.root, error) from error
        if self.version > self._opened + CHECKPOINT_EVERY:  # it replays all since the checkpoint it started from
            self.reopen()

    def _is_newest(self) -> bool:
        """Whether nothing was committed since Delta looked; to have it look again takes ten times as long.

        Entries go from the oldest on: where this version's is there, a later one was not cleaned up.
        """
        own, later = (entry_path(self.folder, self.version + ahead) for ahead in (0, 1))
        return not later.exists() and own.exists()

    @property
    def version(self) -> int:
        """The version of the last refresh."""
        return self.delta.version()

    @property
    def bounds(self) -> Mapping[str, int]:
        """Every id of the log: `SERIES#bound`, but also those of rewritten partitions."""
        return self._bounds.values

    def files(self) -> list[tuple[str, Mapping[str, str]]]:
        """The path of each live file below the table's root, and its partition; quicker than `live`."""
        return partitioned(self.delta)

    def live(self) -> list[LiveFile]:
        """The live files with their statistics."""
        return live_files(self.delta)

    def rows(self) -> ds.Dataset:
        """The rows as an Arrow dataset that prunes by partition and statistics."""
        if self._rows is None or self._rows[0] != self.version:
            local = pyarrow.fs.SubTreeFileSystem(str(self.root), pyarrow.fs.LocalFileSystem())
            schema = self.dataset.stored_schema  # a column that the table lacks reads as NULL
            self._rows = self.version, self.delta.to_pyarrow_dataset(filesystem=local, schema=schema)
        return self._rows[1]

    def removed_ms(self) -> dict[str, int]:
        """When each file left the table, as far as the log remembers."""
        return removed_ms(self.folder, self.version)


def _unreadable(root: Path, error: DeltaError) -> Problem:
    refused = os_error(error)
    if refused.errno is not None:
        return not_read(root / "_delta_log", refused)
    return CorruptData(
        f"The log of {root} cannot be read: {str(error).partition(chr(10))[0]}.",
        "Restore the folder from a copy, or move it away and pull again.",
    )
