"""A lake that the questions of QUESTIONS.md are asked of: three weeks of a simulated exchange, and an account's life.

Seed and clock are fixed, so that every answer is the same wherever and whenever it is asked for.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from connectors.simulator import Exchange, MovableClock, serve
from connectors.simulator.account.trader import Life
from connectors.simulator.protocol.limits import Limits
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow
from pipelines.settings.loader import load

API_KEY, SECRET = "k" * 64, "s" * 64
RUNS_AT = (datetime(2026, 11, 19, 12, 0, 12, tzinfo=UTC), datetime(2026, 11, 20, 12, 0, 12, tzinfo=UTC))
TRADES_SINCE = datetime(2026, 9, 1, tzinfo=UTC)
SYMBOLS = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "XRPUSDT"]
HELD = {"SHIB": ("1000000", "0"), "EUR": ("250", "0"), "LDBTC": ("0.01", "0")}
FLOWS = {
    "prices": {
        "kind": "market", "market": "spot", "datasets": ["klines", "tickers"], "symbols": SYMBOLS,
        "intervals": ["1m", "1h", "1d"], "since": "2026-11-01",
    },
    "ticks": {  # of the last minutes before the second run
        "kind": "market", "market": "spot", "datasets": ["agg_trades"], "symbols": ["BTCUSDT"],
        "since": "2026-11-20T11:58",
    },
    "account": {
        "kind": "account", "account": "main", "datasets": ["balances", "orders", "fills"], "symbols": SYMBOLS,
    },
}  # fmt: skip


def make(folder: Path) -> Path:
    """Pull the exchange into a lake in the folder, at noon of two days; gives its flows.yaml."""
    return asyncio.run(_made(folder))


async def _made(folder: Path) -> Path:
    path, clock = folder / "flows.yaml", MovableClock(RUNS_AT[0].timestamp())
    exchange = Exchange(seed=1, clock=clock, limits=Limits(enforced=False))
    life = Life(
        since_ms=int(TRADES_SINCE.timestamp()) * 1000, stories_a_day=5.0, traded=dict.fromkeys(SYMBOLS, 1), watched={}
    )
    exchange.add_account(7, API_KEY, secret=SECRET, balances=HELD, orders=life)
    account = {"api_key": _kept(folder / "key", API_KEY), "secret": _kept(folder / "secret", SECRET)}
    async with serve(exchange) as url:
        content = {"lake": "lake", "exchange": {"spot": url}, "accounts": {"main": account}, "flows": FLOWS}
        path.write_text(json.dumps(content))
        for now in RUNS_AT:
            clock.now_s = now.timestamp()
            await _run(path)
    return path


def _kept(path: Path, secret: str) -> str:
    """Where a secret lies, as flows.yaml says it."""
    path.touch(mode=0o600)
    path.write_text(secret)
    return f"file:{path}"


async def _run(path: Path) -> None:
    config = load(path)
    for name in config.flows:
        state = path.parent / "state" / "budget.sqlite"
        receipts = await run_flow(config, name, progress=Silent(), stop=asyncio.Event(), state=state)
        assert all(receipt.outcome == "done" for receipt in receipts), receipts
