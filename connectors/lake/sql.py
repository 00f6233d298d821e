"""DuckDB sessions over the current snapshots of a lake: read-only, offline, and unable to reach beyond the lake.

A session is an in-memory database with one view a dataset over exactly the files that the log names, so half-written
and replaced files are never seen. It loads no extension and its configuration is locked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from connectors.lake import Lake, Table
from connectors.lake.sql_errors import problem, vanished
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

_EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?", re.IGNORECASE)


def connect(lake: Lake) -> DuckDBPyConnection:
    """A session over the lake as it is now: every dataset, `bounds`, `coverage` and the views of schemas/views.

    Statements that a person typed go through `run`: the session itself would let COPY write inside the lake's folder.
    """
    spill = lake.path / f".tmp-sql-{os.getpid()}-{uuid4().hex}"  # never shared: DuckDB's file names would clash
    connection = duckdb.connect(config=_SETTINGS | {"temp_directory": str(spill)})
    connection.execute("SET TimeZone = 'UTC'")  # else months and days would follow the machine's zone
    connection.execute("SET parquet_metadata_cache = true")  # each view over a table would read all its footers again
    connection.execute("SET VARIABLE lake = ?", [str(lake.path)])
    _on_current_files(connection, lake, lambda: _open(connection, lake))
    connection.execute(f"SET allowed_directories = [{_literal(str(lake.path))}]")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    return connection


def run(connection: DuckDBPyConnection, sql: str) -> pa.Table:
    """The answer to one SELECT (or FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE, or EXPLAIN of one).

    Anything else, and what DuckDB cannot answer, is a UsageProblem of one sentence; a damaged file is CorruptData that
    names it. When maintenance replaces a file under the query, the query runs once more on the newest snapshots.
    """
    row = connection.execute("SELECT getvariable('lake')").fetchone()
    assert row is not None
    return _on_current_files(connection, Lake.at(Path(row[0])), lambda: _answer(connection, sql))


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


def _answer(connection: DuckDBPyConnection, sql: str) -> pa.Table:
    # query() takes nothing but one SELECT without a COPY or INSERT in its WITH, which the type of a statement does
    # not show; and an EXPLAIN ANALYZE runs what it explains.
    connection.execute("EXPLAIN FROM query(?)", [_EXPLAIN.sub("", sql, count=1)]).fetchall()
    try:
        answer: pa.Table = connection.sql(sql).to_arrow_table()
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except RuntimeError as error:  # what DuckDB makes of a Ctrl-C
        raise (KeyboardInterrupt if "interrupted" in str(error) else error) from None
    return answer


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
