"""What a statement and the API tell of one movement is one movement; what only a statement tells is counted once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from support.bookkeeping import FORMS, accepted
from support.lakes import at, us
from support.tables import Tables, offending

from pipelines.statements.rows import Reading
from pipelines.statements.sources import sources
from schemas.datasets.account import BALANCES
from schemas.datasets.futures_account import INCOME
from schemas.datasets.ledgers import CONVERSIONS, DEPOSITS, DIVIDENDS, DUST, WITHDRAWALS
from schemas.datasets.market import SYMBOLS
from schemas.datasets.orders import FILLS
from schemas.datasets.statements import STATEMENT_ROWS

NOON = at("2024-01-10 12:00")
OPERATIONS = {
    "deposit": "Deposit",
    "withdrawal": "Withdraw",
    "trade": "Transaction Buy",
    "reward": "Distribution",
    "convert": "Binance Convert",
}


def told(
    tables: Tables,
    *rows: tuple[str, str, str, float],
    file: str = "f",
    export: str = "transaction_history",
    **values: Any,
) -> None:
    """Rows of a statement: operation, asset, amount, and so many seconds after noon."""
    same = {"account": "main", "kind": export, "wallet": "Spot", "zone": "UTC", "leg": 1, "problem": None}
    tables.put(
        STATEMENT_ROWS,
        *(
            same
            | {"file": file, "file_name": f"{file}.csv", "line": line, "operation": operation, "asset": asset}
            | {"amount": amount, "time": NOON + timedelta(seconds=seconds), "imported_at": NOON + timedelta(days=999)}
            | {"raw": None}
            | values
            for line, (operation, asset, amount, seconds) in enumerate(rows, start=2)
        ),
    )


def deposit(tables: Tables, number: int, amount: str, seconds: float = 0, asset: str = "BTC") -> None:
    instant = NOON + timedelta(seconds=seconds)
    row = {"account": "main", "deposit_id": str(number), "version": 1, "asset": asset, "amount": amount, "status": 1}
    tables.put(DEPOSITS, row | {"insert_time": instant, "complete_time": instant, "seen_at": NOON, "wallet_type": 0})


def found(tables: Tables) -> list[tuple[Any, ...]]:
    return tables.tuples("SELECT status, reason, key FROM statement_matches ORDER BY line, leg")


def counted(tables: Tables) -> list[tuple[str, str, str]]:
    """Dataset, asset and amount of what the ledger has."""
    rows = tables.tuples("SELECT dataset, asset, amount FROM ledger ORDER BY ALL")
    return [(dataset, asset, f"{amount.normalize():f}") for dataset, asset, amount in rows]


@pytest.mark.parametrize("seconds", [0, 0.4, 20, -20, 1500])
def test_a_movement_that_both_tell_is_there_once(seconds: float, tables: Tables) -> None:
    """A partner has the wallet, the asset and the amount, and a time as far away as the two are known to differ."""
    deposit(tables, 1, "2", seconds)
    told(tables, ("Deposit", "BTC", "2", 0))
    assert found(tables) == [("matched", None, "1")]
    assert counted(tables) == [("deposits", "BTC", "2")]


@pytest.mark.parametrize(("amount", "seconds"), [("2.1", 3000), ("2", 90_001)])
def test_what_only_a_statement_tells_is_counted(amount: str, seconds: float, tables: Tables) -> None:
    """Without a partner a movement is taken from the statement, whose file `note` names."""
    deposit(tables, 1, amount, seconds)
    told(tables, ("Deposit", "BTC", "2", 0))
    assert found(tables) == [("only_statement", None, None)]
    row = tables.rows("SELECT wallet, kind, time, key, note FROM ledger WHERE dataset = 'statement_rows'")
    expected = {"wallet": "spot", "kind": "deposit", "time": NOON, "key": "f/2", "note": "statement f.csv"}
    assert row == [expected]


@pytest.mark.parametrize(("owned", "stated", "left"), [(2, 2, 0), (1, 3, 2), (3, 1, 0)])
def test_equal_movements_are_counted(owned: int, stated: int, left: int, tables: Tables) -> None:
    """D14: two equal rows need two partners, each of which has one."""
    for number in range(owned):
        deposit(tables, number, "2", number)
    told(tables, *[("Deposit", "BTC", "2", number) for number in range(stated)])
    statuses = Counter(status for status, _, _ in found(tables))
    assert (statuses["matched"], statuses["only_statement"]) == (stated - left, left)
    keys = [key for status, _, key in found(tables) if status == "matched"]
    assert len(set(keys)) == len(keys)


def test_the_nearest_is_the_partner(tables: Tables) -> None:
    """Equal amounts that come every hour are paired where both sides have them, not in the order of their lists."""
    row = {"account": "main", "asset": "BNB", "amount": "0.001", "direction": 1, "seen_at": NOON, "version": 1}
    tables.put(
        DIVIDENDS,
        *(row | {"dividend_id": hour, "div_time": NOON + timedelta(hours=hour, seconds=30)} for hour in (6, 7, 8)),
    )
    told(tables, *[("Distribution", "BNB", "0.001", hour * 3600) for hour in range(9)])
    assert [status for status, _, _ in found(tables)] == ["only_statement"] * 6 + ["matched"] * 3
    assert [key for _, _, key in found(tables)][6:] == ["6", "7", "8"]


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        ({5: "0.03"}, "matched", None),
        ({0.5: "0.03", 23.9: "0.01"}, "matched", None),
        (dict.fromkeys((1, 9, 17), "0.01"), "matched", "sum"),
        ({5: "0.02"}, "differs", "day"),
        ({25: "0.03"}, "differs", "day"),
        ({-1: "0.03", 25: "0.02", 49: "0.03"}, "only_statement", None),
    ],
    ids=["once", "and-another", "in-parts", "another-amount", "on-the-day-after", "on-other-days"],
)
def test_a_reward_of_a_day(given: dict[float, str], status: str, reason: str | None, tables: Tables) -> None:
    """A statement that tells the day alone, in its zone, has its partners on that day; it is never counted beside them.

    Nor beside an equal one of the day after, which may be the same.
    """
    row = {"account": "main", "asset": "BNB", "direction": 1, "seen_at": NOON, "version": 1}
    day = at("2024-01-09 17:00")
    tables.put(
        DIVIDENDS,
        *(
            row | {"dividend_id": number, "amount": amount, "div_time": day + timedelta(hours=hour)}
            for number, (hour, amount) in enumerate(given.items())
        ),
    )
    of_day(tables, 10, zone="UTC+7")
    assert [(status, reason) for status, reason, _ in found(tables)] == [(status, reason)]
    stated = [dataset for dataset, _, _ in counted(tables) if dataset == "statement_rows"]
    assert len(stated) == (status == "only_statement")


def test_days_of_equal_rewards_keep_their_order(tables: Tables) -> None:
    """Where each day has its own, the day after is nobody's; the first that the API does not have is counted alone."""
    row = {"account": "main", "asset": "BNB", "amount": "0.03", "direction": 1, "seen_at": NOON, "version": 1}
    given = ({"dividend_id": day, "div_time": at(f"2024-01-{day} 03:00")} for day in (11, 12, 13))
    tables.put(DIVIDENDS, *(row | one for one in given))
    of_day(tables, 9, 11, 12)
    assert [(status, key) for status, _, key in found(tables)] == [
        ("only_statement", None),
        ("matched", "11"),
        ("matched", "12"),
    ]


