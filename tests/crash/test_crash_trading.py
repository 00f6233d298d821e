"""Runs that are killed while orders and fills are pulled."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from desks import API_KEY, SECRET
from trade_desk import ACCOUNT, KEPT, START_S, RunningClock, TradeDesk, small_exchange

from connectors.simulator import serve
from connectors.simulator.rules import Refusal

KILLS = 100
ROOT = Path(__file__).parents[2]
CHILD = """
import asyncio, sys
from pathlib import Path
from pipelines.config import load
from pipelines.progress import Silent
from pipelines.runs import run_flow

print("ready", flush=True)
for _ in range(20):
    asyncio.run(run_flow(
        load(Path(sys.argv[1])), "trading", progress=Silent(), stop=asyncio.Event(), state=Path(sys.argv[2])
    ))
"""


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_hundred_kills_lose_and_double_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any instant, with trading going on, the next whole run has every order and fill exactly once."""
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
        for _ in range(KILLS):
            _live(desk, chance)
            await _killed(flows, desk.state, chance.uniform(0, 1.2))
            clock.advance(chance.choice([1, 700, 4000]))
        receipts = await desk.run("trading")
        assert [receipt.outcome for receipt in receipts] == ["done"] * 3, receipts
        for symbol in desk.known():
            assert desk.orders(symbol) == desk.truth(symbol)
            assert desk.stored_ids("fills", symbol) == desk.true_ids("fills", symbol)
        assert desk.known() >= {symbol for symbol in KEPT if len(desk.book.fills[symbol])}


def _live(desk: TradeDesk, chance: random.Random) -> None:
    """A few events anywhere."""
    for _ in range(chance.randrange(6)):
        opened = desk.book.open_orders(desk.exchange.now_ms)
        with suppress(Refusal):
            if not opened or chance.random() < 0.4:
                desk.book.place(chance.choice(KEPT), "BUY", chance.randrange(1, 9), 1)
            else:
                order = chance.choice(opened)
                act = desk.book.fill if chance.random() < 0.7 else desk.book.cancel
                act(order.symbol, order.order_id)


async def _killed(flows: Path, state: Path, after_s: float) -> None:
    """Begin runs in a process of their own, and kill it so long after its imports."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(flows), str(state),
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    with suppress(TimeoutError):
        await asyncio.wait_for(child.wait(), after_s)
    assert child.returncode is None, "it was to be killed"
    child.kill()
    await child.wait()
