"""An exchange served beside a command's own event loop, and a flows.yaml that pulls from it."""

from __future__ import annotations

import asyncio
import threading
from typing import Self

from connectors.simulator import Exchange, Limits, serve

# The published key of the exchange's own documentation.
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published

FLOWS = """\
exchange: {{spot: '{url}'}}
accounts:
  main: {{api_key: env:KEY, secret: env:SECRET}}
flows:
  market: {{kind: market, market: spot, datasets: [klines, prices], symbols: [BTCUSDT, ETHUSDT], intervals: [1d],
            since: 2026-10-01, every: 1h}}
  wallet: {{kind: account, account: main, datasets: [balances], every: 1h, values: false}}
  upkeep: {{kind: maintenance, every: 1d}}
"""


class Served(threading.Thread):
    """An exchange at `url`, in an event loop of its own, until it is stopped; by default one that keeps real time."""

    def __init__(self, exchange: Exchange | None = None) -> None:
        super().__init__(daemon=True)
        self.exchange = exchange or Exchange(seed=1, limits=Limits(enforced=False))
        self.url = ""
        self._up = threading.Event()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        async with serve(self.exchange) as self.url:
            self._up.set()
            await self._stopped.wait()

    def __enter__(self) -> Self:
        self.start()
        assert self._up.wait(timeout=20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self.join(timeout=20)
