"""Trades keep what one undisturbed run would have stored, wherever a run is killed."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness import Aftermath, Point, Program, can_trace, find_points, of_each_kind, sweep
from support.beside import Served
from tick_pull import KINDS

from connectors.simulator import Exchange, Limits, MovableClock
from connectors.simulator.market.listings import LISTINGS
from connectors.simulator.protocol.faults import NoWeight

NOW = datetime(2026, 10, 14, 12, 0, 12, tzinfo=UTC)
LISTED_MS = int(datetime(2026, 10, 12, 22, tzinfo=UTC).timestamp()) * 1000
NEVER_PRINTED = 800  # an aggregate of today, which has no file yet
JOURNALS = ("rows of gaps", "rows of archive_files")
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
Found = tuple[Program, list[Point], str]

pytestmark = pytest.mark.soak


def _exchange() -> Served:
    """One whose clock stands still, with a symbol that hardly ever trades, and a hole among its aggregates."""
    exchange = Exchange(seed=1, clock=MovableClock(NOW.timestamp()), limits=Limits(enforced=False))
    exchange.add_symbol(replace(LISTINGS[0], symbol="QUIET", quiet=0.9999, listed_ms=LISTED_MS))
    exchange.inject(NoWeight(count=None))
    exchange.tapes["spot"].unprinted["QUIET", "agg_trades"] = {NEVER_PRINTED}
    return Served(exchange)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """The program, where it can be hit, and what it leaves undisturbed."""
    if not can_trace():
        pytest.skip("strace is not installed")
    with _exchange() as served, Program("tick_pull", {"TICKS_URL": served.url}) as program:
        points, (undisturbed,) = find_points(program, tmp_path_factory.mktemp("found"))
        yield program, points, undisturbed


def complaint(after: Aftermath, undisturbed: str) -> str | None:
    """Whatever differs from an undisturbed run; a journal may tell the same twice, as it is written before the rows."""
    if after.rerun.returncode:
        return f"the rerun failed: {after.rerun.stderr}"
    came_to, meant = json.loads(after.rerun.stdout.splitlines()[-1]), json.loads(undisturbed)
    sides = {name: [_counted(name, each[name]) for each in (came_to, meant)] for name in meant}
    differing = {name: (list(a - b)[:3], list(b - a)[:3]) for name, (a, b) in sides.items() if a != b}
    return f"the rerun differs in {differing}" if differing else None


def _counted(name: str, found: list[object]) -> Counter[str]:
    told = Counter(map(str, found))
    return Counter(set(told)) if name in JOURNALS else told


def test_the_pull_has_everything_to_lose(found: Found) -> None:
    """Undisturbed, it stores trades of files and of pages, each id once, and the gap of the one that is not there."""
    left = json.loads(found[2])
    for kind in KINDS:
        bounds = {name.rpartition("#")[2]: at for name, at in left[kind]}
        missing = kind == "agg_trades"
        assert len(set(left[f"rows of {kind}"])) == bounds["until_id"] - bounds["since_id"] - missing > 100
    assert len(left["rows of gaps"]) == 1
    assert {row.count("'daily'") for row in left["rows of archive_files"]} <= {0, 1}
    assert len(left["rows of archive_files"]) >= 2


@pytest.mark.timeout(300)
def test_a_pull_of_trades_killed_at_every_kind_of_call_heals(found: Found, tmp_path: Path) -> None:
    """Killed at each kind of call and file: rows, coverage and gaps are those of a pull that was never killed."""
    program, points, undisturbed = found
    kinds = of_each_kind(points)
    assert sweep(program, kinds, "signal=KILL", tmp_path, lambda one: complaint(one, undisturbed)) == []


def test_two_pulls_of_trades_at_once_leave_what_one_leaves(found: Found, tmp_path: Path) -> None:
    """Two processes that pull the same trades into one lake at once: rows, coverage and gaps are those of one."""
    program, _, undisturbed = found
    command = [*program.command, str(tmp_path / "lake")]
    both = [subprocess.Popen(command, env=program.environment, text=True, **PIPES) for _ in range(2)]
    said = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    again = program.run(tmp_path / "lake")
    assert complaint(Aftermath(Point("none", 0), again, again, tmp_path), undisturbed) is None
