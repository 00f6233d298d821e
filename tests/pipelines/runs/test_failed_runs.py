"""A run that fails as a whole is a row of `runs` with its reason, as one that fails in a dataset is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.desks import API_KEY, SECRET, UID

from connectors.simulator.protocol.faults import Error
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow
from schemas.model.errors import AccessRefused, TryLater, UsageProblem

if TYPE_CHECKING:
    from support.desks import Desk


@pytest.fixture
async def used(desk: Desk) -> Desk:
    """A desk whose lake holds a run of balances, all done."""
    desk.exchange.add_account(UID, API_KEY, secret=SECRET, balances={"BTC": ("1", "0")})
    desk.flows["balances"] = {"kind": "account", "account": "main", "datasets": ["balances"], "values": False}
    await desk.run("balances")
    assert {row["outcome"] for row in desk.rows("runs")} == {"done"}
    return desk


def whole(desk: Desk) -> list[dict[str, Any]]:
    """The rows of `runs` that speak of a flow as a whole."""
    return [row for row in desk.rows("runs") if row["dataset"] == ""]


def failed(desk: Desk) -> str:
    """The reason in the one such row."""
    (row,) = whole(desk)
    assert (row["flow"], row["outcome"], row["rows"]) == ("balances", "failed", 0)
    assert row["started"] <= row["ended"]
    return str(row["error"])


async def test_a_key_that_cannot_be_read(used: Desk, monkeypatch: pytest.MonkeyPatch):
    """Before anything is asked: the row names the variable and holds nothing of a key."""
    monkeypatch.delenv("DESK_SECRET")
    with pytest.raises(AccessRefused):
        await used.run("balances")
    assert "DESK_SECRET" in failed(used)


async def test_a_key_that_is_refused(used: Desk):
    """After the question about the key: the row says what the exchange said."""
    used.exchange.inject(Error(path="/sapi/v1/account/apiRestrictions", code=-2015, status=401, msg="Invalid key."))
    with pytest.raises(AccessRefused):
        await used.run("balances")
    assert failed(used)
    assert API_KEY not in failed(used)


async def test_an_exchange_that_does_not_answer(used: Desk):
    """Without a network the row says so; the next run goes on as if nothing had been."""
    there, used.url = used.url, "http://127.0.0.1:9"
    with pytest.raises(TryLater):
        await used.run("balances")
    assert "No answer" in failed(used)
    used.url = there
    assert {one.outcome for one in await used.run("balances")} == {"done"}


async def test_what_cannot_be_meant_is_no_run(used: Desk):
    """A file that is wrong is told, and written nowhere: nothing ran."""
    with pytest.raises(UsageProblem):
        await used.run("balanecs")
    assert whole(used) == []


async def test_no_lake_is_made_and_none_of_another_exchange_is_written(used: Desk, monkeypatch: pytest.MonkeyPatch):
    """A failure is no reason to bind a folder to an exchange, nor to write into the lake of another."""
    monkeypatch.delenv("DESK_SECRET")
    used.addresses = {"spot": "https://testnet.binance.vision"}
    with pytest.raises(AccessRefused):
        await used.run("balances")
    assert whole(used) == []
    elsewhere = used.config.model_copy(update={"lake": used.folder / "elsewhere"})
    with pytest.raises(AccessRefused):
        await run_flow(elsewhere, "balances", progress=Silent(), stop=used.stop, state=used.state)
    assert not (used.folder / "elsewhere").exists()


async def test_what_failed_beside_the_datasets(used: Desk):
    """A table of the journal that takes no rows is told by a row of `runs`, under the run that it belongs to."""
    (used.folder / "lake" / "api_requests").rename(used.folder / "lake" / "set aside")
    (used.folder / "lake" / "api_requests").write_text("in the way")
    receipts = await used.run("balances")
    assert (receipts[0].outcome, receipts[-1].outcome) == ("done", "failed")
    assert "api_requests" in failed(used)
    assert {row["outcome"] for row in used.rows("runs", run=whole(used)[0]["run"])} == {"done", "failed"}
