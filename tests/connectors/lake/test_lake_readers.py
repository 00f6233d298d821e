"""Other engines read the lake without binlake, and read the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import deltalake
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from support.lakes import put, rows_of, small_lake

from connectors.lake import Lake
from schemas.datasets.account import BALANCES

ACCOUNTS = ["main", "a/b c=%", "永 50%2F"]
HUGE = Decimal("12345678901234567890123456.123456789012")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Balances of oddly named accounts after commits, a replacement, a merge and a checkpoint."""
    lake = small_lake(tmp_path_factory.mktemp("lake"))
    table = lake.table(BALANCES)
    for number in range(10):
        put(lake, BALANCES, *(_balance(account, number) for account in ACCOUNTS))
    wrong = rows_of(BALANCES, _balance("main", 3))
    right = rows_of(BALANCES, _balance("main", 3) | {"locked": "7"})
    table.replace(wrong.select(BALANCES.key), right, [])
    assert table.maintain(datetime.now(UTC) + timedelta(hours=2)).merged
    put(lake, BALANCES, _balance("main", 10))
    return lake


def _balance(account: str, number: int) -> dict[str, Any]:
    return {
        "account": account,
        "wallet": "spot",
        "asset": "永\"'\\BTC" if number % 2 else "BTC",
        "free": HUGE - number,
        "locked": Decimal(number).scaleb(-12),
        "observed_at": f"2026-0{1 + number % 3}-01 00:00:00.00000{number % 10}",
        "extra": None if number % 3 else '{"né": "\\u0000"}',
    }


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = BALANCES.schema.names
    return sorted(({name: row[name] for name in names} for row in rows), key=lambda row: (row["account"], row["free"]))


def _root(lake: Lake) -> str:
    return str(lake.path / "balances")


def _delta(lake: Lake, asset: str | None) -> list[dict[str, Any]]:
    stored = deltalake.DeltaTable(_root(lake)).to_pyarrow_dataset()
    return stored.to_table(filter=None if asset is None else ds.field("asset") == asset).to_pylist()


def _polars(lake: Lake, asset: str | None) -> list[dict[str, Any]]:
    frame = pl.scan_delta(_root(lake))
    return (frame if asset is None else frame.filter(pl.col("asset") == asset)).collect().to_arrow().to_pylist()


def _pandas(lake: Lake, asset: str | None) -> list[dict[str, Any]]:
    frame = pl.read_delta(_root(lake)).to_pandas(use_pyarrow_extension_array=True)
    chosen = frame if asset is None else frame[frame["asset"] == asset]
    return pa.Table.from_pandas(chosen, preserve_index=False).to_pylist()


def _duckdb(lake: Lake, asset: str | None) -> list[dict[str, Any]]:
    files = deltalake.DeltaTable(_root(lake)).file_uris()
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        sql = "FROM read_parquet($files, hive_partitioning=true, hive_types={'account': VARCHAR, 'month': VARCHAR})"
        condition = "" if asset is None else " WHERE asset = $asset"
        parameters = {"files": files} | ({} if asset is None else {"asset": asset})
        return session.sql(sql + condition, params=parameters).to_arrow_table().to_pylist()


@pytest.mark.parametrize("asset", [None, "BTC", "永\"'\\BTC", "none such"])
@pytest.mark.parametrize("reader", [_delta, _polars, _pandas, _duckdb])
def test_readers_agree(reader: Any, asset: str | None, lake: Lake) -> None:
    """Rows are equal to the last digit, microsecond and quote, whatever the engine and the names of the folders."""
    expected = [_balance(account, number) for account in ACCOUNTS for number in range(10)] + [_balance("main", 10)]
    expected = [row for row in expected if asset in {None, row["asset"]}]
    expected = [row | {"locked": Decimal(7)} if row == _balance("main", 3) else row for row in expected]
    assert _sorted(reader(lake, asset)) == _sorted(rows_of(BALANCES, *expected).to_pylist())


def test_partition_columns_are_read_back(lake: Lake) -> None:
    """The month and the account come back as they were, though folder names are percent-encoded."""
    frame = pl.scan_delta(_root(lake)).select("account", "month").unique().collect()
    assert set(frame["account"]) == set(ACCOUNTS)
    assert set(frame["month"]) == {"2026-01", "2026-02", "2026-03"}


def test_scan_prunes_and_equals(lake: Lake) -> None:
    """Our own scan gives the declared schema, filtered also by columns it does not return."""
    month = lake.table(BALANCES).scan(["free", "account"], ds.field("month") == "2026-02")
    assert month.schema.names == ["free", "account"]
    assert month.num_rows == 3 * len(ACCOUNTS) + 1
    assert lake.table(BALANCES).scan().schema.equals(BALANCES.schema)
