"""The ledger in the forms that other programs import: they compute the same sums from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader
from support.bookkeeping import FORMS, accepted, balances, check
from support.meaning import Meaning, meaning_session

from pipelines.cli.journals import JournalFormat, journal
from schemas.derived.queries import exports

START = datetime(2026, 1, 30, 10, 30, tzinfo=UTC)
# Where each form names what comes and what goes: pairs of the columns of an asset and its amount, with a sign.
COLUMNS = {
    "koinly": [("Received Currency", "Received Amount", 1), ("Sent Currency", "Sent Amount", -1),
               ("Fee Currency", "Fee Amount", -1)],
    "cointracking": [("Buy Currency", "Buy Amount", 1), ("Sell Currency", "Sell Amount", -1),
                     ("Fee Currency", "Fee", -1)],
    "bittytax": [("Buy Asset", "Buy Quantity", 1), ("Sell Asset", "Sell Quantity", -1),
                 ("Fee Asset", "Fee Quantity", -1)],
}  # fmt: skip


@pytest.fixture(scope="module")
def lake() -> Iterator[Meaning]:
    """A month of an account: trades with fees, a deposit, a withdrawal, rewards, a loan, dust of two assets at once."""
    with meaning_session() as session:
        session.put("symbols", {"market": "spot", "symbol": "BTCUSDT", "base_asset": "BTC", "quote_asset": "USDT"})
        for n in range(4):
            day = (START + timedelta(n)).replace(hour=0, minute=0)
            session.put(
                "klines",
                {"market": "spot", "symbol": "BTCUSDT", "interval": "1d", "open_time": day, "close": Decimal(40000)},
            )
        session.moved(START, "deposit", "1", ("USDT", "100000"))
        session.moved(START, "trade", "2", ("BTC", "1.5"), ("USDT", "-60000.000000000001"))
        session.moved(START, "fee", "2", ("BNB", "-0.1"))
        session.moved(START + timedelta(1), "withdrawal", "3", ("BTC", "-0.5"))
        session.moved(START + timedelta(1), "withdrawal_fee", "3", ("BTC", "-0.0005"))
        session.moved(START + timedelta(1), "reward", "4", ("1INCH", "3"))
        session.moved(START + timedelta(1), "funding", "5", ("USDT", "-1.25"))
        session.moved(START + timedelta(1), "borrow", "6", ("USDT", "500"), wallet="margin")
        session.moved(START + timedelta(1), "borrow", "6", ("USDT", "-500"), wallet="margin_debt")
        session.moved(START + timedelta(2), "dust", "7", ("BNB", "0.2"), ("ETH", "-0.001"), ("1INCH", "-3"))
        session.moved(START + timedelta(2), "rebate", "8", ("BNB", "0.01"))
        held = {
            "spot": {"BTC": "0.9995", "USDT": "39998.749999999999", "BNB": "1.11", "ETH": "2", "1INCH": "0"},
            "margin": {"USDT": "500"},
            "margin_debt": {"USDT": "-500"},
        }
        session.put(
            "balances",
            *(
                {"account": "main", "wallet": wallet, "asset": asset, "free": Decimal(free), "locked": Decimal(0),
                 "observed_at": START + timedelta(2, hours=2)}
                for wallet, assets in held.items()
                for asset, free in assets.items()
            ),
        )  # fmt: skip
        yield session


COINTRACKING = (
    "Type,Buy Amount,Buy Currency,Sell Amount,Sell Currency,Fee,Fee Currency,Exchange,Trade-Group,Comment,Date"
)
TYPES = {
    *("Trade", "Deposit", "Withdrawal", "Income", "Spend", "Reward / Bonus", "Interest Income", "Borrowing Fee"),
    *("Derivatives / Futures Profit", "Derivatives / Futures Loss", "Other Fee"),
}


def test_cointracking_gets_the_columns_that_it_asks_for(lake: Meaning) -> None:
    """Eleven columns in their order, each row with a type that its import knows."""
    rows = lake.rows(exports()["cointracking"].sql)
    assert list(rows[0]) == COINTRACKING.split(",")
    assert len({row["Type"] for row in rows}) > 4
    assert {row["Type"] for row in rows} <= TYPES


def test_beancount_finds_the_balances_of_the_snapshots(lake: Meaning) -> None:
    """Beancount loads the journal and agrees with each balance, to the last digit."""
    checked = {(entry.account, f"{entry.amount}") for entry in balances(journal(lake.connection, "beancount"))}
    assert {
        ("Assets:Binance:Main:Spot", "39998.749999999999 USDT"),
        ("Liabilities:Binance:Main:Margin-debt", "-500.000000000000 USDT"),
        ("Assets:Binance:Main:Spot", "0.000000000000 X1INCH"),
    } <= checked


def test_hledger_finds_the_balances_of_the_snapshots(lake: Meaning, tmp_path: Path) -> None:
    """Hledger accepts the journal with all its assertions."""
    check(journal(lake.connection, "hledger"), tmp_path)


def test_a_row_that_is_missing_breaks_an_assertion(lake: Meaning) -> None:
    """Whichever movement after the first day is taken away, another program sees that the balances do not agree."""
    whole = list(journal(lake.connection, "beancount"))
    later = [n for n, line in enumerate(whole) if "fills/" in line and str(START.date()) not in line]
    assert len(later) == 6
    for number in later:
        _, errors, _ = loader.load_string("\n".join(whole[:number] + whole[number + 1 :]))
        assert errors, whole[number]


@pytest.mark.parametrize("form", list(COLUMNS))
def test_an_export_comes_to_the_same_sums(form: str, lake: Meaning) -> None:
    """What comes and goes in a file is, for each asset, what the ledger says of the whole account."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in lake.rows(exports()[form].sql):
        for asset, amount, sign in COLUMNS[form]:
            if row[asset] is not None:
                sums[row[asset]] += sign * row[amount]
    told = lake.rows("SELECT asset, sum(amount) AS amount FROM ledger GROUP BY ALL")
    assert dict(sums) == {row["asset"]: row["amount"] for row in told}


