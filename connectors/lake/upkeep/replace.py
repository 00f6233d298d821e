"""Taking rows out of live files by key, so that a commit can put others in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake.files.data_files import DataFile, new_files, read_files, refuse_damaged, write_file
from connectors.lake.files.snapshot_files import LiveFile
from connectors.lake.files.sorting import partitions
from connectors.lake.log.delta_log import Log
from connectors.lake.log.snapshot import Snapshot
from schemas.model.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Holder:
    """A live file that holds rows to take out, and their keys."""

    file: LiveFile
    keys: pa.Table
    rows: int


def holders(log: Log, old: pa.Table) -> list[Holder]:
    """The live files that hold rows with the keys of these; those that statistics rule out are not opened."""
    stored, live = log.read(Snapshot.rows), {file.path: file for file in log.read(Snapshot.live) or []}
    found: list[Holder] = []
    if stored is not None and old.num_rows:
        for partition, part in partitions(log.dataset, old.select(log.dataset.placing)):
            wanted = part.select(log.dataset.order)
            for fragment in stored.get_fragments(filter=_near(partition, wanted)):
                found += _holder(log.root, live[fragment.path], wanted)
    return found


def without(root: Path, dataset: Dataset, touched: list[Holder]) -> list[DataFile]:
    """Write the files again without those rows; a file with no other row has no successor."""
    with new_files(root) as written:
        for holder in touched:
            if holder.rows < holder.file.rows:
                written.append(_less(root, dataset, holder))
    return written


def _less(root: Path, dataset: Dataset, holder: Holder) -> DataFile:
    parts = _parts(root / holder.file.path, dataset.file_schema)
    rest = (part.filter(pa.array(~_among(part, holder.keys))) for part in parts)
    written = write_file(root, dataset, holder.file.partition, rest, "zstd")
    assert written.rows == holder.file.rows - holder.rows, f"{holder.file.path} lost other rows than it should"
    return written


def _holder(root: Path, file: LiveFile, keys: pa.Table) -> list[Holder]:
    key = pa.schema([keys.schema.field(name) for name in keys.column_names])
    rows = sum(int(_among(part, keys).sum()) for part in _parts(root / file.path, key))
    return [Holder(file, keys, rows)] if rows else []


def _parts(path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    try:
        for batch in read_files([path], schema).to_reader():
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError):
        refuse_damaged([path])
        raise


def _near(partition: Mapping[str, str], keys: pa.Table) -> pc.Expression:
    """What is true of every row with one of the keys, in terms that prune files."""
    near = pc.scalar(value=True)
    for column, value in partition.items():
        near &= pc.field(column) == value
    for column in keys.column_names:
        bounds = pc.min_max(keys[column])
        near &= (pc.field(column) >= bounds["min"]) & (pc.field(column) <= bounds["max"])
    return near


def _among(rows: pa.Table, keys: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows have one of the keys."""
    numbered = rows.select(keys.column_names).append_column("#", pa.array(np.arange(rows.num_rows)))
    among = np.zeros(rows.num_rows, dtype=np.bool_)
    among[numbered.join(keys, keys.column_names, join_type="left semi")["#"].to_numpy()] = True
    return among