def test_a_reward_of_a_day_beside_rewards_of_a_time(tables: Tables) -> None:
    """In a file that tells some by the day and some by the second, each is held against the API as it is told."""
    row = {"account": "main", "asset": "BNB", "amount": "0.03", "direction": 1, "seen_at": NOON, "version": 1}
    tables.put(DIVIDENDS, row | {"dividend_id": 1, "div_time": at("2024-01-10 20:00")})
    of_day(tables, 10)
    told(tables, ("reward", "ADA", "1", 0), export="earn_rewards", file="days")
    assert sorted(found(tables)) == [("matched", None, "1"), ("only_statement", None, None)]


def test_a_day_that_is_told_in_two_zones(tables: Tables) -> None:
    """A reward of a day, exported once in UTC and once in UTC+7, is one reward of that day."""
    of_day(tables, 10, file="here")
    of_day(tables, 10, zone="UTC+7", file="there")
    assert counted(tables) == [("statement_rows", "BNB", "0.03")]


def of_day(tables: Tables, *days: int, zone: str = "UTC", file: str = "days") -> None:
    """Rows of an export that tells the day of a reward alone, in its zone."""
    ahead = 3600 * int(zone.removeprefix("UTC") or 0)
    for line, day in enumerate(days, start=20):
        seconds = (at(f"2024-01-{day:02}") - NOON).total_seconds() - ahead
        told(
            tables, ("reward", "BNB", "0.03", seconds), export="earn_rewards", file=file, zone=zone, line=line,
            raw=f'{{"Time":"2024-01-{day:02}"}}',
        )  # fmt: skip


