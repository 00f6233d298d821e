"""Runs that are killed while orders and fills are pulled."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from support.desks import API_KEY, SECRET
from support.killed import killed_behind
from support.trade_desk import ACCOUNT, KEPT, START_S, RunningClock, TradeDesk, small_exchange

from connectors.simulator import serve
from connectors.simulator.protocol.rules import Refusal

KILLS = 100
ROOT = Path(__file__).parents[2]
CHILD = """
import asyncio, os, sys
from pathlib import Path
from pipelines.settings.loader import load
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow

parent = os.getppid()
print("ready", flush=True)
while os.getppid() == parent:
    asyncio.run(run_flow(
        load(Path(sys.argv[1])), "trading", progress=Silent(), stop=asyncio.Event(), state=Path(sys.argv[2])
    ))
"""


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_hundred_kills_lose_and_double_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any instant or in the middle of a commit, while trading goes on, the next whole run has all of it once."""
    monkeypatch.setenv("DESK_KEY", API_KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    chance = random.Random(7)
    clock = RunningClock(START_S)
    exchange = small_exchange(clock)
    async with serve(exchange) as url:
        desk = TradeDesk(tmp_path, url, exchange, clock)
        flows = tmp_path / "flows.yaml"
        key = {"api_key": "env:DESK_KEY", "secret": "env:DESK_SECRET"}
        content = {"lake": "./lake", "exchange": {"spot": url}, "accounts": {ACCOUNT: key}, "flows": desk.flows}
        flows.write_text(json.dumps(content))
        for number in range(KILLS):
            _live(desk, chance)
            after_s, files = chance.uniform(0, 1.2), chance.randrange(1, 8)
            if number % 2:
                await _killed(flows, desk.state, **killed_behind("os.rename", ".parquet", files))
            else:
                await _killed(flows, desk.state, after_s)
            clock.advance(chance.choice([1, 700, 4000]))
        receipts = await desk.run("trading")
        assert [receipt.outcome for receipt in receipts] == ["done"] * 3, receipts
        held = desk.held()
        for symbol in desk.known():
            held.has_all(symbol)
            held.invents_nothing(symbol)
        assert desk.known() >= {symbol for symbol in KEPT if len(desk.book.fills[symbol])}
        assert len(_left_behind(desk.lake.path)) >= KILLS / 2, "half of them were to hit commits before their log entry"


def _live(desk: TradeDesk, chance: random.Random) -> None:
    """A few events anywhere."""
    for _ in range(chance.randrange(6)):
        opened = desk.book.open_orders(desk.exchange.now_ms)
        with suppress(Refusal):
            if not opened or chance.random() < 0.4:
                desk.book.place(chance.choice(KEPT), "BUY", chance.randrange(1, 9), 1)
            else:
                order = chance.choice(opened)
                act, *rest = chance.choice([
                    (desk.book.fill,), (desk.book.fill, order.left / 2), (desk.book.amend, order.executed + order.left / 2),
                    (desk.book.cancel,),
                ])  # fmt: skip
                act(order.symbol, order.order_id, *rest)


async def _killed(flows: Path, state: Path, after_s: float | None = None, **variables: str) -> None:
    """Begin runs in a process of their own that ends itself, or is killed so long after its imports."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(flows), str(state),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ['PYTHONPATH']}", **variables},
    )  # fmt: skip
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    if after_s is not None:
        await asyncio.sleep(after_s)
        child.kill()
    assert await child.wait() == -signal.SIGKILL


def _left_behind(lake: Path) -> list[Path]:
    """The files that were written and that no commit ever named; the log keeps its entries for a day."""
    commits = "".join(entry.read_text() for entry in lake.rglob("_delta_log/*.json"))
    files = (path for path in lake.rglob("*.parquet") if path.parent.name != "_delta_log")
    return [path for path in files if path.name not in commits]
