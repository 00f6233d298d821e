"""Views are made as questions need them, which nobody can tell by the answers."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from duckdb import DuckDBPyConnection
from support.lakes import filled, put, rows_of, small_lake

from connectors.lake import Lake
from connectors.lake.log.snapshot import CHECKPOINT_EVERY
from connectors.lake.sql.session import connect, hand_out, run
from schemas.datasets import DATASETS
from schemas.datasets.ledgers import DEPOSITS
from schemas.datasets.market import KLINES, PRICES, SYMBOLS, TICKERS
from schemas.derived.queries import views

MINUTE = {
    "market": "spot",
    "symbol": "A",
    "interval": "1m",
    "open_time": "2026-01-01 00:00",
    "close_time": "2026-01-01 00:00:59.999",
}
SEEN = {"market": "spot", "symbol": "A", "price": 1, "observed_at": "2026-01-01"}

DEPOSIT = filled(DEPOSITS, "2026-02-01") | {"status": 1, "gone_since": None}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = small_lake(tmp_path)
    put(lake, KLINES, MINUTE, since={"spot/A/1m": "2026-01-01"}, until={"spot/A/1m": "2026-01-01T00:01"})
    put(lake, PRICES, SEEN, observed_at={"spot": "2026-01-01"})
    return lake


def made(session: DuckDBPyConnection) -> set[str]:
    """The views that are there, looked up without asking the session's guard."""
    return {name for (name,) in session.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()}


def test_a_question_makes_only_the_views_that_it_needs(lake: Lake) -> None:
    """What a question does not read is neither made nor opened for it; what it reads, with all below it, is there."""
    with connect(lake) as session:
        run(session, "SELECT 1")
        assert not made(session)
        run(session, "SELECT count(*) FROM candles")
        assert made(session) == {"candles", "klines"}
        run(session, "SELECT count(*) FROM portfolio_total('BTC')")
        assert made(session) >= {"latest_balances", "latest_prices", "symbols"}
        assert "orders" not in made(session)


def test_a_union_is_made_of_the_datasets_that_hold_rows(lake: Lake) -> None:
    """A question about the ledger makes no view of a dataset without rows, and one about all series neither."""
    put(lake, DEPOSITS, DEPOSIT)
    with connect(lake) as session:
        assert run(session, "FROM ledger")["dataset"].to_pylist() == ["deposits"]
        assert made(session) == {"ledger", "deposits", DEPOSITS.table}
        assert set(run(session, "FROM series_rows")["dataset"].to_pylist()) == {"deposits", "klines", "prices"}
        assert "tickers" not in made(session)


def test_a_union_takes_in_what_first_holds_rows_when_a_session_renews_itself(lake: Lake) -> None:
    """A session that has to look at the lake again sees the movements of a dataset that had none before."""
    put(lake, SYMBOLS, filled(SYMBOLS, "2026-01-01"))
    with connect(lake) as session:
        both = "SELECT (SELECT count(*) FROM ledger) + (SELECT count(*) FROM symbols) AS n"
        assert run(session, both)["n"].to_pylist() == [1]
        (stored,) = lake.table(SYMBOLS).files()
        symbol = filled(SYMBOLS, "2026-01-01")
        lake.table(SYMBOLS).replace(rows_of(SYMBOLS, symbol), rows_of(SYMBOLS, symbol), [])
        put(lake, DEPOSITS, DEPOSIT)
        Path(stored).unlink()
        assert run(session, both)["n"].to_pylist() == [2]


def test_what_is_registered_is_no_reason_to_make_more(lake: Lake) -> None:
    """A question that joins what was registered with the connection makes only the views that it needs."""
    with connect(lake) as session:
        session.register("Mine", pa.table({"symbol": ["A"]}))
        assert run(session, "SELECT price FROM mine JOIN prices USING (symbol)").num_rows == 1
        assert made(session) == {"Mine", "prices"}


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW TABLES",
        "SELECT table_name AS name FROM information_schema.tables",
        "SELECT view_name AS name FROM duckdb_views() WHERE NOT internal",
    ],
)
def test_a_question_about_the_views_sees_them_all(lake: Lake, sql: str) -> None:
    """A list of the views holds every dataset and every view, whatever was asked before."""
    with connect(lake) as session:
        listed = set(run(session, sql)["name"].to_pylist())
    written = {view.name for view in views() if view.sql.startswith("CREATE OR REPLACE VIEW")}
    assert listed >= DATASETS.keys() | {"bounds", "intervals"} | (written - {"portfolio_usdt", "portfolio_total_usdt"})


@pytest.mark.parametrize(
    "sql",
    [
        "WITH klines AS (FROM klines) SELECT count(*) AS n FROM klines",
        "SELECT count(*) AS n FROM KLINES",
        'SELECT count(*) AS n FROM memory.main."klines"',
        "SELECT count(*) AS n FROM query_table('kl' || 'ines')",
        "SELECT (SELECT count(*) FROM klines) AS n",
        "SELECT count(*) AS n FROM resample('spot', 'A', '1m', '5m')",
        "SELECT slot(TIMESTAMPTZ '1970-01-01 00:00:01+00', '1m', 1000000, 0) AS n",
        "SELECT count(*) AS n FROM (DESCRIBE klines) WHERE column_name = 'open_time'",
    ],
)
def test_a_view_is_found_however_it_is_named(lake: Lake, sql: str) -> None:
    """The first question of a session finds what it names, in whatever spelling and wherever in the question."""
    with connect(lake) as session:
        assert run(session, sql)["n"].to_pylist() == [1]


def test_a_table_first_asked_later_is_as_the_session_began(lake: Lake) -> None:
    """Rows, bounds and tables that come after a session began are in none of its answers, even after upkeep."""
    with connect(lake) as session:
        assert run(session, "FROM klines").num_rows == 1
        for day in range(1, CHECKPOINT_EVERY + 2):
            put(lake, PRICES, SEEN | {"observed_at": f"2026-02-{day:02}"}, observed_at={"spot": f"2026-02-{day:02}"})
        assert lake.table(PRICES).maintain().merged
        put(lake, TICKERS, filled(TICKERS, "2026-02-01"))
        assert run(session, "FROM prices").num_rows == 1
        assert run(session, "FROM tickers").num_rows == 0
        assert run(session, "SELECT month(observed_at) AS month FROM bounds WHERE symbol IS NULL")[
            "month"
        ].to_pylist() == [1]


def test_whoever_asks_the_connection_finds_every_view(lake: Lake) -> None:
    """A connection that is handed out has all views, and one over a damaged table costs no other."""
    Path(lake.table(PRICES).files()[0]).write_bytes(b"not Parquet at all")
    with hand_out(lake) as session:
        assert made(session) >= DATASETS.keys()
        assert session.sql("FROM series_rows WHERE dataset = 'klines'").fetchall()


@pytest.mark.soak
def test_views_are_the_same_however_often_a_process_has_created_them(lake: Lake) -> None:
    """Created in full, or each over stand-ins of those below it: every view has its text and its columns, and answers."""
    sessions = [hand_out(lake) for _ in range(3)]
    texts = "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal AND view_name <> 'known_bounds' ORDER BY ALL"
    columns = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    first, *_, last = ([session.sql(question).fetchall() for question in (texts, columns)] for session in sessions)
    assert first == last
    for name, _ in last[0]:
        sessions[-1].sql(f"FROM {name}").fetchall()
    assert sessions[-1].sql("SELECT symbol FROM latest_prices").fetchall() == [("A",)]
    for session in sessions:
        session.close()