def test_net_and_gross(tables: Tables) -> None:
    """D12: a withdrawal that the statement tells as one amount, and the API as an amount and a fee, is one movement."""
    row = {"account": "main", "withdrawal_id": "w", "version": 1, "asset": "USDT", "amount": "14.67", "status": 6}
    times = {"apply_time": NOON - timedelta(minutes=20), "complete_time": NOON, "seen_at": NOON}
    tables.put(WITHDRAWALS, row | times | {"transaction_fee": "0.33", "wallet_type": 0})
    told(tables, ("Withdraw", "USDT", "-15", 0), remark="Withdraw fee is included")
    assert found(tables) == [("matched", "net_and_gross", "w")]
    assert tables.tuples("SELECT api_amount FROM statement_matches") == [(Decimal(-15),)]
    assert len(counted(tables)) == 2


def test_one_row_for_several(tables: Tables) -> None:
    """D17: dust that the statement tells as one sum, and the API coin by coin, is the same."""
    row = {"account": "main", "wallet": "spot", "version": 1, "operation_id": 1, "target_asset": "BNB", "seen_at": NOON}
    tables.put(
        DUST,
        *(
            row
            | {"trans_id": number, "from_asset": asset, "amount": "5", "operate_time": NOON}
            | {"transfered_amount": got}
            for number, (asset, got) in enumerate((("ADA", "0.001"), ("XRP", "0.002")))
        ),
    )
    dust = "Small Assets Exchange BNB"
    told(tables, (dust, "ADA", "-5", 0), (dust, "XRP", "-5", 0), (dust, "BNB", "0.003", 1))
    assert [(status, reason) for status, reason, _ in found(tables)] == [("matched", None)] * 2 + [("matched", "sum")]
    assert {dataset for dataset, _, _ in counted(tables)} == {"dust"}


def test_fills_of_one_second(tables: Tables) -> None:
    """D14: several fills of a second are paired by amount, whatever the order of their rows; fees stand apart."""
    tables.put(
        SYMBOLS, {"market": "spot", "symbol": "BTCUSDT", "base_asset": "BTC", "quote_asset": "USDT", "valid_from": NOON}
    )
    row = {"account": "main", "market": "spot", "symbol": "BTCUSDT", "price": "100", "is_buyer": True}
    tables.put(
        FILLS,
        *(
            row
            | {"trade_id": number, "qty": qty, "quote_qty": quote, "time": NOON + timedelta(milliseconds=300 * number)}
            | {"commission": fee, "commission_asset": "BTC"}
            for number, (qty, quote, fee) in enumerate(
                (("1", "100", "0.001"), ("2", "200", "0.002"), ("1", "100", "0.001"))
            )
        ),
    )
    buy, spend, fee = "Transaction Buy", "Transaction Spend", "Transaction Fee"
    told(
        tables,
        *((fee, "BTC", each, 0) for each in ("-0.001", "-0.001", "-0.002")),
        *((buy, "BTC", each, 0) for each in ("1", "2", "1")),
        *((spend, "USDT", each, 0) for each in ("-200", "-100", "-100")),
    )
    assert Counter(found(tables)[number][0] for number in range(9)) == {"matched": 9}
    assert {dataset for dataset, _, _ in counted(tables)} == {"fills"}


@pytest.mark.parametrize(
    ("amount", "seconds", "reason"), [("2.00000001", 5, "rounding"), ("1.9", 5, "amount"), ("2", 7 * 3600, "zone")]
)
def test_what_differs_is_named(amount: str, seconds: float, reason: str, tables: Tables) -> None:
    """A movement that the two tell differently counts as the API has it, and a check warns with the reason."""
    deposit(tables, 1, amount, seconds)
    told(tables, ("Deposit", "BTC", "2", 0))
    assert found(tables) == [("differs", reason, "1")]
    assert {dataset for dataset, _, _ in counted(tables)} == {"deposits"}
    (warned,) = offending(tables.check("statement_differences", NOON))
    assert (warned["reason"], warned["key"]) == (reason, "1")


