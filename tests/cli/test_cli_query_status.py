"""`query` and `status` over a real lake."""

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.lakes import filled, price_series, put
from support.sampled import some_of

import pipelines
from connectors.lake import Lake, Move
from pipelines.cli import main
from pipelines.cli.tables import lag
from pipelines.runs.unended_runs import noted_as_running
from schemas.datasets.journal import RUNS
from schemas.datasets.market import KLINES, PRICES

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ENDLESS = 100_000_000_000  # rows
HOSTILE = "\x1b[31mRED[/bold]"
FLOWS = "exchange: simulator\nflows:\n  p: {kind: market, market: spot, datasets: [prices]}\n"


@pytest.fixture
def config(tmp_path):
    """A flows.yaml beside a lake that holds one snapshot of prices, one of them with a hostile name."""
    path = tmp_path / "flows.yaml"
    path.write_text(FLOWS)
    names = {"BTCUSDT": "97123.45000000", "NO": "0.00000001", HOSTILE: "1"}
    rows = pa.Table.from_pylist(
        [
            {"market": "spot", "symbol": name, "price": Decimal(price), "observed_at": NOON}
            for name, price in names.items()
        ],
        schema=PRICES.schema,
    )
    lake = Lake.open(tmp_path / "lake", "simulator")
    observed_us = int(NOON.timestamp()) * 1_000_000
    lake.table(PRICES).commit(rows, [Move.of(price_series(), {"observed_at": observed_us}, {})])
    return path


def asked(config, capsys, sql, *options: str):
    code = main(["query", sql, "--config", str(config), *options])
    return code, capsys.readouterr()


def test_csv_is_exact(config, capsys):
    """Decimals come with the digits they have, instants in UTC, and nothing but the answer is on stdout."""
    code, said = asked(
        config, capsys, "select symbol, price, observed_at from prices order by symbol desc", "--format", "csv"
    )
    assert (code, said.err) == (0, "")
    rows = list(csv.reader(io.StringIO(said.out)))
    assert rows[0] == ["symbol", "price", "observed_at"]
    assert rows[1] == ["NO", "0.00000001", "2026-11-01T12:00:00Z"]
    assert rows[2] == ["BTCUSDT", "97123.45000000", "2026-11-01T12:00:00Z"]


def test_json_is_exact(config, capsys):
    """Decimals are text, so that no reader rounds them; what JSON cannot say is text too."""
    sql = "select price, 7 as n, [price] as l, null as nothing, 'inf'::double as far, ['nan'::double] as deep, true as yes from prices where symbol = 'NO'"
    _, said = asked(config, capsys, sql, "--format", "json")
    assert json.loads(said.out) == [
        {
            "price": "0.00000001",
            "n": 7,
            "l": ["0.00000001"],
            "nothing": None,
            "far": "inf",
            "deep": ["nan"],
            "yes": True,
        }
    ]
    _, said = asked(config, capsys, "select 1 where false", "--format", "json")
    assert json.loads(said.out) == []


def test_parquet_goes_through_a_pipe(config):
    """The bytes on stdout are a Parquet file with the types of the answer."""
    argv = ["-m", "pipelines", "query", "select * from prices", "--format", "parquet", "--config", str(config)]
    done = subprocess.run([sys.executable, *argv], cwd=ROOT, capture_output=True, check=True)
    rows = pq.read_table(io.BytesIO(done.stdout))
    assert rows.num_rows == 3
    assert rows.schema.field("price").type == pa.decimal128(38, 8)


def test_what_comes_from_outside_cannot_steer_the_terminal(config, capsys):
    """Escape sequences and markup in a name are shown, not obeyed."""
    _, said = asked(config, capsys, "select symbol from prices")
    assert "\x1b" not in said.out
    assert "[31mRED[/bold]" in said.out


