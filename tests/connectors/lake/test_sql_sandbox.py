"""What SQL must not be able to do: write anything, or read anything but the lake."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duckdb import DuckDBPyConnection, Error
from support.lakes import put, small_lake

from connectors.lake.sql.session import connect, run
from schemas.datasets.market import PRICES
from schemas.model.errors import UsageProblem


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a row, and files outside it that nobody may read; no quote in its name ends a text of the attacks."""
    tmp_path = tmp_path_factory.mktemp("sandbox")
    lake = small_lake(tmp_path)
    put(lake, PRICES, {"market": "spot", "symbol": "BTCUSDT", "observed_at": "2026-01-01"})
    pq.write_table(pa.table({"secret": [1]}), tmp_path / "outside.parquet")
    (tmp_path / "outside.csv").write_text("secret\n1\n")
    (tmp_path / "lake" / "link.parquet").symlink_to(tmp_path / "outside.parquet")
    return tmp_path


@pytest.fixture(scope="module")
def connection(folder: Path) -> DuckDBPyConnection:
    return connect(small_lake(folder))


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def serialized_copy(lake: Path) -> str:
    """A COPY in the form that json_execute_serialized_sql() runs, for a literal of SQL."""
    sql = f"WITH x AS (COPY (SELECT 1) TO '{lake}/x.csv') FROM x"
    with duckdb.connect() as session:
        row = session.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    assert row is not None
    return str(row[0]).replace("'", "''")


WRITING = [
    "COPY prices TO '{lake}/x.csv'",
    "COPY (SELECT 1) TO '{outside}/x.parquet'",
    "WITH x AS (COPY (SELECT 1) TO '{lake}/x.csv') SELECT * FROM x",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/x.csv'",
    "EXPLAIN /* */ ANALYZE COPY (SELECT 1) TO '{lake}/x.csv'",
    "EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO '{lake}/x.csv') SELECT * FROM x",
    "FROM query('COPY (SELECT 1) TO ''{lake}/x.csv''')",
    "WITH x AS (INSERT INTO prices VALUES (1) RETURNING *) FROM x",
    "-- EXPLAIN\nCOPY (SELECT 1) TO '{lake}/x.csv'",
    "--explain\nCOPY (SELECT 1) TO '{lake}/x.csv'",
    "--explain\nCOPY (SELECT 1) TO '{lake}/lake.json' /*\nSELECT 1 --*/",
    "EXPLAIN--\nANALYZE COPY (SELECT 1) TO '{lake}/x.csv'",
    "/* SELECT 1 */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/lake.json'",
    "EXPLAIN ANALYZE SELECT 1; COPY (SELECT 1) TO '{lake}/x.csv'",
    "EXPLAIN COPY (SELECT 1) TO '{lake}/x.csv'",
    "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
    "EXPLAIN ANALYZE SET VARIABLE lake = '/'",
    "SELECT (WITH x AS (COPY (SELECT 1) TO '{lake}/x.csv') FROM x)",
    "FROM (WITH x AS (COPY (SELECT 1) TO '{lake}/x.csv') FROM x)",
    "SELECT 1 UNION ALL (WITH x AS (COPY (SELECT 1) TO '{lake}/x.csv') FROM x)",
    "WITH x AS (DELETE FROM prices RETURNING *) FROM x",
    "WITH x AS (UPDATE prices SET price = 1 RETURNING *) FROM x",
    "FROM query('WITH x AS (COPY (SELECT 1) TO ''{lake}/x.csv'') FROM x')",
    "FROM json_execute_serialized_sql('{serialized}')",
    "FROM system.main.\"JSON_Execute_Serialized_SQL\"('{serialized}')",
    "EXPLAIN FROM json_execute_serialized_sql('{serialized}')",
    "EXPLAIN ANALYZE SELECT 1 WHERE EXISTS (FROM json_execute_serialized_sql('{serialized}'))",
    "FROM query('FROM json_execute_serialized_sql(''x'')')",
    "PRAGMA json_execute_serialized_sql('{serialized}')",
    "FROM enable_profiling(save_location := '{lake}/x.json')",
    "FROM enable_logging(storage_path := '{lake}/x.log')",
    "FROM register_external_resource_type('x')",
    "FROM arrow_scan(1, 2, 3)",
    "FROM checkpoint()",
    "PIVOT prices ON symbol USING first(price)",  # makes an ENUM before it selects
    "MERGE INTO prices USING prices AS x ON true WHEN MATCHED THEN DELETE",
    "CREATE TABLE x AS SELECT 1",
    "CREATE OR REPLACE VIEW prices AS SELECT 1",
    "DROP VIEW prices",
    "INSERT INTO prices VALUES (1)",
    "UPDATE prices SET price = 1",
    "DELETE FROM prices",
    "ALTER VIEW prices RENAME TO x",
    "EXPORT DATABASE '{lake}/x'",
    "IMPORT DATABASE '{outside}'",
    "ATTACH '{lake}/x.db'",
    "ATTACH '{outside}/x.db'",
    "USE memory",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
    "PREPARE x AS SELECT 1",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '9GB'",
    "SET TimeZone = 'Asia/Tokyo'",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "SET VARIABLE lake = '/'",
    "RESET memory_limit",
    "PRAGMA memory_limit = '9GB'",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CALL enable_logging()",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{lake}/x.csv'",
    "",
    "-- nothing",
]

