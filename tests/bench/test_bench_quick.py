"""The figures in small, and what of them is no matter of time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import archive
import idle
import limits
import memory
import pytest
import run
import speed
import start
import ticks
import wide
from stand import HERE, Place, candles, environment, generated, measured, simulator, table

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]


def test_every_client_fetches_the_same_candles(tmp_path: Path):
    """All clients are measured on the same rows, none left out."""
    figures = speed.fetch(tmp_path, symbols=2, pages=2, repeat=1)
    assert len(figures) == 3
    assert table(figures).count("\n") == 5


def test_processes_at_once_stay_within_one_budget(tmp_path: Path):
    """Several processes that share the budget's file are never refused, however low the limit."""
    names = generated(4)
    place = Place(tmp_path)
    with simulator("--symbols=4", "--weight-limit=300") as exchange:
        place.flows(exchange.url, one=candles(names[:2], "2024-01-01"), two=candles(names[2:], "2024-01-01"))
        assert limits.run_for(place, ["one", "two"], 8) > 0
        assert exchange.refused() == 0


def test_a_run_with_nothing_new_leaves_next_to_nothing(tmp_path: Path):
    """A run that finds nothing new writes no data file, one log entry a table at most, and one row of runs."""
    done, grown = idle.run_again(tmp_path, series=20)
    assert done["requests"] <= 20
    assert done["rows"] == 0
    assert grown == idle.Grown(data_files=0, most_entries=1, runs=1)


def test_a_backfill_stays_below_its_memory(tmp_path: Path):
    """A backfill that fills several commits keeps its promise about memory."""
    figures = memory.backfill(tmp_path, rows=300_000, symbols=3)
    assert all(figure.met for figure in figures[:1]), figures


def test_a_peak_is_of_the_process_alone():
    """What a process takes at most does not count what its parent held when it started it."""
    held = bytearray(300_000_000)
    held[::4096] = b"1" * len(held[::4096])
    command = [sys.executable, "-c", "from peak import peak_mb; print(peak_mb())"]
    assert float(subprocess.check_output(command, cwd=HERE, env=environment())) < 200


def test_upkeep_keeps_live_files_few(tmp_path: Path):
    """The upkeep that every run does keeps a table at a few dozen small files."""
    assert measured("commits.py", tmp_path, 100)["most_files"] < 50


def test_short_commands_succeed(tmp_path: Path):
    """The commands whose time is measured do what they are asked."""
    assert len(start.commands(tmp_path, repeat=1)) == 2


def test_commands_answer_on_a_lake_of_many_series(tmp_path: Path):
    """The commands whose CPU is measured do what they are asked of a lake of several series and files."""
    assert len(wide.asked(tmp_path, series=6, files=2, repeat=1)) == 3


def test_the_archive_comes_in_whole(tmp_path: Path):
    """What is measured of the archive is every candle and every trade of its files, without a call of the API."""
    for figures, rows in ((archive.imported, {"symbols": 2, "months": 1}), (ticks.imported, {"rows": 50_000})):
        place = tmp_path / figures.__module__
        place.mkdir()
        assert table(figures(place, **rows))


def test_bars_are_made_of_every_trade_of_the_day(tmp_path: Path):
    """What is measured of bars is each second of one day, whatever other days the lake holds."""
    assert measured("bars.py", tmp_path, 200_000, 3)["rows"] == 600_000


@pytest.mark.parametrize("script", ["worth.py", "adds_up.py"])
def test_native_tables_lie_below_the_same_views(tmp_path: Path, script: str):
    """Every view of a session can be made over native tables, so that both are asked the same."""
    done = measured(script, tmp_path, 2000)
    assert done.get("days", 0) or done["left_over"] == 0.0


def test_a_long_statement_stays_below_its_memory(tmp_path: Path):
    """An import of hundreds of thousands of rows that are matched takes no more than it promises of a million."""
    done = measured("statements.py", tmp_path, 400_000)
    assert done["code"] == 0
    assert done["peak_mb"] < 500


@pytest.mark.skipif(not run.TAX_PYTHON.exists(), reason="make soak installs BittyTax")
def test_bittytax_reads_the_same_statement(tmp_path: Path):
    """What BittyTax is measured on is the file that we import, of which it reads every row."""
    measured("statements.py", tmp_path, 1000)
    told = measured("tax_import.py", tmp_path / "history.csv", tmp_path, python=run.TAX_PYTHON)
    rows = (tmp_path / "history.csv").read_text()
    trades = rows.count(",Buy,")
    assert told["transactions"] == trades + sum(
        rows.count(f",{each},") for each in ("Distribution", "Deposit", "Withdraw")
    )
