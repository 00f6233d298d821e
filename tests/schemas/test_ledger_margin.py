"""What the ledgers of margin and futures come to as movements: wallets, debts, and each movement once."""

from __future__ import annotations

from typing import Any

import pytest
from support.tables import Tables

from schemas.datasets.futures_account import INCOME
from schemas.datasets.ledgers import TRANSFERS
from schemas.datasets.margin import (
    MARGIN_FLOWS,
    MARGIN_INTEREST,
    MARGIN_LOANS,
    MARGIN_TRANSFERS,
    SMALL_LIABILITIES,
)
from schemas.model.dataset import Dataset

DAY = "2026-01-01 10:00"
PAIR, PAIR_DEBT = "isolated_margin:BTCUSDT", "isolated_margin_debt:BTCUSDT"
INTO = {"trans_from": "SPOT", "trans_to": "ISOLATED_MARGIN"}
OUT = {"trans_from": "ISOLATED_MARGIN", "trans_to": "SPOT"}

Leg = tuple[str, str, str]  # wallet, amount, kind


def one(dataset: Dataset, **values: Any) -> dict[str, Any]:
    """A row of a ledger, of which only what matters is given."""
    times = {column.name: DAY for column in dataset.columns if column.type.name == "TIME" and not column.nullable}
    return times | {"account": "main", "version": 1, "asset": "USDT"} | values


def legs(tables: Tables) -> list[Leg]:
    """What the ledger shows, without assets, instants and keys."""
    found = tables.tuples("SELECT wallet, amount, kind FROM ledger ORDER BY ALL")
    return [(wallet, f"{amount.normalize():f}", kind) for wallet, amount, kind in found]


def loan(**values: Any) -> dict[str, Any]:
    return {"tx_id": 7, "wallet": "margin", "operation": "borrow", "amount": "5", "status": "CONFIRMED", **values}


def flow(**values: Any) -> dict[str, Any]:
    return {"flow_id": 7, "wallet": PAIR, "amount": "-3", **values}


def income(kind: str, amount: str = "-3", **values: Any) -> dict[str, Any]:
    return {"market": "usdm", "income_type": kind, "income": amount, "tran_id": "7", "ordinal": 1, **values}


def moved(**values: Any) -> dict[str, Any]:
    return {"tx_id": 7, "wallet": "margin", "amount": "5", "status": "CONFIRMED", **values}


MOVED: list[tuple[Dataset, dict[str, Any], list[Leg]]] = [
    (MARGIN_LOANS, loan(), [("margin", "5", "borrow"), ("margin_debt", "-5", "borrow")]),
    (MARGIN_LOANS, loan(operation="repay", wallet=PAIR), [(PAIR, "-5", "repay"), (PAIR_DEBT, "5", "repay")]),
    (MARGIN_LOANS, loan(isolated_symbol="BTCUSDT"), [(PAIR, "5", "borrow"), (PAIR_DEBT, "-5", "borrow")]),
    *((MARGIN_LOANS, loan(status=word), []) for word in ("PENDING", "FAILED", "PERHAPS")),
    (MARGIN_INTEREST, {"tx_id": 7, "wallet": "margin", "interest": "0.1"}, [("margin_debt", "-0.1", "interest")]),
    (MARGIN_INTEREST, {"tx_id": 7, "wallet": PAIR, "interest": "0.1"}, [(PAIR_DEBT, "-0.1", "interest")]),
    *(
        (MARGIN_FLOWS, flow(type=word), [])
        for word in ("TRANSFER", "BORROW", "REPAY", "BUY_INCOME", "SELL_EXPENSE", "TRADING_COMMISSION", "PERHAPS")
    ),
    (MARGIN_FLOWS, flow(type="LIQUIDATION_FEE"), [(PAIR, "-3", "liquidation")]),
    (MARGIN_FLOWS, flow(type="SMALL_CONVERT", wallet="margin"), [("margin", "-3", "dust")]),
    (MARGIN_FLOWS, flow(type="COMMISSION_RETURN", amount="1"), [(PAIR, "1", "rebate")]),
    (MARGIN_FLOWS, flow(type="REPAY_LIQUIDATION"), [(PAIR, "-3", "liquidation"), (PAIR_DEBT, "3", "liquidation")]),
    (SMALL_LIABILITIES, {"amount": "0.1", "ordinal": 1}, [("margin_debt", "0.1", "repay")]),
    (
        MARGIN_TRANSFERS,
        moved(to_symbol="BTCUSDT", **INTO),
        [(PAIR, "5", "transfer_in"), ("spot", "-5", "transfer_out")],
    ),
    (MARGIN_TRANSFERS, moved(wallet=PAIR, **OUT), [(PAIR, "-5", "transfer_out"), ("spot", "5", "transfer_in")]),
    (MARGIN_TRANSFERS, moved(**INTO), []),  # of a pair that nobody names
    (
        MARGIN_TRANSFERS,
        moved(trans_from="ISOLATED_MARGIN", trans_to="ISOLATED_MARGIN", from_symbol="BNBUSDT", to_symbol="BTCUSDT"),
        [("isolated_margin:BNBUSDT", "-5", "transfer_out"), (PAIR, "5", "transfer_in")],
    ),
    (MARGIN_TRANSFERS, moved(trans_from="SPOT", trans_to="CROSS_MARGIN"), []),
    (MARGIN_TRANSFERS, moved(trans_from="CROSS_MARGIN", trans_to="ISOLATED_MARGIN", to_symbol="BTCUSDT"), []),
    *((MARGIN_TRANSFERS, moved(to_symbol="BTCUSDT", **INTO | {"status": word}), []) for word in ("PENDING", "FAILED")),
    (
        TRANSFERS,
        {"tran_id": 7, "amount": "5", "status": "CONFIRMED", "type": "MARGIN_ISOLATEDMARGIN:BTCUSDT"},
        [("margin", "-5", "transfer_out"), (PAIR, "5", "transfer_in")],
    ),
    (
        TRANSFERS,
        {"tran_id": 7, "amount": "5", "status": "CONFIRMED", "type": "ISOLATEDMARGIN_MARGIN:BTCUSDT"},
        [(PAIR, "-5", "transfer_out"), ("margin", "5", "transfer_in")],
    ),
    (INCOME, income("TRANSFER"), []),
    (INCOME, income("COMMISSION"), [("usdm", "-3", "fee")]),
    (INCOME, income("REALIZED_PNL", market="coinm"), [("coinm", "-3", "realized_pnl")]),
    (INCOME, income("FUNDING_FEE", "3"), [("usdm", "3", "funding")]),
    (INCOME, income("INSURANCE_CLEAR"), [("usdm", "-3", "liquidation")]),
    (INCOME, income("API_REBATE", "3"), [("usdm", "3", "rebate")]),
    (INCOME, income("INTERNAL_TRANSFER"), [("usdm", "-3", "transfer_out")]),
    (INCOME, income("WORD_OF_TOMORROW", "3"), [("usdm", "3", "other")]),
]