def test_another_export_of_the_same(tables: Tables) -> None:
    """Where a transaction history was imported, the other exports tell of the same, and count nothing."""
    told(tables, ("Deposit", "BTC", "2", 0))
    told(tables, ("deposit", "BTC", "2", -20), file="deposits", export="deposits")
    told(tables, ("deposit", "BTC", "3", 90_000), file="later", export="deposits")
    assert [status for status, _, _ in found(tables)] == ["only_statement", "covered", "only_statement"]
    assert counted(tables) == [("statement_rows", "BTC", "2"), ("statement_rows", "BTC", "3")]
    deposit(tables, 1, "2")
    assert Counter(status for status, _, _ in found(tables)) == {"matched": 2, "only_statement": 1}


def test_a_statement_tells_nothing_of_what_came_after_its_import(tables: Tables) -> None:
    """A row that is dated later counts, is warned of, and covers no other export but where that has the same row."""
    imported_at = NOON + timedelta(hours=1)
    told(tables, ("Deposit", "BTC", "2", 0), ("Deposit", "BTC", "5", 900_000), imported_at=imported_at)
    told(
        tables, ("deposit", "BTC", "2", 0), ("deposit", "BTC", "3", 90_000), ("deposit", "BTC", "5", 900_000),
        file="later", export="deposits",
    )  # fmt: skip
    assert counted(tables) == [("statement_rows", "BTC", amount) for amount in ("2", "3", "5")]
    assert tables.tuples("SELECT until FROM statement_reach") == [(imported_at,)]
    (warned,) = offending(tables.check("statements_ahead", NOON))
    assert (warned["file_name"], warned["rows"]) == ("f.csv", 1)


@pytest.mark.parametrize(
    "history",
    [("Deposit", "USDT", "9", 0), ("Withdraw", "BTC", "-1", 0), ("Moon Landing", "BTC", "2", 0)],
    ids=["another-asset", "another-direction", "unknown-operation"],
)
def test_a_history_of_some_assets_covers_no_other(history: tuple[str, str, str, float], tables: Tables) -> None:
    """A transaction history that was asked for one coin says nothing of the others, and what nobody knows nothing at all."""
    told(tables, history)
    told(tables, ("deposit", "BTC", "2", 0), file="deposits", export="deposits")
    assert ("statement_rows", "BTC", "2") in counted(tables)


def test_a_reward_that_is_told_twice(tables: Tables) -> None:
    """D15: what the account Earn mirrors of a reward in Spot moves nothing; an unknown operation neither, and is warned of."""
    told(tables, ("Simple Earn Flexible - Rewards Income", "BNB", "1", 0), wallet="Earn")
    told(tables, ("Simple Earn Flexible Interest", "BNB", "1", 3600), ("Moon Landing", "BNB", "7", 0), file="g")
    assert counted(tables) == [("statement_rows", "BNB", "1")]
    (warned,) = offending(tables.check("unknown_operations", NOON))
    assert (warned["operation"], warned["rows"]) == ("Moon Landing", 1)


@pytest.mark.parametrize(
    ("given", "paid", "left"),
    [
        ({0: "0.03"}, {3600: "0.03"}, 0),
        ({0: "0.03", 86_400: "0.03"}, {3600: "0.03"}, 1),
        ({0: "0.03", 600: "0.03"}, {3600: "0.03"}, 1),
        ({0: "0.03"}, {3600: "0.03", 7200: "0.03"}, 0),
        ({0: "0.03"}, {3600: "0.04"}, 1),
        ({0: "0.03"}, {46_800: "0.03"}, 1),
    ],
    ids=["both", "of-two-days", "equal", "given-again", "another-amount", "another-day"],
)
def test_a_reward_that_two_exports_tell_counts_once(
    given: dict[float, str], paid: dict[float, str], left: int, tables: Tables
) -> None:
    """Without a history, a reward of earn that distributions tell too counts there: each of theirs stands for one."""
    rewards = [("reward", "BNB", amount, seconds) for seconds, amount in given.items()]
    told(tables, *rewards, export="earn_rewards", file="earn")
    told(tables, *rewards[:1], export="earn_rewards", file="earn again")
    told(tables, *[("reward", "BNB", *each[::-1]) for each in paid.items()], export="distributions", file="given")
    amounts = Counter(amount for _, _, amount in counted(tables))
    assert sum(amounts.values()) == len(paid) + left
    assert amounts >= Counter(paid.values())


