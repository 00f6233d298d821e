"""What one version of a table's log stands for, as SQL: its rows, the runs of its candles, and its bounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa

from connectors.lake.files.runs import RUNS_KEY, RUNS_TYPE, has_runs
from connectors.lake.sql.errors import refusal
from connectors.lake.table import Parts
from schemas.derived.sql import (
    BOUND_COLUMNS,
    BOUNDS_SCHEMA,
    each_its_own_run,
    empty_rows,
    literal,
    quoted,
    stored_columns,
)
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.fields import TEXT
from schemas.model.series import Series


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one version of a log says, or why nobody can say it."""

    parts: Parts
    series: list[tuple[Series, Mapping[str, int]]]  # each with its bounds
    problem: Problem | None = None


def _refused(problem: Problem) -> str:
    """The rest of a SELECT that ends with this problem when it runs, and costs nothing when a filter leaves it out."""
    return f"FROM range(1) WHERE CAST(error({literal(refusal(problem))}) AS BOOLEAN)"


def refused_rows(dataset: Dataset, problem: Problem) -> str:
    """The rows of a table that cannot be read: whoever asks for one is told the problem."""
    columns = (f'{_refused_column(problem, sql)} AS "{name}"' for name, sql in stored_columns(dataset).items())
    return f"SELECT {', '.join(columns)} {_refused(problem)}"


def _refused_column(problem: Problem, sql: str) -> str:
    """A column that ends a query as soon as it is filtered or joined by.

    DuckDB must not see that it holds no value: it would answer without asking for a row.
    """
    return f"CAST(error({literal(refusal(problem))}) AS {sql})"


def stored_rows(dataset: Dataset, lake: Path, parts: Parts) -> str:
    """The rows of a snapshot, with the declared columns in declared order; a column younger than its file is NULL."""
    if not parts:
        return empty_rows(dataset)
    stored = _each_part(dataset, parts) if _shadowed(dataset, lake) else _hive_parts(dataset, parts)
    return f"SELECT {quoted(stored_columns(dataset))} FROM ({empty_rows(dataset)} UNION ALL BY NAME {stored})"


def stored_runs(dataset: Dataset, lake: Path, parts: Parts) -> str:
    """The candles of a snapshot as runs: told by the footers of files whose names say so, read from all others."""
    telling = [path for _, paths in parts for path in paths if has_runs(path)]
    others = [(values, rest) for values, paths in parts if (rest := [path for path in paths if not has_runs(path)])]
    read = each_its_own_run(dataset, stored_rows(dataset, lake, others))
    return f"{read} UNION ALL BY NAME {_told(telling)}" if telling else read


def _told(paths: Iterable[str]) -> str:
    """The runs that the footers of files tell."""
    kind = literal(msgspec.json.encode(RUNS_TYPE).decode())
    partition = ", ".join(f'told.partition."{name}" AS "{name}"' for name in RUNS_TYPE["partition"])
    return (
        f"SELECT {partition}, unnest(told.symbol) AS symbol, make_timestamptz(unnest(told.first)) AS first, "
        f"unnest(told.rows) AS rows FROM (SELECT from_json(decode(value), {kind}) AS told "
        f"FROM parquet_kv_metadata([{', '.join(map(literal, paths))}]) WHERE decode(key) = '{RUNS_KEY}')"
    )


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
        "SELECT *, "
        + ", ".join(f'{literal(partition[name])} AS "{name}"' for name in dataset.partition)
        + f" FROM {_files(paths, 'hive_partitioning = false')}"
        for partition, paths in parts
    )


def _files(paths: Iterable[str], options: str) -> str:
    return f"read_parquet([{', '.join(map(literal, paths))}], union_by_name = true, {options})"


def known_bounds(snapshots: Mapping[Dataset, Snapshot]) -> pa.Table:
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


def bounds_rows(snapshots: Mapping[Dataset, Snapshot]) -> str:
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
