"""The columns of every view and table macro, as DuckDB tells them over empty tables; DATASETS.md lists them."""

from __future__ import annotations

import re

import duckdb
from duckdb import DuckDBPyConnection

from schemas.datasets import DATASETS
from schemas.derived.queries import views
from schemas.derived.sql import (
    BOUNDS_SCHEMA,
    each_its_own_run,
    empty_rows,
    intervals,
    last_versions,
    runs_view,
    series_views,
)
from schemas.model.dataset import Kind, Role

_TABLE_MACRO = re.compile(r"MACRO (\w+)\(([^)]*)\) AS TABLE")
_VIEW = re.compile(r"VIEW (\w+) AS")

Columns = list[tuple[str, str]]  # name and SQL type


def view_columns() -> dict[str, Columns]:
    """Name and type of each column, by the name of the view; macros of one value have none."""
    with duckdb.connect() as connection:
        _make_tables(connection)
        found = {"bounds": _described(connection, "bounds")}
        for name, sql in {"intervals": intervals(), **series_views()}.items():
            connection.execute(f"CREATE VIEW {name} AS {sql}")
            found[name] = _settled(connection, name)
        for view in views():
            connection.execute(view.sql)
            if macro := _TABLE_MACRO.search(view.sql):
                found[view.name] = _described(connection, _asked(*macro.groups()))
            elif made := _VIEW.search(view.sql):
                found[view.name] = _settled(connection, made[1])
        return found


def _settled(connection: DuckDBPyConnection, view: str) -> Columns:
    """The columns of a view, which has nothing else from now on: those above it are bound without what it reads."""
    columns = _described(connection, view)
    nothing = ", ".join(f'NULL::{sql} AS "{name}"' for name, sql in columns)
    connection.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT {nothing} LIMIT 0")
    return columns


def _make_tables(connection: DuckDBPyConnection) -> None:
    connection.register("no_bounds", BOUNDS_SCHEMA.empty_table())
    connection.execute("CREATE VIEW bounds AS FROM no_bounds")
    for dataset in DATASETS.values():
        connection.execute(f"CREATE VIEW {dataset.table} AS {empty_rows(dataset)}")
        if dataset.kind is Kind.VERSIONS:
            connection.execute(f"CREATE VIEW {dataset.name} AS {last_versions(dataset)}")
        if dataset.role is Role.CANDLES:
            connection.execute(f"CREATE VIEW {runs_view(dataset)} AS {each_its_own_run(dataset, empty_rows(dataset))}")


def _asked(macro: str, parameters: str) -> str:
    """What a FROM names: a macro with nothing for each of its parameters."""
    return f"{macro}({', '.join('NULL::VARCHAR' for _ in parameters.split(','))})"


def _described(connection: DuckDBPyConnection, place: str) -> Columns:
    told = connection.execute(f"DESCRIBE FROM {place}").fetchall()
    return [(name, sql.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")) for name, sql, *_ in told]
