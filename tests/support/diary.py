"""What a person does with the default flows.yaml, day after day, at an exchange whose days pass in a moment."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection
from support.desks import instant
from support.trade_desk import UID

from connectors.lake import Lake
from connectors.lake.sql.session import hand_out
from connectors.simulator import Exchange, MovableClock
from connectors.simulator.account.account_book import Book
from pipelines.cli import main
from schemas.datasets import DATASETS
from schemas.model.dataset import Dataset, Kind

ROOT = Path(__file__).parents[2]
READING = (
    "plan",
    "status --series",
    "status --discovery",
    "check",
    "prove",
    """query "from portfolio('USDT')" """,
)
# When and how often something was seen differs between a lake that was there all the time and one that came late.
_OF_THE_LOOK = {"seen_at", "observed_at", "first_seen", "confirmed_at", "valid_from", "version", "evidence"}
_OWN_WORK = {
    *("runs", "api_requests", "key_facts", "check_results", "corrections", "archive_files", "ledger_looks"),
    "minute_closes",  # asked for only where the lake had no candle of the minute, which depends on what ran before
}


class DayClock(MovableClock):
    """A clock that runs, since signed requests must be recent, until it is held; a test sets it forward."""

    def __init__(self, text: str) -> None:
        super().__init__(instant(text).timestamp())
        self._running_since_s: float | None = time.monotonic()

    def __call__(self) -> float:
        return self.now_s + (0 if self._running_since_s is None else time.monotonic() - self._running_since_s)

    def set(self, text: str) -> None:
        """Let it be an instant that is still to come."""
        later = instant(text).timestamp()
        assert later > self(), f"{text} is over"
        self.advance(later - self())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Time stands still meanwhile, and goes on from there."""
        self.now_s, self._running_since_s = self(), None
        yield
        self._running_since_s = time.monotonic()


@dataclass
class Diary:
    """A folder with a flows.yaml, the exchange it pulls from, that exchange's clock, and what binlake printed."""

    config: Path
    exchange: Exchange
    clock: DayClock
    capsys: pytest.CaptureFixture[str]

    @property
    def book(self) -> Book:
        return self.exchange.book(UID)

    def beginning_now(self) -> Diary:
        """Another folder with the same flows.yaml, and no lake yet."""
        config = self.config.parent / "another" / self.config.name
        config.parent.mkdir()
        shutil.copy(self.config, config)
        return replace(self, config=config)

    @property
    def lake(self) -> Lake:
        return Lake.at(self.config.parent / "lake")

    def verb(self, words: str, code: int = 0) -> str:
        """Have a command end with this code; gives what it said."""
        ended = main([*shlex.split(words), "--config", str(self.config)])
        out, said = self.capsys.readouterr()
        assert ended == code, f"{words} ended with {ended} instead of {code}:\n{said}\n{out}"
        assert "Traceback" not in said
        return said

    def every_verb_reads(self) -> None:
        for words in READING:
            self.verb(words)

    def asked(self, part: str) -> int:
        """How often the exchange was asked for a target with this part."""
        return sum(part in seen.target for seen in list(self.exchange.requests))

    def stopped(self, words: str, at: str, requests: int) -> None:
        """Press Ctrl-C in a command when the exchange has been asked so often more for something."""
        with self.exchange.requests.when(at, requests, lambda: os.kill(os.getpid(), signal.SIGINT)):
            self.verb(words, 130)

    def killed(self, words: str, at: str, requests: int) -> None:
        """Kill a command of its own process when the exchange has been asked so often more for something."""
        argv = [sys.executable, "-m", "pipelines", *shlex.split(words), "--config", str(self.config)]
        with (
            subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
            self.exchange.requests.when(at, requests, process.kill),
        ):
            process.wait()
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"

    def held(self) -> dict[str, Counter[str]]:
        """What the lake holds of everything but its own work: the rows of each dataset as they are now."""
        with hand_out(self.lake) as session:
            return {name: self._rows(session, DATASETS[name]) for name in sorted(DATASETS.keys() - _OWN_WORK)}

    @staticmethod
    def _rows(session: DuckDBPyConnection, dataset: Dataset) -> Counter[str]:
        columns = ", ".join(f'"{name}"' for name in dataset.schema.names if name not in _OF_THE_LOOK)
        last = f"WHERE observed_at = (SELECT max(observed_at) FROM {dataset.name})"
        where = last if dataset.kind is Kind.SNAPSHOT else ""
        rows = session.execute(f"SELECT row::VARCHAR FROM (SELECT {columns} FROM {dataset.name} {where}) AS row")
        return Counter(text for (text,) in rows.fetchall())
