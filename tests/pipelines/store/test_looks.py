"""What is remembered of changes that all are explained spares idle runs the ledger, and hides no change."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from support.lakes import put, rows_of, small_lake, us

from connectors.lake import Lake, Move
from pipelines.store.looks import Looks, looks_due
from schemas.datasets.account import BALANCES
from schemas.datasets.ledgers import DEPOSITS
from schemas.datasets.travel_rule import TRAVEL_RULE_DEPOSITS
from schemas.model.grid import HOUR_US, MINUTE_US
from schemas.model.instants import moment
from schemas.model.series import Series

START = us("2026-01-01")


class Account:
    """A lake with the snapshots and movements of an account, minute by minute."""

    def __init__(self, folder: Path) -> None:
        self.lake: Lake = small_lake(folder)
        self.now, self.count = START, 0

    def snapshot(self, held: str, wallet: str = "spot") -> None:
        """A minute later, the wallet holds so much BTC."""
        self.now += MINUTE_US
        series, table = Series.of(BALANCES, account="main", wallet=wallet), self.lake.table(BALANCES)
        row = {"account": "main", "wallet": wallet, "asset": "BTC", "free": held, "locked": "0"}
        rows = rows_of(BALANCES, row | {"observed_at": moment(self.now)})
        known = table.bounds()
        first = series.bound("first_observed_at", known) or self.now
        table.commit(rows, [Move.of(series, {"first_observed_at": first, "observed_at": self.now}, known)])

    def deposit(self, amount: str, minutes: float = 0.5, status: int = 1) -> None:
        """A deposit so many minutes from now."""
        self.count += 1
        instant = moment(self.now + round(minutes * MINUTE_US))
        row = {"account": "main", "deposit_id": str(self.count), "version": 1, "asset": "BTC", "amount": amount}
        put(
            self.lake,
            DEPOSITS,
            row | {"status": status, "insert_time": instant, "complete_time": instant, "seen_at": instant},
        )

    def witness(self, amount: str) -> None:
        """A deposit under the travel rule, of which the list of deposits has not told yet."""
        row = {"account": "main", "tr_id": 1, "version": 1, "asset": "BTC", "amount": amount, "deposit_status": 1}
        instant = moment(self.now + MINUTE_US // 2)
        put(self.lake, TRAVEL_RULE_DEPOSITS, row | {"insert_time": instant, "seen_at": instant})

    def looks(self) -> Looks:
        return looks_due(self.lake, "main", self.now, keep=True)

    def looks_afresh(self) -> Looks:
        """The same of one who remembers nothing."""
        shutil.copytree(self.lake.path, copy := self.lake.path.with_name("copy"))
        shutil.rmtree(copy / ".remembered", ignore_errors=True)
        try:
            return looks_due(Lake.at(copy), "main", self.now)
        finally:
            shutil.rmtree(copy)


@pytest.fixture
def account(tmp_path: Path) -> Account:
    """An account of which one deposit explains the only change."""
    found = Account(tmp_path)
    found.snapshot("1")
    found.deposit("2")
    found.snapshot("3")
    return found


def _swap_the_ledger(account: Account) -> None:
    """Change the deposit in its very file, which nobody does who goes through the log."""
    other = Account(account.lake.path.parent / "other")
    other.deposit("7", minutes=1.5)
    (of_other,), (of_account,) = (one.lake.table(DEPOSITS).parts() for one in (other, account))
    shutil.copyfile(*of_other[1], *of_account[1])


def test_a_ledger_that_stays_as_it_is_is_not_read_again(account: Account) -> None:
    """While all adds up and stands still, what was found counts for six hours, and then the ledger is read."""
    assert account.looks() == Looks()
    _swap_the_ledger(account)
    account.snapshot("3")
    assert account.looks() == Looks()
    account.now += 6 * HOUR_US
    assert "deposits" in account.looks().open


CHANGES = {
    "a change": lambda account: account.snapshot("4"),
    "there and back": lambda account: (account.snapshot("4"), account.snapshot("3")),
    "emptied": lambda account: account.snapshot("0"),
    "another wallet": lambda account: (account.snapshot("1", "funding"), account.snapshot("2", "funding")),
    "a late movement": lambda account: account.deposit("1", minutes=-0.5),
    "a movement without a change": lambda account: (account.deposit("1"), account.snapshot("3")),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_what_is_remembered_hides_no_change(change: str, account: Account) -> None:
    """Whatever changes, the answer is that of one who remembers nothing."""
    assert account.looks() == Looks()
    CHANGES[change](account)
    account.snapshot("3")
    found = account.looks()
    assert found == account.looks_afresh()
    assert "deposits" in found.open


def test_nothing_is_remembered_while_a_movement_waits_for_a_snapshot(account: Account) -> None:
    """A movement after the newest snapshot is left over once the next one does not show it, though no list changed."""
    account.deposit("5")
    assert account.looks() == Looks()
    account.snapshot("3")
    account.snapshot("3")
    assert "deposits" in account.looks().open


def test_nothing_is_remembered_while_a_movement_waits_for_its_owner(account: Account) -> None:
    """What only another list tells of counts once its owner is held over it, which no list shows."""
    account.witness("5")
    account.snapshot("3")
    assert account.looks() == Looks()
    assert not list((account.lake.path / ".remembered").glob("*"))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_happens_is_ever_hidden(seed: int, tmp_path: Path) -> None:
    """Through any row of snapshots and movements, one who remembers and one who does not find the same."""
    chance, account, held = random.Random(seed), Account(tmp_path), 1
    account.snapshot("1")
    for _ in range(25):
        match chance.randrange(6):
            case 0:
                held += 1
                account.deposit("1")
            case 1:
                account.deposit("1", minutes=chance.choice((-1.5, 0.5, 3)))
            case 2:
                held += chance.choice((-1, 1))
        for _ in range(chance.randrange(3)):
            account.snapshot(str(held))
        assert account.looks() == account.looks_afresh()
