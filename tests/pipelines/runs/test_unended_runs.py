"""A run that was killed is a row of `runs` too: the next run in the lake writes it, once, and never of one that lives."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from support.desks import API_KEY, SECRET, UID

from connectors.simulator.protocol.faults import Latency
from pipelines.context.run_log import Journal
from pipelines.runs.unended_runs import noted_as_running, unended_runs

if TYPE_CHECKING:
    from support.desks import Desk

NEVER_S = 3600.0  # how late an answer comes that nobody waits for


@pytest.fixture
async def used(desk: Desk) -> Desk:
    """A desk with flows of prices and of balances, and a lake that holds a run of the latter."""
    desk.exchange.add_account(UID, API_KEY, secret=SECRET, balances={"BTC": ("1", "0")})
    desk.flows["balances"] = {"kind": "account", "account": "main", "datasets": ["balances"], "values": False}
    desk.market(["BTCUSDT"])
    await desk.run("balances")
    return desk


@pytest.fixture
def killed(used: Desk) -> Desk:
    """That desk, with what a run of prices leaves that was killed: to start a process and kill it takes seconds."""
    (used.lake.locks / "runs" / Journal("prices").run).touch()
    return used


def noted(desk: Desk) -> list[dict[str, Any]]:
    return desk.rows("runs", outcome="interrupted")


async def test_the_next_run_says_that_one_was_killed(used: Desk):
    """Any flow's next run writes the row, with the flow, its beginning and the reason; the one after adds none."""
    await used.killed_at(1, "/klines", "run", "prices")
    (one,) = unended_runs(used.lake)
    assert (one.flow, one.going_on) == ("prices", False)
    for _ in range(2):
        assert {receipt.outcome for receipt in await used.run("balances")} == {"done"}
    (row,) = noted(used)
    assert (row["run"], row["flow"], row["dataset"], row["started"]) == (one.run, "prices", "", one.started)
    assert "killed" in row["error"]
    assert unended_runs(used.lake) == []


async def test_many_who_see_it_write_one_row(killed: Desk):
    """Eight runs that begin at once in eight threads leave one row."""

    def begin(number: int) -> None:
        with noted_as_running(killed.lake, Journal(f"flow{number}").run):
            pass

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(begin, range(8)))
    assert len(noted(killed)) == 1


async def test_a_run_that_goes_on_was_not_killed(used: Desk):
    """While a slow run waits for an answer, another flow comes and goes and says nothing of it."""
    used.exchange.inject(Latency(path="/api/v3/klines", seconds=NEVER_S))
    slow = asyncio.ensure_future(used.run("prices"))
    await used.exchange_saw(1)
    (one,) = unended_runs(used.lake)
    assert (one.flow, one.going_on) == ("prices", True)
    await used.run("balances")
    assert noted(used) == []
    slow.cancel()
    await asyncio.wait([slow])
    assert unended_runs(used.lake) == []


async def test_a_run_that_was_killed_after_its_last_word_has_spoken(used: Desk):
    """Where the rows of a run are there, and only its file was left, nothing is added to them."""
    (row,) = used.rows("runs")
    (used.lake.locks / "runs" / row["run"]).touch()
    await used.run("balances")
    assert {each["outcome"] for each in used.rows("runs")} == {"done"}
    assert unended_runs(used.lake) == []


async def test_a_run_is_not_stopped_by_a_file_that_it_cannot_make(used: Desk):
    """Where the disk refuses the file, all is pulled the same."""
    (used.lake.locks / "runs").rmdir()
    (used.lake.locks / "runs").write_text("in the way")
    assert {receipt.outcome for receipt in await used.run("prices")} == {"done"}


async def test_a_row_that_cannot_be_written_is_written_later(killed: Desk):
    """While the table of runs cannot be read, the run is still known as killed; then its row comes."""
    runs, aside = (killed.folder / "lake" / name for name in ("runs", "aside"))
    runs.rename(aside)
    runs.write_text("in the way")
    await killed.run("balances")
    assert [one.flow for one in unended_runs(killed.lake)] == ["prices"]
    runs.unlink()
    aside.rename(runs)
    await killed.run("balances")
    assert [row["flow"] for row in noted(killed)] == ["prices"]
