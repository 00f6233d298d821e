"""The columns of every view and table macro, as DuckDB tells them over empty tables; DATASETS.md lists them."""

from __future__ import annotations

import re

import duckdb
from duckdb import DuckDBPyConnection

from schemas.datasets import DATASETS
from schemas.derived.queries import views
from schemas.derived.sql import BOUNDS_SCHEMA, empty_rows, intervals, last_versions, series_views
from schemas.model.dataset import Kind

_TABLE_MACRO = re.compile(r"MACRO (\w+)\(([^)]*)\) AS TABLE")
_SCALAR_MACRO = re.compile(r"MACRO \w+\([^)]*\) AS(?! TABLE)")

Columns = list[tuple[str, str]]  # name and SQL type


def view_columns() -> dict[str, Columns]:
    """Name and type of each column, by the name of the view; macros of one value have none."""
    with duckdb.connect() as connection:
        _make_tables(connection)
        found = {"bounds": _described(connection, "bounds")}
        for name, sql in {"intervals": intervals(), **series_views()}.items():
            connection.execute(f"CREATE VIEW {name} AS {sql}")
            found[name] = _described(connection, name)
        for view in views():
            connection.execute(view.sql)
            if not _SCALAR_MACRO.search(view.sql):
                found[view.name] = _described(connection, _asked(view.name, view.sql))
        return found


def _make_tables(connection: DuckDBPyConnection) -> None:
    connection.register("no_bounds", BOUNDS_SCHEMA.empty_table())
    connection.execute("CREATE VIEW bounds AS FROM no_bounds")
    for dataset in DATASETS.values():
        connection.execute(f"CREATE VIEW {dataset.table} AS {empty_rows(dataset)}")
        if dataset.kind is Kind.VERSIONS:
            connection.execute(f"CREATE VIEW {dataset.name} AS {last_versions(dataset)}")


def _asked(name: str, sql: str) -> str:
    """What a FROM names: a macro with nothing for each of its parameters, or the view that the statement makes."""
    macro = _TABLE_MACRO.search(sql)
    if macro:
        return f"{macro[1]}({', '.join('NULL::VARCHAR' for _ in macro[2].split(','))})"
    made = re.search(r"VIEW (\w+) AS", sql)
    return made[1] if made else name


def _described(connection: DuckDBPyConnection, place: str) -> Columns:
    told = connection.execute(f"DESCRIBE FROM {place}").fetchall()
    return [(name, sql.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")) for name, sql, *_ in told]