@pytest.mark.parametrize(
    ("paid", "left"),
    [
        ({-7: "0.03"}, 1),
        ({0: "0.03"}, 0),
        ({23: "0.03"}, 0),
        ({35: "0.03"}, 0),
        ({37: "0.03"}, 1),
        ({23: "0.04"}, 1),
        ({1: "0.03", 23: "0.03", 25: "0.03"}, 0),
    ],
    ids=["before", "at-once", "late", "next-morning", "next-evening", "another-amount", "each-covers-one"],
)
def test_a_reward_of_a_day_that_distributions_tell_too(paid: dict[int, str], left: int, tables: Tables) -> None:
    """Where earn tells the day alone, an equal distribution of that day, or half a day after it, is the same."""
    of_day(tables, 10, zone="UTC+7", file="earn")
    day_s = (at("2024-01-09 17:00") - NOON).total_seconds()
    rewards = [("reward", "BNB", amount, day_s + hour * 3600) for hour, amount in paid.items()]
    told(tables, *rewards, export="distributions", file="given")
    assert len(counted(tables)) == len(paid) + left


def test_rewards_of_two_days_that_are_given_a_day_later(tables: Tables) -> None:
    """Of two days and two equal distributions, each is of one; a third day is left."""
    of_day(tables, 9, 10, 11, file="earn")
    given = [("reward", "BNB", "0.03", (at(f"2024-01-{day} 03:00") - NOON).total_seconds()) for day in (10, 11)]
    told(tables, *given, export="distributions", file="given")
    assert len(counted(tables)) == 3


@pytest.mark.parametrize(("seconds", "amount", "left"), [(0.4, "1", 1), (1, "1", 2), (0.4, "2", 2)])
def test_one_export_prints_parts_of_a_second(seconds: float, amount: str, left: int, tables: Tables) -> None:
    """Equal rows of two files that overlap are one movement, though only one of them prints milliseconds."""
    told(tables, ("convert", "BTC", "1", 0), ("convert", "ETH", "5", 9), export="conversions", file="f")
    told(tables, ("convert", "BTC", amount, seconds), ("convert", "ETH", "5", 9), export="conversions", file="g")
    assert len(counted(tables)) == left + 1


@pytest.mark.parametrize(
    ("amount", "seconds", "status"), [("50", 60, "only_statement"), ("1", 60, "covered"), ("1", 7200, "only_statement")]
)
def test_a_history_without_transfers_covers_none(amount: str, seconds: float, status: str, tables: Tables) -> None:
    """A history from which transfers were left out speaks only for the kinds of movement that it has."""
    told(tables, *[("Funding Fee", "USDT", "1", each) for each in (0, 14_400)], wallet="USD-M Futures", file="history")
    told(tables, ("TRANSFER", "USDT", amount, seconds), export="futures_income", wallet="usdm", file="income")
    assert tables.tuples("SELECT status FROM statement_matches WHERE file = 'income'") == [(status,)]


@pytest.mark.parametrize(
    ("name", "operation", "wallet"),
    [
        ("SPOT", "Buy", "spot"),
        ("Fiat and Spot", "Buy", "spot"),
        ("USDⓂ-Futures", "Fee", "usdm"),
        ("USDT-Futures", "Fee", "usdm"),
        ("USD-M Futures", "Fee", "usdm"),
        ("Coin-MFutures", "Fee", "coinm"),
        ("Cross Margin", "Margin Loan", "margin"),
        ("IsolatedMargin", "Isolated Margin Loan", "isolated_margin"),
        ("P2P", "P2P Trading", "funding"),
        ("Earn", "Simple Earn Locked Redemption", "earn_locked"),
        ("Earn", "Simple Earn Flexible Redemption", "earn_flexible"),
        ("Strategy", "Buy", "strategy"),
    ],
)
def test_the_wallet_of_a_name(name: str, operation: str, wallet: str, tables: Tables) -> None:
    """D15: one wallet is spelled in several ways."""
    told(tables, (operation, "BTC", "1", 0), wallet=name)
    assert tables.tuples("SELECT wallet FROM statement_movements") == [(wallet,)]


def imported(tables: Tables, path: Path, kind: str | None = None) -> None:
    """The rows of a recorded export."""
    (source,) = sources(path)
    reading = Reading(source=source, account="main", file=source.sha256(), imported_at=us("2030-01-01"), kind=kind)
    tables.insert(STATEMENT_ROWS, pa.concat_tables(reading.batches()))


def answered(tables: Tables, path: Path) -> int:
    """The withdrawals of a recorded answer."""
    rows = json.loads(path.read_text())
    for number, row in enumerate(rows):
        times = {name: datetime.fromisoformat(f"{row[wire]}+00:00") for name, wire in _WITHDRAWN.items() if wire in row}
        kept = {"withdrawal_id": row["id"], "asset": row["coin"], "amount": row["amount"], "status": row["status"]}
        fee = {"transaction_fee": row["transactionFee"], "wallet_type": row["walletType"], "version": 1 + 0 * number}
        tables.put(WITHDRAWALS, {"account": "main", "seen_at": NOON, "complete_time": None} | kept | fee | times)
    return len(rows)


