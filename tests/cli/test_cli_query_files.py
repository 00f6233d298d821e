"""Where `query` reads its SQL from, and where it writes the answer to."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.lakes import put, small_lake
from support.sampled import some_of
from support.terminals import on_terminal

from pipelines.cli import main
from schemas.datasets.market import PRICES

ROOT = Path(__file__).parents[2]
SQL = "select symbol, price, interval 90 minute as length from prices order by symbol"
PRICE = {"market": "spot", "observed_at": "2026-11-01"}


@pytest.fixture
def config(tmp_path):
    """A flows.yaml beside a lake of two prices."""
    lake = small_lake(tmp_path)
    put(lake, PRICES, *(PRICE | {"symbol": symbol, "price": "1.50000000"} for symbol in ("BTCUSDT", "ETHUSDT")))
    path = tmp_path / "flows.yaml"
    path.write_text("exchange: simulator\nflows:\n  p: {kind: market, market: spot, datasets: [prices]}\n")
    return path


def test_the_sql_may_stand_in_a_file(config, tmp_path, capsys):
    """-f runs the SQL of a file, with comments, a last semicolon and the mark that some editors put before it."""
    file = tmp_path / "q.sql"
    file.write_text(f"\ufeff-- all of them\n{SQL};\n")
    assert main(["query", "-f", str(file), "--format", "csv", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "BTCUSDT,1.50000000,01:30:00"


@pytest.mark.parametrize("words", some_of([[], ["-"], ["-f", "-"]]))
def test_the_sql_may_come_through_a_pipe(config, words):
    """Without SQL, or with a dash in its place, stdin is read."""
    argv = [sys.executable, "-m", "pipelines", "query", *words, "--format", "json", "--config", str(config)]
    done = subprocess.run(argv, cwd=ROOT, input=SQL, capture_output=True, text=True, check=True)
    assert [row["price"] for row in json.loads(done.stdout)] == ["1.50000000", "1.50000000"]


def test_what_is_wrong_with_the_sql_is_named(config, tmp_path, capsys):
    """No SQL, SQL twice, a file that is not there or no text: one sentence and exit code 2."""
    binary = tmp_path / "q.bin"
    binary.write_bytes(b"\xff\xfe")
    for words, said in (
        ([SQL, "-f", str(binary)], "given twice"),
        (["-f", str(binary)], "is not text in UTF-8"),
        (["-f", str(tmp_path / "none.sql")], "cannot be read: No such file"),
    ):
        assert main(["query", *words, "--config", str(config)]) == 2
        assert said in capsys.readouterr().err


def test_without_sql_a_terminal_is_told_how(config):
    """Nobody waits for a person to type where there is no prompt: the ways to give SQL are named."""
    shown = on_terminal("query", "--config", str(config), width=200)
    assert shown.code == 2
    assert "binlake sql" in str(shown)


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.parquet", "rows.txt"])
def test_a_file_takes_the_answer(config, tmp_path, capsys, name):
    """-o writes what its name ends in, else a table, and says how many rows there are."""
    file = tmp_path / name
    file.write_text("what was there before")
    assert main(["query", SQL, "-o", str(file), "--config", str(config)]) == 0
    assert capsys.readouterr() == ("", f"2 rows in {file}.\n")
    assert symbols(file) == ["BTCUSDT", "ETHUSDT"]


def symbols(file):
    """The first column, as whoever reads such a file finds it."""
    match file.suffix:
        case ".csv":
            return [row["symbol"] for row in csv.DictReader(file.read_text().splitlines())]
        case ".json":
            return [row["symbol"] for row in json.loads(file.read_text())]
        case ".parquet":
            return pq.read_table(file)["symbol"].to_pylist()
        case _:
            return [line.split()[0] for line in file.read_text().splitlines()[1:]]


def test_a_failed_answer_leaves_the_file_alone(config, tmp_path, capsys):
    """An error after the first rows leaves what was there before, and nothing beside it."""
    file = tmp_path / "rows.csv"
    file.write_text("before")
    sql = "select case when range = 3000000 then error('no such thing') else range end from range(5000000)"
    assert main(["query", sql, "-o", str(file), "--config", str(config)]) == 2
    assert "no such thing" in capsys.readouterr().err
    assert file.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flows.yaml", "lake", "rows.csv"]


def test_no_answer_is_written_into_the_lake(config, tmp_path, capsys):
    """The lake is read-only, for -o too; a place that takes no file is named."""
    (tmp_path / "link").symlink_to(tmp_path / "lake" / "prices")
    for file, said in (
        (tmp_path / "lake" / "rows.csv", "lies in the lake"),
        (tmp_path / "link" / "rows.csv", "lies in the lake"),
        (tmp_path / "nowhere" / "rows.csv", "cannot be written: No such file"),
        (tmp_path, "cannot be written: Is a directory"),
    ):
        assert main(["query", SQL, "-o", str(file), "--config", str(config)]) == 2
        assert said in capsys.readouterr().err
    assert not list((tmp_path / "lake").rglob("rows.csv"))


def test_a_pipe_by_name_is_written_to(config):
    """What is no file, such as /dev/stdout, is written to and not replaced."""
    words = ["query", SQL, "--format", "csv", "-o", "/dev/stdout", "--config", str(config)]
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[0] == "symbol,price,length"


def test_a_table_says_how_many_rows_it_has(config):
    """Under a table stands the count of its rows, and intervals are words."""
    shown = on_terminal("query", SQL, "--config", str(config), width=80)
    assert shown.lines[1].split() == ["BTCUSDT", "1.5", "01:30:00"]
    assert shown.lines[-1] == "2 rows."
    assert on_terminal("query", "select 1 as n", "--config", str(config), width=80).lines[-1] == "1 row."
