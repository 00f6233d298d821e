"""The views of a session: every table over exactly the files that one version of its log names, and what reads them.

So half-written and replaced files are never seen. A table that cannot be read costs no other: its view is there, and
whoever asks it is told what is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
from duckdb import DuckDBPyConnection

from connectors.lake import Lake
from connectors.lake.files.runs import RUNS_KEY, RUNS_TYPE, has_runs
from connectors.lake.sql.catalog import (
    BOUNDS,
    RUNS,
    TABLES,
    UNIONS,
    Definition,
    definitions,
    needed,
    read_again,
    united,
    variable,
    view_names,
)
from connectors.lake.sql.creation import create
from connectors.lake.sql.errors import first_damaged, refusal, refused, unreadable
from connectors.lake.table import Parts
from schemas.datasets import DATASETS
from schemas.derived.sql import (
    BOUND_COLUMNS,
    BOUNDS_SCHEMA,
    each_its_own_run,
    empty_rows,
    quoted,
    runs_view,
    stored_columns,
)
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.fields import TEXT
from schemas.model.series import Series

_STORED = "stored"  # the schema of what is computed once


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one version of a log says, or why nobody can say it."""

    parts: Parts
    series: list[tuple[Series, Mapping[str, int]]]  # each with its bounds
    problem: Problem | None = None


class Views:
    """The views of one session. Each is made when a question first needs it; all speak of the logs as they were before.

    It lives as long as its connection, and so does not hold it.
    """

    def __init__(self, lake: Lake, prefix: str = "") -> None:
        self.lake = lake
        self._prefix = prefix  # of the addresses at which the session finds the lake's files
        self._made: set[Definition] = set()
        self._computed: set[str] = set()  # views whose rows are stored in the session
        self._look()

    def _look(self) -> None:
        self._versions = {dataset: self.lake.table(dataset).newest() for dataset in DATASETS.values()}
        self._snapshots: dict[Dataset, Snapshot] = {}
        self._refusing: set[Dataset] = set()

    def make(self, connection: DuckDBPyConnection, names: Collection[str]) -> None:
        """Make the views that a question needs which names these, besides what was registered with the connection."""
        others = set(names) - view_names()
        if others:
            listed = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
            others &= {name.lower() for (name,) in listed}
        self._make(connection, needed(set(names) - others, self._reads))

    def _make(self, connection: DuckDBPyConnection, wanted: Iterable[Definition]) -> None:
        missing = [each for each in wanted if each not in self._made]
        for each in missing:
            _leave_empty(connection, each)
        create(connection, missing)
        for each in missing:
            self._fill(connection, each)
        self._made.update(missing)

    def _reads(self, view: Definition) -> Collection[str]:
        return united(view.name, self.holding)[1] if view.name in UNIONS else view.reads

    def compute(self, connection: DuckDBPyConnection, named: Mapping[str, int]) -> None:
        """Store the rows of the views that a question reads more than once, for it and for all that follow."""
        for name in read_again(named, self._text):
            if name not in self._computed:
                self._store(connection, name)

    def _text(self, view: Definition) -> str:
        if view.name in self._computed:
            return ""
        return united(view.name, self.holding)[0] if view.name in UNIONS else view.sql

    def _store(self, connection: DuckDBPyConnection, name: str) -> None:
        try:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_STORED}; CREATE TABLE {_STORED}.{name} AS FROM {name}")
        except duckdb.Error as error:
            if refused(error):  # of a table that cannot be read, the question may need nothing
                return
            raise
        _set_rows(connection, name, f"FROM {_STORED}.{name}")
        self._computed.add(name)

    def _forget(self, connection: DuckDBPyConnection) -> None:
        for name in self._computed:
            connection.execute(f"DROP TABLE {_STORED}.{name}")
        self._computed.clear()

    @property
    def holding(self) -> frozenset[str]:
        """The datasets that hold rows, or may: nobody knows it of one that cannot be read."""
        snapshots = ((dataset.name, self._snapshot(dataset)) for dataset in DATASETS.values())
        return frozenset(name for name, snapshot in snapshots if snapshot.parts or snapshot.problem)

    def make_all(self, connection: DuckDBPyConnection) -> None:
        """Make every view; what cannot be opened is known of them then."""
        self._make(connection, definitions())
        if self.set_damage_aside(connection):  # upkeep may have removed a file between the look at its log and at it
            self.renew(connection)

    def renew(self, connection: DuckDBPyConnection) -> None:
        """Have the views that were made read the newest snapshots."""
        self._forget(connection)
        self._look()
        self._make(
            connection, needed([each.name for each in self._made], self._reads)
        )  # more of them may hold rows now
        for each in self._made:
            self._fill(connection, each)
        self.set_damage_aside(connection)

    def set_damage_aside(self, connection: DuckDBPyConnection) -> bool:
        """Have each table whose files cannot be opened refuse whoever asks for it; whether that is news of any."""
        opened = [TABLES[each.name] for each in self._made if each.name in TABLES]
        before = len(self._refusing)
        for dataset in opened:
            if dataset not in self._refusing and (problem := self._trouble(connection, dataset)):
                self._refuse(connection, dataset, problem)
        return len(self._refusing) > before

    def _trouble(self, connection: DuckDBPyConnection, dataset: Dataset) -> Problem | None:
        try:
            connection.sql(f"FROM {dataset.table}")
        except duckdb.Error as error:
            return unreadable(error, [path for _, paths in self._snapshot(dataset).parts for path in paths])
        return None

    def _fill(self, connection: DuckDBPyConnection, view: Definition) -> None:
        if view.name in TABLES:
            self._fill_table(connection, TABLES[view.name])
        elif view.name in RUNS:
            self._fill_runs(connection, RUNS[view.name])
        elif view.name == BOUNDS:
            self._fill_bounds(connection)
        elif view.name in UNIONS:
            _set_rows(connection, view.name, united(view.name, self.holding)[0])

    def _fill_table(self, connection: DuckDBPyConnection, dataset: Dataset) -> None:
        snapshot = self._snapshot(dataset)
        if snapshot.problem:
            self._refuse(connection, dataset, snapshot.problem)
        else:
            _set_rows(connection, dataset.table, _rows(dataset, self.lake.path, self._found(snapshot.parts)))

    def _fill_runs(self, connection: DuckDBPyConnection, dataset: Dataset) -> None:
        snapshot = self._snapshot(dataset)
        if snapshot.problem:
            self._refuse(connection, dataset, snapshot.problem)
        else:
            _set_rows(connection, runs_view(dataset), _runs(dataset, self.lake.path, self._found(snapshot.parts)))

    def _found(self, parts: Parts) -> Parts:
        """Files at the addresses at which the session finds them."""
        return [(values, [f"{self._prefix}{path}" for path in paths]) for values, paths in parts]

    def _refuse(self, connection: DuckDBPyConnection, dataset: Dataset, problem: Problem) -> None:
        self._refusing.add(dataset)
        columns = (f'{_refused_column(problem, sql)} AS "{name}"' for name, sql in stored_columns(dataset).items())
        rows = f"SELECT {', '.join(columns)} {_refused(problem)}"
        _set_rows(connection, dataset.table, rows)
        if runs_view(dataset) in RUNS:
            _set_rows(connection, runs_view(dataset), each_its_own_run(dataset, rows))

    def _fill_bounds(self, connection: DuckDBPyConnection) -> None:
        snapshots = {dataset: self._snapshot(dataset) for dataset in DATASETS.values()}
        connection.register("known_bounds", _known_bounds(snapshots))
        _set_rows(connection, BOUNDS, _bounds(snapshots))

    def _snapshot(self, dataset: Dataset) -> Snapshot:
        """Files and bounds of one version, lest rows committed in between look uncovered, or coverage look empty."""
        if dataset not in self._snapshots:
            try:
                self._snapshots[dataset] = Snapshot(*self.lake.table(dataset).as_of(self._versions[dataset]))
            except Problem as problem:
                self._snapshots[dataset] = Snapshot([], [], problem)
        return self._snapshots[dataset]


