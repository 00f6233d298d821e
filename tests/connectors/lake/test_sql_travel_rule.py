"""Lists of the travel rule tell of deposits and withdrawals that other lists own: none is counted twice or lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.lakes import at, us
from support.tables import Tables

from schemas.datasets.journal import RUNS
from schemas.datasets.ledgers import DEPOSITS, WITHDRAWALS
from schemas.datasets.travel_rule import TRAVEL_RULE_DEPOSITS, TRAVEL_RULE_WITHDRAWALS
from schemas.model.series import Series

NOON, LATER = at("2026-01-10 12:00"), at("2026-01-12 12:00")
ROW = {"account": "main", "version": 1, "asset": "BTC", "amount": "2", "seen_at": NOON, "complete_time": LATER}


def deposit(**more: Any) -> dict[str, Any]:
    own = {"deposit_id": "7", "tx_id": "0xa", "status": 1, "address": "", "transfer_type": 0, "insert_time": NOON}
    return ROW | own | {"wallet_type": 1} | more


def witness(**more: Any) -> dict[str, Any]:
    return ROW | {"tr_id": 5, "tx_id": "0xa", "deposit_status": 1, "insert_time": NOON} | more


def withdrawal(**more: Any) -> dict[str, Any]:
    own = {"withdrawal_id": "w", "transaction_fee": "0.1", "status": 6, "address": "", "transfer_type": 0}
    return ROW | own | {"apply_time": NOON, "wallet_type": 0} | more


def told(**more: Any) -> dict[str, Any]:
    own = {"tr_id": 6, "withdrawal_id": "w", "transaction_fee": "0.1", "withdrawal_status": 6, "apply_time": NOON}
    return ROW | own | more


def covered(tables: Tables) -> None:
    """The lists that own deposits and withdrawals reach a month further."""
    for owner in (DEPOSITS, WITHDRAWALS):
        run = {"run": "r", "flow": "books", "dataset": owner.name, "account": "main", "outcome": "done"}
        tables.put(RUNS, run | {"started": "2026-02-12", "ended": "2026-02-12", "market": None})
        tables.note(Series.of(owner, account="main"), since=us("2025-01-01"), until=us("2026-02-12"))


def ledger(tables: Tables) -> list[tuple[Any, ...]]:
    return tables.tuples("SELECT dataset, wallet, amount, kind FROM ledger ORDER BY ALL")


OWNED = [
    ("deposits", "funding", Decimal(2), "deposit"),
    ("withdrawals", "spot", Decimal(-2), "withdrawal"),
    ("withdrawals", "spot", Decimal("-0.1"), "withdrawal_fee"),
]


@pytest.mark.parametrize("hours", [0, 30])
def test_what_both_lists_tell_is_there_once(hours: int, tables: Tables) -> None:
    """The same transaction or id is the same movement, whatever its times, and also where the wallet is not named."""
    covered(tables)
    moved = at(f"2026-01-{10 + hours // 24} {(12 + hours) % 24}:00")
    tables.put(DEPOSITS, deposit())
    tables.put(TRAVEL_RULE_DEPOSITS, witness(insert_time=moved, complete_time=None))
    tables.put(WITHDRAWALS, withdrawal())
    tables.put(TRAVEL_RULE_WITHDRAWALS, told(apply_time=moved))
    assert ledger(tables) == OWNED


def test_what_only_the_travel_rule_tells_is_counted(tables: Tables) -> None:
    """Once the owner's list reaches beyond it, what it lacks is a movement of the other list, with its fee."""
    tables.put(TRAVEL_RULE_DEPOSITS, witness())
    tables.put(TRAVEL_RULE_WITHDRAWALS, told())
    assert ledger(tables) == []
    covered(tables)
    assert ledger(tables) == [
        ("travel_rule_deposits", "spot", Decimal(2), "deposit"),
        ("travel_rule_withdrawals", "spot", Decimal(-2), "withdrawal"),
        ("travel_rule_withdrawals", "spot", Decimal("-0.1"), "withdrawal_fee"),
    ]


@pytest.mark.parametrize("status", [None, 3, 5])
def test_a_withdrawal_that_came_to_nothing_is_its_owners(status: int | None, tables: Tables) -> None:
    """One that failed, or whose questionnaire is open, moves nothing by the word of the travel rule."""
    covered(tables)
    tables.put(TRAVEL_RULE_WITHDRAWALS, told(withdrawal_status=status))
    assert ledger(tables) == []


def test_one_that_failed_is_not_taken_by_an_older_answer(tables: Tables) -> None:
    """Where the owner's list says that it failed, the other list's earlier word adds nothing."""
    covered(tables)
    tables.put(WITHDRAWALS, withdrawal(status=5))
    tables.put(TRAVEL_RULE_WITHDRAWALS, told(withdrawal_status=4))
    assert sum(row[2] for row in ledger(tables)) == 0
