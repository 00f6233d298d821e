"""How long it takes to hold every balance of a year against a million movements, from files and from native tables."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from connectors.lake import Lake, Move
from connectors.lake.sql.catalog import RUNS, UNIONS, derived
from connectors.lake.sql.session import connect, run
from schemas.datasets import DATASETS
from schemas.datasets.account import BALANCES
from schemas.datasets.market import SYMBOLS
from schemas.datasets.orders import FILLS
from schemas.derived.sql import BOUNDS_SCHEMA, each_its_own_run, empty_rows
from schemas.model.dataset import Dataset
from schemas.model.series import Series

ASSETS, TIMES, BATCH = 10, 3, 100_000
HELD = (SYMBOLS.name, FILLS.name, BALANCES.name)
ALL = "SELECT status, count(*) AS intervals, sum(residual) AS residual FROM reconciliation GROUP BY ALL"
MONTH = """
SELECT sum(amount) AS moved FROM ledger
WHERE account = 'main' AND asset = 'A3' AND time >= '2025-05-01' AND time < '2025-06-01'
"""
_SYMBOLS = f"""
SELECT 'spot' AS market, asset || 'USDT' AS symbol, 'TRADING' AS status, asset AS base_asset, 'USDT' AS quote_asset,
    8 AS base_asset_precision, 8 AS quote_asset_precision,
    TIMESTAMPTZ '2025-01-01 00:00:00+00' AS valid_from
FROM (SELECT 'A' || n AS asset FROM range({ASSETS}) AS each(n) UNION ALL SELECT 'BNB')
"""
_FILLS = f"""
SELECT 'main' AS account, 'spot' AS market, 'A' || n % {ASSETS} || 'USDT' AS symbol, n AS trade_id, n AS order_id,
    1.5 AS price, 2 AS qty, 3 AS quote_qty, 0.001 AS commission, 'BNB' AS commission_asset,
    TIMESTAMPTZ '2025-01-01 00:00:00+00' + to_microseconds(31_536_000_000_000 // $fills * n) AS time,
    n // {ASSETS} % 2 = 0 AS is_buyer, true AS is_maker
FROM range($fills) AS each(n)
"""
# What an account that began with nothing holds every quarter of an hour.
_BALANCES = """
WITH summed AS (
    SELECT asset, time, sum(amount) OVER (PARTITION BY asset ORDER BY time) AS free FROM ledger
),
instants AS (
    SELECT asset, TIMESTAMPTZ '2025-01-01 00:00:30+00' + to_minutes((15 * n)::INTEGER) AS observed_at
    FROM (SELECT DISTINCT asset FROM ledger), range(35_040) AS each(n)
)
SELECT 'main' AS account, 'spot' AS wallet, instants.asset, free, 0 AS locked, observed_at
FROM instants ASOF JOIN summed ON summed.asset = instants.asset AND summed.time <= observed_at
"""


def natively(fills: int) -> DuckDBPyConnection:
    """The account in native tables, below the same views."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for dataset in DATASETS.values():
        connection.execute(f"CREATE TABLE {dataset.table} AS {empty_rows(dataset)}")
    for name, dataset in RUNS.items():
        connection.execute(f"CREATE TABLE {name} AS {each_its_own_run(dataset, empty_rows(dataset))}")
    connection.register("no_bounds", BOUNDS_SCHEMA.empty_table())
    connection.execute("CREATE TABLE bounds AS FROM no_bounds")
    for sql in derived():
        connection.execute(sql)
    for name, each in UNIONS.items():
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS {each.over(HELD)}")
    connection.execute(f"INSERT INTO {SYMBOLS.table} BY NAME {_SYMBOLS}")
    connection.execute(f"INSERT INTO {FILLS.table} BY NAME {_FILLS}", {"fills": fills})
    connection.execute(f"INSERT INTO {BALANCES.table} BY NAME {_BALANCES}")
    return connection


def store(lake: Lake, native: DuckDBPyConnection, *more: tuple[Dataset, str]) -> None:
    """The same in a lake, and what stands in more tables, each with the column that its rows are sorted by."""
    for dataset, order in ((SYMBOLS, "symbol"), (FILLS, "time"), (BALANCES, "observed_at"), *more):
        names = ", ".join(f'"{name}"' for name in dataset.schema.names)
        rows = native.sql(f"SELECT {names} FROM {dataset.table} ORDER BY {order}").to_arrow_table()
        for start in range(0, rows.num_rows, BATCH):
            _commit(lake, dataset, rows.slice(start, BATCH).cast(dataset.schema))
        lake.table(dataset).maintain()


def _commit(lake: Lake, dataset: Dataset, rows: pa.Table) -> None:
    table = lake.table(dataset)
    series = {
        Series.of_row(dataset, row)
        for row in rows.select(list(dataset.series)).group_by(list(dataset.series)).aggregate([]).to_pylist()
    }
    table.commit(rows, [Move.of(one, {}, table.bounds()) for one in sorted(series)])


def took(name: str, ask: Callable[[], Any]) -> dict[str, float]:
    """The shortest of a few times, and the least CPU, which other work on the machine changes less."""
    times, cpu_times = [], []
    for _ in range(TIMES):
        began, cpu_began = time.perf_counter(), time.process_time()
        ask()
        times.append(time.perf_counter() - began)
        cpu_times.append(time.process_time() - cpu_began)
    return {f"{name}_s": min(times), f"{name}_cpu_s": min(cpu_times)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("movements", type=int)
    options = parser.parse_args()
    native = natively(options.movements // 3)
    lake = Lake.open(options.folder / "lake", "simulator")
    store(lake, native)
    told = run(connect(lake), ALL).to_pylist()
    with connect(lake) as session:
        done: dict[str, Any] = {
            "left_over": sum(abs(row["residual"]) for row in told).__float__(),
            "intervals": sum(row["intervals"] for row in told),
        }
        done |= took("all", lambda: run(session, ALL)) | took("month", lambda: run(session, MONTH))
    done |= took("native_all", lambda: native.sql(ALL).fetchall())
    done |= took("native_month", lambda: native.sql(MONTH).fetchall())
    print(json.dumps(done))


if __name__ == "__main__":
    main()
