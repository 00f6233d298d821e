"""DuckDB sessions over the current snapshots of a lake: read-only, offline, and unable to reach beyond the lake.

A session is an in-memory database with one view a dataset over exactly the files that the log names, so half-written
and replaced files are never seen. It loads no extension and its configuration is locked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from connectors.lake import Lake, Table
from connectors.lake.sql_errors import meant, problem, vanished
from connectors.lake.sql_guard import question
from schemas.catalog import DATASETS
from schemas.dataset import Dataset, Kind
from schemas.derived import (
    BOUND_COLUMNS,
    BOUNDS_SCHEMA,
    empty_rows,
    intervals,
    last_versions,
    quoted,
    series_rows,
    stored_columns,
)
from schemas.errors import Problem
from schemas.fields import TEXT
from schemas.queries import views

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",  # a query never sees the caller's Python variables
    "memory_limit": "50%",  # a run beside it must live
    "max_temp_directory_size": "16GB",
}

Result = TypeVar("Result")
Series = list[tuple[dict[str, str], dict[str, int]]]  # the columns that name each series of a table, with its bounds
Answer = tuple[pa.Schema, Iterator[pa.RecordBatch]]

_STREAMED_ROWS = 100_000  # at a time


def connect(lake: Lake, *, timeout_s: int | None = None) -> DuckDBPyConnection:
    """A session over the lake as it is now: every dataset, `bounds`, `coverage` and the views of schemas/views.

    It reaches nothing outside the lake's folder, loads nothing, and its settings are locked; a statement that takes
    longer than `timeout_s` is stopped. But it is not read-only: the COPY of whoever holds it can overwrite the lake's
    files. Statements that a person typed go through `run` or `stream`, which only read.
    """
    spill = lake.path / f".tmp-sql-{os.getpid()}-{uuid4().hex}"  # never shared: DuckDB's file names would clash
    connection = duckdb.connect(config=_SETTINGS | {"temp_directory": str(spill)})
    connection.execute("SET TimeZone = 'UTC'")  # else months and days would follow the machine's zone
    connection.execute("SET parquet_metadata_cache = true")  # each view over a table would read all its footers again
    connection.execute("SET VARIABLE lake = ?", [str(lake.path)])
    _on_current_files(connection, lake, lambda: _open(connection, lake))
    connection.execute(f"SET max_execution_time = {(timeout_s or 0) * 1000}")  # 0: no end
    connection.execute(f"SET allowed_directories = [{_literal(str(lake.path))}]")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    return connection


def run(connection: DuckDBPyConnection, sql: str) -> pa.Table:
    """The answer to one SELECT (or FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE, or EXPLAIN of one).

    Anything else, and what DuckDB cannot answer, is a UsageProblem of one sentence; a damaged file is CorruptData that
    names it. When maintenance replaces a file under the query, the query runs once more on the newest snapshots.
    """
    return _on_current_files(connection, _lake(connection), lambda: _whole(connection, sql))


def stream(connection: DuckDBPyConnection, sql: str) -> Answer:
    """The answer that `run` would give, a part at a time: it may be larger than the memory.

    A file that maintenance removes after the first part is TryLater: what was handed out cannot be taken back.
    """
    lake = _lake(connection)
    schema, batches = _on_current_files(connection, lake, lambda: _begun(connection, sql))
    return schema, _going_on(connection, lake, batches)


def _lake(connection: DuckDBPyConnection) -> Lake:
    row = connection.execute("SELECT getvariable('lake')").fetchone()
    assert row is not None
    return Lake.at(Path(row[0]))


def _on_current_files(connection: DuckDBPyConnection, lake: Lake, work: Callable[[], Result]) -> Result:
    """Do the work, and once more with new views when a file of the old ones has vanished."""
    try:
        return work()
    except duckdb.Error as error:
        if not vanished(error):
            raise _problem(error, connection, lake) from None
    try:
        _open(connection, lake)
        return work()
    except duckdb.Error as error:
        raise _problem(error, connection, lake) from None


def _whole(connection: DuckDBPyConnection, sql: str) -> pa.Table:
    schema, batches = _answer(connection, sql)
    return pa.Table.from_batches(batches, schema)


def _begun(connection: DuckDBPyConnection, sql: str) -> Answer:
    schema, batches = _answer(connection, sql)
    first = list(islice(batches, 1))
    return schema, chain(first, batches)


def _going_on(
    connection: DuckDBPyConnection, lake: Lake, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except duckdb.Error as error:
        raise _problem(error, connection, lake) from None


def _answer(connection: DuckDBPyConnection, sql: str) -> Answer:
    with _duckdb_errors():
        reader = connection.sql(question(connection, sql)).to_arrow_reader(_STREAMED_ROWS)
    return reader.schema, _parts(reader)


def _parts(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    while True:
        with _duckdb_errors():
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
        yield batch


@contextmanager
def _duckdb_errors() -> Iterator[None]:
    """Errors as DuckDB means them, whichever way Arrow or a Ctrl-C has turned them."""
    try:
        yield
    except (duckdb.Error, OSError, RuntimeError) as error:
        raise meant(error) from None


def _problem(error: duckdb.Error, connection: DuckDBPyConnection, lake: Lake) -> Problem:
    tables = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    files = [path for dataset in DATASETS.values() for path in lake.table(dataset).files()]
    return problem(error, [name for (name,) in tables], files)


def _open(connection: DuckDBPyConnection, lake: Lake) -> None:
    """Make all views anew over the newest snapshots."""
    files, series = {}, {}
    for dataset in DATASETS.values():
        files[dataset.name], series[dataset.name] = _snapshot(lake.table(dataset))
    connection.register("bounds", _bounds(series))
    for sql in _definitions(files):
        connection.execute(sql)


def _snapshot(table: Table) -> tuple[list[str], Series]:
    """Files and bounds of one version, lest rows committed in between look uncovered, or coverage look empty."""
    while True:
        version = table.version()
        files, series = table.files(), table.series()
        if table.version() == version:
            return files, series


def _definitions(files: dict[str, list[str]]) -> Iterator[str]:
    """The statement of every view, each after those it reads."""
    yield f"CREATE OR REPLACE VIEW intervals AS {intervals()}"
    for dataset in DATASETS.values():
        yield f"CREATE OR REPLACE VIEW {dataset.table} AS {_rows(dataset, files[dataset.name])}"
        if dataset.kind is Kind.VERSIONS:
            yield f"CREATE OR REPLACE VIEW {dataset.name} AS {last_versions(dataset)}"
    yield f"CREATE OR REPLACE VIEW series_rows AS {series_rows()}"
    yield from (view.sql for view in views())


def _rows(dataset: Dataset, files: list[str]) -> str:
    """The rows of a snapshot, with the declared columns in declared order; a column younger than its file is NULL."""
    if not files:
        return empty_rows(dataset)
    paths = ", ".join(map(_literal, files))
    # Without given types an asset or symbol of digits alone would turn its column into numbers.
    types = ", ".join(f"{name}: {TEXT.sql}" for name in dataset.partition)
    hive = f"hive_partitioning = true, hive_types = {{{types}}}" if types else "hive_partitioning = false"
    stored = f"FROM read_parquet([{paths}], union_by_name = true, {hive})"
    return f"SELECT {quoted(stored_columns(dataset))} FROM ({empty_rows(dataset)} UNION ALL BY NAME {stored})"


def _bounds(series: dict[str, Series]) -> pa.Table:
    """What the logs say of every series, one row each."""
    rows = [
        {"dataset": name, **values, **{bound: known[bound] for bound in BOUND_COLUMNS.keys() & known.keys()}}
        for name, found in series.items()
        for values, known in found
    ]
    return pa.Table.from_pylist(rows, schema=BOUNDS_SCHEMA)


def _literal(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
