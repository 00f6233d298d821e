"""The views of a session: every table over exactly the files that one version of its log names, and what reads them.

So half-written and replaced files are never seen. A table that cannot be read costs no other: its view is there, and
whoever asks it is told what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from connectors.lake import Lake, Table
from connectors.lake.sql.errors import first_damaged, refusal, unreadable
from schemas.datasets import DATASETS
from schemas.derived.queries import views
from schemas.derived.sql import (
    BOUND_COLUMNS,
    BOUNDS_SCHEMA,
    empty_rows,
    intervals,
    last_versions,
    quoted,
    series_views,
    stored_columns,
)
from schemas.model.dataset import Dataset, Kind
from schemas.model.errors import Problem
from schemas.model.fields import TEXT
from schemas.model.series import Series

Parts = list[tuple[Mapping[str, str], list[str]]]  # the files of each partition

ATTEMPTS = 2  # since upkeep may remove a file between looking at the log and opening the file


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one version of a log says, or why nobody can say it."""

    parts: Parts
    series: list[tuple[Series, dict[str, int]]]  # each with its bounds
    problem: Problem | None = None


def make_views(connection: DuckDBPyConnection, lake: Lake) -> None:
    """Make all views anew over the newest snapshots."""
    _derive_once(connection)
    snapshots = {dataset: _table_view(connection, lake, dataset) for dataset in DATASETS.values()}
    connection.register("known_bounds", _known_bounds(snapshots))
    connection.execute(f"CREATE OR REPLACE VIEW bounds AS {_bounds(snapshots)}")


def _derive_once(connection: DuckDBPyConnection) -> None:
    """Make the views that read the tables while these are empty: over files, each would have DuckDB open them all."""
    connection.register("known_bounds", BOUNDS_SCHEMA.empty_table())
    connection.execute("CREATE OR REPLACE VIEW bounds AS FROM known_bounds")
    for dataset in DATASETS.values():
        leave_out(connection, dataset)
    derive_views(connection)


def derive_views(connection: DuckDBPyConnection) -> None:
    """Make every view that reads the tables and their bounds."""
    connection.execute(f"CREATE OR REPLACE VIEW intervals AS {intervals()}")
    for sql in _definitions():
        connection.execute(sql)


def _table_view(connection: DuckDBPyConnection, lake: Lake, dataset: Dataset) -> Snapshot:
    """Make the view of a table over its newest snapshot. A file that cannot be opened leaves one that refuses."""
    view = f"CREATE OR REPLACE VIEW {dataset.table} AS"
    for _ in range(ATTEMPTS):
        snapshot = _snapshot(lake.table(dataset))
        problem = snapshot.problem
        if problem:
            break
        try:
            connection.execute(f"{view} {_rows(dataset, lake.path, snapshot.parts)}")
        except duckdb.Error as error:
            problem = unreadable(error, [path for _, paths in snapshot.parts for path in paths])
        else:
            return snapshot
    assert problem is not None
    columns = ", ".join(f'{_refused_column(problem, sql)} AS "{name}"' for name, sql in stored_columns(dataset).items())
    connection.execute(f"{view} SELECT {columns} {_refused(problem)}")
    return snapshot


def leave_out(connection: DuckDBPyConnection, dataset: Dataset) -> None:
    """Make a table's view anew without any rows. Whoever asks it then has to know that nothing can be known of it."""
    connection.execute(f"CREATE OR REPLACE VIEW {dataset.table} AS {empty_rows(dataset)}")


def leave_out_damage(connection: DuckDBPyConnection, lake: Lake, dataset: Dataset) -> bool:
    """Make a table's view anew without the data files that cannot be read to their end; whether there were any.

    Reads every file. Whoever asks the view then has to know whether what it asks for lies in one that is left out.
    """
    parts = lake.table(dataset).parts()
    damaged = {path for _, paths in parts for path in paths if first_damaged([path])}
    sound = [(values, [path for path in paths if path not in damaged]) for values, paths in parts]
    rows = _rows(dataset, lake.path, [(values, paths) for values, paths in sound if paths])
    connection.execute(f"CREATE OR REPLACE VIEW {dataset.table} AS {rows}")
    return bool(damaged)


