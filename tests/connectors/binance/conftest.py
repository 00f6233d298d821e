"""Every test here has a world: a simulated exchange whose time stands still until somebody sleeps."""

from collections.abc import AsyncIterator

import pytest
from support.binance_world import API_KEY, API_SECRET, START_S, UID, World

from connectors.binance.keys import KeyPair, Secret
from connectors.simulator import Exchange, MovableClock, serve


@pytest.fixture
def keys() -> KeyPair:
    return KeyPair.from_secret(Secret(API_KEY), Secret(API_SECRET))


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    clock = MovableClock(START_S)
    exchange = Exchange(clock=clock)
    exchange.add_account(UID, API_KEY, secret=API_SECRET, balances={"BTC": ("1.5", "0.25")})
    world = World(exchange, clock, tmp_path / "budget.sqlite")
    with world.budget:
        async with serve(exchange) as world.url:
            yield world
