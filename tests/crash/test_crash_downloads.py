"""Files that spend a quota are asked for once, wherever a run is killed, and none of their rows is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Aftermath, Point, Program, can_trace, find_points, of_each_kind, sweep
from support.beside import Served
from support.trade_desk import START_S, UID, RunningClock

from connectors.simulator import Exchange, Limits
from connectors.simulator.protocol.faults import NoWeight

KEY, SECRET = "k" * 64, "s" * 64
DAY_MS = 86_400_000
APPEARS = {"link", "linkat", "rename", "renameat", "renameat2", "unlink", "unlinkat"}  # what makes a commit be there
Found = tuple[Program, list[Point], str]


class Uncounted(Counter[tuple[int, str, str]]):
    """What was spent of a quota that every run of this test has for itself."""

    def __getitem__(self, key: tuple[int, str, str]) -> int:
        return 0


def _exchange() -> Exchange:
    """One whose account earned in two years, and that makes files at once."""
    exchange = Exchange(seed=1, clock=RunningClock(START_S), limits=Limits(enforced=False))
    exchange.add_account(UID, KEY, secret=SECRET)
    exchange.inject(NoWeight(count=None))
    exchange.files.processing_ms = 0
    exchange.files.spent = Uncounted()
    for days in (400, 100):
        row = {"symbol": "BTCUSDT", "incomeType": "REALIZED_PNL", "income": f"1.{days}", "asset": "USDT", "info": "",
               "tradeId": "1", "tranId": days, "time": exchange.now_ms - days * DAY_MS}  # fmt: skip
        exchange.add_movement(UID, "/fapi/v1/income", row)
    return exchange


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """The program, where it can be hit, and what it leaves undisturbed."""
    if not can_trace():
        pytest.skip("strace is not installed")
    variables = {"QUOTA_KEY": KEY, "QUOTA_SECRET": SECRET}
    with Served(_exchange()) as served, Program("quota_pull", {"QUOTA_URL": served.url, **variables}) as program:
        points, (undisturbed,) = find_points(program, tmp_path_factory.mktemp("found"))
        yield program, points, undisturbed


def complaint(after: Aftermath, undisturbed: str) -> str | None:
    """A file that was asked for twice, or a row that lacks although its file was given."""
    if after.rerun.returncode:
        return f"the rerun failed: {after.rerun.stderr}"
    left, meant = json.loads(after.rerun.stdout.splitlines()[-1]), json.loads(undisturbed)
    if max(count for _, count in left["asked"]) > 1:
        return f"asked twice: {left['asked']}"
    # Of a question whose answer did not come nobody knows whether it was taken; it is not asked again unbidden.
    unanswered = left["states"].count("asked")
    if unanswered > 1 or len(left["rows"]) != len(meant["rows"]) - unanswered:
        return f"rows are missing: {left}"
    return f"left behind: {left['kept']}" if left["kept"] else None


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_downloads_killed_at_every_kind_of_call_spend_nothing_twice(found: Found, tmp_path: Path) -> None:
    """Killed between question, wait, download and import: a run more brings the same rows for the same quota."""
    program, points, undisturbed = found
    assert json.loads(undisturbed)["states"] == ["imported", "imported"]
    assert len(json.loads(undisturbed)["rows"]) == 2
    wanted = [
        point
        for point in of_each_kind(points)
        if ".downloads" in point.path or (point.name in APPEARS and "statement_" in point.path)
    ]
    assert sweep(program, wanted, "signal=KILL", tmp_path, lambda one: complaint(one, undisturbed)) == []
