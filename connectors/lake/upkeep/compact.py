"""Fewer, larger, sorted files with exactly the same rows.

Small files of any partition are merged in growing steps, so that a row is rewritten a few times in its life and not
once a day. A partition whose month or day is over and that has come to rest is sorted as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake.files.data_files import ROW_GROUP, DataFile, new_files, refuse_damaged, write_file
from connectors.lake.files.local_disk import DRAFT
from connectors.lake.files.snapshot_files import LiveFile
from schemas.model.dataset import DATE, MONTH, Dataset
from schemas.model.errors import CorruptData, Problem

TARGET = (
    128 * 2**20
)  # bytes; a file ends with a symbol, so it grows beyond by at most one symbol and stays below 256 MB
SMALL = 16 * 2**20  # bytes that are always worth merging
FEWEST = 8  # small files that are worth a merge
REST = timedelta(hours=1)  # without a new file, after which a closed partition is sorted
MEMORY = "128MB"  # for sorting; what does not fit is spilled beside the table


def worth_merging(files: Sequence[LiveFile], dataset: Dataset, now: datetime) -> list[LiveFile]:
    """Which files of one partition to merge into sorted ones; none when all is well."""
    if _at_rest(files, now):
        return [] if _settled(files, dataset.order[0]) else list(files)
    return _small_run(files)


def merge(root: Path, dataset: Dataset, files: Sequence[LiveFile]) -> list[DataFile]:
    """Write the rows of these files again, sorted, and prove that they are the same rows."""
    paths = [root / file.path for file in files]
    refuse_damaged(paths)  # DuckDB does not look at page checksums
    with new_files(root) as written, _session(root) as session:
        before = _fingerprint(session, dataset, paths)
        pieces = _cut(_sorted(session, dataset, paths), dataset.order[0], _rows_per_file(files))
        for _, parts in groupby(pieces, key=itemgetter(0)):
            written.append(write_file(root, dataset, files[0].partition, (rows for _, rows in parts), "zstd"))
        after = _fingerprint(session, dataset, [root / file.path for file in written])
        if before != after:
            raise CorruptData(f"Merging files of {root} would have changed rows; all were left as they are.")
    return written


def _at_rest(files: Sequence[LiveFile], now: datetime) -> bool:
    partition = files[0].partition
    period = partition.get(DATE) or partition.get(MONTH)
    closed = period is not None and period < f"{now:%Y-%m-%d}"[: len(period)]
    newest_ms = max(file.modified_ms for file in files)
    return closed and newest_ms < (now - REST).timestamp() * 1000


def _settled(files: Sequence[LiveFile], column: str) -> bool:
    """Whether the files hold disjoint ranges of the column, and no two neighbours would fit into one."""
    ordered = sorted(files, key=lambda file: file.low[column])
    return all(
        left.high[column] < right.low[column] and left.size + right.size > TARGET for left, right in pairwise(ordered)
    )


def _small_run(files: Sequence[LiveFile]) -> list[LiveFile]:
    """The smallest files, as long as each adds no more than those before it together."""
    chosen: list[LiveFile] = []
    total = 0
    for file in sorted(files, key=lambda file: file.size):
        if file.size > max(total, SMALL) or total + file.size > TARGET:
            break
        chosen.append(file)
        total += file.size
    return chosen if len(chosen) >= FEWEST else []


def _rows_per_file(files: Sequence[LiveFile]) -> int:
    size, rows = sum(file.size for file in files), sum(file.rows for file in files)
    return max(rows * TARGET // size, ROW_GROUP)


@contextmanager
def _session(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB as a sorter with a small memory."""
    with (
        TemporaryDirectory(prefix=DRAFT, dir=root) as spill,
        duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": spill, "threads": 2}) as session,
    ):
        session.execute("SET TimeZone = 'UTC'")
        try:
            yield session
        except duckdb.Error as error:
            raise Problem(f"Files of {root} were not merged: {error}.", "No row changed; run again.") from error


def _rows(session: duckdb.DuckDBPyConnection, dataset: Dataset, paths: Sequence[Path]) -> duckdb.DuckDBPyRelation:
    """The rows of the files; a column that a file lacks is NULL."""
    stored = session.read_parquet([str(path) for path in paths], hive_partitioning=False, union_by_name=True)
    columns = (dataset.column(name) for name in dataset.file_schema.names)
    return stored.project(
        ", ".join(
            f'"{column.name}"' if column.name in stored.columns else f'NULL::{column.type.sql} AS "{column.name}"'
            for column in columns
        )
    )


def _fingerprint(session: duckdb.DuckDBPyConnection, dataset: Dataset, paths: Sequence[Path]) -> tuple[int, int]:
    """How many rows, and the sum of their hashes: the same for the same rows in any order."""
    columns = ", ".join(f'"{name}"' for name in dataset.file_schema.names)
    found = _rows(session, dataset, paths).aggregate(f"count(*), sum(hash({columns})::HUGEINT)").fetchall()
    [(rows, total)] = found
    return rows, total


def _sorted(session: duckdb.DuckDBPyConnection, dataset: Dataset, paths: Sequence[Path]) -> Iterator[pa.Table]:
    order = ", ".join(f'"{name}"' for name in dataset.order)
    for batch in _rows(session, dataset, paths).order(order).to_arrow_reader(ROW_GROUP):
        yield pa.Table.from_batches([batch])


def _cut(parts: Iterable[pa.Table], column: str, rows_per_file: int) -> Iterator[tuple[int, pa.Table]]:
    """Number sorted rows by file: a full file ends where the column's value changes."""
    number, rows, last = 0, 0, None
    for part in parts:
        starts = _starts(part[column], last)
        full = starts[rows + starts >= rows_per_file]
        cut = int(full[0]) if len(full) else part.num_rows
        if cut:
            yield number, part.slice(0, cut)
        rows += cut
        if cut < part.num_rows:
            number, rows = number + 1, part.num_rows - cut
            yield number, part.slice(cut)
        last = part[column][-1]


def _starts(values: pa.ChunkedArray[Any], last: pa.Scalar[Any] | None) -> npt.NDArray[np.int64]:
    """Where a value differs from the one before it."""
    before = pa.chunked_array([pa.array([None if last is None else last.as_py()], values.type), *values.chunks])
    same = pc.equal(values, before.slice(0, len(values)))
    return np.flatnonzero(~pc.fill_null(same, fill_value=False).to_numpy())
