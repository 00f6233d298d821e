"""Every change of every balance is a movement in the ledger, or shows as one that is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from support.desks import API_KEY, SECRET
from support.followed import Books, Follower, books, follow

from connectors.simulator.protocol.faults import Error, Html, Reset, Truncated
from schemas.datasets import DATASETS
from schemas.derived.queries import movements

DAYS = (1, 3, 8, 18)  # after which it is pulled again
TROUBLE = {
    0: [Error(path="/sapi/v1/asset/transfer", code=-1001, status=500, count=2), Reset(path="/sapi/v1/asset/dribblet")],
    1: [Truncated(path="/sapi/v1/asset/assetDividend", count=None), Html(path="/api/v3/myTrades", status=502, count=3)],
    2: [
        Error(path="/sapi/v1/capital/deposit/hisrec", code=-1003, status=429, headers={"Retry-After": "1"}),
        Reset(path="/sapi/v1/capital/withdraw/history", count=None),
    ],
}
ROWS = 2  # of each ledger, that are taken away


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follower]:
    """A lake that followed an account for thirty days, in which much went wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESK_KEY", API_KEY)
        patch.setenv("DESK_SECRET", SECRET)
        yield asyncio.run(follow(tmp_path_factory.mktemp("followed"), DAYS, TROUBLE))


@pytest.fixture(scope="module")
def account(followed: Follower) -> Iterator[Books]:
    """Its books."""
    with books(followed.desk.lake, followed.moments) as found:
        yield found


def test_nothing_is_left_over(account: Books) -> None:
    """Of every asset in every wallet, the change between any two instants is the sum of its movements."""
    assert account.residuals() == {}


def test_the_balances_are_those_of_the_account(followed: Follower, account: Books) -> None:
    """The last snapshot of every wallet that flows can name shows what the account holds there, debts below zero."""
    assert followed.now is not None
    told = account.connection.execute(
        "SELECT wallet, asset, free + coalesce(locked, 0) FROM latest_balances"
    ).fetchall()
    held = {place: amount for place, amount in followed.now.held.items() if amount and place[0] != "options"}
    assert {(wallet, asset): amount for wallet, asset, amount in told if amount} == held


@pytest.mark.parametrize("dataset", [each.dataset for each in movements()])
def test_a_missing_row_shows(account: Books, dataset: str) -> None:
    """Without any one row of a ledger, exactly what it moved is left over, in the interval in which it moved."""
    declared, shown = DATASETS[dataset], 0
    found = account.identities(declared)
    for identity in found[:: max(1, len(found) // ROWS)]:
        with account.without(declared, identity) as expected:
            assert account.residuals() == expected
            shown += bool(expected)
    if not shown:
        pytest.skip(f"no row of {dataset} moved anything")
