"""What an account held at the end of each day, and ledgers that the account or its key does not have."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from support.desks import API_KEY, SECRET, UID

from connectors.binance.budget import Budget
from connectors.binance.pools import sapi_by_ip
from connectors.simulator.account.wallet_books import Leg
from connectors.simulator.protocol.faults import Body, Error
from pipelines.estimate.flow import plan_flows

if TYPE_CHECKING:
    from support.desks import Desk

PATH = "/sapi/v1/accountSnapshot"
HOUR_S, DAY_S = 3600, 86_400
HELD = {("SPOT", "BTC"): Decimal(2), ("FUTURES", "USDT"): Decimal(100)}


@pytest.fixture
def account(desk: Desk) -> Desk:
    """A desk whose account held something in spot and futures two days ago, and has no margin account."""
    desk.exchange.add_account(UID, API_KEY, secret=SECRET)
    begun_ms = desk.exchange.now_ms - 2 * DAY_S * 1000
    desk.exchange.move(UID, begun_ms, [Leg("spot", "BTC", 2), Leg("usdm", "USDT", 90, 10)])
    Budget(desk.state, "simulator").learn(sapi_by_ip(PATH), 10**8)  # so that it is not paced
    desk.flows["daily"] = {"kind": "account", "account": "main", "datasets": ["account_snapshots"]}
    return desk


def amounts(desk: Desk) -> list[tuple[str, str, str, Decimal]]:
    rows = desk.rows("account_snapshots")
    return [
        (row["type"], f"{row['update_time']:%d}", row["asset"], row["free"] or row["wallet_balance"]) for row in rows
    ]


async def test_each_day_is_kept_and_asked_for_once_a_day(account: Desk):
    """A first run brings what the exchange still has, and later ones ask again after a day (L11)."""
    await account.run("daily")
    before = amounts(account)
    assert before == [
        (kind, day, asset, amount) for (kind, asset), amount in sorted(HELD.items()) for day in ("31", "01")
    ]
    asked = len(account.asked(PATH))
    account.clock.advance(HOUR_S)
    await account.run("daily")
    assert len(account.asked(PATH)) == asked
    account.clock.advance(DAY_S)
    (receipt,) = await account.run("daily")
    assert (receipt.outcome, len(account.asked(PATH))) == ("done", asked + 3)
    assert sorted(amounts(account)) == sorted([*before, ("SPOT", "02", "BTC", 2), ("FUTURES", "02", "USDT", 100)])


async def test_a_plan_prices_a_day_at_a_time(account: Desk):
    """A run is priced by what it asks, and each later one by the share of runs in which the days are asked for."""
    account.flows["daily"]["every"] = "1h"
    (plan,) = await plan_flows(account.config, ["daily"], state=account.state, clock=lambda: account.exchange.now_us)
    (receipt,) = await account.run("daily")
    key = 21
    assert (plan.weight, plan.steady_weight) == (receipt.weight + key, 3 * 2400 // 24 + key)


async def test_a_code_under_status_200_is_a_failure(account: Desk):
    """An answer whose envelope has another code than 200 is no empty list: the ledger is named, nothing is covered (L18)."""
    refused = Body(text='{"code": 100001003, "msg": "Verification failed", "snapshotVos": []}', path=PATH, count=None)
    account.exchange.inject(refused)
    (receipt,) = await account.run("daily")
    assert receipt.outcome == "failed"
    assert all("accountSnapshot" in one.why and "code 100001003" in one.why for one in receipt.failures)
    account.exchange.heal()
    account.clock.advance(60)
    await account.run("daily")
    assert len(amounts(account)) == 4


async def test_what_an_account_does_not_have_is_said_once(account: Desk):
    """-3003 for one type is no failure of the ledger: said once, and asked for again a day later, as the others are."""
    (receipt,) = await account.run("daily")
    assert receipt.outcome == "done"
    assert "account_snapshots of main/MARGIN: not there." in receipt.note
    account.clock.advance(DAY_S + HOUR_S)
    (again,) = await account.run("daily")
    assert (again.outcome, "MARGIN" in again.note) == ("done", False)


async def test_a_ledger_that_the_key_may_not_read_is_no_failure(account: Desk):
    """-2015 for one call, while the key is accepted elsewhere, is said once for all that the call reads (N5)."""
    account.flows["daily"]["datasets"] = ["transfers", "deposits"]
    account.flows["daily"]["values"] = False
    refused = Error(path="/sapi/v1/asset/transfer", code=-2015, status=401, msg="Invalid permissions.", count=None)
    account.exchange.inject(refused)
    first = await account.run("daily")
    assert [(one.dataset, one.outcome) for one in first] == [("deposits", "done"), ("transfers", "done")]
    assert sum("transfers of main/" in one.note for one in first) == 1
    asked = len(account.asked("asset/transfer"))
    account.clock.advance(HOUR_S)
    second = await account.run("daily")
    assert [one.outcome for one in second] == ["done", "done"]
    assert len(account.asked("asset/transfer")) == asked
    account.exchange.heal()
    await account.run("daily", again=True)
    assert len(account.asked("asset/transfer")) > asked