READING = [
    "FROM read_csv('{outside}/outside.csv')",
    "FROM read_text('{outside}/outside.csv')",
    "FROM read_blob('{outside}/outside.csv')",
    "FROM read_json('{outside}/outside.csv')",
    "FROM '{outside}/outside.parquet'",
    "FROM '{lake}/../outside.parquet'",
    "FROM '{lake}/link.parquet'",
    "FROM read_parquet('{outside}/*.parquet')",
    "FROM parquet_metadata('{outside}/outside.parquet')",
    "FROM sniff_csv('{outside}/outside.csv')",
    "FROM glob('{outside}/*')",
    "FROM query('FROM ''{outside}/outside.parquet''')",
    "EXPLAIN FROM '{outside}/outside.parquet'",
    "FROM read_text('/etc/passwd')",
    "FROM 'http://127.0.0.1:1/x.parquet'",
    "FROM 's3://bucket/x.parquet'",
    "FROM duckdb_secrets()",
    "SELECT getenv('HOME')",
    "FROM enable_logging()",
    "FROM python_table",
]


@pytest.mark.parametrize("sql", [*WRITING, *READING])
def test_an_escape_is_refused(sql: str, folder: Path, connection: DuckDBPyConnection) -> None:
    """Each way out of the sandbox ends in one sentence, and leaves every file as it was."""
    python_table = pa.table({"secret": [1]})
    before = contents(folder)
    with pytest.raises(UsageProblem) as refusal:
        run(connection, sql.format(lake=folder / "lake", outside=folder, serialized=serialized_copy(folder / "lake")))
    assert contents(folder) == before
    assert "\n" not in str(refusal.value)
    assert python_table.num_rows == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT price FROM prices",
        "SELECT 1;",
        "FROM prices",
        "TABLE prices",
        "VALUES (1)",
        "DESCRIBE prices",
        "SHOW TABLES",
        "SUMMARIZE prices",
        "EXPLAIN SELECT 1",
        "explain analyze FROM prices",
        "-- how\n/* é */ Explain -- it\n/* is */ ANALYZE/* done */FROM prices -- é",
        "WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM x WHERE n < 3) FROM x",
        "SELECT 1 UNION BY NAME SELECT 2 INTERSECT SELECT 2",
        "SELECT symbol, unnest([1, 2]) FROM prices, range(3) AS n, LATERAL (SELECT n) AS x",
        "FROM read_json('{lake}/lake.json')",
        "SELECT 'COPY_QUERY_NODE', {{'type': 'COPY_NODE', 'function': {{'function_name': 'query'}}}}",
        "UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b",
        "WITH x AS (SELECT 1) FROM x -- and a comment",
        "FROM (PIVOT prices ON symbol IN ('BTCUSDT') USING first(price))",
    ],
)
def test_a_question_is_answered(sql: str, folder: Path, connection: DuckDBPyConnection) -> None:
    """Everything that only reads the lake works, whatever its form."""
    assert run(connection, sql.format(lake=folder / "lake")).num_rows > 0


