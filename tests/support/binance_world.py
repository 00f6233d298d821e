"""A simulated exchange, a client of it, and a clock that only moves when somebody sleeps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connectors.binance.budget import Budget
from connectors.binance.calls import Request
from connectors.binance.client import Client
from connectors.binance.keys import KeyPair
from connectors.binance.sites import resolve
from connectors.simulator import Exchange, MovableClock

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
API_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published
START_S = 1_789_999_990.0  # ten seconds into a minute
UID = 4242


@dataclass
class World:
    """One exchange, one machine's budget, and what its clients asked. Sleeping is what makes time pass."""

    exchange: Exchange
    clock: MovableClock
    budget_path: Path
    url: str = ""
    asked: list[Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.budget = Budget(self.budget_path, "simulator", clock=self.clock, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def client(self, keys: KeyPair | None = None, **site: str) -> AsyncIterator[Client]:
        """An open client; what it asks while opening is forgotten."""
        site = resolve({"spot": self.url, **site})
        async with Client(site, self.budget, keys, self.asked.append, self.clock, self.sleep) as client:
            self.asked.clear()
            yield client
