"""A run killed at any call that changes the lake costs nothing: one plain rerun leaves the lake of an undisturbed one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from harness import Aftermath, Point, Program, can_trace, find_points, sweep
from support.beside import Served

from connectors.simulator import Exchange, Limits, MovableClock
from connectors.simulator.protocol.faults import NoWeight, Wrong

NOON = datetime(2026, 10, 14, 12, 0, 12, tzinfo=UTC)
NOON_MS = int(NOON.replace(second=0).timestamp()) * 1000
GAPS = {"not_listed", "exchange_outage"}
SAMPLE, SOAK_SAMPLE = 130, 2  # every so many of some 260 points
Found = tuple[Program, list[Point], str]


def _exchange(minutes_later: int) -> Served:
    """One whose clock stands still, so that it must not add up what all runs spend in its one minute."""
    clock = MovableClock(NOON.timestamp() + 60 * minutes_later)
    exchange = Exchange(seed=1, clock=clock, limits=Limits(enforced=False))
    exchange.inject(NoWeight(count=None))
    return Served(exchange)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """The program, where it can be hit, and what it leaves undisturbed."""
    if not can_trace():
        pytest.skip("strace is not installed")
    with _exchange(0) as before, _exchange(15) as after:
        wrong_ms = NOON_MS - 15 * 60_000  # the last closed quarter of an hour
        before.exchange.inject(Wrong(path="/api/v3/klines", open_ms=wrong_ms, values={4: "1.00000000"}, count=None))
        settings = {
            "FLOW_BEFORE": before.url,
            "FLOW_AFTER": after.url,
            "FLOW_SINCE": "2026-09-30T22:00",
            "FLOW_FIRST_END_US": str(NOON_MS * 1000),
        }
        with Program("flow", settings) as program:
            points, states = find_points(program, tmp_path_factory.mktemp("found"))
            yield program, points, states[-1]


def complaint(after: Aftermath, undisturbed: str) -> str | None:
    """Whatever differs from an undisturbed run."""
    if after.rerun.returncode:
        return f"the rerun failed: {after.rerun.stderr}"
    came_to = after.rerun.stdout.splitlines()[-1]
    if came_to != undisturbed:
        return f"the rerun differs in {_differences(json.loads(came_to), json.loads(undisturbed))}"
    return None


def _differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What only one of them holds."""
    sides = {name: [set(map(str, each[name])) for each in (one, other)] for name in one}
    return {name: (sorted(a - b)[:3], sorted(b - a)[:3], len(one[name])) for name, (a, b) in sides.items()
            if one[name] != other[name]}  # fmt: skip


def test_the_run_has_everything_to_lose(found: Found) -> None:
    """Undisturbed, it stores rows of two months, gaps of two kinds and a correction of each symbol."""
    _, points, undisturbed = found
    left = json.loads(undisturbed)
    assert len(points) > 200
    assert {month for row in left["klines"] for month in ("2026-09", "2026-10") if month in row} == {
        "2026-09",
        "2026-10",
    }
    assert len(left["corrections"]) == 3
    assert {reason for row in left["gaps"] for reason in GAPS if reason in row} == GAPS
    assert len(left["klines"]) == len(set(left["klines"])) > 1000


def test_a_run_killed_here_and_there_heals(found: Found, tmp_path: Path) -> None:
    """Killed at some of its calls: rows, bounds, gaps and corrections are those of a run that was never killed."""
    program, points, undisturbed = found
    assert sweep(program, points[::SAMPLE], "signal=KILL", tmp_path, lambda one: complaint(one, undisturbed)) == []


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_run_killed_almost_anywhere_heals(found: Found, tmp_path: Path) -> None:
    """Killed at every second call: rows, bounds, gaps and corrections are those of a run that was never killed."""
    program, points, undisturbed = found
    assert sweep(program, points[::SOAK_SAMPLE], "signal=KILL", tmp_path, lambda one: complaint(one, undisturbed)) == []
