"""The views that say what movements mean, over a ledger, candles and balances that a test writes row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from schemas.derived.queries import views

_TABLES = {
    "ledger": "account VARCHAR, wallet VARCHAR, asset VARCHAR, time TIMESTAMPTZ, amount DECIMAL(38, 12), "
    "kind VARCHAR, dataset VARCHAR, key VARCHAR, note VARCHAR",
    "symbols": "market VARCHAR, symbol VARCHAR, base_asset VARCHAR, quote_asset VARCHAR",
    "klines": 'market VARCHAR, symbol VARCHAR, "interval" VARCHAR, open_time TIMESTAMPTZ, close DECIMAL(38, 8)',
    "minute_closes": "market VARCHAR, symbol VARCHAR, open_time TIMESTAMPTZ, close DECIMAL(38, 8)",
    "rates": "base_asset VARCHAR, quote_asset VARCHAR, time TIMESTAMPTZ, rate DECIMAL(38, 16), file VARCHAR",
    "balances": "account VARCHAR, wallet VARCHAR, asset VARCHAR, free DECIMAL(38, 12), locked DECIMAL(38, 12), "
    "observed_at TIMESTAMPTZ",
    "bounds": "dataset VARCHAR, account VARCHAR, wallet VARCHAR, first_observed_at TIMESTAMPTZ, observed_at TIMESTAMPTZ",
}
_OVER_THEM = (
    "is_receipt",
    "latest_balances",
    "part_of",
    "account_events",
    "valuation_points",
    "priced_pairs",
    "routes_to",
    "valuation_prices",
    "valued_events",
    "tax_events",
    "lots",
    "average_costs",
    "refused_costing",
    "realized_gains",
    "positions_cost",
    "balance_snapshots",
    "daily_holdings",
    "equity_daily",
    "equity",
    "income_by_month",
    "fees_by_month",
    "account_transactions",
    "opening_balances",
)


class Meaning:
    """A session whose tables are small enough to read at a glance."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self.connection = connection

    def put(self, table: str, *rows: Mapping[str, Any]) -> None:
        """Add rows, of which only what matters is given."""
        if rows:
            self.connection.register("new_rows", pa.Table.from_pylist([dict(row) for row in rows]))
            self.connection.execute(f"INSERT INTO {table} BY NAME FROM new_rows")
            self.connection.unregister("new_rows")

    def moved(self, time: datetime, kind: str, key: str, *legs: tuple[str, str], wallet: str = "spot") -> None:
        """Write one event into the ledger: legs of an asset and what it changed by."""
        self.put(
            "ledger",
            *(
                {"account": "main", "wallet": wallet, "asset": asset, "time": time, "amount": Decimal(amount),
                 "kind": kind, "dataset": "fills", "key": key}
                for asset, amount in legs
            ),
        )  # fmt: skip

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows that answer a question."""
        found: list[dict[str, Any]] = self.connection.sql(sql).to_arrow_table().to_pylist()
        return found

    def clear(self, table: str) -> None:
        """Empty a table."""
        self.connection.execute(f"DELETE FROM {table}")


@contextmanager
def meaning_session() -> Iterator[Meaning]:
    """A session with the views and empty tables."""
    made = {view.name: view.sql for view in views() if view.name in _OVER_THEM}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET asof_loop_join_threshold = 0")
        for name, columns in _TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
        for sql in made.values():
            connection.execute(sql)
        yield Meaning(connection)
