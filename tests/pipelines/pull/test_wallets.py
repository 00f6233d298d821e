"""Balances of every wallet of an account: what each holds, and what happens where one cannot be read."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from support.desks import API_KEY, SECRET, UID
from support.sampled import some_of

from connectors.lake.sql.session import connect, run
from connectors.simulator.account.wallet_books import Leg
from connectors.simulator.protocol.faults import Body, Error
from pipelines.estimate.flow import plan_flows
from schemas.datasets import DATASETS
from schemas.model.grid import DAY_US, SECOND_US

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.desks import Desk

    from pipelines.context.receipts import Receipt

LEGS = (
    Leg("funding", "USDT", "5", "1"),
    Leg("earn_flexible", "USDT", "100.123456789012"),
    Leg("earn_locked", "BNB", 0, "10"),
    Leg("margin", "BTC", "0.5", "0.1"),
    Leg("margin_debt", "USDT", "-1000", "-0.00000045"),
    Leg("isolated_margin:ETHBTC", "ETH", "2"),
    Leg("isolated_margin_debt:ETHBTC", "BTC", "-0.05"),
    Leg("usdm", "USDT", "90", "10"),
    Leg("coinm", "BTC", "0.25", "0.05"),
)
HELD = {
    ("spot", "BTC"): ("1.5", "0.5"),
    ("funding", "USDT"): ("5", "1"),
    ("earn_flexible", "USDT"): ("100.123456789012", "0"),
    ("earn_locked", "BNB"): ("0", "10"),
    ("margin", "BTC"): ("0.5", "0.1"),
    ("margin_debt", "USDT"): ("-1000.00000045", "0"),
    ("isolated_margin:ETHBTC", "ETH"): ("2", "0"),
    ("isolated_margin_debt:ETHBTC", "BTC"): ("-0.05", "0"),
    ("usdm", "USDT"): ("90", "10"),
    ("coinm", "BTC"): ("0.25", "0.05"),
}


@pytest.fixture
def account(desk: Desk) -> Desk:
    """A desk whose account holds something in every wallet, and a flow of the balances of all."""
    desk.exchange.add_account(UID, API_KEY, secret=SECRET, balances={"BTC": ("1.5", "0.5")})
    desk.exchange.move(UID, desk.exchange.now_ms, LEGS)
    desk.addresses = {"usdm": desk.url, "coinm": desk.url}
    desk.flows["balances"] = {
        "kind": "account", "account": "main", "datasets": ["balances"], "values": False, "wallets": "all",
    }  # fmt: skip
    return desk


def newest(desk: Desk) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """What the newest snapshot of each wallet holds."""
    rows = sorted(desk.rows("balances"), key=lambda row: row["observed_at"])
    return {(row["wallet"], row["asset"]): (row["free"], row["locked"]) for row in rows}


def held(*left_out: str) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
    """What the account holds, but for these wallets."""
    kept = {key: amounts for key, amounts in HELD.items() if key[0] not in left_out}
    return {key: (Decimal(free), Decimal(locked)) for key, (free, locked) in kept.items()}


def failed(receipts: Iterable[Receipt]) -> list[str]:
    return [failure.series for receipt in receipts for failure in receipt.failures]


async def test_every_wallet_is_read_in_one_run(account: Desk):
    """A cold start stores what each wallet holds to the last digit, debts below zero; one call is a POST (T15)."""
    (receipt,) = await account.run("balances")
    assert (receipt.outcome, "not there" in receipt.note) == ("done", False)
    assert newest(account) == held()
    assert {seen.path for seen in account.exchange.requests if seen.method != "GET"} == {
        "/sapi/v1/asset/get-funding-asset"
    }


async def test_a_plan_prices_what_all_wallets_cost(account: Desk):
    """The weight planned for the balances of all wallets is the weight that is spent; later what rests is left out."""
    key, clocks, earn = 21, 4, 300
    for resting in (0, earn):
        (plan,) = await plan_flows(
            account.config, ["balances"], state=account.state, clock=lambda: account.exchange.now_us
        )
        (receipt,) = await account.run("balances")
        spent = receipt.weight + key - clocks
        assert (plan.weight, plan.steady_weight) == (spent, spent + resting)
        account.clock.advance(60)


async def test_positions_in_one_asset_are_summed_exactly(account: Desk):
    """Two positions in one asset are one balance, and each position stands in `extra` as it was printed."""
    await account.run("balances")
    (row,) = account.rows("balances", wallet="earn_locked")
    positions = json.loads(row["extra"])["positions"]
    assert [one["amount"] for one in positions] == ["3.33333333", "6.66666667"]
    assert sum(Decimal(one["amount"]) for one in positions) == row["locked"] == 10


async def test_a_wallet_that_is_emptied_goes_to_zero(account: Desk):
    """What a wallet no longer names is stored once more, as zero; so is a pair that leaves the answer altogether."""
    await account.run("balances")
    back = [leg._replace(free=-Decimal(leg.free), locked=-Decimal(leg.locked)) for leg in LEGS]
    account.exchange.move(UID, account.exchange.now_ms, back)
    account.exchange.inject(Body(text='{"assets": []}', path="/sapi/v1/margin/isolated/account"))
    for _ in range(2):
        account.clock.advance(60)
        await account.run("balances")
    gone = {key: (Decimal(0), Decimal(0)) for key in HELD if key[0] != "spot"}
    assert newest(account) == {**held(), **gone}
    assert len(account.rows("balances")) == 2 * len(HELD) + 1, "zero is said once"


async def test_only_the_wallets_named_are_asked_for(account: Desk):
    """`wallets` chooses; without it, spot alone is read, as it always was."""
    account.flows["balances"]["wallets"] = ["earn", "coinm"]
    await account.run("balances")
    assert {key[0] for key in newest(account)} == {"earn_flexible", "earn_locked", "coinm"}
    del account.flows["balances"]["wallets"]
    account.clock.advance(60)
    before = len(account.exchange.requests)
    await account.run("balances")
    assert {seen.path for seen in list(account.exchange.requests)[before:]} <= {
        "/api/v3/time", "/api/v3/account", "/sapi/v1/account/apiRestrictions",
    }  # fmt: skip


MARGIN = Error(path="/sapi/v1/margin/account", code=-3003, status=400, msg="Margin account does not exist.", count=None)
USDM = Error(path="/fapi/v3/balance", code=-2015, status=401, msg="Invalid API-key or permissions.", count=None)


@pytest.mark.parametrize(("fault", "wallet"), some_of([(MARGIN, "margin"), (USDM, "usdm")]))
async def test_a_wallet_that_is_not_there_is_no_failure(account: Desk, fault: Error, wallet: str):
    """A wallet that the account or its key does not have is said once, is remembered, and is asked for once a day."""
    account.exchange.inject(fault)
    (first,) = await account.run("balances")
    assert (first.outcome, newest(account)) == ("done", held(wallet, f"{wallet}_debt"))
    assert f"main/{wallet}" in first.note
    assert f"code {fault.code}" in first.note
    with connect(account.lake) as lake:
        told = run(lake, "SELECT dataset, account, wallet, code FROM not_there").to_pylist()
    assert {"dataset": "balances", "account": "main", "wallet": wallet, "code": -fault.code} in told
    asked = len(account.asked(fault.path))
    account.clock.advance(3700)
    (second,) = await account.run("balances")
    assert (second.outcome, f"main/{wallet}" in second.note, len(account.asked(fault.path))) == ("done", False, asked)
    account.clock.advance(DAY_US / SECOND_US)
    (third,) = await account.run("balances")
    assert (third.outcome, f"main/{wallet}" in third.note, len(account.asked(fault.path))) == ("done", False, asked + 1)
    account.exchange.heal()
    account.clock.advance(60)
    await account.run("balances", again=True)
    assert newest(account) == held()


async def test_a_key_that_is_refused_altogether_is_no_absent_wallet(account: Desk):
    """-2015 means that a wallet is not there only while the key is still accepted: it is looked at once more."""
    account.exchange.inject(USDM)
    refused = Error(path="/sapi/v1/account/apiRestrictions", code=-2015, status=401, msg=USDM.msg, skip=1, count=None)
    account.exchange.inject(refused)
    (receipt,) = await account.run("balances")
    assert (receipt.outcome, receipt.exit_code) == ("failed", 4)
    assert not [name for name in account.lake.table(DATASETS["balances"]).bounds() if name.endswith("#absent_at")]


async def test_a_host_that_is_down_costs_its_wallet_alone(account: Desk):
    """Where the host of USD-M does not answer, that wallet fails by name, and all others are stored."""
    account.addresses["usdm"] = "http://127.0.0.1:1"
    account.flows["balances"]["datasets"] = ["balances", "deposits"]
    balances, deposits = await account.run("balances")
    assert (balances.outcome, failed([balances]), balances.exit_code) == ("failed", ["main/fapi/v3/balance"], 75)
    assert (newest(account), deposits.outcome) == (held("usdm"), "done")


async def test_an_unknown_code_is_a_failure(account: Desk):
    """A code that does not say that there is none fails that wallet, and no other."""
    account.exchange.inject(Error(path="/sapi/v1/margin/account", code=-3999, status=400, msg="?", count=None))
    (receipt,) = await account.run("balances")
    assert failed([receipt]) == ["main/margin/account"]
    assert newest(account).keys() == {key for key in held() if key[0] not in {"margin", "margin_debt"}}


@pytest.mark.soak
async def test_a_site_without_an_address_goes_on_with_the_rest(account: Desk):
    """A wallet for which flows.yaml gives no address is told in one sentence, once, and the others are stored."""
    del account.addresses["coinm"]
    (receipt,) = await account.run("balances")
    assert (receipt.outcome, newest(account)) == ("done", held("coinm"))
    assert receipt.note.count("flows.yaml gives no address for coinm calls.") == 1
    account.clock.advance(60)
    (again,) = await account.run("balances")
    assert "coinm" not in again.note
    async with account.commands() as command:
        _, _, said = await command("status")
    assert "Not there as of 2026-11-02" in said
    assert "balances/main/coinm (no address)" in said
    account.addresses["coinm"] = account.url
    account.clock.advance(60)
    await account.run("balances")
    assert newest(account) == held()


async def test_a_run_that_is_killed_between_wallets_is_made_good_by_the_next(account: Desk):
    """Each wallet is stored by itself: after a kill the next run stores them all, and no row twice."""
    await account.killed_at(1, "/fapi/v3/balance", "run", "balances")
    assert newest(account) == held("usdm", "coinm")
    account.clock.advance(3700)
    await account.run("balances")
    assert newest(account) == held()
    assert len(account.rows("balances")) == 2 * len(HELD) - 2


async def test_positions_are_read_page_by_page(account: Desk):
    """More positions than a page holds are all summed, and a list that changes between its pages fails that wallet."""
    account.flows["balances"]["wallets"] = ["earn"]
    many = [Leg("earn_locked", f"A{number}", 0, "0.00000001") for number in range(150)]
    account.exchange.move(UID, account.exchange.now_ms, many)
    await account.run("balances")
    assert len(account.rows("balances", wallet="earn_locked")) == 151
    assert len(account.asked("locked/position")) == 3, "two pages, and the first once more"
    moved = '{"rows": [{"positionId": 1, "asset": "BNB", "amount": "1"}], "total": 1}'
    account.exchange.inject(Body(text=moved, path="/sapi/v1/simple-earn/locked/position", skip=2))
    account.clock.advance(60)
    (receipt,) = await account.run("balances")
    assert failed([receipt]) == ["main/simple-earn/locked/position"]


async def test_the_first_snapshot_of_an_empty_wallet_is_remembered(account: Desk) -> None:
    """Of an empty wallet no row tells when it was first read: the log does, so that what moved since is compared."""
    account.exchange.move(UID, account.exchange.now_ms, [Leg("funding", "USDT", "-5", "-1")])
    for _ in range(3):
        await account.run("balances")
        account.clock.advance(3700)
    asked = "SELECT epoch(observed_at) - epoch(first_observed_at) AS apart FROM bounds WHERE wallet = 'funding'"
    with connect(account.lake) as connection:
        apart = [one for one in run(connection, asked)["apart"].to_pylist() if one is not None]
    assert account.rows("balances", wallet="funding") == []
    assert [abs(one - 2 * 3600) < 600 for one in apart] == [True]


async def earn_asked(account: Desk, minutes: int, *, again: bool = False) -> int:
    """From how many lists of positions a run after so many minutes read."""
    account.exchange.requests.clear()
    account.clock.advance(60 * minutes)
    assert failed(await account.run("balances", again=again)) == []
    return len({target.split("?")[0] for target in account.asked("/simple-earn/")})


@pytest.mark.parametrize("wallet", ["spot", "funding"])
async def test_positions_of_earn_rest_while_the_wallets_beside_them_stand_still(account: Desk, wallet: str):
    """They cost much: they are asked for once an hour, with `--again`, and whenever spot or funding changed."""
    assert [await earn_asked(account, minutes) for minutes in (0, 5, 5)] == [2, 0, 0]
    account.exchange.move(UID, account.exchange.now_ms, [Leg(wallet, "XRP", "3")])
    assert [await earn_asked(account, minutes) for minutes in (5, 5)] == [2, 0]
    account.exchange.move(UID, account.exchange.now_ms, [Leg(wallet, "XRP", "-3")])
    assert [await earn_asked(account, minutes) for minutes in (5, 5, 60, 5)] == [2, 0, 2, 0]
    assert await earn_asked(account, 1, again=True) == 2


async def test_positions_of_earn_do_not_rest_beside_wallets_that_were_not_seen(account: Desk):
    """Where an answer about spot is missing, or the flow does not read it, nobody knows whether it stood still."""
    assert await earn_asked(account, 0) == 2
    account.exchange.inject(Error(path="/api/v3/account", code=-1000, status=400, skip=1, count=None))
    account.clock.advance(60)
    account.exchange.requests.clear()
    assert failed(await account.run("balances")) != []
    assert len({target.split("?")[0] for target in account.asked("/simple-earn/")}) == 2
    account.flows["balances"]["wallets"] = ["earn"]
    account.exchange.heal()
    assert [await earn_asked(account, 1) for _ in range(2)] == [2, 2]


async def test_positions_of_earn_do_not_rest_beside_a_wallet_that_was_emptied_unseen(account: Desk):
    """What spot held before it was not seen for long may have gone into earn: its zeros are no standing still."""
    assert await earn_asked(account, 0) == 2
    account.clock.advance(3700)
    account.exchange.inject(Error(path="/api/v3/account", code=-1000, status=400, skip=1, count=None))
    assert failed(await account.run("balances")) != []
    account.exchange.heal()
    account.exchange.move(UID, account.exchange.now_ms, [Leg("spot", "BTC", "-1.5", "-0.5")])
    assert await earn_asked(account, 5) == 2


async def test_a_wallet_that_the_key_may_no_longer_read_is_a_failure(account: Desk):
    """A wallet that was read before and is refused now fails with exit code 4 at each run; what follows goes on."""
    account.flows["balances"]["datasets"] = ["balances", "deposits"]
    await account.run("balances")
    account.exchange.inject(USDM)
    for _ in range(2):
        account.clock.advance(3700)
        balances, deposits = await account.run("balances")
        assert (failed([balances]), balances.exit_code) == (["main/fapi/v3/balance"], 4)
        assert "give it this permission back" in balances.failures[0].why
        assert (deposits.outcome, deposits.exit_code) == ("done", 0)
