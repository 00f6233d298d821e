"""Every check over a real lake, and what is kept of the results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.lakes import at, filled, put, rows_of, small_lake, us

from connectors.lake import Lake, Move
from pipelines.quality.checks import KeyTerms, Schedule, record, run_checks
from schemas.datasets import DATASETS
from schemas.datasets.account import BALANCES
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.archived import METRICS
from schemas.datasets.derivatives import FUNDING_RATES
from schemas.datasets.futures_account import INCOME
from schemas.datasets.journal import API_REQUESTS, CHECK_RESULTS, GAPS, KEY_FACTS, RUNS
from schemas.datasets.ledgers import DEPOSITS
from schemas.datasets.market import INDEX_KLINES, KLINES, MARK_KLINES, PRICES
from schemas.datasets.orders import FILLS, ORDERS
from schemas.datasets.statements import STATEMENT_ROWS
from schemas.datasets.trades import AGG_TRADES, TRADES
from schemas.derived.queries import FILES_INTACT, checks, moving
from schemas.derived.sql import expectations, promises
from schemas.model.dataset import Dataset
from schemas.model.errors import UsageProblem
from schemas.model.series import Series

NOW = at("2026-03-01 12:00")
HELD = {"account": "main", "market": "spot", "symbol": "BTCUSDT"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path)


def test_every_check_passes_on_an_empty_lake(lake: Lake) -> None:
    """A lake nothing was pulled into breaks no promise."""
    results = run_checks(lake, [], NOW)
    assert [result.name for result in results] == [*(each.name for each in checks()), FILES_INTACT]
    assert all(result.passed for result in results)


EVERY = tuple(DATASETS.values())
OF_EACH_KIND = tuple({(one.kind, len(one.series), one.partition): one for one in EVERY}.values())
DERIVED = {name for name, *_ in (*promises(), *expectations())}  # the checks that each dataset has by its declaration


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "datasets", [OF_EACH_KIND, pytest.param(EVERY, marks=pytest.mark.soak)], ids=["one of each kind", "all"]
)
def test_every_check_finds_what_breaks_its_promise_in_a_lake(datasets: Sequence[Dataset], lake: Lake) -> None:
    """In a lake that breaks each promise, each check fails with rows that show it; of all datasets in the soak."""
    for dataset in datasets:
        break_what_follows_from_the_declaration(lake, dataset)
    break_market_data(lake)
    break_ticks(lake)
    break_orders(lake)
    put(lake, DEPOSITS, filled(DEPOSITS) | {"status": 99, "gone_since": None})
    break_the_books(lake)
    break_the_journal(lake)
    break_keys(lake)
    break_statements(lake)
    late = Schedule(flow="prices", dataset="prices", market="spot", every_s=300)
    terms = KeyTerms(account="main", max_age_s=86_400, notice_s=86_400)
    results = run_checks(lake, [late], NOW, key_terms=[terms])
    unbroken = {result.name for result in results if result.not_checked or not result.sample}
    whole = tuple(f"{dataset.name}_" for dataset in EVERY if dataset not in datasets)
    assert {name for name in unbroken if name not in DERIVED or not name.startswith(whole)} == set()


def break_what_follows_from_the_declaration(lake: Lake, dataset: Dataset) -> None:
    """A key that is there twice, of a series the log does not know, and a value that is missing."""
    for _ in range(2):
        put(lake, dataset, filled(dataset))
    whole = set(lake.table(dataset).files())
    put(lake, dataset, filled(dataset, "2026-01-02"))
    (file,) = set(lake.table(dataset).files()) - whole
    column = next(each for each in dataset.columns if not each.nullable and each.name not in dataset.partition)
    _remove_column(Path(file), column.name)


def _remove_column(file: Path, name: str) -> None:
    """Make a stored column NULL behind the writer's back, which would refuse it."""
    rows = pq.read_table(file, partitioning=None)
    nulls = pa.nulls(rows.num_rows, rows.schema.field(name).type)
    file.chmod(0o600)
    pq.write_table(rows.set_column(rows.schema.get_field_index(name), pa.field(name, nulls.type), nulls), file)


def break_market_data(lake: Lake) -> None:
    """A day of which one minute is stored, which is impossible; a balance below zero."""
    series = "spot/BTCUSDT/1m"
    candle = {"market": "spot", "symbol": "BTCUSDT", "interval": "1m", "open_time": "2026-01-01", "low": "9"}
    day = {"since": {series: "2026-01-01"}, "until": {series: "2026-01-02"}}
    put(lake, KLINES, candle | {"close_time": "2026-01-03"}, **day)
    put(lake, BALANCES, filled(BALANCES) | {"asset": "BTC", "free": "-1"})