def books_agree(tables: Tables, folder: Path) -> None:
    """Hledger and beancount come to what the movements of an account come to."""
    held = tables.rows("SELECT wallet, asset, sum(amount) AS free FROM ledger GROUP BY ALL")
    same = {"account": "main", "locked": Decimal(0), "observed_at": at("2026-01-01")}
    tables.put(BALANCES, *(same | row for row in held))
    for form in FORMS:
        assert accepted(tables.ready(), form, folder) == len(held)


_WITHDRAWN = {"apply_time": "applyTime", "complete_time": "completeTime"}


def test_a_real_account_matches_one_to_one(recorded: Path, tables: Tables, tmp_path: Path) -> None:
    """Account A: three overlapping exports and the API tell of 51 withdrawals in common, each matched with its own."""
    folder = recorded / "account" / "real-account-A"
    answered(tables, folder / "api_withdraw_history_2023-04-20_2023-07-15.json")
    for path in sorted(folder.glob("statement_withdraw_*.csv")):
        imported(tables, path)
    lines = tables.tuples(
        "SELECT status, count(*), count(DISTINCT key), min(time), max(time) FROM statement_matches "
        "WHERE kind = 'withdrawal' GROUP BY ALL ORDER BY ALL"
    )
    (matched, only) = lines
    assert (matched[0], matched[1], matched[2]) == ("matched", 51, 51)
    assert only[0] == "only_statement"
    assert only[4] < matched[3]  # from before what the API told
    told_twice = tables.tuples(
        "SELECT count(*) - count(DISTINCT (asset, time, amount)) FROM ledger WHERE kind = 'withdrawal'"
    )
    assert told_twice == [(0,)]
    books_agree(tables, tmp_path)


def test_a_real_account_by_its_history(recorded: Path, tables: Tables, tmp_path: Path) -> None:
    """Account D: the transaction history takes what was sent and its fee as one, up to half an hour later (D12)."""
    path = recorded / "account" / "real-account-D" / "withdraw_history.json"
    count = answered(tables, path)
    rows = json.loads(path.read_text())
    told(
        tables,
        *(
            ("Withdraw", row["coin"], f"-{Decimal(row['amount']) + Decimal(row['transactionFee'])}", seconds)
            for row in rows
            for seconds in [(datetime.fromisoformat(f"{row['applyTime']}+00:00") - NOON).total_seconds() + 95]
        ),
    )
    assert Counter((status, reason) for status, reason, _ in found(tables)) == {("matched", "net_and_gross"): count}
    assert len({key for _, _, key in found(tables)}) == count
    books_agree(tables, tmp_path)


@pytest.mark.parametrize(
    ("export", "operation", "kind"),
    [
        ("futures_income", "Funding Fee", "funding"),
        ("futures_income", "REALIZED_PNL", "realized_pnl"),
        ("futures_income", "TRANSFER", "transfer_in"),
        ("futures_trades", "realized_pnl", "realized_pnl"),
    ],
)
def test_futures_beyond_three_months(export: str, operation: str, kind: str, tables: Tables) -> None:
    """What only an export of futures tells counts in `ledger`, in the words that the API's income has."""
    told(tables, (operation, "USDT", "2", 0), export=export, wallet="usdm")
    row = tables.tuples("SELECT wallet, kind, amount FROM ledger WHERE dataset = 'statement_rows'")
    assert row == [("usdm", kind, Decimal(2))]


def test_futures_that_both_tell(tables: Tables) -> None:
    """Income that the API and two kinds of export tell of counts once, as the API's."""
    row = {"account": "main", "market": "usdm", "income_type": "REALIZED_PNL", "tran_id": "1", "asset": "USDT"}
    tables.put(INCOME, row | {"income": "1.5", "time": NOON, "seen_at": NOON, "version": 1, "ordinal": 1})
    told(tables, ("REALIZED_PNL", "USDT", "1.5", 0), export="futures_income", wallet="usdm", file="income")
    told(tables, ("realized_pnl", "USDT", "1.5", 0.4), export="futures_trades", wallet="usdm", file="trades")
    assert [status for status, _, _ in found(tables)] == ["matched"] * 2
    assert counted(tables) == [("income", "USDT", "1.5")]


