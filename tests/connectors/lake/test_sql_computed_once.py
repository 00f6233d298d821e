"""A view that a question reads more than once is computed once, which nobody can tell by the answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection
from support.lakes import filled, put, rows_of, small_lake

from connectors.lake import Lake
from connectors.lake.sql.session import connect, hand_out, run
from schemas.datasets.ledgers import DEPOSITS, DIVIDENDS
from schemas.datasets.market import SYMBOLS
from schemas.model.errors import CorruptData

DEPOSIT = filled(DEPOSITS, "2026-02-01") | {"status": 1, "gone_since": None, "asset": "A"}
DIVIDEND = filled(DIVIDENDS, "2026-02-02") | {"gone_since": None, "asset": "B"}
BOTH = "SELECT asset FROM ledger WHERE {0} UNION ALL SELECT asset FROM ledger WHERE {0}"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = small_lake(tmp_path)
    put(lake, DEPOSITS, DEPOSIT)
    put(lake, DIVIDENDS, DIVIDEND)
    return lake


def stored(session: DuckDBPyConnection) -> set[str]:
    """The views whose rows a session has stored."""
    return {name for (name,) in session.sql("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()}


@pytest.mark.parametrize(
    "sql",
    [
        "FROM tax_events('USDT')",
        "SELECT count(*) FROM LEDGER AS a JOIN ledger AS b USING (key)",
        "FROM opening_balances",
        "SELECT (SELECT count(*) FROM account_events) + (SELECT count(*) FROM account_events)",
    ],
)
def test_what_is_read_more_than_once_is_computed_once(lake: Lake, sql: str) -> None:
    """A question that reads the ledger more than once, itself or by the views it names, has its rows stored first."""
    with connect(lake) as session:
        run(session, sql)
        assert stored(session) == {"ledger"}


@pytest.mark.parametrize("sql", ["FROM ledger", "FROM account_events", "FROM balance_changes", "FROM reconciliation"])
def test_what_is_read_once_is_not_stored(lake: Lake, sql: str) -> None:
    """A question that reads the ledger once reads only what it needs of the files."""
    with connect(lake) as session:
        run(session, sql)
        assert "ledger" not in stored(session)


@pytest.mark.parametrize("view", ["tax_events('USDT')", "ledger_months", "opening_balances", "reconciliation"])
def test_answers_are_those_of_views(lake: Lake, view: str) -> None:
    """A question is answered as it is where every view is read anew each time it is named."""
    sql = f"FROM {view} ORDER BY ALL"
    with connect(lake) as session, hand_out(lake) as plain:
        once, again = run(session, sql), run(session, sql)
        assert once.to_pylist() == again.to_pylist() == plain.sql(sql).to_arrow_table().to_pylist()
        assert not stored(plain)


def test_a_session_that_renews_itself_computes_anew(lake: Lake) -> None:
    """A session that has to look at the lake again stores what it shows then."""
    symbol = filled(SYMBOLS, "2026-01-01")
    put(lake, SYMBOLS, symbol)
    both = "SELECT (SELECT count(*) FROM ledger) + (SELECT count(*) FROM ledger) + (SELECT count(*) FROM symbols) AS n"
    with connect(lake) as session:
        assert run(session, both)["n"].to_pylist() == [5]
        (path,) = lake.table(SYMBOLS).files()
        lake.table(SYMBOLS).replace(rows_of(SYMBOLS, symbol), rows_of(SYMBOLS, symbol), [])
        put(lake, DEPOSITS, DEPOSIT | {"deposit_id": "2"})
        Path(path).unlink()
        assert run(session, both)["n"].to_pylist() == [7]
        assert session.sql("SELECT count(*) FROM stored.ledger").fetchall() == [(3,)]


def test_damage_costs_no_question_that_leaves_it_out(lake: Lake) -> None:
    """Where a table cannot be read, a question that names the ledger twice and needs nothing of it is answered."""
    Path(lake.table(DEPOSITS).files()[0]).write_bytes(b"not Parquet at all")
    with connect(lake) as session:
        assert run(session, BOTH.format("dataset = 'dividends'"))["asset"].to_pylist() == ["B", "B"]
        assert not stored(session)
        with pytest.raises(CorruptData, match="deposit"):
            run(session, BOTH.format("true"))
