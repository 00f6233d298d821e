"""What command tests stand on: a process left as it was, and an exchange served beside the command's own loop."""

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Self

import pytest

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
  wallet: {{kind: account, account: main, datasets: [balances], every: 1h}}
  upkeep: {{kind: maintenance, every: 1d}}
"""


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """What a command sets in its process is not left to the next test."""
    environment, mask = dict(os.environ), os.umask(0o022)
    yield
    os.umask(mask)
    os.environ.clear()
    os.environ.update(environment)


class Served(threading.Thread):
    """An exchange at `url`, in an event loop of its own, until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.exchange = Exchange(seed=1, limits=Limits(enforced=False))
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


@pytest.fixture
def served():
    """An exchange with an account that only reads, served while the test lasts."""
    with Served() as served:
        served.exchange.add_account(7, API_KEY, secret=SECRET, balances={"BTC": ("1.5", "0")})
        yield served


@pytest.fixture
def config(tmp_path, served):
    """A flows.yaml with a flow of each kind, on that exchange; its key is not set."""
    path = tmp_path / "flows.yaml"
    path.write_text(FLOWS.format(url=served.url))
    return path


@pytest.fixture
def key(monkeypatch):
    """The account's key, where flows.yaml says it is."""
    monkeypatch.setenv("KEY", API_KEY)
    monkeypatch.setenv("SECRET", SECRET)
