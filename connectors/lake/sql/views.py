"""The views of a session: every table over exactly the files that one version of its log names, and what reads them.

So half-written and replaced files are never seen. A table that cannot be read costs no other: its view is there, and
whoever asks it is told what is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import duckdb
from duckdb import DuckDBPyConnection

from connectors.lake import Lake
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
from connectors.lake.sql.errors import first_damaged, refused, unreadable
from connectors.lake.sql.snapshots import Snapshot, bounds_rows, known_bounds, refused_rows, stored_rows, stored_runs
from connectors.lake.table import Parts
from schemas.datasets import DATASETS
from schemas.derived.sql import (
    BOUNDS_SCHEMA,
    each_its_own_run,
    empty_rows,
    runs_view,
)
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem

_STORED = "stored"  # the schema of what is computed once


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
            _set_rows(connection, dataset.table, stored_rows(dataset, self.lake.path, self._found(snapshot.parts)))

    def _fill_runs(self, connection: DuckDBPyConnection, dataset: Dataset) -> None:
        snapshot = self._snapshot(dataset)
        if snapshot.problem:
            self._refuse(connection, dataset, snapshot.problem)
        else:
            _set_rows(connection, runs_view(dataset), stored_runs(dataset, self.lake.path, self._found(snapshot.parts)))

    def _found(self, parts: Parts) -> Parts:
        """Files at the addresses at which the session finds them."""
        return [(values, [f"{self._prefix}{path}" for path in paths]) for values, paths in parts]

    def _refuse(self, connection: DuckDBPyConnection, dataset: Dataset, problem: Problem) -> None:
        self._refusing.add(dataset)
        rows = refused_rows(dataset, problem)
        _set_rows(connection, dataset.table, rows)
        if runs_view(dataset) in RUNS:
            _set_rows(connection, runs_view(dataset), each_its_own_run(dataset, rows))

    def _fill_bounds(self, connection: DuckDBPyConnection) -> None:
        snapshots = {dataset: self._snapshot(dataset) for dataset in DATASETS.values()}
        connection.register("known_bounds", known_bounds(snapshots))
        _set_rows(connection, BOUNDS, bounds_rows(snapshots))

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
    _set_rows(connection, dataset.table, stored_rows(dataset, lake.path, readable))
    _set_rows(connection, runs_view(dataset), stored_runs(dataset, lake.path, readable))
    return bool(damaged)
