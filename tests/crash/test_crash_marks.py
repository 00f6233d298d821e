"""Killed at any call that changes the lake, a run of an account notes no progress that it has not made."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from harness import Aftermath, Point, Program, can_trace, find_points, sweep
from support.beside import Served
from support.desks import API_KEY, SECRET
from support.trade_desk import START_S, UID, RunningClock, small_exchange

from connectors.simulator import Exchange
from connectors.simulator.protocol.faults import NoWeight

B, E, X = "BTCUSDT", "ETHUSDT", "XRPUSDT"
SEASON_S = 100 * 86_400  # after which an order that ended unfilled is not shown any more
MARKS = {"until_id", "matched_at", "probed_at", "retained_at", "explained_at", "changed_at"}
SAMPLE = 9  # every so many of some 430 points
Found = tuple[Program, list[Point], str]

pytestmark = pytest.mark.soak


def _early(exchange: Exchange) -> None:
    """Orders that are filled, rest, and come to nothing."""
    book = exchange.book(UID)
    for symbol in (B, E):
        book.fill(symbol, book.place(symbol, "BUY", 1, 50))
    book.place(B, "BUY", 2, 40)
    book.cancel(E, book.place(E, "BUY", 1, 10))


def _late(exchange: Exchange) -> None:
    """What rested is filled, in part; another symbol is traded; an order comes and goes."""
    book = exchange.book(UID)
    (rested,) = book.open_orders(exchange.now_ms, B)
    book.fill(B, rested.order_id, 1)
    book.fill(X, book.place(X, "BUY", 5, 1))
    book.cancel(B, book.place(B, "SELL", 1, 900))


def _exchange(*, later: bool) -> Exchange:
    clock = RunningClock(START_S)
    exchange = small_exchange(clock)
    exchange.inject(NoWeight(count=None))  # every run has the weight of a minute to itself
    _early(exchange)
    if later:
        clock.advance(SEASON_S)
        _late(exchange)
    return exchange


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """The program, where it can be hit, and what it leaves undisturbed."""
    if not can_trace():
        pytest.skip("strace is not installed")
    with Served(_exchange(later=False)) as before, Served(_exchange(later=True)) as after:
        settings = {"DESK_KEY": API_KEY, "DESK_SECRET": SECRET}
        urls = {"TRADING_BEFORE": before.url, "TRADING_AFTER": after.url}
        with Program("trading", settings | urls) as program:
            points, states = find_points(program, tmp_path_factory.mktemp("found"))
            yield program, points, states[-1]


def complaint(after: Aftermath, undisturbed: str) -> str | None:
    """Whatever differs from an undisturbed run."""
    if after.rerun.returncode:
        return f"the rerun failed: {after.rerun.stderr}"
    came_to = after.rerun.stdout.splitlines()[-1]
    return None if came_to == undisturbed else f"the rerun differs in {_differences(came_to, undisturbed)}"


def _differences(came_to: str, undisturbed: str) -> dict[str, tuple[list[str], list[str]]]:
    """What only one of them holds."""
    one, other = json.loads(came_to), json.loads(undisturbed)
    sides = {name: (set(one[name]), set(other[name])) for name in one}
    return {name: (sorted(a - b)[:3], sorted(b - a)[:3]) for name, (a, b) in sides.items() if one[name] != other[name]}


def test_the_run_has_every_mark_to_lose(found: Found) -> None:
    """Undisturbed, it stores orders of three symbols, one of them dropped since, their fills, and each kind of mark."""
    _, points, undisturbed = found
    left = json.loads(undisturbed)
    assert len(points) > 200
    assert len(left["fills"]) == 4
    assert sum("'gone_since': True" in row for row in left["orders"]) == 1
    named = {mark.rpartition("#")[2].partition("=")[0] for name in left if "marks" in name for mark in left[name]}
    assert named >= MARKS


def failed(found: Found, points: Iterable[Point], folder: Path) -> list[str]:
    program, _, undisturbed = found

    def told(after: Aftermath) -> str | None:
        said = (
            after.ended.returncode == 0 or "Problem" in after.ended.stderr or "Input/output error" in after.ended.stderr
        )
        return complaint(after, undisturbed) if said else f"it ended with {after.ended.stderr}"

    return sweep(program, points, "error=EIO", folder, told)


@pytest.mark.timeout(1800)
def test_a_disk_that_fails_almost_anywhere_loses_nothing(found: Found, tmp_path: Path) -> None:
    """An I/O error at every eighteenth call is told in a sentence or does no harm, and one plain rerun has everything."""
    assert failed(found, found[1][7 :: 2 * SAMPLE], tmp_path) == []


@pytest.mark.timeout(1800)
def test_killed_almost_anywhere_it_asks_for_what_is_missing(found: Found, tmp_path: Path) -> None:
    """Killed at every ninth call: one plain rerun has every order and fill once, and the marks of an undisturbed run."""
    program, points, undisturbed = found
    assert sweep(program, points[::SAMPLE], "signal=KILL", tmp_path, lambda one: complaint(one, undisturbed)) == []


@pytest.mark.timeout(600)
def test_eight_processes_that_run_it_at_once_are_one_run(found: Found, tmp_path: Path) -> None:
    """Each ends well, and together they leave the rows and marks of one that ran alone."""
    program, _, undisturbed = found
    # All see the earlier season to its end before the later one: no exchange goes back to what it was.
    earlier = program.environment | {"TRADING_AFTER": program.environment["TRADING_BEFORE"]}
    argv = [*program.command, str(tmp_path / "lake")]
    for environment in (earlier, program.environment):
        processes = [subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(8)]
        for process in processes:
            process.communicate(timeout=300)
        assert [process.returncode for process in processes] == [0] * 8
    rerun = program.run(tmp_path / "lake")
    assert complaint(Aftermath(Point("", 0), rerun, rerun, tmp_path), undisturbed) is None
