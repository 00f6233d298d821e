"""One list owns each movement; what only another one tells of is counted once the owner is known not to have it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from support.lakes import at, us
from support.tables import Tables, offending

from schemas.datasets import DATASETS
from schemas.datasets.account import BALANCES
from schemas.datasets.journal import RUNS
from schemas.datasets.ledgers import TRANSFERS
from schemas.model.series import Series

INCOME, MARGIN_TRANSFERS = DATASETS["income"], DATASETS["margin_transfers"]
NOON = at("2026-01-10 12:00")
END = "2026-02-01"


def transfer(number: int, seconds: float = 0.0, amount: str = "5", kind: str = "MAIN_UMFUTURE") -> dict[str, Any]:
    times = {"timestamp": NOON + timedelta(seconds=seconds), "seen_at": NOON}
    row = {"account": "main", "version": 1, "type": kind, "asset": "USDT", "status": "CONFIRMED"}
    return row | times | {"tran_id": number, "amount": amount}


def income(number: int, seconds: float = 0.0, amount: str = "5") -> dict[str, Any]:
    times = {"time": NOON + timedelta(seconds=seconds), "seen_at": NOON}
    row = {"account": "main", "version": 1, "market": "usdm", "income_type": "TRANSFER", "asset": "USDT"}
    return row | times | {"tran_id": str(number), "income": amount}


def covered(tables: Tables, until: str = END) -> None:
    """The list that owns transfers was pulled up to then."""
    run = {"run": "r", "flow": "books", "dataset": "transfers", "account": "main", "outcome": "done", "market": None}
    tables.put(RUNS, run | {"started": until, "ended": until})
    tables.note(Series.of(TRANSFERS, account="main", type="MAIN_UMFUTURE"), since=us("2025-01-01"), until=us(until))


def only_told(tables: Tables) -> list[tuple[Any, ...]]:
    return tables.tuples("SELECT dataset, wallet, amount, kind, note FROM ledger WHERE note IS NOT NULL ORDER BY ALL")


@pytest.mark.parametrize("seconds", [-5, -0.7, 0, 5])
def test_a_movement_that_two_lists_tell_of_is_there_once(seconds: float, tables: Tables) -> None:
    """A partner has the same wallet, asset and amount, and is no farther away than the lists differ in time."""
    covered(tables)
    tables.put(TRANSFERS, transfer(1))
    tables.put(INCOME, income(1, seconds))
    assert tables.tuples("SELECT matched FROM witnesses") == [(True,)]
    assert only_told(tables) == []
    assert offending(tables.check("only_witness", NOON)) == []


@pytest.mark.parametrize(
    "other",
    [[], [transfer(1, 6)], [transfer(1, amount="4")], [transfer(1, kind="UMFUTURE_MAIN")]],
    ids=["none", "late", "other-amount", "other-way"],
)
def test_what_only_one_list_tells_of_is_counted(other: Sequence[dict[str, Any]], tables: Tables) -> None:
    """Without a partner in the list that owns it, a movement is taken from the other one, which a check warns of."""
    covered(tables)
    tables.put(TRANSFERS, *other)
    tables.put(INCOME, income(1))
    assert only_told(tables) == [("income", "usdm", Decimal(5), "transfer_in", "only income tells of it")]
    (warned,) = offending(tables.check("only_witness", NOON))
    assert (warned["dataset"], warned["wallet"], warned["key"].split("/")[2]) == ("income", "usdm", "1")


@pytest.mark.parametrize(("owned", "told", "left"), [(2, 2, 0), (1, 3, 2), (3, 1, 0)])
def test_equal_movements_are_counted(owned: int, told: int, left: int, tables: Tables) -> None:
    """Two equal rows need two partners."""
    covered(tables)
    tables.put(TRANSFERS, *(transfer(number, number) for number in range(owned)))
    tables.put(INCOME, *(income(number, number) for number in range(told)))
    assert len(only_told(tables)) == left


def test_the_owner_is_waited_for(tables: Tables) -> None:
    """Until the list that owns it no longer changes there, nothing is counted, and the residual says what waits."""
    tables.put(INCOME, income(1))
    row = {"account": "main", "wallet": "usdm", "asset": "USDT", "locked": "0"}
    tables.put(
        BALANCES,
        row | {"free": "1", "observed_at": "2026-01-10"},
        row | {"free": "6", "observed_at": "2026-01-11"},
    )
    asked = "SELECT residual, status, causes FROM reconciliation WHERE since IS NOT NULL"
    for until in (None, "2026-01-11"):
        if until:
            covered(tables, until)
        ((residual, status, causes),) = tables.tuples(asked)
        assert (residual, status) == (Decimal(5), "not_comparable")
        assert "owner_pending" in {each["cause"] for each in json.loads(causes)}
        assert only_told(tables) == []
    covered(tables)
    assert tables.tuples(asked)[0][:2] == (Decimal(0), "explained")


def test_the_list_of_margin_transfers_tells_of_its_own_side(tables: Tables) -> None:
    """What only that list tells of moves margin; the other wallet is not guessed, and what failed moves nothing."""
    covered(tables)
    row = {"account": "main", "version": 1, "wallet": "margin", "asset": "USDT", "amount": "5", "type": "ROLL_OUT"}
    told = row | {"timestamp": NOON, "seen_at": NOON, "status": "CONFIRMED"}
    tables.put(MARGIN_TRANSFERS, told | {"tx_id": 1}, told | {"tx_id": 2, "amount": "7", "status": "FAILED"})
    tables.put(MARGIN_TRANSFERS, told | {"tx_id": 3, "amount": "9", "type": "ROLL_IN"})
    tables.put(TRANSFERS, transfer(3, amount="9", kind="MAIN_MARGIN"))
    assert [found[:4] for found in only_told(tables)] == [("margin_transfers", "margin", Decimal(-5), "transfer_out")]
