"""What finding an account's symbols costs, what a restart in the middle repeats, and what an idle run costs."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from connectors.binance.budget import Budget
from connectors.binance.pools import SPOT
from connectors.simulator import Exchange, serve
from connectors.simulator.protocol.limits import Limits
from pipelines.context.progress import Silent
from pipelines.estimate.flow import plan_flows
from pipelines.runs.run import run_flow
from schemas.config.flows import FlowsFile

UID, KEY, SECRET = 7, "k" * 64, "s" * 64
UNLIMITED = 10**8  # else a sweep would take its ten minutes here
FIRST = "fromId=0&"


class Stand:
    """An exchange of so many symbols, in which an account traded some and has some orders open."""

    def __init__(self, folder: Path, symbols: int, traded: int, opened: int) -> None:
        self.exchange = Exchange(seed=1, limits=Limits(enforced=False, weight=UNLIMITED))
        extra = symbols - len(self.exchange.listed(self.exchange.now_ms))
        self.exchange = Exchange(seed=1, limits=Limits(enforced=False, weight=UNLIMITED), extra_symbols=extra)
        self.exchange.add_account(UID, KEY, secret=SECRET, balances={"USDT": ("1000000000", "0")})
        self.folder, self.state = folder, folder / "state.sqlite"
        self._trade(traded, opened)

    def _trade(self, traded: int, opened: int) -> None:
        book, now_ms = self.exchange.book(UID), self.exchange.now_ms
        names = [one.symbol for one in self.exchange.listed(now_ms) if one.status(now_ms) == "TRADING"]
        chosen = names[:: len(names) // traded][:traded]
        for symbol in chosen:
            book.fill(symbol, book.place(symbol, "BUY", 1, 1))
        for symbol in (chosen * opened)[:opened]:
            book.place(symbol, "BUY", 1, 1)

    def config(self, url: str) -> FlowsFile:
        return FlowsFile.model_validate({
            "lake": str(self.folder / "lake"),
            "exchange": {"spot": url},
            "accounts": {"main": {"api_key": "env:BENCH_KEY", "secret": "env:BENCH_SECRET"}},
            "flows": {"trading": {
                "kind": "account", "account": "main", "datasets": ["orders", "fills"], "symbols": "traded",
            }},
        })  # fmt: skip

    @property
    def spent(self) -> int:
        return sum(self.exchange.limits.spent.values())

    def probes(self) -> list[str]:
        """The first pages of fills that were asked for."""
        return [
            seen.target.split("&limit")[0]
            for seen in self.exchange.requests
            if FIRST in seen.target and "myTrades" in seen.target
        ]


async def measured(stand: Stand) -> dict[str, Any]:
    Budget(stand.state, "simulator").learn(SPOT, UNLIMITED)
    async with serve(stand.exchange) as url:
        config = stand.config(url)
        (planned,) = await plan_flows(config, ["trading"], state=stand.state)

        async def run() -> None:
            receipts = await run_flow(config, "trading", progress=Silent(), stop=asyncio.Event(), state=stand.state)
            assert [receipt.outcome for receipt in receipts] == ["done"] * 2, receipts

        before = stand.spent
        running = asyncio.ensure_future(run())
        while len(stand.probes()) < 1000:  # noqa: ASYNC110 - the exchange keeps a list, not events
            await asyncio.sleep(0.01)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await run()
        swept, probes = stand.spent - before, stand.probes()
        before, began = stand.spent, time.process_time()
        await run()
        return {
            "planned": planned.weight,
            "minutes": planned.minutes,
            "spent": swept,
            "repeated": len(probes) - len(set(probes)),
            "idle": stand.spent - before,
            "idle_cpu_s": time.process_time() - began,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("symbols", type=int)
    parser.add_argument("traded", type=int)
    parser.add_argument("opened", type=int)
    options = parser.parse_args()
    os.environ.update(BENCH_KEY=KEY, BENCH_SECRET=SECRET)
    stand = Stand(options.folder, options.symbols, options.traded, options.opened)
    print(json.dumps(asyncio.run(measured(stand))))


if __name__ == "__main__":
    main()
