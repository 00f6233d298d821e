"""`keys add` and `keys rotate` killed at any call that changes a file leave one key that works, and go on when rerun."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from harness import Aftermath, Point, Program, can_trace, find_points, sweep
from rotation import TYPED, UID
from support.beside import Served

FIRST = (["ROTATION_KEY", "ROTATION_SECRET"], ["main-1.key", "main-1.secret"])
LAST = ["main-2.key", "main-2.pem"]
NOTED = ["admitted", "retired"]
SAMPLE = 12
Found = tuple[Program, list[Point], list[str]]

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """The program, where it can be hit, and what it tells undisturbed."""
    if not can_trace():
        pytest.skip("strace is not installed")
    with Served() as served:
        served.exchange.add_account(UID, TYPED["API key"], secret=TYPED["API secret"])
        with Program("rotation", {"ROTATION_URL": served.url}) as program:
            points, states = find_points(program, tmp_path_factory.mktemp("found"))
            yield program, points, states


def complaint(after: Aftermath) -> str | None:
    """Whatever is no key that works, or no end of the story."""
    if after.rerun.returncode:
        return f"the rerun failed: {after.rerun.stderr}"
    left, end = map(json.loads, after.rerun.stdout.splitlines())
    if left["places"] not in (*FIRST, LAST) or left["comment"] != 1:
        return f"the kill left flows.yaml as {left}"
    if left["places"] != FIRST[0] and left["uid"] != UID:
        return f"the kill left no key that works: {left}"
    if left["places"] == LAST and left["states"] != NOTED:
        return f"the kill left the old key unwatched: {left}"
    if (end["places"], end["uid"], end["problem"], end["states"]) != (LAST, UID, "", NOTED):
        return f"the rerun came to {end}"
    return None


def test_an_undisturbed_run_changes_the_key_twice(found: Found) -> None:
    """From an account without a key to a typed one to one made here; each change writes files of its own."""
    _, points, states = found
    assert [json.loads(state)["places"] for state in states] == [FIRST[0], LAST]
    assert len(points) > 20


@pytest.mark.timeout(600)
def test_one_key_works_wherever_it_was_killed_or_the_disk_was_full(found: Found, tmp_path) -> None:
    """Killed at each of its calls, or refused space there: a key works at once, and a rerun ends with the new one."""
    program, points, _ = found
    assert sweep(program, points, "signal=KILL", tmp_path, complaint) == []
    needing_space = [point for point in points if not point.name.startswith("unlink")]
    assert sweep(program, needing_space[::SAMPLE], "error=ENOSPC", tmp_path, complaint) == []
