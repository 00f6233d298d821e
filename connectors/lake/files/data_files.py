"""Durable Parquet files: sorted, private, complete before anyone names them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from isal import isal_zlib

from connectors.lake.files.local_disk import draft_in, make_folder, not_read, sync
from connectors.lake.files.runs import RUNS_KEY, runs_of
from connectors.lake.files.sorting import partitions
from connectors.lake.files.statistics import Statistics
from schemas.model.dataset import Dataset
from schemas.model.errors import CorruptData, Problem

ROW_GROUP = 65_536  # rows: about a month of one symbol's minutes, so that a symbol's groups hold little else
SIDE_BY_SIDE = 2 * ROW_GROUP  # rows; more are written as several files at once
WRITERS = 2
BUFFER = 2**16  # bytes; gathers what is small, such as the headers of pages
_BLOCK = 2**20  # bytes read at once
_SUMMED = re.compile(r"-([0-9a-f]{8})\.parquet$")
Compression = Literal["snappy", "zstd"]
_writers = ThreadPoolExecutor(WRITERS)  # kept, since each thread keeps the memory that it used before
CHECKED = ds.ParquetFragmentScanOptions(page_checksum_verification=True, pre_buffer=False)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A whole data file that a commit may name; its bytes are durable, its name becomes so with the commit."""

    path: str  # below the table's root, exactly as on disk
    partition: Mapping[str, str]
    size: int
    rows: int
    statistics: str
    modified_ms: int


def folder_name(partition: Mapping[str, str]) -> str:
    """The partition's folder below the table's root, in Hive's spelling."""
    return "/".join(f"{column}={quote(value, safe='')}" for column, value in partition.items())


@contextmanager
def new_files(root: Path) -> Iterator[list[DataFile]]:
    """A list to gather written files in; when the writing fails they are all removed again."""
    written: list[DataFile] = []
    try:
        yield written
    except BaseException:
        discard(root, written)
        raise


def write_rows(root: Path, dataset: Dataset, rows: pa.Table) -> list[DataFile]:
    """Write rows as sorted files, one a partition where they are few, or nothing at all."""
    assert rows.schema.equals(dataset.schema), f"rows of {dataset.name} have other columns: {rows.schema}"
    parts = [(partition, piece) for partition, part in partitions(dataset, rows) for piece in _pieces(part)]
    with new_files(root) as written:
        if rows.num_rows < SIDE_BY_SIDE:
            for partition, piece in parts:
                written.append(write_file(root, dataset, partition, [piece]))
        else:
            _write_side_by_side(root, dataset, parts, written)
    return written


def _pieces(rows: pa.Table) -> Iterator[pa.Table]:
    """Rows in even pieces worth a file each."""
    count = max(1, round(rows.num_rows / SIDE_BY_SIDE))
    ends = [rows.num_rows * number // count for number in range(count + 1)]
    for start, end in pairwise(ends):
        yield rows.slice(start, end - start)


def _write_side_by_side(
    root: Path, dataset: Dataset, parts: Iterable[tuple[Mapping[str, str], pa.Table]], written: list[DataFile]
) -> None:
    """Write each part to a file. Encoding takes most of the time of a large commit, and Arrow lets threads do it."""
    writing = [_writers.submit(write_file, root, dataset, partition, [piece]) for partition, piece in parts]
    wait(writing)
    written.extend(one.result() for one in writing if one.exception() is None)
    for one in writing:
        one.result()


def write_file(
    root: Path,
    dataset: Dataset,
    partition: Mapping[str, str],
    parts: Iterable[pa.Table],
    compression: Compression = "snappy",
) -> DataFile:
    """Stream sorted tables into one data file; statistics come from exactly the rows written.

    Fresh rows are packed quickly, which costs a third more space until upkeep merges and packs them well.
    """
    schema = dataset.file_schema
    folder = root / folder_name(partition)
    make_folder(folder, below=root.parent)
    statistics, runs = Statistics(schema), runs_of(dataset, partition)
    with draft_in(folder, ".parquet") as draft:
        with (
            pa.output_stream(str(draft), buffer_size=BUFFER) as sink,
            pq.ParquetWriter(sink, schema, **_options(schema, compression)) as writer,
        ):
            for part in parts:
                rows = part.select(schema.names).cast(schema)
                writer.write_table(rows, row_group_size=ROW_GROUP)
                statistics.add(rows)
                if runs is not None:
                    runs.add(rows)
            if (told := runs.told() if runs is not None else None) is not None:
                writer.add_key_value_metadata({RUNS_KEY: told})
        target = folder / summed_name(draft, "-runs" if told is not None else "")
        sync(draft)
        draft.replace(target)
    size, now_ms = target.stat().st_size, time.time_ns() // 1_000_000
    return DataFile(str(target.relative_to(root)), partition, size, statistics.rows, statistics.json(), now_ms)


def summed_name(path: Path, mark: str = "") -> str:
    """A new name for a file's content, which ends with a mark and its checksum."""
    return f"{uuid4().hex}{mark}-{checksum(path):08x}.parquet"


def written_sum(path: Path) -> int | None:
    """The checksum in the name of a data file; files of before there were any have none."""
    found = _SUMMED.search(path.name)
    return int(found[1], 16) if found else None


def checksum(path: Path) -> int:
    """The CRC-32 of all bytes of a file."""
    value = 0
    with path.open("rb") as source:
        while block := source.read(_BLOCK):
            value = isal_zlib.crc32(block, value)
    return value


def discard(root: Path, files: Iterable[DataFile]) -> None:
    """Remove files that no commit will name."""
    for file in files:
        (root / file.path).unlink(missing_ok=True)


def read_files(paths: Iterable[Path], schema: pa.Schema | None = None) -> ds.Scanner:
    """Read files one by one, each page checked, holding little; a column that a file lacks is NULL."""
    source = ds.dataset([str(path) for path in paths], schema=schema, format="parquet")
    return source.scanner(batch_size=ROW_GROUP, batch_readahead=2, fragment_readahead=1, fragment_scan_options=CHECKED)


def refuse_damaged(paths: Iterable[Path]) -> None:
    """Raise CorruptData for the first file that cannot be read to its end; return when all can."""
    for path in paths:
        try:
            for _ in read_files([path]).to_batches():
                pass
        except (pa.ArrowException, OSError):
            raise unreadable(path) from None


def unreadable(path: Path) -> Problem:
    """Why a data file cannot be read to its end. Only what the disk does give may be called damaged."""
    try:
        checksum(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        return not_read(path, error)
    return CorruptData(
        f"The data file {path} is damaged or missing.",
        "Restore it from a copy, or move the table's folder away and pull it again.",
    )


def _options(schema: pa.Schema, compression: Compression) -> dict[str, Any]:
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    whole = [field.name for field in schema if pa.types.is_timestamp(field.type) or pa.types.is_integer(field.type)]
    return {
        "compression": compression,
        "use_dictionary": texts,
        "column_encoding": dict.fromkeys(whole, "DELTA_BINARY_PACKED"),  # times in order: a fifth less in all
        "write_page_checksum": True,
        "write_statistics": [field.name for field in schema if not pa.types.is_decimal(field.type)],  # for pruning
    }
