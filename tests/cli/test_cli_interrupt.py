"""Ctrl-C on a real process: the page at hand is finished and committed, and the next run goes on from there."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.lake import Lake
from connectors.simulator.protocol.faults import Latency
from pipelines.cli import main
from schemas.datasets.market import KLINES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def long(config):
    """A flow of twice as many pages as are asked for at once."""
    since = datetime.now(UTC) - timedelta(days=42)
    text = config.read_text().replace("intervals: [1d]", "intervals: [1m]")
    config.write_text(text.replace("2026-10-01", f"{since:%Y-%m-%d}"))
    return config


def started(config):
    argv = [sys.executable, "-m", "pipelines", "run", "market", "--config", str(config)]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def interrupted(process, served, pages):
    """Press Ctrl-C when so many pages are asked for."""
    return served.exchange.requests.when("/klines", pages, lambda: process.send_signal(signal.SIGINT))


def test_the_first_interrupt_commits_and_says_how_to_resume(long, served):
    """Exit 130, nothing half done: what was fetched is covered, and one plain rerun completes it."""
    with started(long) as process, interrupted(process, served, pages=12):
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "goes on from here" in said
    assert "Traceback" not in said
    lake = Lake.at(long.parent / "lake")
    stored = lake.table(KLINES).scan().num_rows
    assert stored > 0
    assert main(["run", "market", "--config", str(long)]) == 0
    assert main(["check", "candle_grid", "klines_unique_key", "--config", str(long)]) == 0
    assert Lake.at(long.parent / "lake").table(KLINES).scan().num_rows > stored


def test_the_second_interrupt_ends_at_once(long, served):
    """It does not wait for the exchange: 130, without a traceback."""
    served.exchange.inject(Latency(path="/api/v3/klines", count=None, seconds=60))
    with started(long) as process, interrupted(process, served, pages=2):
        while "press Ctrl-C again" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
