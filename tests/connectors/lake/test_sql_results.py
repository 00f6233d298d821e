"""What SQL may do beside the lake: save results in a folder of one's own, and join what lies there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from duckdb import DuckDBPyConnection, Error, PermissionException
from support.lakes import put, small_lake
from support.sampled import some_of

from connectors.lake.sql.read_only_files import ReadOnlyFiles
from connectors.lake.sql.session import hand_out
from pipelines import connect as connect_to
from schemas.datasets.market import PRICES
from schemas.model.errors import UsageProblem


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a lake of one price, its flows.yaml, and a file that is nobody's business."""
    put(
        small_lake(tmp_path), PRICES, {"market": "spot", "symbol": "BTCUSDT", "price": "7", "observed_at": "2026-01-01"}
    )
    flows = "flows: {p: {kind: market, market: spot, datasets: [prices]}}\n"
    (tmp_path / "flows.yaml").write_text(f"lake: lake\nexchange: simulator\n{flows}")
    (tmp_path / "outside.csv").write_text("symbol,weight\nBTCUSDT,1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def writing(home: Path) -> DuckDBPyConnection:
    """A session that may write in the folder `results`."""
    return hand_out(small_lake(home), Path("results"))


def test_results_are_saved_beside_the_lake(home: Path) -> None:
    """`connect(write=...)` makes the folder, and SQL saves answers and tables in it."""
    with connect_to("flows.yaml", write="results") as lake:
        lake.sql("COPY (SELECT symbol, price FROM prices) TO 'results/prices.csv'")
        lake.execute("ATTACH 'results/mine.duckdb' AS mine; CREATE TABLE mine.prices AS FROM prices")
        assert lake.sql("SELECT count(*) FROM mine.prices").fetchall() == [(1,)]
    assert (home / "results" / "prices.csv").read_text() == "symbol,price\nBTCUSDT,7.00000000\n"


def test_a_folder_may_be_named_from_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the home folder, as in a shell."""
    monkeypatch.setenv("HOME", str(home / "me"))
    connect_to("flows.yaml", write="~/results").close()
    assert (home / "me" / "results").is_dir()


def test_a_file_of_ones_own_is_joined(home: Path, writing: DuckDBPyConnection) -> None:
    """A CSV in the folder is a table."""
    (home / "results" / "mine.csv").write_text("symbol,weight\nBTCUSDT,3\n")
    rows = writing.sql("SELECT price * weight FROM prices JOIN 'results/mine.csv' USING (symbol)")
    assert rows.fetchall() == [(21,)]


def test_data_of_python_is_joined_without_any_folder(home: Path) -> None:
    """What is registered under a name is a table of every connection."""
    with hand_out(small_lake(home)) as lake:
        lake.register("mine", pa.table({"symbol": ["BTCUSDT"], "weight": [2]}))
        assert lake.sql("SELECT price * weight FROM prices JOIN mine USING (symbol)").fetchall() == [(14,)]


AROUND = (
    "COPY prices TO 'outside.parquet'",
    "COPY prices TO 'results/../outside.parquet'",
    "COPY prices TO 'results2/prices.parquet'",
    "COPY prices TO 'results/link.csv'",
    "FROM 'outside.csv'",
    "FROM 'results/link.csv'",
    "ATTACH 'outside.duckdb'",
)


def test_a_folder_to_write_opens_no_other(home: Path, writing: DuckDBPyConnection) -> None:
    """Neither a path out of the folder nor a link in it reaches what lies around it."""
    (home / "results" / "link.csv").symlink_to(home / "outside.csv")
    before = {path.name for path in home.iterdir()}
    assert [sql for sql in AROUND if not refused(writing, sql)] == []
    assert {path.name for path in home.iterdir()} == before


def test_without_a_folder_there_is_nothing_beside_the_lake(home: Path) -> None:
    """A connection that names no folder reads and writes none."""
    (home / "results").mkdir()
    asked = ("COPY prices TO 'results/prices.csv'", "FROM 'outside.csv'", "ATTACH 'x.duckdb'")
    with connect_to(home / "flows.yaml") as lake:
        assert [sql for sql in asked if not refused(lake, sql)] == []
    assert list((home / "results").iterdir()) == []


def refused(connection: DuckDBPyConnection, sql: str) -> bool:
    """Whether a session may not do this."""
    try:
        connection.execute(sql)
    except PermissionException:
        return True
    return False


@pytest.mark.parametrize("folder", ["lake", "lake/results", ".", "link"])
def test_results_and_the_lake_are_kept_apart(folder: str, home: Path) -> None:
    """A folder in the lake, around it, or linked to it is refused."""
    (home / "link").symlink_to(home / "lake")
    with pytest.raises(UsageProblem, match="Name a folder beside the lake"):
        connect_to(home / "flows.yaml", write=folder)


def test_a_folder_that_cannot_be_made_is_named(home: Path) -> None:
    """Where a file stands in the way, one sentence says so."""
    with pytest.raises(UsageProblem, match=r"outside.csv cannot be made: File exists"):
        connect_to(home / "flows.yaml", write="outside.csv")


ADDRESSES = ["{home}/lake", "lake", "results/../lake", "results/link", "lake://{home}/lake", "LAKE://{home}/lake"]
FILES = [
    "COPY prices TO '{file}'",
    "COPY prices TO '{file}' (USE_TMP_FILE false)",
    "COPY prices TO '{file}' (FORMAT csv, USE_TMP_FILE false)",
    "COPY prices TO '{file}' (FORMAT json)",
    "ATTACH '{file}' AS x; CREATE TABLE x.y AS SELECT 1",
    "FROM enable_profiling(save_location := '{file}')",
]
FOLDERS = [
    "COPY prices TO '{folder}/prices' (FORMAT parquet, PARTITION_BY symbol, OVERWRITE)",
    "COPY prices TO '{folder}/prices' (FORMAT parquet, PARTITION_BY symbol, APPEND)",
    "COPY prices TO '{folder}/prices' (FORMAT parquet, PER_THREAD_OUTPUT, OVERWRITE_OR_IGNORE)",
    "EXPORT DATABASE '{folder}/prices'",
    "EXPORT DATABASE '{folder}'",
    "COPY prices TO '{folder}/lake.json' (FORMAT csv)",
    "COPY prices TO '{folder}/new.parquet'",
    "ATTACH '{folder}/new.duckdb'",
    "FROM enable_logging(storage := 'file', storage_path := '{folder}/prices')",
    "SET temp_directory = '{folder}'",
    "SET secret_directory = '{folder}'",
]


@pytest.mark.parametrize("address", some_of(ADDRESSES, most=2))
def test_nothing_writes_into_the_lake(address: str, home: Path, writing: DuckDBPyConnection) -> None:
    """However SQL names a place in the lake, and whatever it would write there, every file stays as it was."""
    (home / "results" / "link").symlink_to(home / "lake")
    (data,) = small_lake(home).table(PRICES).files()
    folder, before = address.format(home=home), contents(home / "lake")
    file = data.replace(str(home / "lake"), folder)
    for sql in (*FILES, *FOLDERS):
        with suppress(Error, ValueError):
            writing.execute(sql.format(file=file.replace("'", "''"), folder=folder.replace("'", "''")))
        assert contents(home / "lake") == before, sql
    assert writing.sql("SELECT price FROM prices").fetchall() == [(7,)]


def test_nothing_of_python_writes_into_the_lake(home: Path, writing: DuckDBPyConnection) -> None:
    """Neither do the methods of a relation."""
    (data,) = small_lake(home).table(PRICES).files()
    before, prices = contents(home / "lake"), writing.sql("FROM prices")
    for place in (data, f"lake://{data}"):
        for method in (prices.write_parquet, prices.write_csv, prices.to_parquet, prices.to_csv):
            with pytest.raises(Error):
                method(place)
    assert contents(home / "lake") == before


def test_an_address_of_the_lake_leads_nowhere_else(home: Path, writing: DuckDBPyConnection) -> None:
    """Neither dots nor a link in the lake's folder open what lies around it."""
    (home / "lake" / "link.csv").symlink_to(home / "outside.csv")
    for path in (f"{home}/lake/../outside.csv", f"{home}/lake/link.csv", f"{home}/outside.csv", "/etc/passwd"):
        quoted = path.replace("'", "''")
        with pytest.raises(Error):
            writing.sql(f"FROM read_text('lake://{quoted}')").fetchall()


def test_many_threads_read_one_file(tmp_path: Path) -> None:
    """A file that several threads of DuckDB read at once gives each the bytes that it asked for."""
    place = tmp_path / "numbers.parquet"
    pq.write_table(pa.table({"n": range(400_000)}), place, row_group_size=2_000)
    with duckdb.connect(config={"threads": 8}) as connection:
        connection.register_filesystem(ReadOnlyFiles(tmp_path))
        for _ in range(5):
            rows = connection.execute("SELECT count(*), sum(n) FROM read_parquet(?)", [f"lake://{place}"]).fetchall()
            assert rows == [(400_000, 79_999_800_000)]


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