def _leave_empty(connection: DuckDBPyConnection, view: Definition) -> None:
    """Have a view that reads a variable show no rows, which costs nothing to bind."""
    if view.name in TABLES:
        leave_out(connection, TABLES[view.name])
    elif view.name in RUNS:
        _set_rows(connection, view.name, each_its_own_run(RUNS[view.name], empty_rows(RUNS[view.name])))
    elif view.name == BOUNDS:
        connection.register("known_bounds", BOUNDS_SCHEMA.empty_table())
        _set_rows(connection, BOUNDS, "FROM known_bounds")
    elif view.name in UNIONS:
        _set_rows(connection, view.name, united(view.name, frozenset())[0])


def _set_rows(connection: DuckDBPyConnection, name: str, sql: str) -> None:
    connection.execute(f"SET VARIABLE {variable(name)} = ?", [sql])


def leave_out(connection: DuckDBPyConnection, dataset: Dataset) -> None:
    """Have a table's view show no rows. Whoever asks it then has to know that nothing can be known of it."""
    _set_rows(connection, dataset.table, empty_rows(dataset))


def leave_out_damage(connection: DuckDBPyConnection, lake: Lake, dataset: Dataset) -> bool:
    """Have a table's view show no rows of the data files that cannot be read to their end; whether there were any.

    Reads every file. Whoever asks the view then has to know whether what it asks for lies in one that is left out.
    """
    parts = lake.table(dataset).parts()
    damaged = {path for _, paths in parts for path in paths if first_damaged([path])}
    sound = [(values, [path for path in paths if path not in damaged]) for values, paths in parts]
    readable = [(values, paths) for values, paths in sound if paths]
    _set_rows(connection, dataset.table, _rows(dataset, lake.path, readable))
    _set_rows(connection, runs_view(dataset), _runs(dataset, lake.path, readable))
    return bool(damaged)


def _refused(problem: Problem) -> str:
    """The rest of a SELECT that ends with this problem when it runs, and costs nothing when a filter leaves it out."""
    return f"FROM range(1) WHERE CAST(error({literal(refusal(problem))}) AS BOOLEAN)"


def _refused_column(problem: Problem, sql: str) -> str:
    """A column that ends a query as soon as it is filtered or joined by.

    DuckDB must not see that it holds no value: it would answer without asking for a row.
    """
    return f"CAST(error({literal(refusal(problem))}) AS {sql})"


def _rows(dataset: Dataset, lake: Path, parts: Parts) -> str:
    """The rows of a snapshot, with the declared columns in declared order; a column younger than its file is NULL."""
    if not parts:
        return empty_rows(dataset)
    stored = _each_part(dataset, parts) if _shadowed(dataset, lake) else _hive_parts(dataset, parts)
    return f"SELECT {quoted(stored_columns(dataset))} FROM ({empty_rows(dataset)} UNION ALL BY NAME {stored})"


def _runs(dataset: Dataset, lake: Path, parts: Parts) -> str:
    """The candles of a snapshot as runs: told by the footers of files whose names say so, read from all others."""
    telling = [path for _, paths in parts for path in paths if has_runs(path)]
    others = [(values, rest) for values, paths in parts if (rest := [path for path in paths if not has_runs(path)])]
    read = each_its_own_run(dataset, _rows(dataset, lake, others))
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
