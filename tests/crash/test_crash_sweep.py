"""A lake killed at any call that changes the disk is whole, and one plain rerun makes it what it would have been."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from harness import Aftermath, Point, Program, can_trace, find_points, of_each_kind, sweep

from connectors.lake import Lake
from schemas.datasets.market import KLINES

FEWEST_POINTS = 100  # below that the trace has missed something
SAMPLE = 50  # every so many of some 150 points
Told = tuple[Program, list[Point], list[str]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The story, where it can be hit, and the states it passes through undisturbed."""
    if not can_trace():
        pytest.skip("strace is not installed")
    with Program("story", {}) as story:
        points, states = find_points(story, tmp_path_factory.mktemp("told"))
        assert len(points) > FEWEST_POINTS
        yield story, points, states


def complaint(after: Aftermath, states: list[str]) -> str | None:
    """Whatever differs from an undisturbed run."""
    if after.rerun.returncode:
        return f"the rerun failed: {after.rerun.stderr}"
    first, *_, last = after.rerun.stdout.splitlines()
    if first not in states:
        return f"the hit left a state between two commits: {first}"
    if last != states[-1]:
        return f"the rerun came to {last}"
    return _litter(after.folder)


def _litter(folder: Path) -> str | None:
    """Files that are neither live data nor the log nor a lock."""
    live = set(Lake.at(folder).table(KLINES).files())
    present = {path for path in folder.rglob("*") if path.is_file() and not path.is_relative_to(folder / ".locks")}
    log = folder / "klines" / "_delta_log"
    logged = {path for path in present if path.parent == log and ("#" not in path.name and "torn" not in path.name)}
    rest = {str(path) for path in present - logged - {folder / "lake.json"}} - live
    return f"it left {sorted(rest)}" if rest else None


def killed(told: Told, points: Iterable[Point], folder: Path) -> list[str]:
    story, _, states = told
    return sweep(story, points, "signal=KILL", folder, lambda after: complaint(after, states))


def full(told: Told, points: Iterable[Point], folder: Path) -> list[str]:
    story, _, states = told

    def found(after: Aftermath) -> str | None:
        said = after.ended.returncode == 0 or "Disk full while writing" in after.ended.stderr
        return complaint(after, states) if said else f"it ended with {after.ended.stderr}"

    return sweep(story, points, "error=ENOSPC", folder, found)


def test_killed_at_calls_of_many_kinds_it_heals(told: Told, tmp_path: Path) -> None:
    """Killed at every third kind of write, rename, link, unlink and sync: nothing is lost, doubled or stuck."""
    assert killed(told, of_each_kind(told[1])[::3], tmp_path) == []


def test_a_full_disk_here_and_there_heals(told: Told, tmp_path: Path) -> None:
    """Some calls that find the disk full end the program with a sentence, or do no harm."""
    assert full(told, told[1][::SAMPLE], tmp_path) == []


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_anywhere_it_heals(told: Told, tmp_path: Path) -> None:
    """Three commits, a replacement and upkeep, killed at each write, rename, link, unlink and sync: nothing is lost,
    doubled or stuck, and every state a reader meets is that of a whole commit.
    """
    assert killed(told, told[1], tmp_path) == []


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_full_disk_anywhere_heals(told: Told, tmp_path: Path) -> None:
    """A call that finds the disk full ends the program with a sentence, or does no harm."""
    assert full(told, told[1], tmp_path) == []


def test_the_states_differ(told: Told) -> None:
    """The sweep has something to see: each step changes rows or bounds."""
    states = [json.loads(state) for state in told[2]]
    assert [len(rows) for _, rows in states] == [0, 8, 20, 21, 21, 21]
    assert states[3] != states[4]
