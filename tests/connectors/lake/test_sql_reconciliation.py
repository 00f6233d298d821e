"""Every change of a balance is held against the movements between two snapshots, and what is left over is shown."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from support.lakes import at, us
from support.sampled import some_of
from support.tables import Tables, offending

from schemas.datasets import DATASETS
from schemas.datasets.account import BALANCES
from schemas.datasets.dual_investments import DUAL_INVESTMENTS
from schemas.datasets.earn import EARN_REWARDS
from schemas.datasets.journal import GAPS, RUNS
from schemas.datasets.ledgers import DEPOSITS, DIVIDENDS, DUST
from schemas.datasets.market import SYMBOLS
from schemas.datasets.orders import FILLS
from schemas.datasets.payments import REBATES
from schemas.datasets.statements import STATEMENT_ROWS
from schemas.derived.queries import moving
from schemas.model.series import Series

DAYS = [f"2026-01-{day:02} 12:00" for day in range(1, 10)]
END = "2026-02-15"

Found = tuple[Any, ...]


def held(tables: Tables, *amounts: str | None, asset: str = "BTC", wallet: str = "spot", locked: str = "0") -> None:
    """A snapshot a day; None where the asset is in none."""
    row = {"account": "main", "wallet": wallet, "asset": asset, "locked": locked}
    days = zip(DAYS, amounts, strict=False)
    tables.put(BALANCES, *(row | {"free": free, "observed_at": day} for day, free in days if free is not None))


def deposit(tables: Tables, number: int, amount: str, instant: Any, asset: str = "BTC", **values: Any) -> None:
    row = {"account": "main", "deposit_id": str(number), "version": 1, "asset": asset, "amount": amount, "status": 1}
    tables.put(DEPOSITS, row | {"insert_time": instant, "seen_at": instant} | values)


def pulled(tables: Tables, until: str = END, since: str = "2017-07-01", without: tuple[str, ...] = ()) -> None:
    """Every ledger of every wallet was pulled to its end and back to its beginning."""
    ledgers = [DATASETS[name] for name in moving() if name not in without]
    run = {"flow": "books", "account": "main", "outcome": "done", "started": until, "ended": until, "market": None}
    tables.put(RUNS, *(run | {"run": dataset.name, "dataset": dataset.name} for dataset in ledgers))
    for dataset in ledgers:
        if dataset.settles is not None:
            values = dict.fromkeys(dataset.series, "x") | {"account": "main"}
            tables.note(Series.of(dataset, **values), since=us(since), until=us(until))


def intervals(tables: Tables, columns: str = "observed, expected, residual, status") -> list[Found]:
    return tables.tuples(f"SELECT {columns} FROM reconciliation WHERE since IS NOT NULL ORDER BY wallet, asset, until")


def causes(tables: Tables) -> list[dict[str, list[str]]]:
    """The causes of each interval that does not add up, by name."""
    told = tables.tuples("SELECT causes FROM reconciliation WHERE residual <> 0 ORDER BY until")
    return [{each["cause"]: each["names"] for each in json.loads(text)} for (text,) in told]


def test_a_change_that_adds_up_is_explained(tables: Tables) -> None:
    """Between two snapshots the change is the sum of what moved after the first and up to the second."""
    pulled(tables)
    held(tables, "1", "3.5", "3.5", "4")
    deposit(tables, 1, "2", "2026-01-01 13:00")
    deposit(tables, 2, "0.5", DAYS[1])
    deposit(tables, 3, "0.5", "2026-01-04 11:00")
    assert intervals(tables) == [
        (Decimal("2.5"), Decimal("2.5"), Decimal(0), "explained"),
        (Decimal(0), Decimal(0), Decimal(0), "explained"),
        (Decimal("0.5"), Decimal("0.5"), Decimal(0), "explained"),
    ]
    assert intervals(tables, "balance_before, balance_after") == [
        (Decimal(1), Decimal("3.5")), (Decimal("3.5"), Decimal("3.5")), (Decimal("3.5"), Decimal(4)),
    ]  # fmt: skip


def test_a_change_that_does_not_add_up_is_shown(tables: Tables) -> None:
    """What is left over stays where it arose, in its own asset and interval, and the next one is not blamed for it."""
    pulled(tables)
    held(tables, "1", "3", "3", locked="0.5")
    held(tables, "7", "7", "7", asset="ETH")
    deposit(tables, 1, "1.75", "2026-01-01 13:00")
    residuals = [("BTC", Decimal("0.25"), "unexplained"), ("BTC", Decimal(0), "explained")]
    assert intervals(tables, "asset, residual, status")[:2] == residuals
    assert {row[1:] for row in intervals(tables, "asset, residual, status")[2:]} == {(Decimal(0), "explained")}
    assert causes(tables)[-1] == {"none_known": []}


def test_an_asset_that_is_in_no_snapshot_has_none_of_it(tables: Tables) -> None:
    """A zero is written once; what was gained and spent between two snapshots adds up, what was only gained does not."""
    pulled(tables)
    held(tables, "1", "1", "1", "1", asset="ETH")
    held(tables, "2", "0", None, "3")
    deposit(tables, 1, "-2", "2026-01-02 11:00")
    deposit(tables, 2, "5", "2026-01-02 13:00")
    deposit(tables, 3, "-5", "2026-01-02 14:00")
    deposit(tables, 4, "4", "2026-01-04 11:00")
    btc = "SELECT balance_before, observed, expected, residual FROM reconciliation WHERE asset = 'BTC' AND since IS NOT NULL"
    assert tables.tuples(f"{btc} ORDER BY until") == [
        (Decimal(2), Decimal(-2), Decimal(-2), Decimal(0)),
        (Decimal(0), Decimal(0), Decimal(0), Decimal(0)),
        (Decimal(0), Decimal(3), Decimal(4), Decimal(-1)),
    ]


def test_a_movement_in_a_wallet_that_is_always_empty_is_shown(tables: Tables) -> None:
    """No row tells of the snapshot of an empty wallet; the log knows the last one, which showed nothing of it."""
    pulled(tables)
    tables.note(Series.of(BALANCES, account="main", wallet="funding"), observed_at=us(DAYS[2]))
    deposit(tables, 1, "2", "2026-01-01 13:00", wallet_type=1)
    shown = "SELECT wallet, asset, until, residual, status FROM reconciliation WHERE residual <> 0"
    assert tables.tuples(shown) == [("funding", "BTC", at(DAYS[2]), Decimal(-2), "unexplained")]


def test_the_first_snapshot_of_an_empty_wallet_begins_an_interval(tables: Tables) -> None:
    """What moved before it is history; what came and went after it, between snapshots that showed nothing, is compared."""
    pulled(tables)
    series = Series.of(BALANCES, account="main", wallet="funding")
    tables.note(series, first_observed_at=us(DAYS[1]), observed_at=us(DAYS[2]))
    for number, (amount, hour) in enumerate((("2", "2026-01-01 13:00"), ("3", "2026-01-02 13:00"))):
        deposit(tables, number, amount, hour, wallet_type=1)
    shown = "SELECT since, until, residual FROM reconciliation ORDER BY until"
    first, last = at(DAYS[1]), at(DAYS[2])
    assert tables.tuples(shown) == [(None, first, Decimal(-2)), (first, last, Decimal(-3))]


def test_receipts_are_not_counted(tables: Tables) -> None:
    """LDBTC in spot is BTC in simple earn, which has a wallet of its own; LDO is an asset."""
    pulled(tables)
    held(tables, "1", "2", asset="LDBTC")
    held(tables, "1", "2", asset="LDO")
    assert {asset for (asset,) in tables.tuples("SELECT asset FROM reconciliation")} == {"LDO"}


# In flight.


@pytest.mark.parametrize("seconds", [-5, -1, 0, 1, 5])
def test_a_movement_in_flight_counts_where_both_sides_add_up(seconds: int, tables: Tables) -> None:
    """A snapshot may or may not show what happened within five seconds of it."""
    pulled(tables)
    instant = at(DAYS[1]) + timedelta(seconds=seconds)
    late = seconds <= 0  # it counts before the snapshot, which does not show it; else the other way round
    held(tables, "1", "1" if late else "3", "3")
    deposit(tables, 1, "2", instant)
    assert intervals(tables, "observed, residual, status") == [
        (Decimal(0 if late else 2), Decimal(0), "explained"),
        (Decimal(2 if late else 0), Decimal(0), "explained"),
    ]
    assert {each for (each,) in intervals(tables, "causes")} == {'[{"cause":"in_flight","names":[]}]'}


@pytest.mark.parametrize("seconds", [-6, 6])
def test_what_is_farther_off_is_not_in_flight(seconds: int, tables: Tables) -> None:
    """A movement farther from a snapshot is on its own side, and both intervals show what is left over."""
    pulled(tables)
    held(tables, "1", "1" if seconds < 0 else "3", "3")
    deposit(tables, 1, "2", at(DAYS[1]) + timedelta(seconds=seconds))
    assert [abs(residual) for (residual,) in intervals(tables, "residual")] == [Decimal(2), Decimal(2)]


def test_movements_in_flight_at_each_snapshot(tables: Tables) -> None:
    """An account that never rests adds up: of several movements around each snapshot, the first few are shown by it."""
    pulled(tables)
    balance, shown = 0, []
    for day in range(6):
        for step in range(4):
            deposit(tables, 10 * day + step, str(1 + step), at(DAYS[day]) + timedelta(seconds=step - 2))
        shown.append(str(balance + 1 + (2 if day % 2 else 0)))
        balance += 10
    held(tables, *shown)
    assert {residual for (residual,) in intervals(tables, "residual")} == {Decimal(0)}


def test_a_movement_in_flight_hides_nothing(tables: Tables) -> None:
    """Where something else is missing, a movement next to the snapshot does not take its place."""
    pulled(tables)
    held(tables, "1", "3", "3", "3")
    deposit(tables, 1, "2", at(DAYS[1]) + timedelta(seconds=600))
    deposit(tables, 2, "2", at(DAYS[2]) - timedelta(seconds=1))
    assert sum(residual for (residual,) in intervals(tables, "residual")) == Decimal(-2)


def test_nothing_is_ever_lost(tables: Tables) -> None:
    """However movements are placed, residuals sum to the whole change less the sum of all movements."""
    pulled(tables)
    held(tables, "1", "4", "4", "9", "9.5", "12")
    for number, (day, seconds) in enumerate([(1, -2), (1, 3), (2, 1), (3, -4), (4, 0), (4, 4), (5, -1)]):
        deposit(tables, number, str(number + 1), at(DAYS[day]) + timedelta(seconds=seconds))
    assert sum(residual for (residual,) in intervals(tables, "residual")) == Decimal(12 - 1 - sum(range(1, 8)))


# Who was asked.


def test_what_nobody_asked_is_not_unexplained(tables: Tables) -> None:
    """With balances and fills alone no change is held against an account; the ledgers that nobody pulls are named."""
    held(tables, "1", "3")
    run = {"run": "r", "flow": "orders", "dataset": "fills", "account": "main", "market": "spot", "outcome": "done"}
    tables.put(RUNS, run | {"started": END, "ended": END})
    assert intervals(tables, "residual, status") == [(Decimal(2), "not_comparable")]
    names = causes(tables)[-1]["not_pulled"]
    assert {"deposits", "withdrawals", "transfers"} <= set(names)
    assert "fills" not in names
    assert offending(tables.check("unexplained_balance", at(END))) == []


@pytest.mark.parametrize(
    ("without", "until", "since", "cause"),
    [
        (("dust",), END, "2017-07-01", "not_pulled"),
        ((), DAYS[0], "2017-07-01", "late"),
        ((), END, DAYS[1], "not_pulled"),
    ],
)
def test_an_interval_that_a_ledger_does_not_reach_over_is_not_compared(
    without: tuple[str, ...], until: str, since: str, cause: str, tables: Tables
) -> None:
    """A ledger that was never pulled, or not that far, or not back to there, leaves open what happened."""
    pulled(tables, until, since, without)
    held(tables, "1", "3")
    assert intervals(tables, "residual, status") == [(Decimal(2), "not_comparable")]
    assert set(without) <= set(causes(tables)[-1][cause])


def test_a_ledger_of_which_a_run_failed_is_not_held(tables: Tables) -> None:
    """Coverage of some series is no coverage of a ledger whose pull never went to its end."""
    pulled(tables, without=("transfers",))
    tables.note(Series.of(DATASETS["transfers"], account="main", type="MAIN_FUNDING"), since=0, until=us(END))
    run = {"run": "r", "flow": "f", "dataset": "transfers", "account": "main", "outcome": "failed", "market": None}
    tables.put(RUNS, run | {"started": END, "ended": END})
    held(tables, "1", "3")
    assert causes(tables)[-1]["not_pulled"] == ["transfers"]


def test_ledgers_of_another_wallet_do_not_matter(tables: Tables) -> None:
    """The funding wallet is compared without the fills, which move spot alone."""
    pulled(tables, without=("fills", "allocations", "dividends", "fiat_payments"))
    held(tables, "1", "3", wallet="funding")
    assert intervals(tables, "status") == [("unexplained",)]


def test_the_trades_of_futures_do_not_shorten_those_of_spot(tables: Tables) -> None:
    """Futures are walked by time, and the exchange forgets them: fills of spot reach back to the first one all the same."""
    pulled(tables)
    perpetual = {"account": "main", "market": "usdm", "symbol": "BTCUSDT"}
    tables.note(Series.of(FILLS, **perpetual), since=us("2026-01-02"), until=us("2026-01-03"))
    lost = {"since": "2025-01-01", "until": "2026-01-02", "reason": "not_retained", "evidence": "{}"}
    tables.put(GAPS, {"dataset": "fills", **perpetual, **lost, "first_seen": END, "seen_at": END})
    held(tables, "1", "1", "3")
    deposit(tables, 1, "2", "2026-01-03 11:00")
    assert {row[3] for row in intervals(tables)} == {"explained"}
    reached = tables.tuples("SELECT year(since), lost FROM ledger_reach WHERE dataset = 'fills' AND wallet = 'spot'")
    assert reached == [(1970, [])]


def test_what_is_not_retained_is_named(tables: Tables) -> None:
    """A stretch that the exchange no longer returned leaves open what happened in it, and nothing after it."""
    pulled(tables)
    gap = {"dataset": "transfers", "account": "main", "reason": "not_retained", "filled_at": None}
    tables.put(GAPS, gap | {"since": "2025-01-01", "until": "2026-01-01 18:00", "first_seen": END, "seen_at": END})
    held(tables, "1", "3", "4")
    assert intervals(tables, "status") == [("not_comparable",), ("unexplained",)]
    assert causes(tables)[-2]["not_retained"] == ["transfers"]


def test_fills_of_a_pair_that_was_never_listed_are_named(tables: Tables) -> None:
    """What they moved nobody knows: the change of each asset that may be theirs stays open, and a check tells of them."""
    pulled(tables)
    held(tables, "5", "8", asset="OLD")
    held(tables, "5", "5", asset="ETH")
    fill = {"account": "main", "market": "spot", "symbol": "OLDUSDT", "trade_id": 1, "order_id": 1, "is_buyer": True}
    amounts = {"price": "2", "qty": "3", "quote_qty": "6", "commission": "0", "commission_asset": "BNB"}
    tables.put(FILLS, fill | amounts | {"time": "2026-01-01 14:00", "is_maker": False, "seen_at": END})
    assert intervals(tables, "asset, status") == [("ETH", "explained"), ("OLD", "not_comparable")]
    assert causes(tables)[-1]["amount_unknown"] == ["fills spot/OLDUSDT/1"]
    (warned,) = offending(tables.check("unknown_pairs", at(END)))
    assert (warned["symbol"], warned["fills"]) == ("OLDUSDT", 1)
    listed = {"market": "spot", "symbol": "OLDUSDT", "base_asset": "OLD", "quote_asset": "USDT"}
    tables.put(SYMBOLS, listed | {"valid_from": DAYS[0]})
    assert dict(intervals(tables, "asset, status"))["OLD"] == "explained"
    assert offending(tables.check("unknown_pairs", at(END))) == []


GIVEN = {"asset": "NEW", "amount": "20", "direction": 1, "dividend_id": 1}
TAKEN = {"asset": "OLD", "amount": "10", "direction": -1, "dividend_id": 2}
CHANGED = {"from_asset": "OLD", "amount": "10", "transfered_amount": "0.5", "target_asset": "BNB", "trans_id": 1}


@pytest.mark.parametrize(
    ("given", "dust", "told", "statuses", "old_causes"),
    some_of(
        [
            ([GIVEN, TAKEN], [], False, ("explained", "explained"), None),
            ([GIVEN], [CHANGED], False, ("explained", "explained"), None),
            ([GIVEN], [], True, ("explained", "explained"), None),
            ([GIVEN], [], False, ("explained", "unexplained"), {"asset_event": ["dividends 1 gave NEW"]}),
            ([], [], False, ("unexplained", "unexplained"), {"none_known": []}),
        ],
        most=5,
    ),
    ids=["both-distributed", "and-dust", "and-a-statement", "new-alone", "nothing"],
)
def test_a_coin_that_was_renamed(
    given: list[dict[str, Any]], dust: list[dict[str, Any]], told: bool, statuses: tuple[str, str],
    old_causes: dict[str, list[str]] | None, tables: Tables,
) -> None:  # fmt: skip
    """Its change adds up where lists or a statement tell of both coins; of one that none tells of, a swap is the cause."""
    pulled(tables)
    held(tables, "0", "20", asset="NEW")
    held(tables, "10", "0", asset="OLD")
    if dust:
        held(tables, "1", "1.5", asset="BNB")
    row = {"account": "main", "version": 1, "seen_at": END}
    swap = row | {"div_time": "2026-01-01 14:00", "en_info": "Token Swap - Distribution"}
    tables.put(DIVIDENDS, *(swap | one for one in given))
    tables.put(
        DUST, *(row | {"operate_time": "2026-01-01 14:00", "operation_id": 1, "wallet": "spot"} | one for one in dust)
    )
    if told:
        stated(tables, ("Token Swap - Distribution", "-10", "2026-01-01 14:00"), asset="OLD")
        stated(
            tables, ("Token Swap - Distribution", "20", "2026-01-01 14:00"), asset="NEW", file="g", file_name="g.csv"
        )
    found = dict(intervals(tables, "asset, status"))
    assert (found["NEW"], found["OLD"]) == statuses
    (of_old,) = tables.tuples("SELECT causes FROM reconciliation WHERE asset = 'OLD' AND since IS NOT NULL")
    assert {each["cause"]: each["names"] for each in json.loads(of_old[0])} == (old_causes or {})


def stated(tables: Tables, *rows: tuple[str, str, str], asset: str = "BTC", **values: Any) -> None:
    """A transaction history: an operation, its amount and when."""
    same = {
        "account": "main",
        "file": "f",
        "file_name": "f.csv",
        "kind": "transaction_history",
        "zone": "UTC",
        "leg": 1,
    }
    tables.put(
        STATEMENT_ROWS,
        *(
            same
            | {"line": line, "operation": operation, "amount": amount, "time": instant, "asset": asset}
            | {"wallet": "Spot", "problem": None, "imported_at": END}
            | values
            for line, (operation, amount, instant) in enumerate(rows, start=2)
        ),
    )


BEFORE, AFTER = ("Deposit", "1", "2025-12-31"), ("Deposit", "1", "2026-01-08")


@pytest.mark.parametrize(
    ("rows", "statuses"),
    some_of(
        [
            ((BEFORE, ("Distribution", "2", "2026-01-01 14:00"), AFTER), ["explained"] * 2),
            ((BEFORE, AFTER), ["unexplained", "explained"]),
            ((BEFORE, ("Moon Landing", "2", "2026-01-01 14:00"), AFTER), ["not_comparable", "explained"]),
            ((BEFORE, ("Deposit", "1", "2026-01-01 17:00")), ["not_comparable", "explained"]),
            ((("Deposit", "1", "2026-01-01 12:30"), AFTER), ["not_comparable", "explained"]),
        ],
        most=2,
    ),
    ids=["told", "told-of-nothing", "unknown-word", "ends-before", "begins-after"],
)
def test_a_statement_stands_for_what_is_not_retained(
    rows: tuple[tuple[str, str, str], ...], statuses: list[str], tables: Tables
) -> None:
    """Where a statement reaches over the stretch that the API forgot, the change is explained or it is not."""
    pulled(tables)
    gap = {"dataset": "transfers", "account": "main", "reason": "not_retained", "filled_at": None}
    tables.put(GAPS, gap | {"since": "2025-01-01", "until": "2026-01-01 18:00", "first_seen": END, "seen_at": END})
    held(tables, "1", "3", "3")
    held(tables, "1", "3", "3", asset="ETH")
    stated(tables, *rows)
    assert [status for asset, status in intervals(tables, "asset, status") if asset == "BTC"] == statuses[:2]
    assert intervals(tables, "asset, status")[2] == ("ETH", "not_comparable")


def test_statements_that_overlap_reach_as_one(tables: Tables) -> None:
    """Two files that share a day tell all of both their times; with a day between them they do not."""
    for file, first, last in (("a", 1, 3), ("b", 3, 5), ("c", 7, 9)):
        rows = [("Deposit", f"{first}", f"2026-01-0{day}") for day in (first, last)]
        stated(tables, *rows, file=file)
    assert tables.tuples("SELECT day(since), day(until) FROM statement_reach ORDER BY since") == [(1, 5), (7, 9)]


def test_a_symbol_that_was_never_asked_about_is_named(tables: Tables) -> None:
    """A trade in it may have changed the asset; once it was looked at, it is no excuse."""
    pulled(tables)
    listed = {"market": "spot", "quote_asset": "USDT", "valid_from": DAYS[0]}
    tables.put(SYMBOLS, *(listed | {"symbol": f"{base}USDT", "base_asset": base} for base in ("BTC", "ETH")))
    looked = {"account": "main", "market": "spot"}
    tables.note(Series.of(FILLS, **looked, symbol="ETHUSDT"), probed_at=us(END))
    held(tables, "1", "3")
    held(tables, "1", "3", asset="ETH")
    assert intervals(tables, "asset, status") == [("BTC", "not_comparable"), ("ETH", "unexplained")]
    told = "SELECT causes FROM reconciliation WHERE asset = 'BTC'"
    assert all('{"cause":"symbol_never_probed","names":["BTCUSDT"]}' in text for (text,) in tables.tuples(told))
    tables.note(Series.of(FILLS, **looked, symbol="BTCUSDT"), probed_at=us(END))
    assert intervals(tables, "status") == [("unexplained",), ("unexplained",)]


def test_a_word_that_nobody_knows_is_a_cause(tables: Tables) -> None:
    """The row with it moves nothing, and is named for the assets that it speaks of."""
    pulled(tables)
    held(tables, "1", "3")
    held(tables, "1", "3", asset="ETH")
    deposit(tables, 5, "2", "2026-01-01 13:00", status=99)
    assert intervals(tables, "asset, residual, status")[0] == ("BTC", Decimal(2), "unexplained")
    told = tables.tuples("SELECT causes FROM reconciliation WHERE since IS NOT NULL ORDER BY asset")
    assert ["unknown_state" in text for (text,) in told] == [True, False]


@pytest.mark.parametrize(
    ("counted", "after", "residual", "said"),
    [
        (True, "3", 0, None),
        (True, "1", -2, "deposits 1 (counted: without it this adds up)"),
        (True, "2", -1, "deposits 1 (counted)"),
        (False, "1", 0, None),
        (False, "3", 2, "(not counted: with it this adds up)"),
        (False, "2", 1, "(not counted)"),
    ],
)
def test_what_is_no_longer_returned_is_a_cause(
    counted: bool, after: str, residual: int, said: str | None, tables: Tables
) -> None:
    """A row that vanished counts where it has an id; either way a residual names it, and whether it would add up."""
    pulled(tables)
    held(tables, "1", after)
    instants = {"seen_at": DAYS[0], "gone_since": DAYS[2]}
    if counted:
        deposit(tables, 1, "2", "2026-01-01 13:00", **instants)
    else:
        row = {"account": "main", "asset": "BTC", "amount": "2", "ordinal": 1, "version": 1, "update_time": DAYS[1]}
        tables.put(REBATES, row | instants)
    (found,) = intervals(tables, "residual, causes")
    assert found[0] == residual
    assert said is None or said in json.loads(found[1])[0]["names"][0]


@pytest.mark.parametrize(
    ("status", "gone_since", "verdict"),
    [
        ("SETTLED", None, "not_comparable"),
        ("PURCHASE_SUCCESS", None, "unexplained"),
        ("PURCHASE_SUCCESS", DAYS[2], "not_comparable"),
    ],
)
def test_a_dual_investment_that_may_have_been_settled_is_a_cause(
    status: str, gone_since: str | None, verdict: str, tables: Tables
) -> None:
    """Around its day of settlement a residual in either coin may be what it paid, unless it is listed as running."""
    pulled(tables)
    held(tables, "1", "3")
    row = {"account": "main", "position_id": "1", "invest_coin": "USDT", "exercised_coin": "BTC", "status": status}
    row |= {"subscription_amount": "5", "strike_price": "1", "subscription_time": "2025-12-30"}
    tables.put(DUAL_INVESTMENTS, row | {"settle_date": DAYS[0], "seen_at": DAYS[0], "gone_since": gone_since})
    assert intervals(tables, "residual, status") == [(Decimal(2), verdict)]


@pytest.mark.parametrize(("paid", "residual"), [("1.5", "0"), ("2", "0.5")])
def test_a_reward_taken_for_a_distribution_of_its_day_is_no_silence(paid: str, residual: str, tables: Tables) -> None:
    """Two lists that tell of one amount on one day are taken to tell of one reward (C10); of two, a residual is left."""
    pulled(tables)
    held(tables, "1", paid)
    row = {"account": "main", "asset": "BTC", "amount": "0.5", "version": 1, "seen_at": DAYS[1]}
    tables.put(DIVIDENDS, row | {"dividend_id": 1, "div_time": "2026-01-02 10:00"})
    rewards = {"product": "flexible", "type": "BONUS", "source_id": "x", "ordinal": 1}
    tables.put(EARN_REWARDS, row | rewards | {"time": "2026-01-02 11:00"})
    status = "unexplained" if Decimal(residual) else "explained"
    assert intervals(tables, "residual, status") == [(Decimal(residual), status)]


def test_the_first_snapshot_is_held_against_the_whole_history(tables: Tables) -> None:
    """It adds up where all of it is held; else it is not comparable, and says which ledger does not reach back."""
    pulled(tables)
    held(tables, "2")
    deposit(tables, 1, "2", "2020-01-01")
    first = "SELECT since, residual, status FROM reconciliation"
    assert tables.tuples(first) == [(None, Decimal(0), "explained")]
    deposit(tables, 2, "1", "2020-01-02")
    assert tables.tuples(first) == [(None, Decimal(-1), "unexplained")]
    gap = {"dataset": "transfers", "account": "main", "reason": "not_retained", "filled_at": None}
    tables.put(GAPS, gap | {"since": "2017-07-01", "until": "2019-01-01", "first_seen": END, "seen_at": END})
    assert tables.tuples(first) == [(None, Decimal(-1), "not_comparable")]


# The check.


def test_an_unexplained_balance_fails(tables: Tables) -> None:
    """The check names account, wallet, asset and interval; what is below the limit for dust is not worth a failure."""
    pulled(tables)
    held(tables, "1", "1.00000002")
    held(tables, "1", "1.00000001", asset="ETH")
    (found,) = [row for row in offending(tables.check("unexplained_balance", at(END))) if row["since"]]
    assert (found["account"], found["wallet"], found["asset"]) == ("main", "spot", "BTC")
    assert Decimal(str(found["residual"])) == Decimal("0.00000002")
    assert found["causes"]
