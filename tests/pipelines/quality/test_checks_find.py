"""Each check fails on rows that break its promise, and passes on good ones."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from support.lakes import at, filled, rows_of, us
from support.tables import Tables, offending

from pipelines.quality.checks import Schedule
from schemas.datasets import DATASETS
from schemas.datasets.account import BALANCES
from schemas.datasets.futures_account import INCOME
from schemas.datasets.journal import API_REQUESTS, GAPS, RUNS
from schemas.datasets.market import KLINES, PRICES
from schemas.datasets.orders import ORDERS
from schemas.model.dataset import Dataset
from schemas.model.series import Series

NOW = at("2026-03-01 12:00")
MILLISECOND = timedelta(milliseconds=1)
LENGTHS = {"1m": timedelta(minutes=1), "1h": timedelta(hours=1), "3d": timedelta(days=3), "1w": timedelta(days=7)}


def candle(open_time: str, interval: str = "1m", **values: Any) -> dict[str, Any]:
    length = LENGTHS.get(interval) or _rest_of_month(open_time)
    row = {"market": "spot", "symbol": "BTCUSDT", "interval": interval, "open_time": open_time}
    return row | {"close_time": at(open_time) + length - MILLISECOND} | values


def _rest_of_month(open_time: str) -> timedelta:
    return (at(open_time) + timedelta(days=31)).replace(day=1) - at(open_time)


def covered(tables: Tables, since: str, until: str, *rows: dict[str, Any], interval: str = "1m") -> None:
    series = f"spot/BTCUSDT/{interval}"
    tables.put(KLINES, *rows, since={series: since}, until={series: until})


def gap(since: str, until: str | None, interval: str = "1m", **values: Any) -> dict[str, Any]:
    series = {"dataset": "klines", "market": "spot", "symbol": "BTCUSDT", "interval": interval}
    times = {"since": since, "until": until, "first_seen": "2026-03-01", "seen_at": "2026-03-01"}
    return series | times | {"reason": "exchange_outage"} | values


# The grid.

GRIDS = [
    ("1m", "2026-01-01 00:00", "2026-01-01 00:04", ["2026-01-01 00:00", "2026-01-01 00:01", "2026-01-01 00:02", "2026-01-01 00:03"]),
    ("1h", "2026-01-31 22:00", "2026-02-01 01:00", ["2026-01-31 22:00", "2026-01-31 23:00", "2026-02-01 00:00"]),
    ("3d", "2026-01-02", "2026-01-11", ["2026-01-02", "2026-01-05", "2026-01-08"]),
    ("1w", "2026-01-05", "2026-01-26", ["2026-01-05", "2026-01-12", "2026-01-19"]),
    ("1M", "2025-12-01", "2026-03-01", ["2025-12-01", "2026-01-01", "2026-02-01"]),
]  # fmt: skip


@pytest.mark.parametrize(("interval", "since", "until", "opens"), GRIDS)
def test_a_whole_grid_passes(interval: str, since: str, until: str, opens: list[str], tables: Tables) -> None:
    """Candles on every slot of coverage need no gap: minutes, hours, 3d on their own grid, Mondays, months."""
    covered(tables, since, until, *(candle(each, interval) for each in opens), interval=interval)
    assert tables.check("candle_grid", NOW).passed


@pytest.mark.parametrize("missing", range(3))
@pytest.mark.parametrize(("interval", "since", "until", "opens"), GRIDS)
def test_a_hole_fails_and_its_gap_explains_it(
    interval: str, since: str, until: str, opens: list[str], missing: int, tables: Tables
) -> None:
    """A slot without candle fails at either end and in the middle, and passes once `gaps` covers it."""
    rows = [candle(each, interval) for each in opens]
    covered(tables, since, until, *rows[:missing], *rows[missing + 1 :], interval=interval)
    result = tables.check("candle_grid", NOW)
    found = offending(result)
    assert [(row["interval"], at(row["since"][:19]), row["missing"]) for row in found] == [
        (interval, at(opens[missing]), 1)
    ]
    end = [*opens, until][missing + 1]
    tables.put(GAPS, gap(opens[missing], end, interval))
    assert tables.check("candle_grid", NOW).passed


@pytest.mark.parametrize(
    ("gaps", "left"),
    [
        ([], [("00:02", "00:06", 4)]),
        ([gap("2026-01-01 00:02", "2026-01-01 00:04")], [("00:04", "00:06", 2)]),
        ([gap("2026-01-01 00:02", "2026-01-01 00:04"), gap("2026-01-01 00:04", "2026-01-01 00:06")], []),
        ([gap("2026-01-01 00:03", "2026-01-01 00:05")], [("00:02", "00:03", 1), ("00:05", "00:06", 1)]),
        (
            [gap("2026-01-01 00:02", "2026-01-01 00:05"), gap("2026-01-01 00:03", "2026-01-01 00:04")],
            [("00:05", "00:06", 1)],
        ),
        ([gap("2026-01-01 00:02", None)], []),
        ([gap("2026-01-01 00:02", "2026-01-01 00:06", filled_at="2026-03-01")], [("00:02", "00:06", 4)]),
        ([gap("2026-01-01 00:02", "2026-01-01 00:06", "1h")], [("00:02", "00:06", 4)]),
        ([gap("2025-12-01", "2025-12-02"), gap("2026-02-01", "2026-02-02")], [("00:02", "00:06", 4)]),
        ([gap("2025-12-01", "2026-02-02")], []),
    ],
)
def test_only_the_gap_of_a_hole_explains_it(
    gaps: list[dict[str, Any]], left: list[tuple[str, str, int]], tables: Tables
) -> None:
    """What gaps of this series cover is explained, whether joined or open; the rest of the hole is still shown."""
    covered(tables, "2026-01-01 00:00", "2026-01-01 00:08", *(candle(f"2026-01-01 00:0{n}") for n in (0, 1, 6, 7)))
    tables.put(GAPS, *gaps)
    found = offending(tables.check("candle_grid", NOW))
    assert [(row["since"][11:16], row["until"][11:16], row["missing"]) for row in found] == left


def test_silence_is_a_hole_too(tables: Tables) -> None:
    """Coverage without a single candle must be explained from end to end."""
    covered(tables, "2026-01-01 00:00:30", "2026-01-01 01:00")
    assert [row["missing"] for row in offending(tables.check("candle_grid", NOW))] == [59]


def test_a_candle_off_the_grid_fills_no_slot(tables: Tables) -> None:
    """A candle printed inside a slot fills neither that slot nor the next, which an off_grid gap explains."""
    opens = ("00:00:00", "00:01:30", "00:03:00")
    covered(tables, "2026-01-01 00:00", "2026-01-01 00:04", *(candle(f"2026-01-01 {each}") for each in opens))
    assert [row["missing"] for row in offending(tables.check("candle_grid", NOW))] == [2]
    tables.put(GAPS, gap("2026-01-01 00:01", "2026-01-01 00:03", reason="off_grid"))
    assert tables.check("candle_grid", NOW).passed


# Single candles.


@pytest.mark.parametrize(
    "broken",
    [
        {"low": "1.1"},
        {"high": "0.9"},
        {"open": "1.1"},
        {"close": "0.9"},
        {"open": "-1", "low": "-1"},
        {"volume": "-1", "taker_buy_volume": "-1"},
        {"quote_volume": "-1", "taker_buy_quote_volume": "-1"},
        {"taker_buy_volume": "1.00000001"},
        {"taker_buy_quote_volume": "1.00000001"},
        {"trade_count": -1},
    ],
)
def test_an_impossible_candle_fails(broken: dict[str, Any], tables: Tables) -> None:
    """Prices outside low and high, negative volumes and takers that bought more than everything are shown."""
    tables.put(KLINES, candle("2026-01-01"))
    assert tables.check("ohlc_sane", NOW).passed
    tables.put(KLINES, candle("2026-01-02", **broken))
    assert [row["open_time"][:10] for row in offending(tables.check("ohlc_sane", NOW))] == ["2026-01-02"]


def test_an_open_candle_fails(tables: Tables) -> None:
    """A candle that ends after coverage was still open when it was stored."""
    covered(tables, "2026-01-01 00:00", "2026-01-01 01:00", candle("2026-01-01", "1h"), interval="1h")
    assert tables.check("open_candle", NOW).passed
    tables.put(
        KLINES, candle("2026-01-01 01:00", "1h"), until={"spot/BTCUSDT/1h": "2026-01-01 01:30"},
        since={"spot/BTCUSDT/1h": "2026-01-01 00:00"},
    )  # fmt: skip
    assert [row["open_time"][:16] for row in offending(tables.check("open_candle", NOW))] == ["2026-01-01 01:00"]


@pytest.mark.parametrize(
    ("interval", "good", "bad"),
    [
        ("1m", "2026-01-01 00:00:59.999", "2026-01-01 00:01"),
        ("1M", "2026-01-31 23:59:59.999", "2026-02-01"),
        ("1m", "2026-01-01 00:00:10", "2026-01-01 00:00"),
        ("1w", "2026-01-07 23:59:59.999", "2025-12-31"),
    ],
)
def test_a_candle_that_closes_at_the_wrong_time_fails(interval: str, good: str, bad: str, tables: Tables) -> None:
    """A candle ends after it begins and within its interval, months by the calendar."""
    tables.put(KLINES, candle("2026-01-01", interval, close_time=good))
    assert tables.check("candle_times", NOW).passed
    tables.put(KLINES, candle("2026-01-01", interval, close_time=bad))
    assert tables.check("candle_times", NOW).offending_rows == 1


# Accounts and gaps.


@pytest.mark.parametrize("broken", [{"free": "-0.000000000001"}, {"locked": "-1"}])
def test_a_negative_balance_fails(broken: dict[str, Any], tables: Tables) -> None:
    """No part of a balance is below zero, but of debts and of futures."""
    balance = {"account": "main", "wallet": "spot", "asset": "BTC", "observed_at": "2026-01-01", "locked": "0"}
    tables.put(BALANCES, balance)
    assert tables.check("negative_balances", NOW).passed
    tables.put(BALANCES, balance | broken)
    tables.put(
        BALANCES, *(balance | broken | {"wallet": owed} for owed in ("margin_debt", "isolated_margin_debt:X", "usdm"))
    )
    assert tables.check("negative_balances", NOW).offending_rows == 1


def test_an_old_gap_without_a_second_look_warns(tables: Tables) -> None:
    """A gap may wait an hour for its confirmation, and no longer."""
    tables.put(
        GAPS,
        gap("2026-01-01", "2026-01-02", first_seen="2026-03-01 11:30"),
        gap("2026-01-03", "2026-01-04", first_seen="2026-02-01", confirmed_at="2026-02-01 02:00"),
    )
    assert tables.check("unconfirmed_gaps", NOW).passed
    tables.put(GAPS, gap("2026-01-05", "2026-01-06", first_seen="2026-03-01 10:59"))
    result = tables.check("unconfirmed_gaps", NOW)
    assert (result.severity, [row["since"][:10] for row in offending(result)]) == ("warn", ["2026-01-05"])


# Freshness.

KLINES_HOURLY = Schedule(
    flow="prices", dataset="klines", market="spot", symbol="BTCUSDT", interval="1h", every_s=300
)  # fmt: skip
PRICES_OFTEN = Schedule(flow="prices", dataset="prices", market="spot", every_s=300)


@pytest.mark.parametrize(
    ("until", "late"), [("2026-03-01 11:00", False), ("2026-03-01 10:50", False), ("2026-03-01 10:00", True)]
)
def test_a_series_is_late_after_two_periods_and_its_candle(until: str, late: bool, tables: Tables) -> None:
    """An hourly candle pulled every five minutes is late when an hour and ten minutes are not covered."""
    covered(tables, "2026-01-01", until, interval="1h")
    result = tables.check("freshness", NOW, KLINES_HOURLY)
    assert (result.severity, result.passed) == ("warn", not late)


@pytest.mark.parametrize(("observed", "late"), [("2026-03-01 11:51", False), ("2026-03-01 11:49", True)])
def test_a_snapshot_is_late_after_two_periods(observed: str, late: bool, tables: Tables) -> None:
    """A snapshot every five minutes is late after ten."""
    tables.put(PRICES, observed_at={"spot": observed})
    found = offending(tables.check("freshness", NOW, PRICES_OFTEN))
    assert [row["late_s"] for row in found] == ([660] if late else [])


def test_positions_of_earn_may_rest_an_hour_longer(tables: Tables) -> None:
    """Balances read every five minutes are late after ten, but for positions of earn, which are after an hour more."""
    often = Schedule(flow="books", dataset="balances", account="main", every_s=300)
    seen = {"spot": "11:40", "funding": "11:51", "earn_flexible": "10:51", "earn_locked": "10:49"}
    tables.put(BALANCES, observed_at={f"main/{wallet}": f"2026-03-01 {time}" for wallet, time in seen.items()})
    assert sorted(row["late_s"] for row in offending(tables.check("freshness", NOW, often))) == [1200, 4260]


def test_a_series_that_was_never_pulled_is_late(tables: Tables) -> None:
    """What a flow promises and nobody ever pulled is named."""
    found = offending(tables.check("freshness", NOW, KLINES_HOURLY, PRICES_OFTEN))
    assert [(row["flow"], row["dataset"], row["symbol"]) for row in found] == [
        ("prices", "klines", "BTCUSDT"),
        ("prices", "prices", None),
    ]


def test_a_schedule_of_all_symbols_speaks_of_each(tables: Tables) -> None:
    """Where a flow pulls all symbols, each late one is named."""
    for symbol, until in {"AAA": "2026-02-01", "BBB": "2026-03-01 11:59", "CCC": "2026-02-02"}.items():
        tables.put(KLINES, since={f"spot/{symbol}/1m": "2026-01-01"}, until={f"spot/{symbol}/1m": until})
    every = Schedule(flow="prices", dataset="klines", market="spot", every_s=60)
    assert [row["symbol"] for row in offending(tables.check("freshness", NOW, every))] == ["AAA", "CCC"]


def test_a_delisted_series_is_never_late(tables: Tables) -> None:
    """Nothing more is expected of a symbol that was delisted."""
    covered(tables, "2026-01-01", "2026-02-01", interval="1h")
    tables.put(GAPS, gap("2026-01-20", None, "1h", reason="delisted"))
    assert tables.check("freshness", NOW, KLINES_HOURLY).passed


INCOME_OFTEN = [
    Schedule(flow="books", dataset="income", market=market, account="main", every_s=300) for market in ("usdm", "coinm")
]
ORDERS_OFTEN = [
    Schedule(flow="books", dataset="orders", market=market, account="main", every_s=300) for market in ("spot", "usdm")
]


def test_each_market_of_an_account_is_fresh_or_late_by_itself(tables: Tables) -> None:
    """A market of an account that was never pulled, or not for long, is named; one that was is not."""
    tables.put(INCOME, until={"main/usdm": "2026-03-01 11:55"})
    done = {"run": "1", "flow": "books", "dataset": "orders", "account": "main", "outcome": "done"}
    for market, ended in (("spot", "2026-03-01 11:59"), ("usdm", "2026-03-01 10:00")):
        tables.put(RUNS, done | {"market": market, "started": ended, "ended": ended})
        tables.note(Series.of(ORDERS, account="main", market=market, symbol="BTCUSDT"), until_id=7)
    found = offending(tables.check("freshness", NOW, *INCOME_OFTEN, *ORDERS_OFTEN))
    assert [(row["dataset"], row["market"], row["late_s"]) for row in found] == [
        ("income", "coinm", None),
        ("orders", "usdm", 7200),
    ]


@pytest.mark.parametrize(
    ("code", "said", "late"), [(0, "2026-01-01", 0), (2015, "2026-02-28 12:30", 0), (2015, "2026-02-28 11:00", 1)]
)
def test_what_an_account_does_not_have_is_late_once_nobody_asks(
    code: int, said: str, late: int, tables: Tables
) -> None:
    """What the exchange said there is none of is asked for once a day; what has no address can be neither."""
    series = Series.of(INCOME, account="main", market="usdm")
    tables.note(series, absent_at=us(said), absent_code=code)
    assert tables.check("freshness", NOW, INCOME_OFTEN[0]).offending_rows == late


# The weight header.


def asked(*seconds_and_used: tuple[float, int], weight: int = 2, **values: Any) -> list[dict[str, Any]]:
    """Requests of one minute, each with its second and the header of its answer 0.2 s later."""
    start = at("2026-03-01 11:00")
    return [
        {
            "run": "r",
            "n": number,
            "asked_at": start + timedelta(seconds=second),
            "answered_at": start + timedelta(seconds=second + 0.2),
            "path": "/api/v3/klines",
            "pool": "spot",
            "status": 200,
            "weight": weight,
            "used_weight": used,
        }
        | values
        for number, (second, used) in enumerate(seconds_and_used)
    ]


GOOD_HEADERS = [
    asked((2, 2), (3, 4), (4, 6)),
    asked((2, 2), (3, 40), (4, 42)),  # another program, once
    asked((2, 2), (3, 5), (4, 8)),  # twice is no proof
    asked((2, 2), (3, 3), (3.1, 6), (4, 8)),  # two at a time: no telling which came first
    asked((0.5, 900), (2, 2), (3, 4)),  # the exchange's minute had not turned
    asked((2, 2), (59.5, 1)),  # and here it had
    asked((2, 2), (61, 2), (62, 4)),
    asked((2, 2), (3, 3), status=418),
    asked((2, 40), (20, 2), (30, 4)),  # our clock is off: the exchange's minute turned within ours
    asked((2, 40), (20, 2), (30, 41)),  # and another program came in
    asked((2, 1), (20, 2)),  # as the first of a minute shows
]
DRIFTING = [
    (asked((2, 2), (3, 3)), 1, 1),
    (asked((2, 2), (3, 12), (4, 22), (5, 32)), 10, 10),
    (asked((2, 2), (3, 4), (4, 4)), 0, 2),
]


@pytest.mark.parametrize("requests", GOOD_HEADERS)
def test_headers_as_declared_pass(requests: list[dict[str, Any]], tables: Tables) -> None:
    """What other programs on the address add, overlapping requests and the turn of a minute prove nothing."""
    tables.put(API_REQUESTS, *requests)
    assert tables.check("weight_drift", NOW).passed


@pytest.mark.parametrize(("requests", "smallest", "largest"), DRIFTING)
def test_headers_that_differ_warn(requests: list[dict[str, Any]], smallest: int, largest: int, tables: Tables) -> None:
    """A header that rose by less than declared, or by more every time, is shown with what it rose by."""
    tables.put(API_REQUESTS, *requests)
    result = tables.check("weight_drift", NOW)
    (row,) = offending(result)
    assert (result.severity, row["declared"], row["smallest"], row["largest"]) == ("warn", 2, smallest, largest)


# What follows from the declarations.


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_key_stored_twice_fails(dataset: Dataset, tables: Tables) -> None:
    """Each dataset's key is unique, NULLs in it included."""
    tables.put(dataset, filled(dataset))
    assert tables.check(f"{dataset.name}_unique_key", NOW).passed
    tables.put(dataset, filled(dataset))
    assert [row["copies"] for row in offending(tables.check(f"{dataset.name}_unique_key", NOW))] == [2]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_missing_value_fails(dataset: Dataset, tables: Tables) -> None:
    """A value that must be there and is not is shown by name."""
    tables.put(dataset, filled(dataset))
    assert tables.check(f"{dataset.name}_not_null", NOW).passed
    missing = next(column.name for column in dataset.columns if not column.nullable)
    rows = rows_of(dataset, filled(dataset))
    place = rows.schema.get_field_index(missing)
    tables.insert(dataset, rows.set_column(place, missing, pa.nulls(1, rows.schema.field(place).type)))
    assert [row["missing"] for row in offending(tables.check(f"{dataset.name}_not_null", NOW))] == [[missing]]


