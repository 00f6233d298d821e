"""A dataset's table: commit, replace, scan, and the upkeep of its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from connectors.lake.durable import disk_problems
from connectors.lake.files import discard, write_rows
from connectors.lake.log import Log
from connectors.lake.moves import Move
from schemas.dataset import Dataset
from schemas.errors import CorruptData

NOTHING_COMMITTED = "nothing was committed"


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit did, durably."""

    version: int
    rows: int


class Table:
    """One dataset's rows and bounds in a lake. Safe to use from several threads and processes."""

    def __init__(self, root: Path, dataset: Dataset, locks: Path) -> None:
        self.dataset = dataset
        self._root = root
        self._rewrite_lock = locks / f"{dataset.table}.rewrite"
        self._log = Log(root, dataset, locks / f"{dataset.table}.commit")

    def bounds(self) -> dict[str, int]:
        """Every app id of the log: `SERIES#since`, `SERIES#until`, `SERIES#revision`, ... A hint for planning."""
        return self._log.bounds()

    def version(self) -> int:
        """The current version of the table; -1 when it was never written."""
        return self._log.version()

    def files(self) -> list[str]:
        """Absolute paths of the current snapshot's data files."""
        return [str(self._root / file.path) for file in self._log.live()]

    def scan(self, columns: Sequence[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
        """The rows, or those `where` holds, from the files that partition and statistics do not rule out."""
        schema = self.dataset.stored_schema
        schema = pa.schema([schema.field(name) for name in columns or self.dataset.schema.names])
        stored = self._log.rows()
        if stored is None:
            return schema.empty_table()
        try:
            return stored.to_table(columns=schema.names, filter=where).cast(schema)
        except (pa.ArrowException, OSError) as error:
            self._blame(stored, where, error)
            raise

    def commit(self, rows: pa.Table | None, moves: Sequence[Move]) -> Committed:
        """Add rows and move bounds in one durable step; Stale, and nothing written, when a bound is not as expected."""
        assert len({move.series for move in moves}) == len(moves), "a series moves twice in one commit"
        with disk_problems(self._root, NOTHING_COMMITTED):
            files = [] if rows is None or not rows.num_rows else write_rows(self._root, self.dataset, rows)
            try:
                version = self._log.commit(files, moves)
            except BaseException:
                discard(self._root, files)
                raise
        return Committed(version, sum(file.rows for file in files))

    def _blame(self, stored: ds.Dataset, where: pc.Expression | None, error: Exception) -> None:
        """Raise CorruptData for the first file that cannot be read; return when all can."""
        for fragment in stored.get_fragments(filter=where):
            try:
                for _ in fragment.to_batches():
                    pass
            except (pa.ArrowException, OSError):
                raise CorruptData(
                    f"The data file {self._root / fragment.path} is damaged or missing.",
                    "Restore it from a copy, or move the table away and pull it again.",
                ) from error
