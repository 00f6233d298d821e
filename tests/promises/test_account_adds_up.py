"""Every change of every balance is a movement in the ledger, or shows as one that is missing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bookkeeping import FORMS, accepted
from support.desks import API_KEY, SECRET
from support.followed import Books, Day, Follower, books, follow

from connectors.simulator.protocol.faults import Error, Html, Reset, Truncated
from pipelines.cli.journals import JournalFormat
from schemas.datasets import DATASETS
from schemas.derived.queries import moving

WALLET = "/sapi/v1"
FAILING = [
    Error(path=f"{WALLET}/asset/transfer", code=-1001, status=500, count=2),
    Reset(path=f"{WALLET}/asset/dribblet"),
    Html(path="/api/v3/myTrades", status=502, count=3),
]
CUT = [Truncated(path=f"{WALLET}/asset/assetDividend", count=None), Truncated(path="/api/v3/account", count=3)]
BUSY = [
    Error(path=f"{WALLET}/capital/deposit/hisrec", code=-1003, status=429, headers={"Retry-After": "1"}),
    Reset(path=f"{WALLET}/capital/withdraw/history", count=None),
]
MONTH = (Day(0), Day(1, FAILING, cut=40), Day(28, [*CUT, *BUSY]), Day(0.1))
UNREAD = {"options", "loan", "loan_debt"}  # wallets whose balances no flow reads
ROWS = 2  # of each ledger, that are taken away
NOT_LIVED = {"dual_investments", "vip_loan_repayments", "vip_loan_interest"}  # no list tells all that these moved
LEDGERS = [name for name in moving() if name not in NOT_LIVED]


def _followed(folder: Path, *given: object) -> Follower:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESK_KEY", API_KEY)
        patch.setenv("DESK_SECRET", SECRET)
        patch.setenv("XDG_STATE_HOME", str(folder / "home"))
        return asyncio.run(follow(folder, *given))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Follower:
    """A lake that followed an account for thirty days, in which much went wrong."""
    return _followed(tmp_path_factory.mktemp("followed"), MONTH)


@pytest.fixture(scope="module")
def account(followed: Follower) -> Iterator[Books]:
    """Its books."""
    with books(followed.desk.lake) as found:
        yield found


def test_nothing_is_left_over(account: Books) -> None:
    """Of every asset in every wallet, all of its past up to the first snapshot and every change after it is explained."""
    assert account.unexplained() == []
    assert account.residuals() == {}


def test_the_balances_are_those_of_the_account(followed: Follower, account: Books) -> None:
    """The last snapshot of every wallet that flows can name shows what the account holds there, debts below zero."""
    told = account.connection.execute(
        "SELECT wallet, asset, free + coalesce(locked, 0) FROM latest_balances"
    ).fetchall()
    held = {place: amount for place, amount in followed.held.items() if amount and place[0] not in UNREAD}
    assert {(wallet, asset): amount for wallet, asset, amount in told if amount} == held


@pytest.mark.parametrize("form", FORMS)
def test_bookkeeping_programs_agree(account: Books, form: JournalFormat, tmp_path: Path) -> None:
    """Hledger and beancount add up every movement of every wallet, and find each balance of the snapshots."""
    assert accepted(account.connection, form, tmp_path) > 50


@pytest.mark.parametrize("dataset", LEDGERS)
def test_a_missing_row_shows(account: Books, dataset: str) -> None:
    """Without any one row of a ledger, exactly what it moved is left over, in the interval in which it moved."""
    assert _shown(account, dataset, ROWS), f"no row of {dataset} moved anything"


def _shown(account: Books, dataset: str, number: int) -> int:
    """Take away rows, one at a time, until so many of them had moved something; how many had."""
    declared, shown = DATASETS[dataset], 0
    found = account.identities(declared)
    random.Random(0).shuffle(found)
    for identity in found:
        with account.without(declared, identity) as expected:
            assert account.residuals() == expected, identity
            shown += bool(expected)
        if shown == number:
            break
    return shown


def test_another_list_stands_in_for_a_missing_row(account: Books) -> None:
    """Without a transfer that a list of its wallet tells of as well, the ledger has what that list tells."""
    transfers, before = DATASETS["transfers"], account.told_by_witnesses()
    for identity in account.identities(transfers):
        with account.without(transfers, identity):
            if account.told_by_witnesses() > before:
                return
    pytest.fail("no list tells of any transfer")


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_more_missing_rows_show(account: Books) -> None:
    """The same of fifteen rows of every ledger, as far as it has so many."""
    for dataset in LEDGERS:
        assert _shown(account, dataset, 15), dataset


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(1))
def test_nothing_is_left_over_after_thirty_bad_days(tmp_path: Path, seed: int) -> None:
    """A run a day, each of which meets trouble somewhere or is killed anywhere, and one good one: all is explained."""
    chance = random.Random(seed)
    paths = [
        "/api/v3/myTrades",
        "/api/v3/allOrders",
        *(f"{WALLET}/{path}" for path in ("asset/transfer", "asset/dribblet")),
    ]
    troubles = [
        [
            Truncated(path=path, count=None),
            Reset(path=path),
            Error(path=path, code=-1001, status=500),
            Html(path=path, status=502),
        ]
        for path in paths
    ]
    days = [
        Day(
            chance.uniform(0.5, 1.5),
            [chance.choice(chance.choice(troubles))],
            chance.choice([None, chance.randrange(200)]),
        )
        for _ in range(30)
    ]
    with books(_followed(tmp_path, [Day(0), *days, Day(0.1), Day(0.1)]).desk.lake) as found:
        assert found.unexplained() == []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_four_years_are_explained_as_far_as_they_can_be(tmp_path: Path) -> None:
    """What the exchange has forgotten is a cause before the first snapshot; after it nothing is unexplained."""
    days = (Day(0), Day(1), Day(1), Day(0.1))
    with books(_followed(tmp_path, days, 4 * 365, 1.0).desk.lake) as found:
        statuses = found.connection.execute("SELECT DISTINCT since IS NULL, status FROM reconciliation").fetchall()
        assert set(statuses) == {(True, "explained"), (True, "not_comparable"), (False, "explained")}
        assert min(accepted(found.connection, form, tmp_path) for form in FORMS) > 30
