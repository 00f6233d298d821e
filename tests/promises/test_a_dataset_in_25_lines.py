"""A dataset is a declaration, an endpoint row and a row of the simulator: at most 25 lines, and no other."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.beside import API_KEY, SECRET
from support.commands import Commands, commands
from support.desks import ROOT

LINES = {
    "schemas/datasets/ledgers.py": """
POOL_REWARDS = ledger(
    "pool_rewards",
    "What mining pools paid.",
    Column("pool", TEXT, "btc or eth"),
    Column("reward_id", ID, "given by the exchange"),
    Column("asset", TEXT, "such as BTC"),
    Column("amount", FINE, "paid"),
    Column("paid_time", TIME, "when it was paid"),
    key=("reward_id",),
    time="paid_time",
    settles=timedelta(days=1),
    of=("pool",),
)
""",
    "connectors/binance/endpoints/wallet.py": """
_POOLS = FanOut(param="poolType", column="pool", values={"btc": "BTC", "eth": "ETH"})
POOL_REWARDS = ledger(
    "pool/rewards",
    ledgers.POOL_REWARDS,
    Windows(days=30, inside=Inside.PAGES, limit="size", page="current", fan_out=(_POOLS,)),
    page_limit=100,
    rows_at="rows",
    wire={"reward_id": "id", "asset": "coin"},
)
""",
    "connectors/simulator/endpoints/ledgers.py": """
_ROW = {"size": "size", "page": "current", "of": "poolType", "wrapped": with_total}
ENDPOINTS += (ledger("pool/rewards", "paidTime", days=30, most=100, usual=10, **_ROW),)
""",
}

MOVEMENTS = 300
STALLS = 140  # behind the first windows, which are committed together, each of a page and an empty one
SIMULATOR = f"""
import asyncio, sys
from connectors.simulator import Exchange, Limits, serve

async def main():
    exchange = Exchange(seed=1, limits=Limits(enforced=False))
    exchange.add_account(7, {API_KEY!r}, secret={SECRET!r})
    for number in range({MOVEMENTS}):
        days, pool = 5 + 10 * (number // 2), ("BTC", "ETH")[number % 2]
        row = {{"id": number, "coin": pool, "amount": "0.5", "paidTime": exchange.now_ms - days * 86_400_000}}
        exchange.add_movement(7, "pool/rewards", row, pool)
    async with serve(exchange) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""
FLOWS = """\
exchange: {{spot: '{url}', wallet: '{url}'}}
accounts:
  main: {{api_key: env:KEY, secret: env:SECRET}}
flows:
  rewards: {{kind: account, account: main, datasets: [pool_rewards], since: 2022-01-01, values: false}}
"""


class House:
    """A copy of binlake that has the lines, its simulator at `url`, and its command."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, ""
        for package in ("schemas", "connectors", "pipelines"):
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        for path, lines in LINES.items():
            with (folder / path).open("a") as module:
                module.write(lines)

    @property
    def environment(self) -> Mapping[str, str]:
        return {**os.environ, "KEY": API_KEY, "SECRET": SECRET}

    async def python(self, *words: str) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, *words, cwd=self.folder, env=self.environment, stdin=PIPE, stdout=PIPE
        )

    async def steer(self, method: str, name: str, order: Any = None) -> Any:
        """Have the simulator do something, or tell what it saw."""
        async with aiohttp.request(method, f"{self.url}/simulator/{name}", json=order) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def asked(self, path: str) -> int:
        return sum(path in seen["target"] for seen in await self.steer("GET", "requests"))

    async def kill_in_the_middle(self) -> None:
        """Kill a run whose first windows are in the lake, while it waits for others."""
        path = "/sapi/v1/pool/rewards"
        stalled = {"kind": "latency", "path": path, "skip": STALLS, "count": None, "seconds": 600.0}
        await self.steer("POST", "faults", stalled)
        process = await self.python("-m", "pipelines", "run")
        while await self.asked(path) <= STALLS:  # noqa: ASYNC110 - another process keeps a list, not events
            await asyncio.sleep(0.1)
        process.kill()
        await process.communicate()
        await self.steer("DELETE", "faults")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path / "copy")
    simulator = await house.python("-c", SIMULATOR)
    assert simulator.stdout is not None
    house.url = (await simulator.stdout.readline()).decode().strip()
    (house.folder / "flows.yaml").write_text(FLOWS.format(url=house.url))
    yield house
    simulator.kill()
    await simulator.communicate()


def test_a_dataset_takes_at_most_25_lines():
    """The lines that the next test adds are few, and none is longer than any other line may be."""
    lines = [line for text in LINES.values() for line in text.strip().splitlines()]
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 120


async def said(copy: Commands, *words: str) -> str:
    """What a module of the copy prints, when all goes well."""
    code, printed, complained = await copy.run(*words)
    assert code in {0, None}, complained
    return printed


async def told(copy: Commands, *words: str) -> Any:
    return json.loads(await said(copy, "pipelines", *words, "--json"))


async def test_those_lines_are_all_it_takes(house: House):
    """With nothing but its lines a dataset is planned, pulled, resumed, checked, shown, queried and documented."""
    async with commands(house.folder, house.environment) as copy:
        (plan,) = await told(copy, "plan")
        assert [(one["series"], one["requests"] > 100) for one in plan["series"]] == [("main/pool_rewards", True)]
        await house.kill_in_the_middle()
        (receipt,) = await told(copy, "run")
        assert 0 < receipt["rows"] < MOVEMENTS, "the rest of what was killed"
        (plan,) = await told(copy, "plan")
        (receipt,) = await told(copy, "run")
        assert (receipt["rows"], receipt["requests"]) == (0, plan["series"][0]["requests"])
        sql = "SELECT count(*) AS rows, count(DISTINCT reward_id) AS ids FROM pool_rewards"
        found = json.loads(await said(copy, "pipelines", "query", sql, "--format", "json"))
        assert found == [{"rows": MOVEMENTS, "ids": MOVEMENTS}]
        assert {one["name"] for one in await told(copy, "check") if "pool_rewards" in one["name"]}
        assert "pool_rewards" in await said(copy, "pipelines", "status")
        assert "## pool_rewards" in await said(copy, "schemas.derived.docs")
        assert "pool_rewards" in await said(copy, "schemas.config.flows")
