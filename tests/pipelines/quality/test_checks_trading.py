"""Each check of orders and fills fails on rows that break its promise, and passes on good ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.desks import API_KEY, SECRET
from support.lakes import at
from support.tables import Tables, offending
from support.trade_desk import START_S, UID, UNLIMITED, RunningClock, TradeDesk

from connectors.simulator import Exchange, Life, serve
from connectors.simulator.protocol.limits import Limits
from pipelines.quality.checks import run_checks
from schemas.datasets.algo_orders import ALGO_ORDERS
from schemas.datasets.futures_account import INCOME
from schemas.datasets.journal import GAPS, RUNS
from schemas.datasets.orders import ALLOCATIONS, FILLS, ORDER_LIFE, ORDER_LISTS, ORDERS, PREVENTED_MATCHES
from schemas.model.series import Series

NOW = at("2026-03-01 12:00")
HALF_A_YEAR_MS = 182 * 86_400_000
SERIES = {"account": "main", "market": "spot", "symbol": "BTCUSDT"}


def found(tables: Tables, name: str) -> list[dict[str, Any]]:
    """The offending rows of a check."""
    return offending(tables.check(name, NOW))


def order(order_id: int, status: str = "FILLED", placed: str = "2026-01-01", **values: Any) -> dict[str, Any]:
    seen = {"version": 1, "time": placed, "update_time": placed, "seen_at": placed}
    sums = {"executed_qty": "3", "cumulative_quote_qty": "300"}
    return SERIES | seen | sums | {"order_id": order_id, "status": status} | values


def fill(trade_id: int, order_id: int, qty: str = "3", quote_qty: str = "300", **values: Any) -> dict[str, Any]:
    row = SERIES | {"trade_id": trade_id, "order_id": order_id, "time": "2026-01-01"}
    return row | {"qty": qty, "quote_qty": quote_qty} | values


def allocation(allocation_id: int, order_id: int, **values: Any) -> dict[str, Any]:
    return fill(0, order_id, **values) | {"allocation_id": allocation_id}


def ran(tables: Tables, dataset: str, started: str, outcome: str = "done", ended: str | None = None) -> None:
    row = {"run": f"run of {started}", "flow": "account", "dataset": dataset, "account": "main", "outcome": outcome}
    tables.put(RUNS, row | {"started": started, "ended": ended or started})


# Sums.

SHORT = [
    ([fill(1, 7, qty="2")], ("2.0", "300.0")),
    ([fill(1, 7, quote_qty="299.99999999")], ("3.0", "299.99999999")),
    ([fill(1, 7), fill(2, 7)], ("6.0", "600.0")),
    ([fill(1, 8)], ("0.0", "0.0")),
    ([fill(1, 7, symbol="ETHUSDT")], ("0.0", "0.0")),
    ([fill(1, 7, account="other")], ("0.0", "0.0")),
    ([], ("0.0", "0.0")),
]


@pytest.mark.parametrize("outcome", ["done", "failed"])
@pytest.mark.parametrize(("fills", "received"), SHORT)
def test_a_final_order_without_its_fills_fails(
    fills: list[dict[str, Any]], received: tuple[str, str], outcome: str, tables: Tables
) -> None:
    """What was executed must be there to the last digit, in both assets, from fills of that very order."""
    tables.put(ORDERS, order(7))
    tables.put(FILLS, *fills)
    ran(tables, "fills", "2026-01-02", outcome)
    rows = found(tables, "executed_sums")
    assert [(row["order_id"], str(row["received_qty"]), str(row["received_quote_qty"])) for row in rows] == [
        (7, *received)
    ]


def test_fills_and_allocations_add_up(tables: Tables) -> None:
    """An order routed over several books received fills and allocations, whichever state it ended in."""
    tables.put(ORDERS, order(7, "CANCELED"), order(8, executed_qty="0", cumulative_quote_qty="0"))
    tables.put(FILLS, fill(1, 7, qty="1", quote_qty="99"), fill(2, 7, qty="1", quote_qty="101"))
    tables.put(ALLOCATIONS, allocation(1, 7, qty="1", quote_qty="100"))
    ran(tables, "fills", "2026-01-02")
    assert found(tables, "executed_sums") == []


def test_a_lost_quote_amount_is_not_compared(tables: Tables) -> None:
    """Where the exchange does not know the sum in the quote asset any more, the base asset still must add up."""
    tables.put(ORDERS, order(7, cumulative_quote_qty=None), order(8, cumulative_quote_qty=None))
    tables.put(FILLS, fill(1, 7, quote_qty="1"), fill(2, 8, qty="1"))
    ran(tables, "fills", "2026-01-02")
    assert [row["order_id"] for row in found(tables, "executed_sums")] == [8]


@pytest.mark.parametrize(
    ("values", "ended", "outcome"),
    [
        ({"status": "PARTIALLY_FILLED", "executed_qty": "0"}, "2026-01-02", "done"),
        ({"seen_at": "2026-01-03"}, "2026-01-02", "done"),
        ({}, "2026-01-01 00:59", "done"),
        ({}, "2026-01-02", "interrupted"),
        ({}, "2026-01-02", "skipped"),
    ],
)
def test_an_order_may_wait_for_its_fills(values: dict[str, Any], ended: str, outcome: str, tables: Tables) -> None:
    """Fills beyond an open order's last state, an order newer than the last run that went to its end, and one within the
    hour that answers may lag, are not judged.
    """
    tables.put(ORDERS, order(7) | values)
    tables.put(FILLS, fill(1, 7, qty="1", quote_qty="100"))
    ran(tables, "fills", "2025-12-31", outcome, ended)
    assert found(tables, "executed_sums") == []


def test_an_open_order_lacks_what_it_says_was_executed(tables: Tables) -> None:
    """What an open order received may be more than its last state says, and not less."""
    tables.put(ORDERS, order(7, "PARTIALLY_FILLED"), order(8, "PARTIALLY_FILLED"))
    tables.put(FILLS, fill(1, 7, qty="2", quote_qty="200"), fill(2, 8, qty="4", quote_qty="400"))
    ran(tables, "fills", "2026-01-02")
    assert [row["order_id"] for row in found(tables, "executed_sums")] == [7]


@pytest.mark.parametrize("stored", [True, False])
def test_a_prevented_match_that_is_pointed_to_is_stored(stored: bool, tables: Tables) -> None:
    """An order that points to a prevented match fails until that match is there."""
    tables.put(ORDERS, order(7, executed_qty="0", cumulative_quote_qty="0", prevented_match_id=5))
    tables.put(PREVENTED_MATCHES, SERIES | {"prevented_match_id": 5 if stored else 6, "transact_time": "2026-01-01"})
    ran(tables, "fills", "2026-01-02")
    assert [row["order_id"] for row in found(tables, "prevented_matches")] == ([] if stored else [7])


def test_the_last_version_of_an_order_is_judged(tables: Tables) -> None:
    """What an order said before does not matter."""
    tables.put(ORDERS, order(7, "CANCELED"), order(7, version=2, executed_qty="1", cumulative_quote_qty="100"))
    tables.put(FILLS, fill(1, 7, qty="1", quote_qty="100"))
    ran(tables, "fills", "2026-01-02")
    assert found(tables, "executed_sums") == []


# Orphans and fees.


@pytest.mark.parametrize(("dataset", "row"), [(FILLS, fill(1, 9)), (ALLOCATIONS, allocation(1, 9))])
def test_a_fill_without_order_fails(dataset: Any, row: dict[str, Any], tables: Tables) -> None:
    """Once orders were walked beyond it, a fill or allocation of an order that is not stored is shown."""
    tables.put(dataset, row)
    assert found(tables, "fill_without_order") == []
    noted(tables, since_id=0, until_id=9)
    assert found(tables, "fill_without_order") == []
    noted(tables, until_id=10)
    assert [each["order_id"] for each in found(tables, "fill_without_order")] == [9]
    tables.put(ORDERS, order(9))
    assert found(tables, "fill_without_order") == []


def test_a_conditional_order_names_the_one_that_it_became(tables: Tables) -> None:
    """A fill of an order that only a conditional one names belongs to that; of any other, an order is missing."""
    of = SERIES | {"market": "usdm"}
    tables.put(ORDERS, order(1, market="usdm"), order(20, market="usdm"))
    tables.note(Series.of(ORDERS, **of), since_id=1, until_id=20)
    tables.put(FILLS, fill(1, 9, market="usdm"), fill(2, 10, market="usdm"))
    known = {"algo_id": 1, "version": 1, "actual_order_id": "9", "create_time": "2026-01-01", "seen_at": "2026-01-01"}
    tables.put(ALGO_ORDERS, of | known)
    assert [each["order_id"] for each in found(tables, "fill_without_order")] == [10]


def noted(tables: Tables, **bounds: int) -> None:
    """Have the log say this of the orders, such as up to which id they were walked."""
    tables.note(Series.of_row(ORDERS, SERIES), **bounds)


@pytest.mark.parametrize(("dataset", "row"), [(FILLS, fill(1, 9)), (ALLOCATIONS, allocation(1, 9))])
@pytest.mark.parametrize("asset", ["", " "])
def test_a_fee_without_asset_fails(dataset: Any, row: dict[str, Any], asset: str, tables: Tables) -> None:
    """A fee is nothing without the asset it was paid in."""
    tables.put(dataset, row | {"commission_asset": "BNB"})
    assert found(tables, "fee_asset") == []
    tables.put(dataset, row | {"order_id": 10, "commission_asset": asset})
    assert [each["order_id"] for each in found(tables, "fee_asset")] == [10]


@pytest.mark.parametrize("asset", ["", None])
def test_no_fee_needs_no_asset(asset: str | None, tables: Tables) -> None:
    """A fee of 0 was paid in nothing."""
    tables.put(FILLS, fill(1, 9, commission="0", commission_asset=asset))
    assert found(tables, "fee_asset") == []


def test_fills_whose_orders_were_never_walked_fail(tables: Tables) -> None:
    """A symbol that has fills, but of whose orders the walk never came, or did not come that far, is named."""
    tables.put(FILLS, fill(1, 9), fill(2, 12), fill(3, 9, symbol="ETHUSDT"))
    assert found(tables, "unwalked_orders") == [], "no run had the time to"
    ran(tables, "orders", "2026-01-02", "failed")
    assert [(row["symbol"], row["executions"]) for row in found(tables, "unwalked_orders")] == [
        ("BTCUSDT", 2),
        ("ETHUSDT", 1),
    ]
    noted(tables, since_id=0, until_id=10)
    assert [(row["symbol"], row["first_order"]) for row in found(tables, "unwalked_orders")] == [
        ("BTCUSDT", 12),
        ("ETHUSDT", 9),
    ]
    tables.put(ORDERS, order(12), order(9, symbol="ETHUSDT"))
    assert found(tables, "unwalked_orders") == []
    tables.put(FILLS, fill(4, 20, time="2026-01-02"))
    assert found(tables, "unwalked_orders") == [], "it may not have been told yet"


# Open orders.


def test_an_open_order_that_the_last_run_did_not_settle_warns(tables: Tables) -> None:
    """The log says between which ids a run could not settle; the open orders there are named, and no others."""
    rows = [order(number, "NEW") for number in (6, 7, 9, 10)]
    tables.put(ORDERS, *rows, order(8), order(7, "NEW", symbol="ETHUSDT"))
    assert found(tables, "unsettled_orders") == []
    noted(tables, unsettled_id=7, unsettled_until_id=10)
    assert [(row["symbol"], row["order_id"]) for row in found(tables, "unsettled_orders")] == [
        ("BTCUSDT", 7),
        ("BTCUSDT", 9),
    ]
    noted(tables, unsettled_id=0, unsettled_until_id=0)
    assert found(tables, "unsettled_orders") == []


def test_an_open_order_that_no_run_looks_at_fails(tables: Tables) -> None:
    """The log says since when orders may be open; one that is older would keep its state for good."""
    series = Series.of_row(ORDERS, SERIES).id
    tables.put(ORDERS, order(7, "NEW", "2026-01-01"), order(8, "NEW", "2026-01-03"), open_since={series: "2026-01-01"})
    assert found(tables, "forgotten_orders") == []
    tables.put(ORDERS, open_since={series: "2026-01-02"})
    assert [row["order_id"] for row in found(tables, "forgotten_orders")] == [7]
    tables.put(ORDERS, open_since={series: "1970-01-01"})
    assert [row["order_id"] for row in found(tables, "forgotten_orders")] == [7, 8]


@pytest.mark.parametrize("status", [*ORDER_LIFE.open, "PENDING_TRIGGER"])
def test_an_open_order_outside_the_log_fails(status: str, tables: Tables) -> None:
    """Whatever may still change needs the mark, in each of the open states."""
    tables.put(ORDERS, order(7, status), order(8), order(9, status, gone_since="2026-01-02"))
    assert [row["order_id"] for row in found(tables, "forgotten_orders")] == [7]


def test_an_unknown_status_warns(tables: Tables) -> None:
    """Each order and list whose last state has a status that binlake does not know is named with that word."""
    tables.put(ORDERS, *(order(7 + place, word) for place, word in enumerate((*ORDER_LIFE.open, *ORDER_LIFE.final))))
    tables.put(ORDERS, order(1, "PENDING_TRIGGER"), order(2, "PENDING_TRIGGER"), order(2, version=2))
    assert [(row["order_id"], row["status"]) for row in found(tables, "orders_known_status")] == [
        (1, "PENDING_TRIGGER")
    ]
    row = SERIES | {"version": 1, "transaction_time": "2026-01-01", "seen_at": "2026-01-01"}
    words = ("EXECUTING", "ALL_DONE", "REJECT", "PAUSED")
    tables.put(ORDER_LISTS, *(row | {"order_list_id": n, "list_order_status": word} for n, word in enumerate(words)))
    assert [each["list_order_status"] for each in found(tables, "order_lists_known_status")] == ["PAUSED"]


# All of them.


@pytest.mark.soak
async def test_what_an_account_lived_passes_every_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a year of orders of every kind, pulled once, break no promise, and each fill has an order that says so."""
    monkeypatch.setenv("DESK_KEY", API_KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    clock = RunningClock(START_S)
    exchange = Exchange(seed=1, clock=clock, limits=Limits(enforced=False, weight=UNLIMITED))
    exchange.add_account(
        UID, API_KEY, secret=SECRET, orders=Life(since_ms=exchange.now_ms - HALF_A_YEAR_MS, stories_a_day=3)
    )
    async with serve(exchange) as url:
        desk = TradeDesk(tmp_path, url, exchange, clock)
        receipts = await desk.run("trading")
    assert [one.failures for one in receipts] == [()] * len(receipts)
    now = datetime.fromtimestamp(clock(), UTC)
    assert [result.name for result in run_checks(desk.lake, [], now) if not result.passed] == []
    assert all(len(desk.rows(name)) > 1 for name in ("orders", "fills", "allocations", "prevented_matches"))


# What income books.


@pytest.mark.parametrize(
    ("income", "fills", "gaps", "named"),
    [
        ({}, [], [], 1),
        ({"income_type": "REALIZED_PNL"}, [], [], 1),
        ({"income_type": "FUNDING_FEE"}, [], [], 0),
        ({"trade_id": None}, [], [], 0),
        ({"trade_id": "no number"}, [], [], 0),
        ({"gone_since": "2026-02-02"}, [], [], 0),
        ({"time": "2025-12-31"}, [], [], 0),
        ({"time": "2026-02-28 11:30"}, [], [], 0),
        ({}, [{}], [], 0),
        ({}, [{"market": "coinm"}], [], 1),
        ({}, [{"symbol": "ETHUSDT"}], [], 1),
        ({}, [{"trade_id": 8}], [], 1),
        ({}, [], [("2026-01-01", "2026-02-01 00:00:01")], 0),
        ({}, [], [("2026-01-01", "2026-02-01")], 1),
    ],
)
def test_a_booked_trade_has_a_fill(
    income: dict[str, Any], fills: list[dict[str, Any]], gaps: list[tuple[str, str]], named: int, tables: Tables
) -> None:
    """A profit or commission names a fill that is stored, where its symbol was walked and nothing was forgotten."""
    of = {"account": "main", "market": "usdm", "symbol": "BTCUSDT"}
    told = {"income_type": "COMMISSION", "trade_id": "7", "time": "2026-02-01", "seen_at": "2026-02-01"}
    tables.put(INCOME, of | told | {"gone_since": None} | income)
    since, until = {"main/usdm/BTCUSDT": "2026-01-01"}, {"main/usdm/BTCUSDT": "2026-02-28 12:00"}
    tables.put(FILLS, *(of | {"trade_id": 7, "time": "2026-02-01"} | one for one in fills), since=since)
    tables.put(ORDERS, since=since, until=until)
    for begin, end in gaps:
        tables.put(GAPS, {"dataset": "fills", **of, "since": begin, "until": end, "reason": "not_retained",
                          "first_seen": begin, "seen_at": begin})  # fmt: skip
    assert len(found(tables, "income_without_fill")) == named
