"""Flows of these tests run at a desk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.desks import API_KEY, SECRET, Desk
from support.trade_desk import START_S, RunningClock, TradeDesk, small_exchange

from connectors.simulator import Exchange, MovableClock, serve


@pytest.fixture
def desk(
    tmp_path: Path, exchange: Exchange, exchange_url: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """A desk whose exchange stands still at 2026-11-02 12:00:30 until the clock is moved."""
    monkeypatch.setenv("DESK_KEY", API_KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    return Desk(tmp_path, exchange_url, exchange, clock)


@pytest.fixture
async def trade_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TradeDesk]:
    """A desk whose account has not traded yet, at an exchange whose clock runs and can be moved on."""
    monkeypatch.setenv("DESK_KEY", API_KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    clock = RunningClock(START_S)
    exchange = small_exchange(clock)
    async with serve(exchange) as url:
        yield TradeDesk(tmp_path, url, exchange, clock)
