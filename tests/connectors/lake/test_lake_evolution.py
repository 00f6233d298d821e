"""A column that is declared later reaches tables that were written before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable
from support.lakes import rows_of, small_lake

from connectors.lake import Lake, Table
from connectors.lake.log import evolution
from schemas.datasets.market import PRICES
from schemas.model.dataset import Dataset
from schemas.model.errors import UsageProblem
from schemas.model.fields import MONEY, TEXT, Column

NOTE = Column("note", TEXT, "said later", null="in old rows")
LATER = replace(PRICES, columns=(*PRICES.columns, NOTE))


@pytest.fixture
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = small_lake(tmp_path_factory.mktemp("plain"))  # Polars reads partitions out of the folders above a table
    put(lake.table(PRICES), PRICES, "A")
    return lake


def put(table: Table, dataset: Dataset, symbol: str, **more: str) -> None:
    row = {"market": "spot", "symbol": symbol, "observed_at": "2026-01-01"} | more
    table.commit(rows_of(dataset, row), [])


def later(lake: Lake, dataset: Dataset = LATER) -> Table:
    """The table as a newer binlake opens it."""
    return Lake.at(lake.path).table(dataset)


def notes(table: Table, where: pc.Expression | None = None) -> list[tuple[str, str | None]]:
    return sorted((row["symbol"], row["note"]) for row in table.scan(["symbol", "note"], where).to_pylist())


def test_old_rows_have_null_and_are_found_by_it(lake: Lake) -> None:
    """The column reads as NULL in old files, also through readers that skip files by statistics."""
    table = later(lake)
    assert notes(table) == [("A", None)]
    put(table, LATER, "B", note="x")
    assert notes(table) == [("A", None), ("B", "x")]
    assert notes(table, pc.is_null(pc.field("note"))) == [("A", None)]
    assert notes(table, pc.field("note") == "x") == [("B", "x")]
    frame = pl.scan_delta(str(lake.path / "prices")).filter(pl.col("note").is_null()).collect()
    assert frame["symbol"].to_list() == ["A"]


def test_the_column_is_added_once(lake: Lake) -> None:
    """The next commit adds the column and no later one does, also when the first one died half way."""
    stored = DeltaTable(str(lake.path / "prices"))
    evolution.say_where_null(stored, LATER)
    assert notes(later(lake), pc.is_null(pc.field("note"))) == [("A", None)]
    later(lake).commit(None, [])
    version = later(lake).version()
    later(lake).commit(None, [])
    assert later(lake).version() == version + 1
    assert notes(later(lake), pc.is_null(pc.field("note"))) == [("A", None)]


def test_a_table_of_many_columns_is_written_to_once_a_commit(lake: Lake) -> None:
    """Statistics are kept of every column, so that no column of a wide table looks as if it had come later."""
    wide = replace(PRICES, columns=(*PRICES.columns, *(replace(NOTE, name=f"note_{n}") for n in range(40))))
    table = later(lake, wide)
    put(table, wide, "B", note_39="x")
    version = table.version()
    put(later(lake, wide), wide, "C")
    assert later(lake, wide).version() == version + 1
    assert later(lake, wide).scan(["symbol"], pc.field("note_39") == "x").num_rows == 1


def test_a_column_may_become_nullable(lake: Lake) -> None:
    """Rows that lack a value are taken from then on, beside files in which the column had to have one, also merged."""
    columns = [replace(column, null="now") if column.name == "price" else column for column in PRICES.columns]
    relaxed = replace(PRICES, columns=tuple(columns))
    table = later(lake, relaxed)
    assert table.scan(["symbol"], pc.is_null(pc.field("price"))).num_rows == 0
    put(table, relaxed, "B")
    assert [(row["symbol"], row["price"] is None) for row in table.scan().sort_by("symbol").to_pylist()] == [
        ("A", False),
        ("B", True),
    ]
    assert table.scan(["symbol"], pc.is_null(pc.field("price"))).to_pylist() == [{"symbol": "B"}]
    put(table, relaxed, "C")
    assert table.maintain(datetime.now(UTC) + timedelta(hours=2)).merged == 3
    assert [row["price"] is None for row in table.scan().sort_by("symbol").to_pylist()] == [False, True, True]
    put(later(lake, relaxed), relaxed, "D")
    version = table.version()
    put(later(lake, relaxed), relaxed, "E")
    assert later(lake, relaxed).version() == version + 1, "once is enough"


def test_old_files_are_merged_and_replaced_with_the_new_column(lake: Lake) -> None:
    """Rewriting a file from before the column gives one that has it."""
    table = later(lake)
    put(table, LATER, "B", note="x")
    keys = rows_of(LATER, {"market": "spot", "symbol": "A", "observed_at": "2026-01-01"})
    put(table, LATER, "C")
    table.replace(keys.select(LATER.key), keys, [])
    assert table.maintain(datetime.now(UTC) + timedelta(hours=2)).merged == 3
    assert notes(table) == [("A", None), ("B", "x"), ("C", None)]


@pytest.fixture(params=["newer", "retyped", "required"])
def strange(request: pytest.FixtureRequest, lake: Lake) -> Iterator[Dataset]:
    """Declarations that cannot read the stored table."""
    if request.param == "newer":
        later(lake).commit(None, [])
        yield PRICES
    elif request.param == "retyped":
        yield replace(PRICES, columns=(*PRICES.columns[:1], Column("symbol", MONEY, ""), *PRICES.columns[2:]))
    else:
        yield replace(PRICES, columns=(*PRICES.columns, replace(NOTE, null=None)))


def test_a_table_of_another_binlake_is_refused(strange: Dataset, lake: Lake) -> None:
    """Unknown, retyped and newly required columns are said, and nothing is changed."""
    with pytest.raises(UsageProblem, match="written with other columns"):
        Lake.at(lake.path).table(strange).scan()
    assert lake.table(PRICES).scan(["symbol"]).num_rows == 1