CURSORS = [dataset for dataset in DATASETS.values() if dataset.cursor is not None]
BY_TIME = [dataset for dataset in CURSORS if dataset.column(str(dataset.cursor)).type.name == "TIME"]
BY_ID = [dataset for dataset in CURSORS if dataset not in BY_TIME]


@pytest.mark.parametrize("dataset", BY_TIME, ids=lambda dataset: dataset.name)
def test_a_row_outside_coverage_fails(dataset: Dataset, tables: Tables) -> None:
    """Coverage is half open: its first instant is inside, its last is not."""
    series = "/".join("x" for _ in dataset.series)
    inside, outside = (
        [filled(dataset, instant) for instant in instants]
        for instants in (("2026-01-01", "2026-01-31"), ("2025-12-31", "2026-02-01"))
    )
    tables.put(dataset, *inside, since={series: "2026-01-01"}, until={series: "2026-02-01"})
    assert tables.check(f"{dataset.name}_inside_coverage", NOW).passed
    tables.put(dataset, *outside)
    assert tables.check(f"{dataset.name}_inside_coverage", NOW).offending_rows == len(outside)


@pytest.mark.parametrize("dataset", BY_ID, ids=lambda dataset: dataset.name)
def test_an_id_outside_coverage_fails(dataset: Dataset, tables: Tables) -> None:
    """What is walked by id is covered from the first id of a span to before its last."""
    inside, outside = (
        [filled(dataset) | {str(dataset.cursor): number} for number in numbers] for numbers in ((5, 8), (4, 9))
    )
    tables.put(dataset, *inside)
    tables.note(Series.of_row(dataset, rows_of(dataset, *inside).to_pylist()[0]), since_id=5, until_id=9)
    assert tables.check(f"{dataset.name}_inside_coverage", NOW).passed
    tables.put(dataset, *outside)
    assert tables.check(f"{dataset.name}_inside_coverage", NOW).offending_rows == len(outside)


@pytest.mark.parametrize("dataset", CURSORS, ids=lambda dataset: dataset.name)
def test_a_row_of_an_unknown_series_fails(dataset: Dataset, tables: Tables) -> None:
    """Rows of a series that the log does not know are outside coverage."""
    tables.put(dataset, filled(dataset))
    assert tables.check(f"{dataset.name}_inside_coverage", NOW).offending_rows == 1
