"""A desk to run flows at: a lake in a temporary folder, pulled from the served simulator (fixture `desk`)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from support.commands import commands
from support.lakes import candle_series

from connectors.lake import Lake
from connectors.simulator import Exchange, MovableClock
from pipelines.context.progress import Progress, Silent
from pipelines.context.receipts import Receipt
from pipelines.runs.registry import Window
from pipelines.runs.run import run_flow
from schemas.config.flows import FlowsFile
from schemas.datasets import DATASETS
from schemas.datasets.journal import GAPS
from schemas.model.series import Series

Command = Callable[..., Awaitable[tuple[int | None, str, str]]]

ROOT = Path(__file__).parents[2]
API_KEY = "k" * 64
SECRET = "s" * 64
UID = 354937868

# Stored candles as `klines` prints them; a decimal as text has the eight decimals of its column.
AS_PRINTED = """
SELECT epoch_ms(open_time), open::VARCHAR, high::VARCHAR, low::VARCHAR, close::VARCHAR, volume::VARCHAR,
    epoch_ms(close_time), quote_volume::VARCHAR, trade_count, taker_buy_volume::VARCHAR,
    taker_buy_quote_volume::VARCHAR, '0'
FROM klines ORDER BY open_time
"""


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def reopened(desk: Desk, **told: str) -> Series:
    """Have the last gap that was filled as a run leaves it that was killed before it said so; the series of it."""
    [*_, filled] = [row for row in desk.rows("gaps") if row["filled_at"] is not None]
    row = {**filled, **told, "filled_at": None, "seen_at": filled["seen_at"] + timedelta(microseconds=1)}
    desk.lake.table(GAPS).commit(pa.Table.from_pylist([row], schema=GAPS.schema), [])
    return Series.of_row(DATASETS[filled["dataset"]], row)


def us(text: str) -> int:
    return int(instant(text).timestamp()) * 1_000_000


async def no_pause(_seconds: float) -> None:
    """What passes between two tries of a request at a desk: a turn of the event loop."""
    await asyncio.sleep(0)


@dataclass
class Desk:
    """Runs flows of a config against one exchange, into one lake."""

    folder: Path
    url: str
    exchange: Exchange
    clock: MovableClock
    flows: dict[str, dict[str, Any]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    progress: Progress = field(default_factory=Silent)
    more: dict[str, Any] = field(default_factory=dict)  # what else stands in flows.yaml

    @property
    def config(self) -> FlowsFile:
        return FlowsFile.model_validate(self.content)

    @property
    def content(self) -> dict[str, Any]:
        """What stands in flows.yaml."""
        return {
            "lake": str(self.folder / "lake"),
            "exchange": {"spot": self.url, **self.addresses},
            "accounts": {"main": {"api_key": "env:DESK_KEY", "secret": "env:DESK_SECRET"}},
            "flows": self.flows,
            **self.more,
        }

    def market(
        self, symbols: Any, intervals: Sequence[str] = ("1m",), since: str = "2026-11-02T10:00", **more: Any
    ) -> None:
        """Have a flow named `prices` that pulls candles."""
        self.flows["prices"] = {
            "kind": "market", "market": "spot", "datasets": ["klines"], "symbols": symbols,
            "intervals": list(intervals), "since": since, **more,
        }  # fmt: skip

    async def run(self, flow: str = "prices", *, again: bool = False) -> list[Receipt]:
        return await run_flow(
            self.config, flow, progress=self.progress, stop=self.stop, state=self.state, again=again, pause=no_pause
        )

    def written(self) -> Path:
        """A flows.yaml of this config."""
        path = self.folder / "flows.yaml"
        path.write_text(json.dumps(self.content))
        return path

    async def started(self, *words: str, **variables: str) -> Process:
        """The command with this config, as a process of its own."""
        path = self.written()
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pipelines", *words, "--config", str(path),
            env={**os.environ, **variables}, cwd=ROOT, stdout=PIPE, stderr=STDOUT,
        )  # fmt: skip

    @asynccontextmanager
    async def commands(self) -> AsyncIterator[Command]:
        """Run commands with this config, one after another in one process: exit code, output and complaints of each."""
        config = str(self.written())
        async with commands(ROOT, os.environ) as python:
            yield lambda *words: python.run("pipelines", *words, "--config", config)

    async def backfill(
        self, since: str, until: str | None = None, symbols: Sequence[str] = (), *, again: bool = False
    ) -> list[Receipt]:
        window = Window(instant(since), instant(until) if until else None, tuple(symbols), again)
        return await run_flow(
            self.config,
            "prices",
            window=window,
            progress=self.progress,
            stop=self.stop,
            state=self.state,
            pause=no_pause,
        )

    @property
    def state(self) -> Path:
        return self.folder / "state" / "budget.sqlite"

    @property
    def lake(self) -> Lake:
        return Lake.at(self.folder / "lake")

    def rows(self, dataset: str, **where: Any) -> list[dict[str, Any]]:
        """The stored rows that have these values, sorted by key."""
        declared = DATASETS[dataset]
        stored = self.lake.table(declared).scan().sort_by([(name, "ascending") for name in declared.key])
        return [row for row in stored.to_pylist() if all(row[name] == value for name, value in where.items())]

    def bounds(self, symbol: str, interval: str = "1m") -> tuple[datetime, datetime] | None:
        """The coverage of a series."""
        bounds = self.lake.table(DATASETS["klines"]).bounds()
        name = candle_series(symbol, interval).id
        if f"{name}#until" not in bounds:
            return None
        since, until = bounds[f"{name}#since"], bounds[f"{name}#until"]
        return datetime.fromtimestamp(since / 1e6, UTC), datetime.fromtimestamp(until / 1e6, UTC)

    def asked(self, part: str = "/klines") -> list[str]:
        """The requests the exchange saw whose target holds this."""
        return [seen.target for seen in self.exchange.requests if part in seen.target]

    async def exchange_saw(self, requests: int, part: str = "/klines") -> None:
        """Wait until the exchange saw so many such requests."""
        seen = asyncio.Event()
        with self.exchange.requests.when(part, requests - len(self.asked(part)), seen.set):
            await seen.wait()

    async def stopped_at(self, requests: int, part: str, flow: str = "prices") -> list[Receipt]:
        """Run a flow, and wish it to stop when the exchange sees so many such requests of it."""
        with self.exchange.requests.when(part, requests, self.stop.set):
            receipts = await self.run(flow)
        assert self.stop.is_set(), "it was to be stopped"
        self.stop.clear()
        return receipts

    async def killed_at(self, requests: int, part: str, *words: str) -> None:
        """Run the command as a process of its own, and kill it when the exchange sees so many such requests of it."""
        process = await self.started(*words)
        with self.exchange.requests.when(part, requests, process.kill):
            said, _ = await process.communicate()
        assert process.returncode == -signal.SIGKILL, said.decode()
