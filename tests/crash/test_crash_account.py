"""Runs of a whole account that are killed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.desks import API_KEY, SECRET
from support.followed import Day, books, follow

KILLS = 5


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_killed_runs_leave_nothing_unexplained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed anywhere, from the cold start on, then run again: every change of every balance is explained."""
    monkeypatch.setenv("DESK_KEY", API_KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    chance = random.Random(11)
    days = [Day(chance.choice([0, 0.5, 3]), killed=chance.randrange(1, 300)) for _ in range(KILLS)]
    follower = await follow(tmp_path, [Day(0, killed=40), *days, Day(0.1)])
    with books(follower.desk.lake) as found:
        assert found.unexplained() == []