@pytest.mark.parametrize(
    ("fuller", "wallet", "seconds", "amount", "status"),
    [
        ("transaction_history", "USD-M Futures", 60, "2", "covered"),
        ("futures_income", "usdm", 60, "2", "covered"),
        ("futures_income", "coinm", 60, "2", "only_statement"),
        ("transaction_history", "Spot", 60, "2", "only_statement"),
        ("futures_income", "usdm", -1800, "2", "only_statement"),
        ("futures_income", "usdm", -1800, "1", "covered"),
        ("futures_income", "usdm", -3700, "1", "only_statement"),
    ],
)
def test_what_a_fuller_export_covers(
    fuller: str, wallet: str, seconds: float, amount: str, status: str, tables: Tables
) -> None:
    """Within the time of a fuller export of that wallet another counts nothing; just outside, only without its equal."""
    fee = "Fee" if fuller == "transaction_history" else "Commission"
    told(tables, (fee, "USDT", "1", 0), (fee, "USDT", "3", 120), export=fuller, wallet=wallet, file="fuller")
    told(tables, ("fee", "USDT", amount, seconds), export="futures_trades", wallet="usdm", file="trades")
    assert tables.tuples("SELECT status FROM statement_matches WHERE file = 'trades'") == [(status,)]


def test_what_counts_nowhere_covers_nothing(tables: Tables) -> None:
    """An operation that nobody knows moves nothing: a deposit of the same amount about that time still counts."""
    told(tables, ("Distribution", "BTC", "1", 0), ("Moon Landing", "BTC", "2", 60), ("Distribution", "BTC", "1", 120))
    told(tables, ("deposit", "BTC", "2", 70), export="deposits", file="deposits")
    assert tables.tuples("SELECT status FROM statement_matches WHERE file = 'deposits'") == [("only_statement",)]


@pytest.mark.parametrize("operation", ["Deposit", "Fiat Deposit"])
def test_money_is_a_deposit_under_either_name(operation: str, tables: Tables) -> None:
    """A deposit of money that the history tells before its fee, whatever it calls it, is not counted after it too."""
    told(tables, *[(operation, "EUR", "100", each) for each in (0, 7200)], file="history")
    told(tables, ("fiat", "EUR", "98", 60), export="fiat_deposits", file="fiat")
    assert tables.tuples("SELECT status FROM statement_matches WHERE file = 'fiat'") == [("covered",)]


@pytest.mark.parametrize(("named", "wallet"), [("Funding", "funding"), ("SPOT", "spot"), ("Earn", "earn_flexible")])
def test_a_conversion_moves_the_wallet_that_it_names(named: str, wallet: str, tables: Tables, tmp_path: Path) -> None:
    """An export of conversions books each where it took place, and one that the API has too is there once."""
    header = "Time,Wallet,Pair,Type,Sell,Buy,Price,Inverse Price,Date Updated,Status"
    line = f"2024-01-10 12:00:00,{named},ETHBUSD,Instant,124.6 BUSD,0.03 ETH,x,x,x,Successful"
    (tmp_path / "convert (UTC).csv").write_text(f"{header}\n{line}\n")
    imported(tables, tmp_path / "convert (UTC).csv")
    assert set(tables.tuples("SELECT wallet FROM ledger")) == {(wallet,)}
    told_by_api = {"order_id": 1, "wallet_type": named.upper(), "order_status": "SUCCESS", "create_time": NOON}
    amounts = {"from_asset": "BUSD", "from_amount": "124.6", "to_asset": "ETH", "to_amount": "0.03"}
    tables.put(CONVERSIONS, {"account": "main", "version": 1, "seen_at": NOON} | told_by_api | amounts)
    assert counted(tables) == [("conversions", "BUSD", "-124.6"), ("conversions", "ETH", "0.03")]


def test_what_one_line_tells_is_one_event(tables: Tables, tmp_path: Path) -> None:
    """A trade of an export is worth what was paid for it, which takes no candle, and goes to other programs as one."""
    line = "2024-01-10 12:00:00,ETHUSDT,BUY,2500,2ETH,5000USDT,0.5USDT"
    (tmp_path / "trades.csv").write_text(f"Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n{line}\n")
    imported(tables, tmp_path / "trades.csv")
    asked = "SELECT asset, event, qty, value, fee_value, why FROM tax_events('USDT')"
    assert tables.tuples(asked) == [("ETH", "acquired", 2, 5000, Decimal("0.5"), None)]
    sides = tables.tuples("SELECT sent_asset, received_asset, fee_asset FROM account_transactions")
    assert sides == [("USDT", "ETH", "USDT")]


