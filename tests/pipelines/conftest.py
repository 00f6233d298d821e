"""Flows of these tests run at a desk."""

from __future__ import annotations

from pathlib import Path

import pytest
from desks import API_KEY, SECRET, Desk

from connectors.simulator import Exchange, MovableClock


@pytest.fixture
def desk(
    tmp_path: Path, exchange: Exchange, exchange_url: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """A desk whose exchange stands still at 2026-11-02 12:00:30 until the clock is moved."""
    monkeypatch.setenv("DESK_KEY", API_KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    return Desk(tmp_path, exchange_url, exchange, clock)
