"""The command in processes of its own: several at once, and one killed in the middle, leave the lake of one run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.beside import Served
from support.desks import AS_PRINTED
from support.killed import killed_behind
from support.sampled import some_of

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from connectors.simulator import Exchange

ROOT = Path(__file__).parents[2]
TOGETHER, NEVER = 3, sys.maxsize
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBBTC", "SOLUSDT", "币安人生USDT", "SHIBUSDT")
FLOWS = """\
exchange: {{spot: '{url}'}}
flows:
  prices: {{kind: market, market: spot, datasets: [klines, prices], symbols: {symbols}, intervals: [1m, 1h],
            since: '{since}'}}
"""
COVERED = """
SELECT symbol, "interval", epoch_ms(since) AS since, epoch_ms(until) AS until FROM coverage WHERE dataset = 'klines'
"""


@dataclass
class Desktop:
    """One machine: a config, one exchange on the loopback, one state folder, and the command started on it."""

    config: Path
    exchange: Exchange
    url: str
    since_ms: int

    def start(self, **variables: str) -> subprocess.Popen[str]:
        """`binlake run prices` as a process; what it says is its last words in a failure."""
        argv = [sys.executable, "-m", "pipelines", "run", "prices", "--json", "--config", str(self.config)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(argv, cwd=ROOT, env=os.environ | variables, text=True, **pipes)

    @property
    def lake(self) -> Path:
        return self.config.parent / "lake"

    def sql(self, *questions: str) -> list[list[dict[str, Any]]]:
        """The answers to several questions about the lake as it is now."""
        connection = connect(Lake.at(self.lake))
        return [run(connection, question).to_pylist() for question in questions]

    def asked(self) -> list[dict[str, Any]]:
        """Every request the exchange saw."""
        return self._get("/simulator/requests")

    def printed(self, symbol: str, interval: str, until_ms: int) -> list[list[Any]]:
        """The candles from the start of history to an instant, asked of the exchange directly."""
        rows: list[list[Any]] = []
        start = self.since_ms
        while page := self._get(
            f"/api/v3/klines?symbol={urllib.request.quote(symbol)}&interval={interval}&startTime={start}"
            f"&endTime={until_ms - 1}&limit=1000"
        ):
            rows += page
            start = page[-1][0] + 1
        return rows

    def _get(self, target: str) -> list[Any]:
        with urllib.request.urlopen(self.url + target) as response:  # noqa: S310 - loopback
            answer: list[Any] = json.load(response)
            return answer


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    """An exchange that keeps its limits, and two days to pull from it."""
    since = (datetime.now(UTC) - timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
    with Served(Exchange(latency_s=0.01)) as served:
        config = tmp_path / "flows.yaml"
        symbols = json.dumps(SYMBOLS, ensure_ascii=False)
        config.write_text(FLOWS.format(url=served.url, symbols=symbols, since=f"{since:%Y-%m-%dT%H:%M}"))
        yield Desktop(config, served.exchange, served.url, int(since.timestamp()) * 1000)


def finished(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """The receipts of a run that ended well."""
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 0, said
    receipts: list[dict[str, Any]] = json.loads(said[said.index("\n[") :])
    return receipts


def holds_exactly_what_the_exchange_printed(desktop: Desktop) -> None:
    """Each series is covered from the start, and holds the printed candles of its coverage, each once."""
    covered, wrong = desktop.sql(COVERED, "SELECT * FROM gaps UNION ALL BY NAME SELECT * FROM corrections")
    assert wrong == []
    assert {(row["symbol"], row["interval"]) for row in covered} == {(s, i) for s in SYMBOLS for i in ("1m", "1h")}
    assert {row["since"] for row in covered} == {desktop.since_ms}
    of_series = "klines WHERE symbol = '{symbol}' AND interval = '{interval}'"
    stored = desktop.sql(*(AS_PRINTED.replace("klines", of_series.format_map(row)) for row in covered))
    for row, candles in zip(covered, stored, strict=True):
        printed = desktop.printed(row["symbol"], row["interval"], row["until"])
        assert [list(candle.values()) for candle in candles] == printed


def test_processes_that_run_the_same_flow_at_once_are_one_run(desktop: Desktop):
    """Every candle is stored once, by one of them; coverage is that of one run; nobody is told to slow down.

    And every request of every process is on record.
    """
    receipts = [receipt for process in [desktop.start() for _ in range(TOGETHER)] for receipt in finished(process)]
    asked = len(desktop.asked())
    holds_exactly_what_the_exchange_printed(desktop)
    [stored], twice, [noted] = desktop.sql(
        "SELECT count(*) AS rows FROM klines",
        "SELECT symbol, observed_at FROM prices GROUP BY ALL HAVING count(*) > 1",
        "SELECT count(*) AS requests, list(DISTINCT status) AS statuses FROM api_requests",
    )
    assert sum(receipt["rows"] for receipt in receipts if receipt["dataset"] == "klines") == stored["rows"]
    assert twice == []
    assert noted == {"requests": asked, "statuses": [200]}


@pytest.mark.parametrize("moment", some_of(["while asking", "between two commits"]))
def test_a_process_killed_in_the_middle_costs_nothing(desktop: Desktop, moment: str):
    """After SIGKILL a plain rerun leaves what an undisturbed run leaves."""
    asking = moment == "while asking"
    committing = {} if asking else killed_behind("os.rename", "/prices/")
    with desktop.start(**committing) as killed, desktop.exchange.requests.when("", 5 if asking else NEVER, killed.kill):
        said, _ = killed.communicate()
    assert killed.returncode == -signal.SIGKILL, said
    assert asking or desktop.sql(COVERED) != [[]]
    finished(desktop.start())
    holds_exactly_what_the_exchange_printed(desktop)