@pytest.mark.parametrize(
    ("dataset", "values", "expected"), MOVED, ids=[f"{each[0].name}-{number}" for number, each in enumerate(MOVED)]
)
def test_what_a_row_moves(dataset: Dataset, values: dict[str, Any], expected: list[Leg], tables: Tables) -> None:
    """A row moves the wallet and its debt as its last state says, unless another list has the movement."""
    tables.put(dataset, one(dataset, **values))
    assert legs(tables) == sorted(expected)


@pytest.mark.parametrize(
    ("dataset", "values"),
    [
        (MARGIN_LOANS, loan(isolated_symbol="BTCUSDT")),
        (MARGIN_INTEREST, {"tx_id": 7, "interest": "0.1", "isolated_symbol": "BTCUSDT"}),
        (MARGIN_TRANSFERS, moved(to_symbol="BTCUSDT", **INTO)),
    ],
    ids=lambda each: each.name if isinstance(each, Dataset) else "",
)
def test_what_is_returned_for_a_pair_and_for_cross_margin_moved_once(
    dataset: Dataset, values: dict[str, Any], tables: Tables
) -> None:
    """C10: whether a question about cross margin returns isolated rows is not documented: either answer adds up."""
    tables.put(dataset, one(dataset, **values | {"wallet": "margin"}))
    alone = legs(tables)
    tables.put(dataset, one(dataset, **values | {"wallet": PAIR}))
    assert legs(tables) == alone
    assert {wallet for wallet, _, _ in alone} <= {PAIR, PAIR_DEBT, "spot"}


def test_equal_income_moves_twice(tables: Tables) -> None:
    """Rows that agree in everything are as many movements."""
    tables.put(INCOME, *(one(INCOME, **income("COMMISSION", ordinal=number)) for number in (1, 2)))
    assert legs(tables) == [("usdm", "-3", "fee")] * 2
    assert len(set(tables.tuples("SELECT key FROM ledger"))) == 2


def test_repaying_what_was_borrowed_leaves_the_interest(tables: Tables) -> None:
    """D7: a repayment pays interest first, so that of a debt of 5 some is left after 5 were repaid."""
    tables.put(MARGIN_LOANS, one(MARGIN_LOANS, **loan()))
    tables.put(MARGIN_INTEREST, one(MARGIN_INTEREST, tx_id=8, wallet="margin", interest="0.00011146"))
    paid = {"operation": "repay", "tx_id": 9, "principal": "4.99988854", "interest": "0.00011146"}
    tables.put(MARGIN_LOANS, one(MARGIN_LOANS, **loan(**paid)))
    sums = tables.tuples("SELECT wallet, sum(amount) FROM ledger GROUP BY ALL ORDER BY ALL")
    assert [(wallet, f"{amount:f}".rstrip("0")) for wallet, amount in sums] == [
        ("margin", "0."), ("margin_debt", "-0.00011146"),
    ]  # fmt: skip
