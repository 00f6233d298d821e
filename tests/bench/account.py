"""What a cold start of a whole account costs, planned and spent, and what a run costs that finds nothing new."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from connectors.binance.budget import Budget
from connectors.binance.endpoints import ENDPOINTS
from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from connectors.simulator import Cashflow, Exchange, Life, MovableClock, serve
from connectors.simulator.protocol.limits import Limits
from pipelines.context.progress import Silent
from pipelines.estimate.flow import plan_flows
from pipelines.estimate.outlook import minutes
from pipelines.runs.run import run_flow
from schemas.config.flows import FlowsFile
from schemas.config.names import ACCOUNT_DATASETS

UID, KEY, SECRET = 7, "k" * 64, "s" * 64
UNLIMITED = 10**8  # else a cold start would take its hours here
START_S = 1_795_867_200  # 2026-11-28
MINUTE_S, DAY_S = 60, 86_400
POOLS = {endpoint.pool.name: endpoint.pool for endpoint in ENDPOINTS}
SPENT = "SELECT run, pool, sum(weight)::BIGINT AS weight, min(asked_at) AS began FROM api_requests GROUP BY ALL ORDER BY began"


class Running(MovableClock):
    """A clock that runs, so that signed requests stay in their window, and that can be moved on."""

    def __init__(self) -> None:
        super().__init__(START_S)
        self._begun_s = time.monotonic()

    def __call__(self) -> float:
        return self.now_s + time.monotonic() - self._begun_s


class Stand:
    """An account that traded some of so many symbols, and lived through every wallet."""

    def __init__(self, folder: Path, symbols: int, traded: int, years: int) -> None:
        self.folder, self.state, self.clock = folder, folder / "state.sqlite", Running()
        few = Exchange(seed=1, clock=self.clock)
        extra = symbols - len(few.listed(few.now_ms))
        limits = Limits(enforced=False, weight=UNLIMITED)
        self.exchange = Exchange(seed=1, clock=self.clock, limits=limits, extra_symbols=extra)
        self.since_s = START_S - 365 * years * DAY_S
        names = [
            one.symbol
            for one in self.exchange.listed(self.since_s * 1000)
            if one.status(self.exchange.now_ms) == "TRADING"
        ]
        chosen = dict.fromkeys(names[:: len(names) // traded][:traded], 1)
        self.exchange.add_account(
            UID,
            KEY,
            secret=SECRET,
            money=Cashflow(self.since_s * 1000, 0.5),
            orders=Life(self.since_s * 1000, stories_a_day=0.5, traded=chosen, watched={}),
        )

    def config(self, url: str) -> FlowsFile:
        since = time.strftime("%Y-%m-%d", time.gmtime(self.since_s))
        return FlowsFile.model_validate({
            "lake": str(self.folder / "lake"),
            "exchange": dict.fromkeys(("spot", "wallet", "usdm", "coinm"), url),
            "accounts": {"main": {"api_key": "env:BENCH_KEY", "secret": "env:BENCH_SECRET"}},
            "flows": {"whole": {
                "kind": "account", "account": "main", "datasets": list(ACCOUNT_DATASETS), "symbols": "traded",
                "wallets": "all", "since": since, "mining": ["alice"],
            }},
        })  # fmt: skip


async def measured(stand: Stand) -> dict[str, Any]:
    for pool in POOLS.values():
        Budget(stand.state, "simulator").learn(pool, UNLIMITED)
    async with serve(stand.exchange) as url:
        config = stand.config(url)
        (plan,) = await plan_flows(config, ["whole"], state=stand.state, clock=lambda: round(stand.clock() * 1e6))
        for _ in range(3):  # the second brings what came meanwhile, the third finds nothing new
            receipts = await run_flow(config, "whole", progress=Silent(), stop=asyncio.Event(), state=stand.state)
            assert {receipt.outcome for receipt in receipts} <= {"done", "skipped"}, receipts
            stand.clock.advance(MINUTE_S)
        with connect(Lake.at(config.lake)) as session:
            runs: defaultdict[str, dict[str, int]] = defaultdict(dict)
            for row in run(session, SPENT).to_pylist():
                runs[row["run"]][row["pool"]] = row["weight"]
    cold, _, idle = runs.values()
    share = config.budget
    uid = max(weight / POOLS[name].limit for name, weight in idle.items() if name.startswith("uid:"))
    return {
        "planned": plan.weight,
        "planned_minutes": plan.minutes,
        "spent": sum(cold.values()),
        "spent_minutes": minutes([(POOLS[name], weight) for name, weight in cold.items()], share),
        "idle_by_address": sum(weight for name, weight in idle.items() if not name.startswith("uid:")),
        "idle_by_account": uid,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name in ("symbols", "traded", "years"):
        parser.add_argument(name, type=int)
    options = parser.parse_args()
    os.environ.update(BENCH_KEY=KEY, BENCH_SECRET=SECRET)
    stand = Stand(options.folder, options.symbols, options.traded, options.years)
    print(json.dumps(asyncio.run(measured(stand))))


if __name__ == "__main__":
    main()
