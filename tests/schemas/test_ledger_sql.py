"""What each ledger comes to as movements: one row per change of an asset in a wallet, from the rows of one dataset."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.lakes import at
from support.movements import KINDS
from support.tables import Tables, offending

from schemas.datasets import DATASETS
from schemas.datasets.ledgers import CONVERSIONS, DEPOSITS, DIVIDENDS, DUST, FIAT_PAYMENTS, TRANSFERS, WITHDRAWALS
from schemas.datasets.market import SYMBOLS
from schemas.datasets.orders import ALLOCATIONS, FILLS
from schemas.derived.docs import datasets_md
from schemas.derived.queries import Movements, lone_witnesses, movements, moving
from schemas.derived.witness_matches import Witness
from schemas.model.dataset import Dataset, Kind

LEDGERS = [dataset for dataset in DATASETS.values() if dataset.movements and dataset.kind is Kind.VERSIONS]
WALLETS = {
    "spot",
    "funding",
    "earn_flexible",
    "earn_locked",
    "margin",
    "margin_debt",
    "isolated_margin",
    "isolated_margin_debt",
    "usdm",
    "coinm",
    "options",
    "portfolio_margin",
    "loan",
    "loan_debt",
}
DAY = "2026-01-01 10:00"
LATER = "2026-01-01 12:30"

Leg = tuple[str, str, str, str]  # wallet, asset, amount, kind


def one(dataset: Dataset, **values: Any) -> dict[str, Any]:
    """A row of a ledger, of which only what matters is given."""
    times = {column.name: DAY for column in dataset.columns if column.type.name == "TIME" and not column.nullable}
    return times | {"account": "main", "version": 1} | values


def legs(tables: Tables) -> list[Leg]:
    """What the ledger shows, without instants and keys."""
    found = tables.tuples("SELECT wallet, asset, amount, kind FROM ledger ORDER BY wallet, asset, amount, time, kind")
    return [(wallet, asset, f"{amount.normalize():f}", kind) for wallet, asset, amount, kind in found]


@pytest.mark.parametrize("dataset", LEDGERS, ids=lambda dataset: dataset.name)
def test_every_ledger_says_what_it_moves(dataset: Dataset) -> None:
    """Each list of movements has its file of SQL, or says which other list has what it moves."""
    assert (dataset.name in moving()) != (dataset.told_by in moving())


def test_the_page_says_what_each_ledger_moves() -> None:
    """DATASETS.md says of each which wallets it moves and in which kinds, in the words of the field."""
    page = datasets_md().split("\n## Ledger\n")[1].split("\n## ")[0]
    telling: tuple[Movements | Witness, ...] = (*movements(), *lone_witnesses())
    for each in telling:
        (line,) = (line for line in page.splitlines() if line.startswith(f"| `{each.dataset}` | {each.doc} | "))
        kinds = line.removesuffix(" |").rpartition(" | ")[2].replace("`", "").split(", ")
        assert each.doc.endswith(".")
        assert set(kinds) <= KINDS
        assert set(each.wallets) <= WALLETS


def test_the_columns_of_the_ledger(tables: Tables) -> None:
    """The columns that people type, with their types."""
    told = [(row["column_name"], row["column_type"]) for row in tables.rows("DESCRIBE FROM ledger")]
    texts = dict.fromkeys(("account", "wallet", "asset", "kind", "dataset", "key", "note"), "VARCHAR")
    assert dict(told) == texts | {"time": "TIMESTAMP WITH TIME ZONE", "amount": "DECIMAL(38,12)"}
    assert [name for name, _ in told] == [
        "account",
        "wallet",
        "asset",
        "time",
        "amount",
        "kind",
        "dataset",
        "key",
        "note",
    ]


@pytest.mark.parametrize("dataset", [FILLS, ALLOCATIONS], ids=lambda dataset: dataset.name)
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [("spot", "BNB", "-0.001", "fee"), ("spot", "BTC", "2", "trade"), ("spot", "USDT", "-200", "trade")]),
        (
            {"is_buyer": False, "commission": "-0.5", "commission_asset": "USDT"},
            [("spot", "BTC", "-2", "trade"), ("spot", "USDT", "0.5", "fee"), ("spot", "USDT", "200", "trade")],
        ),
        ({"commission": "0"}, [("spot", "BTC", "2", "trade"), ("spot", "USDT", "-200", "trade")]),
        (
            {"quote_qty": None, "price": "100.5", "commission_asset": None},
            [("spot", "BTC", "2", "trade"), ("spot", "USDT", "-201", "trade")],
        ),
        ({"symbol": "LOSTX"}, [("spot", "BNB", "-0.001", "fee")]),
    ],
)
def test_a_fill_has_two_legs_and_a_fee(
    dataset: Dataset, values: dict[str, Any], expected: list[Leg], tables: Tables
) -> None:
    """Base, quote and fee each move in their own asset, of a symbol that is gone too; a rebate is given."""
    symbol = {"market": "spot", "symbol": "BTCUSDT", "base_asset": "BTC", "quote_asset": "USDT", "valid_from": DAY}
    tables.put(SYMBOLS, symbol, symbol | {"valid_from": LATER, "gone_since": LATER})
    row = {"account": "main", "market": "spot", "symbol": "BTCUSDT", "time": DAY, "is_buyer": True, "price": "100"}
    amounts = {"qty": "2", "quote_qty": "200", "commission": "0.001", "commission_asset": "BNB"}
    tables.put(dataset, row | amounts | {dataset.key[-1]: 7} | values)
    assert legs(tables) == expected
    assert set(tables.tuples("SELECT dataset, key FROM ledger")) == {
        (dataset.name, f"spot/{values.get('symbol', 'BTCUSDT')}/7")
    }


MOVED = [
    (DEPOSITS, {"asset": "BTC", "amount": "2", "status": 1}, [("spot", "BTC", "2", "deposit")]),
    (DEPOSITS, {"asset": "BTC", "amount": "2", "status": 6, "wallet_type": 1}, [("funding", "BTC", "2", "deposit")]),
    *((DEPOSITS, {"status": status}, []) for status in (0, 2, 7, 8, 99)),
    (DEPOSITS, {"status": 1, "wallet_type": 5}, []),
    (
        WITHDRAWALS,
        {"asset": "BTC", "amount": "2", "transaction_fee": "0.1", "status": 4, "wallet_type": 1},
        [("funding", "BTC", "-2", "withdrawal"), ("funding", "BTC", "-0.1", "withdrawal_fee")],
    ),
    *((WITHDRAWALS, {"status": status}, []) for status in (1, 3, 5, 99)),
    (
        WITHDRAWALS,
        {"asset": "BTC", "amount": "2", "transaction_fee": "0.1", "status": 3, "complete_time": LATER},
        [
            ("spot", "BTC", "-2", "withdrawal"),
            ("spot", "BTC", "-0.1", "withdrawal_fee"),
            ("spot", "BTC", "0.1", "withdrawal_fee"),
            ("spot", "BTC", "2", "withdrawal"),
        ],
    ),
    (
        TRANSFERS,
        {"asset": "USDT", "amount": "5", "type": "MAIN_UMFUTURE", "status": "CONFIRMED"},
        [("spot", "USDT", "-5", "transfer_out"), ("usdm", "USDT", "5", "transfer_in")],
    ),
    (
        TRANSFERS,
        {"asset": "USDT", "amount": "5", "type": "PORTFOLIO_MARGIN_MAIN", "status": "CONFIRMED"},
        [("portfolio_margin", "USDT", "-5", "transfer_out"), ("spot", "USDT", "5", "transfer_in")],
    ),
    (
        TRANSFERS,
        {"asset": "USDT", "amount": "5", "type": "MAIN_PORTFOLIO_MARGIN", "status": "CONFIRMED"},
        [("portfolio_margin", "USDT", "5", "transfer_in"), ("spot", "USDT", "-5", "transfer_out")],
    ),
    *((TRANSFERS, {"type": "MAIN_FUNDING", "status": status}, []) for status in ("PENDING", "FAILED", "HALF")),
    (DIVIDENDS, {"asset": "BNB", "amount": "5", "direction": 1}, [("spot", "BNB", "5", "reward")]),
    (DIVIDENDS, {"asset": "BNB", "amount": "5", "direction": -1}, [("spot", "BNB", "-5", "reward")]),
    (DIVIDENDS, {"asset": "BNB", "amount": "5"}, [("spot", "BNB", "5", "reward")]),
    (DIVIDENDS, {"asset": "BNB", "amount": "5", "en_info": "Token Recovery"}, [("spot", "BNB", "-5", "reward")]),
    (DIVIDENDS, {"asset": "BNB", "amount": "5", "direction": 2}, []),
    (
        CONVERSIONS,
        {"from_asset": "BTC", "from_amount": "1", "to_asset": "ETH", "to_amount": "20", "order_status": "SUCCESS"},
        [("spot", "BTC", "-1", "convert"), ("spot", "ETH", "20", "convert")],
    ),
    *((CONVERSIONS, {"order_status": status}, []) for status in ("PROCESS", "FAIL", "LIMBO")),
    *(
        (
            CONVERSIONS,
            {"order_status": "SUCCESS", "wallet_type": word, "from_asset": "BTC", "from_amount": "1", "to_asset": "ETH"},
            [(wallet, "BTC", "-1", "convert"), (wallet, "ETH", "1", "convert")],
        )
        for word, wallet in (("SPOT", "spot"), ("FUNDING", "funding"), ("EARN", "earn_flexible"))
    ),
    (CONVERSIONS, {"order_status": "SUCCESS", "wallet_type": "SPOT_FUNDING"}, []),
    (
        DUST,
        {"wallet": "margin", "from_asset": "SHIB", "amount": "9", "transfered_amount": "0.1"},
        [("margin", "BNB", "0.1", "dust"), ("margin", "SHIB", "-9", "dust")],
    ),
    (
        DUST,
        {"wallet": "spot", "from_asset": "SHIB", "amount": "9", "transfered_amount": "0.1", "target_asset": "USDC"},
        [("spot", "SHIB", "-9", "dust"), ("spot", "USDC", "0.1", "dust")],
    ),
    (
        FIAT_PAYMENTS,
        {"side": "buy", "crypto_currency": "BTC", "obtain_amount": "2", "status": "Completed"},
        [("spot", "BTC", "2", "fiat")],
    ),
    (
        FIAT_PAYMENTS,
        {
            "side": "buy", "crypto_currency": "BTC", "obtain_amount": "2", "status": "Completed",
            "fiat_currency": "EUR", "source_amount": "90", "payment_method": "Cash Balance",
        },
        [("spot", "BTC", "2", "fiat"), ("spot", "EUR", "-90", "fiat")],
    ),
    (
        FIAT_PAYMENTS,
        {"side": "sell", "crypto_currency": "BTC", "obtain_amount": "2", "status": "Completed"},
        [("spot", "BTC", "-2", "fiat")],
    ),
    *((FIAT_PAYMENTS, {"side": "buy", "status": status}, []) for status in ("Processing", "Failed", "Refunded", "?")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("dataset", "values", "expected"), MOVED, ids=[f"{each[0].name}-{number}" for number, each in enumerate(MOVED)]
)
def test_what_a_row_moves(dataset: Dataset, values: dict[str, Any], expected: list[Leg], tables: Tables) -> None:
    """A row moves what its last state says: nothing in a state that came to nothing, or that nobody knows."""
    tables.put(dataset, one(dataset, **values))
    assert sorted(legs(tables)) == sorted(expected)


@pytest.mark.parametrize("dataset", LEDGERS, ids=lambda dataset: dataset.name)
def test_a_row_that_is_gone_counts_where_it_has_an_id(dataset: Dataset, tables: Tables) -> None:
    """What was final and is not returned any more moved what it said; a row without an id may only have changed."""
    moved = {each.column: each.moved[-1] for each in dataset.states}
    row = one(dataset, **{name: int(word) if word.lstrip("-").isdigit() else word for name, word in moved.items()})
    tables.put(dataset, row)
    before = legs(tables)
    tables.put(dataset, row | {"version": 2, "gone_since": LATER})
    assert legs(tables) == ([] if dataset.counted else before)
    told = tables.tuples("SELECT DISTINCT dataset, counted FROM no_longer_returned")
    assert told == ([(dataset.name, not dataset.counted)] if before else [])


def test_a_withdrawal_that_vanished_before_its_end_may_have_been_undone(tables: Tables) -> None:
    """One that was under way counts as long as it is returned, and is named once it is not."""
    row = one(WITHDRAWALS, asset="BTC", status=4, amount="2", transaction_fee="0")
    tables.put(WITHDRAWALS, row)
    assert [amount for _, _, amount, _ in legs(tables)] == ["-2"]
    tables.put(WITHDRAWALS, row | {"version": 2, "gone_since": LATER})
    assert legs(tables) == []
    assert tables.tuples("SELECT amount, counted FROM no_longer_returned") == [(-2, False)]


@pytest.mark.parametrize(
    ("values", "instant"), [({}, DAY), ({"complete_time": LATER}, LATER), ({"complete_time": None}, DAY)]
)
def test_a_deposit_moves_when_it_was_credited(values: dict[str, Any], instant: str, tables: Tables) -> None:
    """Its instant is when it was credited, else when the exchange saw it."""
    tables.put(DEPOSITS, one(DEPOSITS, status=1, **values))
    assert tables.tuples("SELECT time FROM ledger") == [(at(instant),)]


STATED = [(dataset, states) for dataset in DATASETS.values() for states in dataset.states]


@pytest.mark.parametrize(
    ("dataset", "states"), STATED, ids=[f"{dataset.name}-{states.column}" for dataset, states in STATED]
)
def test_a_word_that_nobody_knows_is_told_of(dataset: Dataset, states: Any, tables: Tables) -> None:
    """It moves nothing, and a check warns; words that are known to move nothing are no matter."""

    def row(number: int, word: str) -> dict[str, Any]:
        key = next(name for name in dataset.identity if name not in dataset.series)
        said = {each.column: each.moved[0] for each in dataset.states} | {states.column: word}
        typed = {name: int(said[name]) if dataset.column(name).type.name == "ID" else said[name] for name in said}
        return one(dataset, **typed, **{key: f"{number}" if dataset.column(key).type.name == "TEXT" else number})

    strange = "77"
    tables.put(dataset, *(row(number, word) for number, word in enumerate((*states.words, strange))))
    (found,) = offending(tables.check("unknown_states", at(LATER)))
    assert (found["dataset"], found["account"]) == (dataset.name, "main")
    assert f"{states.column} {strange}" in found["state"]
    assert found["key"] not in {key for (key,) in tables.tuples("SELECT key FROM ledger")}


def test_amounts_are_exact(tables: Tables) -> None:
    """A movement has every digit of the row it comes from."""
    tables.put(DEPOSITS, one(DEPOSITS, asset="SHIB", amount="12345678901234567890.123456789012", status=1))
    assert tables.tuples("SELECT amount FROM ledger") == [(Decimal("12345678901234567890.123456789012"),)]
