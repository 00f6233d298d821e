"""How a session stands to the files under it: damage is named, and what maintenance replaces is read anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.lakes import at, put, rows_of, small_lake

from connectors.lake import Lake
from connectors.lake.sql.session import connect, hand_out, run, stream
from schemas.datasets.market import KLINES, PRICES
from schemas.model.errors import CorruptData, TryLater

# More rows than a stream reads ahead stand before those of the lake.
LATE_FILES = "(SELECT range::DECIMAL(38, 8) FROM range(3_000_000)) UNION ALL (SELECT price FROM prices)"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = small_lake(tmp_path)
    start = at("2026-01-01")
    for day in range(2):
        rows = [
            {"market": "spot", "symbol": f"S{n}", "price": Decimal(n) / 7 * 10**n // 1, "observed_at": start}
            for n in range(12)
        ]
        put(lake, PRICES, *rows, observed_at={"spot": str((start + timedelta(days=day)).date())})
    return lake


def test_a_query_leaves_no_file_open(lake: Lake) -> None:
    """A session that is handed out and answers many questions holds no more files open than after the first one."""
    with hand_out(lake) as connection:
        held = list[int]()
        for _ in range(20):
            connection.execute("SELECT sum(price) FROM prices").fetchall()
            held.append(len([*Path("/proc/self/fd").iterdir()]))
    assert max(held) < held[0] + 20  # each query reads two files


def cut(content: bytes) -> bytes:
    return content[:-100]


def emptied(_: bytes) -> bytes:
    return b""


def other(content: bytes) -> bytes:
    return b"\0" * len(content)


def scrambled(content: bytes) -> bytes:
    """The same length and footer, other values."""
    return content[:4] + b"\xff" * 60 + content[64:]


@pytest.mark.parametrize("damage", [cut, emptied, other, scrambled])
def test_a_damaged_file_is_named(damage: Callable[[bytes], bytes], lake: Lake) -> None:
    """A file that is not what was written ends the query with its name, whatever DuckDB makes of it."""
    connection = connect(lake)
    damaged = Path(lake.table(PRICES).files()[1])
    damaged.chmod(0o600)
    damaged.write_bytes(damage(damaged.read_bytes()))
    with pytest.raises(CorruptData) as refusal:
        run(connection, "FROM prices ORDER BY price")
    assert str(damaged) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def without_a_file(lake: Lake) -> str:
    damaged = Path(lake.table(PRICES).files()[0])
    damaged.unlink()
    return damaged.name


def without_a_footer(lake: Lake) -> str:
    damaged = Path(lake.table(PRICES).files()[0])
    damaged.write_bytes(b"not Parquet at all")
    return damaged.name


def without_a_log(lake: Lake) -> str:
    (lake.path / PRICES.table / "_delta_log" / f"{0:020}.json").write_bytes(b"{")
    return "_delta_log"


DAMAGES = [without_a_file, without_a_footer, without_a_log]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_table_costs_no_other(damage: Callable[[Lake], str], lake: Lake) -> None:
    """What does not ask a damaged table is answered, also by views that could have read it too."""
    put(
        lake,
        KLINES,
        {"market": "spot", "symbol": "A", "interval": "1m", "open_time": "2026-01-01", "close_time": "2026-01-01"},
    )
    damage(lake)
    with connect(Lake.at(lake.path)) as session:
        assert run(session, "SELECT 1 AS one").to_pylist() == [{"one": 1}]
        assert run(session, "FROM klines").num_rows == 1
        assert run(session, "FROM series_rows WHERE dataset = 'klines'").num_rows == 1
        assert run(session, "FROM coverage WHERE dataset = 'klines'").num_rows == 0


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    "sql",
    [
        "FROM prices",
        "SELECT count(*) FROM prices",
        "FROM prices WHERE market = 'spot'",
        "SELECT symbol FROM prices WHERE price > 0 AND observed_at < now()",
        "SELECT count(*) FROM symbol_names JOIN prices USING (symbol)",
        "SELECT count(*) FROM symbol_names LEFT JOIN prices USING (symbol)",
        "FROM symbol_names WHERE symbol NOT IN (SELECT symbol FROM prices)",
        "FROM latest_prices",
        "FROM series_rows",
    ],
)
def test_who_asks_a_damaged_table_is_told(damage: Callable[[Lake], str], sql: str, lake: Lake) -> None:
    """A question that needs the table is refused with the name of what is damaged, never answered without it."""
    name = damage(lake)
    with connect(Lake.at(lake.path)) as session, pytest.raises(CorruptData) as refusal:
        run(session, f"WITH symbol_names AS (SELECT 'BTCUSDT' AS symbol) {sql}")
    assert name in str(refusal.value)
    assert "restore" in str(refusal.value).lower()


@pytest.mark.parametrize("where", ["true", "market = 'spot'", "since > '2020-01-01'"])
def test_bounds_that_nobody_can_read_are_not_left_out(lake: Lake, where: str) -> None:
    """The view `bounds` speaks of series whose log can be read, and is refused for all of them when one cannot."""
    name = without_a_log(lake)
    with connect(Lake.at(lake.path)) as session, pytest.raises(CorruptData, match=name):
        run(session, f"SELECT count(*) FROM bounds WHERE {where}")


def test_a_missing_file_is_named(lake: Lake) -> None:
    """A file that the newest log names and the disk does not hold is damage, after a second look."""
    connection = connect(lake)
    missing = Path(lake.table(PRICES).files()[0])
    missing.unlink()
    with pytest.raises(CorruptData, match=missing.name):
        run(connection, "SELECT max(price) FROM prices")


def replaced(lake: Lake) -> set[str]:
    """The files that the corrected price of S0 has replaced; they are removed."""
    table = lake.table(PRICES)
    before = set(table.files())
    row = {"market": "spot", "symbol": "S0", "price": "42", "observed_at": "2026-01-01"}
    keys = rows_of(PRICES, row).select(list(PRICES.key))
    table.replace(keys, rows_of(PRICES, row), [])
    removed = before - set(table.files())
    for path in removed:
        Path(path).unlink()
    return removed


def test_a_replaced_file_is_read_anew(lake: Lake) -> None:
    """A query whose files were replaced and removed since the session began is answered from the new ones."""
    connection = connect(lake)
    replaced(lake)
    answer = run(connection, "SELECT DISTINCT price FROM prices WHERE symbol = 'S0'")
    assert answer.to_pylist() == [{"price": Decimal(42)}]


def test_a_file_replaced_between_two_rows_is_told(lake: Lake) -> None:
    """What was handed out of a stream cannot be taken back: the query is not begun anew, and one may ask again."""
    schema, batches = stream(connect(lake), LATE_FILES)
    assert next(batches).schema == schema
    removed = replaced(lake)
    with pytest.raises(TryLater, match="Ask again"):
        list(batches)
    assert removed


def test_a_file_missing_between_two_rows_is_named(lake: Lake) -> None:
    """A file that the newest log names and that is gone when a stream comes to it is damage, not maintenance."""
    _, batches = stream(connect(lake), LATE_FILES)
    next(batches)
    for path in lake.table(PRICES).files():
        Path(path).unlink()
    with pytest.raises(CorruptData, match="missing"):
        list(batches)


def test_a_column_younger_than_a_file_is_null_in_it(lake: Lake) -> None:
    """A file written before the dataset got a column answers NULL there."""
    old = Path(lake.table(PRICES).files()[0])
    old.chmod(0o600)
    pq.write_table(pq.read_table(old, partitioning=None).drop_columns(["price"]), old)
    answer = run(connect(lake), "SELECT count(*) AS rows, count(price) AS prices, typeof(any_value(price)) FROM prices")
    assert [tuple(row.values()) for row in answer.to_pylist()] == [(24, 12, "DECIMAL(38,8)")]


def test_rows_committed_later_are_not_seen(lake: Lake) -> None:
    """A session is one snapshot: what is committed after it began does not change its answers."""
    connection = connect(lake)
    put(
        lake,
        PRICES,
        {"market": "spot", "symbol": "NEW", "observed_at": "2026-02-01"},
        observed_at={"spot": "2026-02-01"},
    )
    assert run(connection, "SELECT count(*) AS n FROM prices")["n"].to_pylist() == [24]
    assert run(connect(lake), "SELECT count(*) AS n FROM prices") == pa.table({"n": pa.array([25], pa.int64())})