BUY, SPEND, FEE = "Transaction Buy", "Transaction Spend", "Transaction Fee"
SOLD = "Binance Convert"
SENT = "Transfer Between Main and Funding Wallet"


@pytest.mark.parametrize(
    ("rows", "events"),
    [
        (
            ((FEE, "BNB", "-0.1", 0), (BUY, "ETH", "2", 0), (SPEND, "USDT", "-5000", 0), (BUY, "ETH", "1", 0)),
            [("USDT", 5000, "ETH", 3, "BNB")],
        ),
        (
            ((BUY, "ETH", "2", 0), (SPEND, "USDT", "-5000", 0), (BUY, "ETH", "1", 1), (SPEND, "USDT", "-2500", 1)),
            [("USDT", 5000, "ETH", 2, None), ("USDT", 2500, "ETH", 1, None)],
        ),
        (
            ((BUY, "ETH", "2", 0), (SPEND, "USDT", "-5000", 0), ("Sell", "ETH", "-2", 0), ("Sell", "USDT", "4990", 0)),
            [
                ("ETH", 2, None, None, None),
                ("USDT", 5000, None, None, None),
                (None, None, "ETH", 2, None),
                (None, None, "USDT", 4990, None),
            ],
        ),
        (
            (("Small Assets Exchange BNB", "ADA", "-5", 0), ("Small Assets Exchange BNB", "BNB", "0.1", 0)),
            [("ADA", 5, "BNB", Decimal("0.1"), None)],
        ),
        (((SOLD, "ADA", "-5", 0), (SOLD, "BTC", "0.1", 30)), [("ADA", 5, "BTC", Decimal("0.1"), None)]),
        (
            ((SOLD, "ADA", "-5", 0), (SOLD, "BTC", "0.1", 32)),
            [("ADA", 5, None, None, None), (None, None, "BTC", Decimal("0.1"), None)],
        ),
        (
            ((SOLD, "ADA", "-5", 0), (SOLD, "BTC", "0.1", 1), (SOLD, "ADA", "-6", 2)),
            [("ADA", 5, None, None, None), ("ADA", 6, None, None, None), (None, None, "BTC", Decimal("0.1"), None)],
        ),
        (((SENT, "USDT", "-100", 0), (SENT, "USDT", "100", 0)), []),
        (
            ((SENT, "USDT", "-100", 0), (SENT, "USDT", "90", 0)),
            [("USDT", 100, None, None, None), (None, None, "USDT", 90, None)],
        ),
    ],
    ids=[
        "one-trade",
        "two-seconds",
        "there-and-back",
        "dust",
        "conversion",
        "far-apart",
        "three-near",
        "both-ends",
        "another-amount",
    ],
)
def test_what_the_lines_of_a_second_tell_is_one_event(
    rows: tuple[tuple[str, str, str, float], ...], events: list[tuple[Any, ...]], tables: Tables
) -> None:
    """What was paid, what it bought and its fee are one trade, as are both ends of a transfer, which is no event."""
    told(tables, *rows)
    sides = "SELECT sent_asset, sent_amount, received_asset, received_amount, fee_asset FROM account_transactions"
    assert Counter(tables.tuples(sides)) == Counter(events)


def test_a_trade_of_a_history_costs_what_was_paid(tables: Tables) -> None:
    """Without any candle the coin costs what its line of the same second says, and so does its fee in that asset."""
    told(tables, (BUY, "ETH", "2", 0), (SPEND, "USDT", "-5000", 0), (FEE, "USDT", "-5", 0))
    assert tables.tuples("SELECT asset, qty, cost FROM positions_cost('USDT')") == [("ETH", 2, 5005)]


def test_bought_is_what_was_sent_away(recorded: Path, tables: Tables) -> None:
    """Account A: the fills below its orders, less their fees, are what its withdrawals took, to the last digit."""
    folder = recorded / "account" / "real-account-A"
    imported(tables, folder / "statement_orders_nested_2023-03-10_2023-06-10.csv")
    imported(tables, folder / "statement_withdraw_2023-03-11_2023-06-10_export-4.csv")
    closed = (
        "SELECT asset FROM ledger WHERE asset IN ('AMP', 'ARB', 'FIL', 'OP', 'SOL') GROUP BY ALL HAVING sum(amount) = 0"
    )
    assert sorted(tables.tuples(closed)) == [("AMP",), ("ARB",), ("FIL",), ("OP",), ("SOL",)]
