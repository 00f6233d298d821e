"""What comes along time is what one undisturbed run would have stored, wherever a run is killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness import Aftermath, Point, Program, can_trace, find_points, of_each_kind, sweep
from support.beside import Served

from connectors.simulator import Exchange, Limits, MovableClock
from connectors.simulator.protocol.faults import Hole, Misprinted, NoWeight

NOW = datetime(2026, 10, 14, 12, 0, 12, tzinfo=UTC)
FIVE_MINUTES_MS = 300_000
MISPRINTED_MS = int(NOW.timestamp()) // 300 * 300_000 - 6 * FIVE_MINUTES_MS
COUNTS, PAID = "/futures/data/openInterestHist", "/fapi/v1/fundingRate"
Found = tuple[Program, list[Point], str]

pytestmark = pytest.mark.soak


def _exchange(later: timedelta) -> Served:
    """One whose clock stands still, so that it must not add up what all runs spend in its one minute."""
    clock = MovableClock((NOW + later).timestamp())
    exchange = Exchange(seed=1, clock=clock, limits=Limits(enforced=False))
    exchange.inject(NoWeight(count=None))
    return Served(exchange)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """The program, where it can be hit, and what it leaves undisturbed."""
    if not can_trace():
        pytest.skip("strace is not installed")
    with _exchange(timedelta()) as before, _exchange(timedelta(hours=2)) as after:
        for path in (COUNTS, PAID):
            before.exchange.inject(Hole(path=path, place=40 if path == COUNTS else 2, count=None))
        wrong = {"sumOpenInterest": "7.00000000"}
        before.exchange.inject(Misprinted(path=COUNTS, where={"timestamp": MISPRINTED_MS}, values=wrong, count=None))
        settings = {"TIMES_BEFORE": before.url, "TIMES_AFTER": after.url, "TIMES_SINCE": "2026-10-13"}
        with Program("time_pull", settings) as program:
            points, (undisturbed,) = find_points(program, tmp_path_factory.mktemp("found"))
            yield program, points, undisturbed


def complaint(after: Aftermath, undisturbed: str) -> str | None:
    """Whatever differs from an undisturbed run; gaps may be told by both pulls, as they are told before the rows."""
    if after.rerun.returncode:
        return f"the rerun failed: {after.rerun.stderr}"
    came_to, meant = json.loads(after.rerun.stdout.splitlines()[-1]), json.loads(undisturbed)
    sides = {name: [Counter(map(str, each[name])) for each in (came_to, meant)] for name in meant}
    differing = {name: (list(a - b)[:3], list(b - a)[:3]) for name, (a, b) in sides.items() if a != b}
    return f"the rerun differs in {differing}" if differing else None


def test_the_pull_along_time_has_everything_to_lose(found: Found) -> None:
    """Undisturbed, it stores counts and fundings, fills the gaps of those that came late, and corrects a count."""
    left = json.loads(found[2])
    for kind in ("open_interest", "funding_rates"):
        assert len(left[f"rows of {kind}"]) == len(set(left[f"rows of {kind}"])) > 3
    assert len(left["rows of corrections"]) == 1
    assert [("'filled': True" in row) for row in left["rows of gaps"]].count(True) == 1


@pytest.mark.timeout(600)
def test_a_pull_along_time_killed_here_and_there_heals(found: Found, tmp_path: Path) -> None:
    """Killed at every other kind of call and file: rows, coverage, gaps and corrections are those of one never killed."""
    program, points, undisturbed = found
    kinds = of_each_kind(points)[::2]
    assert sweep(program, kinds, "signal=KILL", tmp_path, lambda one: complaint(one, undisturbed)) == []
