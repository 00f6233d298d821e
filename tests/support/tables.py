"""The views of a session over tables in memory (fixture `tables`), for what is asked of a few rows and not of files."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection
from support.lakes import rows_of, us

from connectors.lake.sql.catalog import RUNS, UNIONS, derived
from connectors.lake.sql.session import run
from pipelines.quality.checks import CheckResult, KeyTerms, Schedule, run_queries
from schemas.datasets import DATASETS
from schemas.derived.queries import checks, imported_movements, unions
from schemas.derived.sql import BOUNDS_SCHEMA, each_its_own_run, empty_rows
from schemas.model.dataset import Dataset
from schemas.model.series import Series

_CHECKS = {check.name: check for check in checks()}
IMPORTED = {each.dataset for each in imported_movements()}


class Tables:
    """Every table of a lake, and what the log says of each series, in one transaction of a session."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        self._bounds: defaultdict[Series, dict[str, int]] = defaultdict(dict)
        self._holding = set[str]()
        self._ready = True  # whether a question finds what was put and noted

    def put(self, dataset: Dataset, *rows: Mapping[str, Any], **bounds: Mapping[str, str]) -> None:
        """Add rows; `until={"spot/BTCUSDT/1m": "2026-01-02"}` and the like say which bounds move where."""
        self.insert(dataset, rows_of(dataset, *rows))
        for name, moved in bounds.items():
            for series_id, instant in moved.items():
                self.note(Series.with_id(dataset, series_id), **{name: us(instant)})

    def insert(self, dataset: Dataset, rows: pa.Table) -> None:
        """Add rows as they are, also such as no writer would take."""
        if dataset.name in IMPORTED:
            self._connection.execute(_ledger_over(DATASETS))
        self._connection.register("new_rows", dataset.with_period(rows))
        self._connection.execute(f"INSERT INTO {dataset.table} BY NAME FROM new_rows")
        self._connection.unregister("new_rows")
        if rows.num_rows:
            self._ready &= dataset.name in self._holding
            self._holding.add(dataset.name)

    def note(self, series: Series, **bounds: int) -> None:
        """Have the log say this of a series."""
        self._bounds[series].update(bounds)
        self._ready = False

    def ready(self) -> DuckDBPyConnection:
        """The session, in which the log says what was noted, and views unite the datasets that hold rows."""
        if not self._ready:
            self._write_bounds()
            for name, each in UNIONS.items():
                self._connection.execute(f"CREATE OR REPLACE VIEW {name} AS {each.over(self._holding)}")
            self._ready = True
        return self._connection

    def _write_bounds(self) -> None:
        known = [_printed(series) | bounds for series, bounds in self._bounds.items()]
        self._connection.register("new_bounds", pa.Table.from_pylist(known, schema=BOUNDS_SCHEMA))
        self._connection.execute("DELETE FROM bounds; INSERT INTO bounds BY NAME FROM new_bounds")
        self._connection.unregister("new_bounds")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows that answer a question."""
        answer: list[dict[str, Any]] = run(self.ready(), sql).to_pylist()
        return answer

    def tuples(self, sql: str) -> list[tuple[Any, ...]]:
        """The same rows, without the names of their columns."""
        return [tuple(row.values()) for row in self.rows(sql)]

    def check(self, name: str, now: datetime, *schedules: Schedule, key_terms: Iterable[KeyTerms] = ()) -> CheckResult:
        """What one check finds."""
        return run_queries(self.ready(), [_CHECKS[name]], schedules, now, key_terms=key_terms)[0]


def offending(result: CheckResult) -> list[dict[str, Any]]:
    """The first rows that break a promise."""
    return [json.loads(row) for row in result.sample]


def _printed(series: Series) -> dict[str, Any]:
    return {"dataset": series.dataset.name} | series.values


@contextmanager
def empty_session() -> Iterator[DuckDBPyConnection]:
    """A session whose tables are empty, and whose views unite none of them until `Tables` has put something there."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        heads = {name: f"CREATE OR REPLACE VIEW {name} AS" for name in UNIONS}
        united = {heads[name]: f"{heads[name]} {each.over(())}" for name, each in UNIONS.items()}
        for dataset in DATASETS.values():
            connection.execute(f"CREATE TABLE {dataset.table} AS {empty_rows(dataset)}")
        for name, dataset in RUNS.items():
            connection.execute(f"CREATE VIEW {name} AS {each_its_own_run(dataset, f'FROM {dataset.table}')}")
        connection.register("no_bounds", BOUNDS_SCHEMA.empty_table())
        connection.execute("CREATE TABLE bounds AS FROM no_bounds")
        for sql in derived():
            connection.execute(next((empty for head, empty in united.items() if sql.startswith(head)), sql))
        connection.execute(_ledger_over(DATASETS.keys() - IMPORTED))  # as in a lake without any
        yield connection


def _ledger_over(holding: Collection[str]) -> str:
    return f"CREATE OR REPLACE VIEW ledger AS {unions()['ledger'].over(holding)}"


@pytest.fixture(scope="session")
def _shared_session() -> Iterator[DuckDBPyConnection]:
    """One for all tests: making its views takes longer than most of what is asked."""
    with empty_session() as connection:
        yield connection


@pytest.fixture
def tables(_shared_session: DuckDBPyConnection) -> Iterator[Tables]:
    """Empty tables; whatever a test puts into them is gone after it."""
    _shared_session.begin()
    yield Tables(_shared_session)
    _shared_session.rollback()
