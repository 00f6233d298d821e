"""Runs of a whole account that are killed."""

from __future__ import annotations

import random
from collections.abc import Sequence
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
    """Killed anywhere, from the cold start on, then run again: every change is explained, by the same movements."""
    monkeypatch.setenv("DESK_KEY", API_KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    chance = random.Random(11)
    days = [Day(chance.choice([0, 0.5, 3]), killed=chance.randrange(1, 300)) for _ in range(KILLS)]
    fresh = list[Sequence[object]]()

    async def start_afresh(follower: Follower) -> None:
        flows = dict(follower.desk.flows)
        desk = replace(follower.desk, folder=tmp_path / "fresh")
        desk.flows.update(flows)
        await Follower(desk).live(Day(0))
        with books(desk.lake) as found:
            fresh.extend(found.ledger())

    follower = await follow(tmp_path, [Day(0, killed=40), *days, Day(0.3)], then=start_afresh)  # no ledger rests then
    with books(follower.desk.lake) as found:
        assert found.unexplained() == []
        assert found.ledger() == fresh
