"""Runs of a whole account that are killed."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from support.desks import API_KEY, SECRET
from support.followed import Day, Follower, books, follow

KILLS = 5


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_killed_runs_leave_the_ledger_that_a_fresh_lake_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed anywhere, from the cold start on, then run again: every balance is explained, by the same movements."""
    monkeypatch.setenv("DESK_KEY", API_KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    chance = random.Random(11)
    days = [Day(chance.choice([0, 0.5, 3]), killed=chance.randrange(1, 300)) for _ in range(KILLS)]
    ledgers = []

    async def again(follower: Follower) -> None:
        fresh = Follower(replace(follower.desk, folder=tmp_path / "fresh"))
        await fresh.live(Day(0))
        for one in (follower, fresh):
            with books(one.desk.lake) as found:
                assert one is fresh or found.unexplained() == []
                ledgers.append(found.ledger())

    await follow(tmp_path, [Day(0, killed=40), *days, Day(0.1)], then=again)
    killed, fresh = ledgers
    assert killed == fresh