@pytest.mark.parametrize(
    "setting", ["TimeZone = 'Asia/Tokyo'", "enable_external_access = true", "allowed_directories = ['/']"]
)
def test_the_session_itself_is_locked(setting: str, connection: DuckDBPyConnection) -> None:
    """Whoever holds the connection cannot unlock it either."""
    with pytest.raises(Error, match=r"locked|cannot be"):
        connection.execute(f"SET {setting}")


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELEC 1", "The query cannot be answered: syntax error at or near"),
        ("SELECT * FROM klinse", "There is no table klinse. Did you mean klines?"),
        ("SELECT * FROM weather", "There is no table weather. SHOW TABLES lists what there is."),
        (
            "FROM realized_gains",
            "realized_gains is a macro, and takes other arguments. Ask FROM realized_gains(quote, ",
        ),
        (
            "FROM Fees_By_Month('USDT', 1)",
            "fees_by_month is a macro, and takes other arguments. Ask FROM fees_by_month(",
        ),
        ("FROM bars('spot', 'BTCUSDT', 'tick', 1)", "the lake has no agg_trades of BTCUSDT on spot"),
        ("FROM resample('spot', 'BTCUSDT', '1m', '1h')", "the lake has no klines of BTCUSDT on spot of 1m"),
        ("SELECT count(*) FROM realized_gains('USDT', 'lifo')", "unknown costing lifo: fifo or average"),
        ("SELECT asset FROM positions_cost('USDT', NULL)", "unknown costing NULL: fifo or average"),
        ("SELECT prise FROM prices", 'Referenced column "prise" not found'),
        ("SELECT 'x'::INTEGER", "Could not convert string 'x' to INT32"),
        ("SELECT sum(99999999999999999999999999999999999999::DECIMAL(38, 0)) FROM range(3)", "Overflow"),
        ("FROM read_parquet('{lake}/nothing.parquet')", "No files found that match the pattern"),
        ("SELECT 1; SELECT 2", "Only a single SELECT is answered. The lake is read-only."),
        ("FROM '{outside}/outside.parquet'", "The query reaches beyond the lake."),
    ],
)
def test_a_wrong_query_is_told_what_is_wrong(
    sql: str, sentence: str, folder: Path, connection: DuckDBPyConnection
) -> None:
    """One sentence names the mistake and, for a table, the nearest one there is."""
    with pytest.raises(UsageProblem) as refusal:
        run(connection, sql.format(lake=folder / "lake", outside=folder))
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_each_session_would_spill_into_a_folder_of_its_own(folder: Path) -> None:
    """What does not fit in memory goes to a private folder outside the lake, which goes with the session."""
    sessions = [connect(small_lake(folder)) for _ in range(2)]
    sql = "SELECT current_setting('temp_directory') AS place"
    places = {Path(run(session, sql).to_pylist()[0]["place"]) for session in sessions}
    assert len(places) == 2
    assert not any(place.is_relative_to(folder) for place in places)
    assert {place.stat().st_mode & 0o777 for place in places} == {0o700}
    sessions.clear()
    assert not any(place.exists() for place in places)


def test_an_interrupted_query_ends_and_the_session_goes_on(connection: DuckDBPyConnection) -> None:
    """A query that is stopped ends as Ctrl-C does everywhere, and the next one is answered."""
    stopped = Event()

    def interrupt() -> None:
        while not stopped.wait(0.02):
            connection.interrupt()

    thread = Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(connection, "SELECT count(*) FROM range(100_000_000_000) AS numbers(n) WHERE hash(n) = 1")
    stopped.set()
    thread.join()
    assert run(connection, "SELECT 1 AS one").to_pylist() == [{"one": 1}]


@pytest.mark.parametrize("asked", ["portfolio('USDT')", "realized_gains('USDT')", "positions_cost('USDT')"])
def test_our_own_table_functions_can_be_asked_for(connection: DuckDBPyConnection, asked: str) -> None:
    """What `schemas/views` defines as a function of a quote asset, and of a method with a default, is no stranger to the guard."""
    assert run(connection, f"FROM {asked}").num_rows == 0