def break_ticks(lake: Lake) -> None:
    """An hour of candles whose trades were asked for, and of which none is stored; a funding off its hour."""
    funding = {"market": "usdm", "symbol": "BTCUSDT", "funding_rate": "0.0001", "rate_type": "Regular"}
    put(lake, FUNDING_RATES, funding | {"funding_time": "2026-01-03T00:20"})
    put(lake, METRICS, since={"usdm/BTCUSDT": "2026-01-03"}, until={"usdm/BTCUSDT": "2026-01-04"})
    day = {"since": "2026-01-03", "until": "2026-01-04", "dataset": "metrics", "rows": 288}
    put(lake, ARCHIVE_FILES, {"market": "usdm", "symbol": "BTCUSDT", "seen_at": "2026-01-05", **day})
    hour = {"market": "spot", "symbol": "BTCUSDT", "interval": "1m", "close_time": "2026-01-03T01:00", "volume": "1"}
    put(lake, KLINES, *(hour | {"open_time": f"2026-01-03T00:{minute:02}"} for minute in range(60)))
    put(lake, KLINES, hour | {"open_time": "2026-01-03T00:00", "interval": "1h"})
    first = {"market": "usdm", "open_time": "2026-01-03", "close_time": "2026-01-03"}
    put(lake, INDEX_KLINES, hour | first)
    put(lake, MARK_KLINES, hour | first | {"low": "2", "high": "2"})
    bounds = {"since": us("2026-01-03"), "until": us("2026-01-04"), "since_id": 0, "until_id": 10}
    for ticks in (AGG_TRADES, TRADES):
        series = Series.of(ticks, market="spot", symbol="BTCUSDT")
        lake.table(ticks).commit(None, [Move.of(series, bounds, {})])


def break_orders(lake: Lake) -> None:
    """An order without its fills and its prevented match, an open one that nobody looks at, fills without order.

    Of futures, a commission of a trade that is not stored.
    """
    order = filled(ORDERS) | HELD | {"version": 1, "gone_since": None, "executed_qty": "3"}
    put(
        lake,
        ORDERS,
        order | {"order_id": 7, "status": "FILLED", "prevented_match_id": 5},
        order | {"order_id": 8, "status": "NEW", "prevented_match_id": None},
    )
    bounds = {"since_id": 0, "until_id": 10, "unsettled_id": 8, "unsettled_until_id": 9}
    move = Move.of(Series.of_row(ORDERS, HELD), bounds, {})
    lake.table(ORDERS).commit(rows_of(ORDERS), [move])
    fill = filled(FILLS) | HELD | {"commission_asset": ""}
    put(lake, FILLS, *(fill | {"trade_id": order_id, "order_id": order_id} for order_id in (9, 12)))
    run = {"run": "r", "flow": "account", "dataset": "fills", "account": "main", "outcome": "done"}
    put(lake, RUNS, run | {"started": "2026-01-02", "ended": "2026-01-02"})
    walked = {"since": {"main/usdm/BTCUSDT": "2025-12-01"}, "until": {"main/usdm/BTCUSDT": "2026-01-02"}}
    for dataset in (FILLS, ORDERS):
        put(lake, dataset, **walked)
    booked = {"account": "main", "market": "usdm", "symbol": "BTCUSDT", "trade_id": "7", "gone_since": None}
    put(lake, INCOME, filled(INCOME) | booked | {"income_type": "COMMISSION"})


def break_the_books(lake: Lake) -> None:
    """A balance from nowhere, although every ledger was pulled to its end, and a transfer that only income tells of."""
    income = {"account": "main", "market": "usdm", "income_type": "TRANSFER", "gone_since": None}
    put(lake, INCOME, filled(INCOME) | income)
    put(lake, BALANCES, filled(BALANCES) | {"account": "main", "wallet": "spot", "asset": "BTC"})
    for dataset in map(DATASETS.__getitem__, moving()):
        run = {"run": "books", "flow": "account", "dataset": dataset.name, "account": "main", "outcome": "done"}
        put(lake, RUNS, run | {"started": "2026-02-01", "ended": "2026-02-01"})
        if dataset.settles is not None:
            series = Series.of_row(dataset, dict.fromkeys(dataset.series, "x") | {"account": "main"})
            move = Move.of(series, {"since": us("2017-07-01"), "until": us("2026-02-01")}, {})
            lake.table(dataset).commit(rows_of(dataset), [move])