def _snapshot(table: Table) -> Snapshot:
    """Files and bounds of one version, lest rows committed in between look uncovered, or coverage look empty."""
    try:
        while True:
            version = table.version()
            parts, series = table.parts(), table.series()
            if table.version() == version:
                return Snapshot(parts, series)
    except Problem as problem:
        return Snapshot([], [], problem)


def _refused(problem: Problem) -> str:
    """The rest of a SELECT that ends with this problem when it runs, and costs nothing when a filter leaves it out."""
    return f"FROM range(1) WHERE CAST(error({literal(refusal(problem))}) AS BOOLEAN)"


def _refused_column(problem: Problem, sql: str) -> str:
    """A column that ends a query as soon as it is filtered or joined by.

    DuckDB must not see that it holds no value: it would answer without asking for a row.
    """
    return f"CAST(error({literal(refusal(problem))}) AS {sql})"


def _definitions() -> Iterator[str]:
    """The statement of every view that reads the tables, each after those it reads."""
    for dataset in DATASETS.values():
        if dataset.kind is Kind.VERSIONS:
            yield f"CREATE OR REPLACE VIEW {dataset.name} AS {last_versions(dataset)}"
    for name, sql in series_views().items():
        yield f"CREATE OR REPLACE VIEW {name} AS {sql}"
    yield from (view.sql for view in views())


def _rows(dataset: Dataset, lake: Path, parts: Parts) -> str:
    """The rows of a snapshot, with the declared columns in declared order; a column younger than its file is NULL."""
    if not parts:
        return empty_rows(dataset)
    stored = _each_part(dataset, parts) if _shadowed(dataset, lake) else _hive_parts(dataset, parts)
    return f"SELECT {quoted(stored_columns(dataset))} FROM ({empty_rows(dataset)} UNION ALL BY NAME {stored})"


def _shadowed(dataset: Dataset, lake: Path) -> bool:
    """Whether a folder above the lake is named like a partition: DuckDB would take its value for that of every row."""
    above = {part.partition("=")[0].lower() for part in lake.parts if "=" in part}
    return not above.isdisjoint(dataset.partition)


def _hive_parts(dataset: Dataset, parts: Parts) -> str:
    # Without given types an asset or symbol of digits alone would turn its column into numbers.
    types = ", ".join(f"{name}: {TEXT.sql}" for name in dataset.partition)
    hive = f"hive_partitioning = true, hive_types = {{{types}}}" if types else "hive_partitioning = false"
    return f"FROM {_files((path for _, paths in parts for path in paths), hive)}"


def _each_part(dataset: Dataset, parts: Parts) -> str:
    """Every partition on its own, which takes DuckDB longer to plan where there are hundreds."""
    return " UNION ALL BY NAME ".join(
        f"SELECT *, {_constants(dataset, partition)} FROM {_files(paths, 'hive_partitioning = false')}"
        for partition, paths in parts
    )


def _constants(dataset: Dataset, partition: Mapping[str, str]) -> str:
    return ", ".join(f'{literal(partition[name])} AS "{name}"' for name in dataset.partition)


def _files(paths: Iterable[str], options: str) -> str:
    return f"read_parquet([{', '.join(map(literal, paths))}], union_by_name = true, {options})"


def _known_bounds(snapshots: Mapping[Dataset, Snapshot]) -> pa.Table:
    """What the logs that can be read say of every series, one row each."""
    rows = [
        {
            "dataset": dataset.name,
            **series.values,
            **{one: known[one] for one in BOUND_COLUMNS.keys() & known.keys()},
        }
        for dataset, snapshot in snapshots.items()
        for series, known in snapshot.series
    ]
    return pa.Table.from_pylist(rows, schema=BOUNDS_SCHEMA)


def _bounds(snapshots: Mapping[Dataset, Snapshot]) -> str:
    """The known bounds; whoever asks for those of a table whose log cannot be read is told so."""
    columns = [name for name in BOUNDS_SCHEMA.names if name != "dataset"]
    refused = (
        f" UNION ALL BY NAME SELECT '{dataset.name}' AS dataset, "
        + ", ".join(f'error({literal(refusal(snapshot.problem))}) AS "{name}"' for name in columns)
        + f" {_refused(snapshot.problem)}"
        for dataset, snapshot in snapshots.items()
        if snapshot.problem and dataset.series
    )
    return "FROM known_bounds" + "".join(refused)


def literal(text: str) -> str:
    """A text as SQL spells it."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