def test_instants_without_bounds_are_shown(config, capsys):
    """What is later than the year 9999, or without bounds, is text; what stands beside it is as ever."""
    sql = "SELECT unnest(['-infinity', 'infinity', '20000-01-01', '2026-11-01'])::DATE AS day, day::TIMESTAMPTZ AS at"
    lines = asked(config, capsys, sql)[1].out.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["-infinity", "-infinity"], ["infinity", "infinity"], ["20000-01-01", "20000-01-01"],
        ["2026-11-01", "2026-11-01T00:00:00Z"],
    ]  # fmt: skip


def test_a_table_says_when_there_is_more(config, capsys):
    """A thousand rows are shown; the rest is announced on stderr, not lost in silence."""
    _, said = asked(config, capsys, "select * from range(2500)")
    assert len(said.out.splitlines()) == 1001
    assert "the first 1,000 rows; there are more" in said.err


@pytest.mark.parametrize(("form", "lines"), [("table", 6), ("csv", 6), ("json", 7)])
def test_an_endless_answer_is_cut_where_asked(config, capsys, form, lines):
    """Rows are written as they come, so that --max-rows ends a query whose answer no memory would hold."""
    code, said = asked(config, capsys, f"select * from range({ENDLESS})", "--format", form, "--max-rows", "5")
    assert (code, len(said.out.splitlines())) == (0, lines)
    assert "the first 5 rows; there are more." in said.err
    _, said = asked(config, capsys, "select * from range(5)", "--format", form, "--max-rows", "5")
    assert (len(said.out.splitlines()), said.err) == (lines, "5 rows.\n" if form == "table" else "")


def test_an_endless_answer_is_cut_in_parquet_too(config):
    """A Parquet file is written as the rows come, and is whole where it is cut."""
    options = ["--format", "parquet", "--max-rows", "250000", "--config", str(config)]
    argv = ["-m", "pipelines", "query", f"select * from range({ENDLESS})", *options]
    done = subprocess.run([sys.executable, *argv], cwd=ROOT, capture_output=True, check=True)
    assert pq.read_table(io.BytesIO(done.stdout))["range"].to_pylist() == list(range(250_000))


@pytest.mark.parametrize(
    "sql", some_of([f"select count(*) from range({ENDLESS}) t(n) where hash(n) = 1", f"from range({ENDLESS})"])
)
def test_a_query_that_takes_too_long_is_stopped(config, capsys, sql):
    """--timeout ends a query before its first row or between two, and names the way out."""
    code, said = asked(config, capsys, sql, "--format", "csv", "--timeout", "1")
    assert (code, said.err) == (
        2,
        "binlake: The query took longer than it may. Ask for less, or allow more with --timeout.\n",
    )


def test_what_goes_wrong_between_two_rows_is_told(config, capsys):
    """An error after the first rows ends the answer with the sentence it would have had before them."""
    sql = "select case when range = 3000000 then error('no such thing') else range end from range(5000000)"
    code, said = asked(config, capsys, sql, "--format", "csv")
    assert (code, said.err) == (2, "binlake: The query cannot be answered: no such thing.\n")


def test_ctrl_c_ends_an_answer_on_its_way(config):
    """An interrupt between two rows ends the query as Ctrl-C ends everything."""
    argv = ["-m", "pipelines", "query", f"from range({ENDLESS})", "--format", "csv", "--config", str(config)]
    with subprocess.Popen([sys.executable, *argv], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"range\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert process.returncode == 130
    assert said.startswith(b"binlake: Interrupted")


def test_ctrl_c_ends_a_query_that_computes(config):
    """An interrupt before the first row ends the query too, though DuckDB looks at no signal while it computes."""
    sql = f"select count(*) from range({ENDLESS}) t(n) where hash(n) = 1"
    argv = ["-m", "pipelines", "query", sql, "--config", str(config)]
    with subprocess.Popen([sys.executable, *argv], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while busiest_s(process.pid) < 0.5:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, said[:20]) == (130, b"binlake: Interrupted")


def busiest_s(pid: int) -> float:
    """How long the busiest thread of a process beside its first has computed: only a query keeps one busy."""
    return max((computed_s(task) for task in Path(f"/proc/{pid}/task").iterdir() if task.name != str(pid)), default=0)


def computed_s(task: Path) -> float:
    """How long a thread has computed so far."""
    user, system = task.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_a_closed_pipe_is_no_failure(config):
    """`binlake query ... | head -1` ends quietly."""
    argv = f"{sys.executable} -m pipelines query 'select * from range(200000)' --format csv --config {shlex.quote(str(config))}"
    script = f"set -o pipefail; {argv} | head -1"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "range\n", "")