def break_the_journal(lake: Lake) -> None:
    """A gap that nobody looked at again, a weight that is not the declared one, an audit that differed."""
    put(lake, GAPS, filled(GAPS) | {"symbol": "BTCUSDT", "confirmed_at": None, "filled_at": None})
    request = {"run": "r", "path": "/api/v3/klines", "pool": "spot", "status": 200, "weight": 2}
    put(lake, API_REQUESTS, *(request | _asked(number) for number in (2, 3)))
    audit = {"check_name": "archive_audit", "passed": False, "checked_at": "2026-02-28", "sample": "[]"}
    put(lake, CHECK_RESULTS, audit)


def break_statements(lake: Lake) -> None:
    """A deposit of which a statement has another amount, an operation that nobody knows, and a row of after its import."""
    day = "2026-01-20"
    given = {"account": "main", "asset": "ADA", "amount": "2", "status": 1, "gone_since": None, "complete_time": None}
    put(lake, DEPOSITS, filled(DEPOSITS) | given | {"deposit_id": "told", "insert_time": day})
    row = {"account": "main", "kind": "transaction_history", "wallet": "Spot", "asset": "ADA", "time": day}
    told = filled(STATEMENT_ROWS) | row | {"problem": None}
    put(lake, STATEMENT_ROWS, told | {"line": 2, "operation": "Deposit", "amount": "3"})
    put(lake, STATEMENT_ROWS, told | {"line": 3, "operation": "Moon Landing", "amount": "1"})
    put(lake, STATEMENT_ROWS, told | {"line": 4, "leg": 1, "time": "2026-01-21", "imported_at": day})


def break_keys(lake: Lake) -> None:
    """A key that was let in long ago, ended, changed its account and rights, retired and was used; and another one."""
    first = filled(KEY_FACTS) | {"account": "main", "fingerprint": "a", "seen_at": "2026-02-27"}
    last = first | {"uid": 8, "ip_restricted": False, "state": "retired", "seen_at": "2026-02-28"}
    put(lake, KEY_FACTS, first, last)
    used = {"account": "main", "host": "desk", "asked_at": "2026-03-01", "used_weight": 2, "own_weight": 1}
    put(lake, API_REQUESTS, used | {"run": "s", "key_fingerprint": "a"})
    refused = used | {"key_fingerprint": "b", "status": 401}
    put(lake, API_REQUESTS, *(refused | {"run": "t", "n": number, "asked_at": "2026-02-27"} for number in range(3)))


def _asked(number: int) -> dict[str, Any]:
    asked_at = f"2026-03-01 11:00:0{number}"
    return {"n": number, "used_weight": number, "asked_at": asked_at, "answered_at": f"{asked_at}.200"}


def test_results_are_recorded(lake: Lake) -> None:
    """`check_results` says what was found, with the first offending rows as JSON."""
    balance = {"account": "main", "wallet": "spot", "free": "-1", "locked": "0"}
    put(lake, BALANCES, *(balance | {"asset": f"A{n}", "observed_at": "2026-01-01"} for n in range(7)))
    results = run_checks(lake, [], NOW, ["negative_balances", "ohlc_sane"])
    record(lake, results, "run-1", NOW)
    stored = {row["check_name"]: row for row in lake.table(CHECK_RESULTS).scan().to_pylist()}
    assert stored["ohlc_sane"]["sample"] is None
    assert stored["ohlc_sane"]["passed"]
    broken = stored["negative_balances"]
    assert (broken["run"], broken["offending_rows"], broken["passed"]) == ("run-1", 7, False)
    assert [row["free"] for row in json.loads(broken["sample"])] == [-1] * 5


@pytest.mark.parametrize(
    ("name", "way_out"),
    [("candle_gird", "Did you mean candle_grid?"), ("zzz", "There is no check zzz. `binlake check --all`")],
)
def test_an_unknown_check_is_refused(name: str, way_out: str, lake: Lake) -> None:
    """A mistyped name of a check is answered with the nearest one."""
    with pytest.raises(UsageProblem, match=way_out):
        run_checks(lake, [], NOW, [name])


def test_a_damaged_file_passes_no_check(lake: Lake) -> None:
    """Checks over a file that cannot be read fail with its name, whatever their severity."""
    put(lake, PRICES, {"market": "spot", "observed_at": "2026-01-01"})
    file = Path(lake.table(PRICES).files()[0])
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-20])
    failed = [result for result in run_checks(lake, [], NOW) if not result.passed]
    assert {"prices_unique_key", "prices_not_null", FILES_INTACT} <= {result.name for result in failed}
    assert all(result.breaks() and file.name in (result.not_checked or result.sample[0]) for result in failed)