def test_rotki_is_given_each_event_once(lake: Meaning) -> None:
    """The two files that rotki imports hold every transaction between them."""
    parts = [lake.rows(exports()[form].sql) for form in ("rotki_trades", "rotki_events")]
    (told,) = lake.rows("SELECT count(*) AS rows FROM account_transactions")
    assert (sum(map(len, parts)), [row["Type"] for row in parts[1]]) == (
        told["rows"],
        ["Deposit", "Withdrawal", "Income", "Loss", "Spend", "Income"],
    )


def test_ghostfolio_is_given_what_has_a_value(lake: Meaning) -> None:
    """Activities are purchases and sales at their value; what has none is not invented."""
    found = lake.rows(exports()["ghostfolio"].sql)
    assert [(row["Code"], row["Action"], row["Quantity"], row["Price"]) for row in found] == [
        ("BTCUSD", "BUY", Decimal("1.5"), Decimal(40000)),
        ("BTCUSD", "SELL", Decimal("0.5"), Decimal(40000)),
        ("BTCUSD", "SELL", Decimal("0.0005"), Decimal(40000)),
    ]


def test_ghostfolio_is_given_prices_as_small_as_they_are() -> None:
    """A price times its quantity is the value of the event, also where a coin costs next to nothing."""
    with meaning_session() as session:
        session.moved(START, "trade", "1", ("PEPE", "1234567890.5"), ("USDT", "-10.01"))
        (row,) = session.rows(exports()["ghostfolio"].sql)
    assert abs(row["Price"] * row["Quantity"] - Decimal("10.01")) < Decimal("0.00001")


@pytest.mark.parametrize("form", FORMS)
def test_accounts_of_like_names_are_not_one(form: JournalFormat, tmp_path: Path) -> None:
    """Accounts and assets whose names have nothing that a journal takes, or the same of it, are kept apart there."""
    row = {"wallet": "spot", "locked": Decimal(0), "observed_at": START}
    with meaning_session() as session:
        for number, (account, asset) in enumerate(
            [("my.own", "BTC"), ("my-own", "BTC"), ("我", "币安人生"), ("你", "币")]
        ):
            session.put("balances", row | {"account": account, "asset": asset, "free": Decimal(number + 1)})
        assert accepted(session.connection, form, tmp_path) == 4