def test_a_question_may_begin_with_a_comment(config, capsys):
    """SQL that starts with dashes is SQL, not an option."""
    code, said = asked(config, capsys, "-- how many\nselect count(*) as n from prices", "--format", "csv")
    assert (code, said.out) == (0, "n\n3\n")


def test_there_is_no_lake_yet(tmp_path, capsys):
    """Before the first run the way to make a lake is named."""
    path = tmp_path / "flows.yaml"
    path.write_text(FLOWS)
    for verb in (["query", "select 1"], ["status"]):
        assert main([*verb, "--config", str(path)]) == 2
        assert "binlake run" in capsys.readouterr().err
    assert not (tmp_path / "lake").exists()


def test_status_says_what_is_covered_and_how_far_behind(config, capsys):
    """One row a dataset, one a series with --series, JSON for programs."""
    assert main(["status", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "prices" in said
    assert "spot" in said
    assert main(["status", "--json", "--config", str(config)]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["dataset"], row["of"], row["series"], row["rows"]) == ("prices", "spot", 1, 3)
    assert row["until"] == "2026-11-01T12:00:00Z"
    assert row["lag_s"] > 0
    assert main(["status", "--series", "--json", "--config", str(config)]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["market"], row["last"]) == ("spot", "2026-11-01T12:00:00Z")


def ran(lake, flow, run, started, **values: str):
    """A row of `runs` that began at an instant and took 90 seconds."""
    row = {"run": run, "flow": flow, "started": started, "ended": started + timedelta(seconds=90), "outcome": "done"}
    put(lake, RUNS, filled(RUNS) | row | {"error": None, "note": None} | values)


def test_status_shows_the_last_and_the_next_run_of_each_flow(config, capsys):
    """A failed flow says why; one with a schedule says when it is due, and the others that they run when asked."""
    now = datetime.now(UTC).replace(microsecond=0)
    config.write_text(
        "exchange: simulator\naccounts: {main: {api_key: env:UNSET_KEY, secret: env:UNSET_SECRET}}\nflows:\n"
        "  p: {kind: market, market: spot, datasets: [prices], every: 1d}\n"
        "  late: {kind: market, market: spot, datasets: [prices], every: 1m}\n"
        "  daily: {kind: maintenance, cron: '17 3 * * *'}\n"
        "  asked: {kind: maintenance}\n"
        "  wallet: {kind: account, account: main, datasets: [balances], every: 1h}\n"
    )
    lake = Lake.at(config.parent / "lake")
    ran(lake, "p", "1", now - timedelta(hours=2), dataset="prices", outcome="failed", error="spot: long ago")
    ran(lake, "p", "2", now - timedelta(hours=1), dataset="symbols")
    ran(lake, "p", "2", now - timedelta(hours=1), dataset="prices", outcome="failed", error="spot: No answer.")
    ran(lake, "late", "3", now - timedelta(hours=1), dataset="prices")
    assert main(["status", "--config", str(config)]) == 0
    shown = capsys.readouterr()
    lines = {line.split()[0]: line for line in shown.out.splitlines() if line}
    last, due = (f"{now + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}" for hours in (-1, 23))
    assert lines["p"].split(maxsplit=3)[3].split() == ["90", "failed", *due.split()]
    assert last in lines["p"]
    assert lines["late"].split()[-2:] == ["done", "now"]
    assert "03:17:00" in lines["daily"]
    assert "never ran" in lines["daily"]
    assert lines["asked"].rstrip().endswith("when asked")
    assert lines["wallet"].rstrip().endswith("no key")
    assert "Flow p failed: spot: No answer.\n" in shown.err
    assert "Flow wallet never ran: the key of account main is not set\n" in shown.err
    assert "`binlake up` is not running" in shown.err
    assert main(["status", "--flows", "--json", "--config", str(config)]) == 0
    found = {row["flow"]: row for row in json.loads(capsys.readouterr().out)}
    assert (found["p"]["outcome"], found["p"]["why"]) == ("failed", "spot: No answer.")
    assert datetime.fromisoformat(found["p"]["due"]) == now + timedelta(hours=23)


def test_status_says_once_what_concerns_several_flows(config, capsys):
    """A note that the last runs of two flows share is one line with both names, and no flow that is done is explained."""
    lake, now = Lake.at(config.parent / "lake"), datetime.now(UTC)
    for flow in ("wallet", "p"):
        ran(lake, flow, f"1 {flow}", now, dataset="prices", note="The key works from any address.")
    assert main(["status", "--config", str(config)]) == 0
    assert "Flow p, wallet: The key works from any address.\n" in capsys.readouterr().err


def test_status_tells_a_run_that_goes_on_from_one_that_was_killed(config, capsys):
    """Neither has a row of `runs` yet; the one says since when it runs, the other what became of it."""
    lake = Lake.at(config.parent / "lake")
    ran(lake, "p", "20260101T000000Z-p-000000", datetime(2026, 1, 1, tzinfo=UTC), dataset="prices")
    with noted_as_running(lake, "20260102T000000Z-p-000000"):
        assert main(["status", "--flows", "--config", str(config)]) == 0
        assert re.search(r"p +2026-01-02 00:00:00 .*running", capsys.readouterr().out)
    (lake.locks / "runs" / "20260103T000000Z-p-000000").touch()
    assert main(["status", "--flows", "--config", str(config)]) == 0
    shown = capsys.readouterr()
    assert re.search(r"p +2026-01-03 00:00:00 .*interrupted", shown.out)
    assert "Flow p interrupted: The process was killed" in shown.err


@pytest.mark.parametrize("damaged", ["klines", "klines/_delta_log/00000000000000000000.json"])
def test_status_goes_on_beside_a_damaged_table(config, capsys, damaged):
    """What cannot be read is named, with exit code 3; the status of every other dataset is shown."""
    lake = Lake.at(config.parent / "lake")
    put(lake, KLINES, filled(KLINES))
    path = lake.path / damaged
    path = path if path.is_file() else Path(lake.table(KLINES).files()[0])
    path.write_bytes(b"{")
    for words in ([], ["--series"]):
        assert main(["status", *words, "--json", "--config", str(config)]) == 3
        said = capsys.readouterr()
        assert {row["dataset"] for row in json.loads(said.out)} == {"prices"}
        assert "The status of klines cannot be told: " in said.err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0, "0s"), (-3, "0s"), (59, "59s"), (3600, "1h"), (3725, "1h 2m"), (90061, "1d 1h")],
)
def test_how_a_lag_is_said(seconds, words):
    """In its two largest units."""
    assert lag(seconds) == words


def test_a_notebook_connects_with_the_same_views(config):
    """`pipelines.connect` gives DuckDB over the lake that a flows.yaml names, instants in UTC."""
    with pipelines.connect(config) as lake:
        assert lake.sql("select price from latest_prices where symbol = 'NO'").fetchall() == [(Decimal("0.00000001"),)]
        assert lake.sql("select current_setting('TimeZone')").fetchall() == [("UTC",)]
