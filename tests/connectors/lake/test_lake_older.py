"""A lake that was written before some columns could be NULL: it opens, goes on, and reads alike everywhere."""

from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from support.lakes import at, filled, rows_of
from support.old_lake import TABLES, write_old_lake

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from schemas.datasets import DATASETS

WAS_REQUIRED = {"fills": "quote_qty", "tickers": "quote_volume", "balances": "locked"}
LATER = at("2026-11-03")
NEW = {
    "fills": {"account": "main", "market": "coinm", "symbol": "BTCUSD_PERP", "trade_id": 9, "time": LATER},
    "tickers": {
        "market": "coinm",
        "symbol": "BTCUSD_PERP",
        **dict.fromkeys(("observed_at", "open_time", "close_time"), LATER),
    },
    "balances": {"account": "main", "wallet": "usdm", "asset": "USDT", "observed_at": LATER},
}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    write_old_lake(tmp_path / "lake")
    return Lake.open(tmp_path / "lake", "simulator")


def by_delta(lake: Lake, name: str) -> pa.Table:
    return DeltaTable(str(lake.path / name)).to_pyarrow_table()


def by_duckdb(lake: Lake, name: str) -> pa.Table:
    """Any DuckDB, over the files that the log names, of which older ones lack newer columns."""
    files = [unquote(uri) for uri in DeltaTable(str(lake.path / name)).file_uris()]
    return duckdb.read_parquet(files, hive_partitioning=True, union_by_name=True).to_arrow_table()


def by_view(lake: Lake, name: str) -> pa.Table:
    return run(connect(lake), f"SELECT * FROM {name}")


def values(rows: pa.Table, name: str) -> list[Decimal | None]:
    return sorted(rows[WAS_REQUIRED[name]].to_pylist(), key=str)


@pytest.mark.parametrize("name", TABLES)
def test_an_older_lake_reads_and_goes_on(name: str, lake: Lake) -> None:
    """Old rows keep their values, a row without the value is taken, and every reader shows both alike."""
    table = lake.table(DATASETS[name])
    before = values(table.scan(), name)
    assert None not in before
    assert len(before) == 2
    table.commit(rows_of(DATASETS[name], NEW[name]), [])
    expected = sorted([*before, None], key=str)
    for read in (by_delta, by_duckdb, by_view):
        assert values(read(lake, name), name) == expected, read.__name__


@pytest.mark.parametrize("name", TABLES)
def test_its_bounds_go_on(name: str, lake: Lake) -> None:
    """What was covered stays covered, and the schema says from then on that the value may be absent."""
    table, column = lake.table(DATASETS[name]), WAS_REQUIRED[name]
    before = table.bounds()
    assert len(before) == 2
    stored = DeltaTable(str(lake.path / name)).schema().fields
    assert not next(field for field in stored if field.name == column).nullable
    table.commit(rows_of(DATASETS[name], NEW[name]), [])
    assert table.bounds() == before
    stored = DeltaTable(str(lake.path / name)).schema().fields
    assert next(field for field in stored if field.name == column).nullable


def test_a_table_under_its_former_name_is_the_same_table(tmp_path: Path) -> None:
    """A lake whose table is named as an older binlake named it is read and written there, and nowhere else."""
    dataset = DATASETS["small_liabilities"]
    lake = Lake.open(tmp_path / "lake", "simulator")
    lake.table(dataset).commit(rows_of(dataset, filled(dataset) | {"account": "main", "asset": "OLD"}), [])
    (lake.path / dataset.table).rename(lake.path / "small_liabilitie_versions")
    again = Lake.open(tmp_path / "lake", "simulator")
    again.table(dataset).commit(rows_of(dataset, filled(dataset) | {"account": "main", "asset": "NEW"}), [])
    assert sorted(by_view(again, "small_liabilities")["asset"].to_pylist()) == ["NEW", "OLD"]
    assert not (lake.path / dataset.table).exists()
