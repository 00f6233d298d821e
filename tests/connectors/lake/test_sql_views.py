"""What the views show, row by row."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection
from support.lakes import at, filled, put, small_lake
from support.tables import Tables

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from schemas.datasets import DATASETS
from schemas.datasets.account import BALANCES
from schemas.datasets.journal import GAPS, RUNS
from schemas.datasets.market import KLINES, PRICES, SYMBOLS, TICKERS
from schemas.derived.sql import stored_columns
from schemas.model.dataset import Dataset
from schemas.model.errors import UsageProblem

# DuckDB writes the type out.
SPELLED = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path)


def ask(lake: Lake, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run(connect(lake), sql).to_pylist()
    return rows


def tuples(lake: Lake, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in ask(lake, sql)]


def types(session: DuckDBPyConnection, dataset: Dataset) -> list[tuple[str, str]]:
    columns = run(session, f"DESCRIBE {dataset.table}").to_pylist()
    return [(row["column_name"], row["column_type"]) for row in columns]


def declared(dataset: Dataset) -> list[tuple[str, str]]:
    return [(name, SPELLED.get(sql, sql)) for name, sql in stored_columns(dataset).items()]


def candle(open_time: str, interval: str = "1m", **values: Any) -> dict[str, Any]:
    return {
        "market": "spot",
        "symbol": "BTCUSDT",
        "interval": interval,
        "open_time": open_time,
        "close_time": at(open_time) + timedelta(seconds=59.999),
        **values,
    }


def price(symbol: str, value: str, observed_at: str = "2026-03-01") -> dict[str, Any]:
    return {"market": "spot", "symbol": symbol, "price": value, "observed_at": observed_at}


def symbol(base: str, quote: str, status: str = "TRADING", **values: Any) -> dict[str, Any]:
    return {
        "market": "spot",
        "symbol": base + quote,
        "base_asset": base,
        "quote_asset": quote,
        "status": status,
        "valid_from": "2026-01-01",
        **values,
    }


def balance(asset: str, free: str, locked: str = "0", observed_at: str = "2026-03-01") -> dict[str, Any]:
    return {
        "account": "main",
        "wallet": "spot",
        "asset": asset,
        "free": free,
        "locked": locked,
        "observed_at": observed_at,
    }


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> DuckDBPyConnection:
    """A session over a lake on its first day."""
    return connect(small_lake(tmp_path_factory.mktemp("empty")))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> DuckDBPyConnection:
    """A session over a lake with a row of the last minute of January in every dataset, in partitions of digits alone."""
    lake = small_lake(tmp_path_factory.mktemp("stored"))
    for dataset in DATASETS.values():
        digits = {name: "007" for name in dataset.partition if name != "month"}
        put(lake, dataset, digits | filled(dataset, "2026-01-31 23:59"))
    return connect(lake)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_dataset_without_rows_is_an_empty_view(dataset: Dataset, empty: DuckDBPyConnection) -> None:
    """A lake answers for every dataset from its first day, with the declared columns, types and order."""
    assert types(empty, dataset) == declared(dataset)
    assert run(empty, f"FROM {dataset.name}").num_rows == 0


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_a_stored_dataset_has_the_declared_types(dataset: Dataset, stored: DuckDBPyConnection) -> None:
    """Columns come out as declared, in declared order, the derived month last; nothing is guessed from file names."""
    assert types(stored, dataset) == declared(dataset)
    (row,) = run(stored, f"FROM {dataset.table}").to_pylist()
    derived = {"month": "2026-01", "date": "2026-01-31"}
    assert [row[name] for name in dataset.partition] == [derived.get(name, "007") for name in dataset.partition]


def test_names_come_back_to_the_code_point(lake: Lake) -> None:
    """An account or symbol with slashes, blanks or other scripts is read back as it was written."""
    put(lake, BALANCES, balance("币安", "1.000000000001") | {"account": "a/b c=%41 永"})
    assert tuples(lake, "SELECT account, asset, free FROM balances") == [
        ("a/b c=%41 永", "币安", Decimal("1.000000000001"))
    ]


def test_the_host_zone_does_not_matter(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Months and days are those of UTC wherever the machine stands."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        answer = tuples(
            lake, "SELECT current_setting('TimeZone'), date_trunc('month', '2026-03-01 00:00Z'::TIMESTAMPTZ)"
        )
    finally:
        monkeypatch.undo()
        time.tzset()
    assert answer == [("UTC", at("2026-03-01"))]


def test_the_last_version_of_a_key_is_shown(tables: Tables) -> None:
    """`symbols` shows each symbol once, as last seen; every version stays in `symbol_versions`."""
    tables.put(SYMBOLS, symbol("BTC", "USDT"), symbol("ETH", "USDT"))
    tables.put(SYMBOLS, symbol("BTC", "USDT", "BREAK", valid_from="2026-02-01"))
    assert tables.tuples("SELECT symbol, status FROM symbols ORDER BY symbol") == [
        ("BTCUSDT", "BREAK"),
        ("ETHUSDT", "TRADING"),
    ]
    assert tables.tuples("SELECT count(*) FROM symbol_versions") == [(3,)]


def test_a_filled_gap_leaves_the_view(tables: Tables) -> None:
    """`gaps` shows what is missing now: the last version of each stretch, unless its rows turned up."""
    gap = {"dataset": "klines", "market": "spot", "symbol": "BTCUSDT", "interval": "1m", "first_seen": "2026-01-02"}
    tables.put(
        GAPS,
        gap | {"since": "2026-01-01", "reason": "exchange_outage", "seen_at": "2026-01-02"},
        gap | {"since": "2026-01-01", "reason": "delisted", "seen_at": "2026-01-03"},
        gap | {"since": "2026-01-05", "seen_at": "2026-01-06"},
        gap | {"since": "2026-01-05", "seen_at": "2026-01-07", "filled_at": "2026-01-07"},
    )
    assert tables.tuples("SELECT since, reason FROM gaps") == [(at("2026-01-01"), "delisted")]


def test_coverage_comes_from_the_log(lake: Lake) -> None:
    """`coverage` shows the bounds of each series and when a run over it was last done, be there rows or not."""
    put(lake, KLINES, since={"spot/BTCUSDT/1m": "2026-01-01"}, until={"spot/BTCUSDT/1m": "2026-01-02"})
    put(lake, KLINES, since={"usdm/ETH%2FX/1h": "2026-01-03"}, until={"usdm/ETH%2FX/1h": "2026-01-04"})
    put(lake, PRICES, price("BTCUSDT", "1"), observed_at={"spot": "2026-03-01"})
    done = {"dataset": "klines", "market": "spot", "outcome": "done"}
    put(
        lake,
        RUNS,
        done | {"run": "a", "started": "2026-01-02", "ended": "2026-01-02 01:00"},
        done | {"run": "b", "started": "2026-01-03", "ended": "2026-01-03 01:00"},
        done | {"run": "c", "started": "2026-01-04", "ended": "2026-01-04 01:00", "outcome": "failed"},
    )
    found = ask(lake, "FROM coverage ORDER BY market")
    assert [{name: value for name, value in row.items() if value is not None} for row in found] == [
        {
            "dataset": "klines",
            "market": "spot",
            "symbol": "BTCUSDT",
            "interval": "1m",
            "since": at("2026-01-01"),
            "until": at("2026-01-02"),
            "checked_at": at("2026-01-03 01:00"),
        },
        {
            "dataset": "klines",
            "market": "usdm",
            "symbol": "ETH/X",
            "interval": "1h",
            "since": at("2026-01-03"),
            "until": at("2026-01-04"),
        },
    ]


def test_series_status_has_every_series(tables: Tables) -> None:
    """`series_status` joins what is stored with what the log says, and counts the gaps that are unfilled."""
    tables.put(
        KLINES,
        candle("2026-01-01 00:00"),
        candle("2026-01-01 00:02"),
        since={"spot/BTCUSDT/1m": "2026-01-01"},
        until={"spot/BTCUSDT/1m": "2026-01-01 00:03"},
    )
    tables.put(PRICES, price("BTCUSDT", "1"), price("ETHUSDT", "1"), observed_at={"spot": "2026-03-01"})
    tables.put(
        GAPS,
        {
            "dataset": "klines",
            "market": "spot",
            "symbol": "BTCUSDT",
            "interval": "1m",
            "since": "2026-01-01 00:01",
            "until": "2026-01-01 00:02",
            "first_seen": "2026-01-01",
            "seen_at": "2026-01-01",
        },
    )
    columns = 'dataset, market, symbol, "interval", account, wallet, rows, first, last, since, until, open_gaps'
    assert tables.tuples(f"SELECT {columns} FROM series_status") == [
        (
            *("klines", "spot", "BTCUSDT", "1m", None, None, 2),
            *(at("2026-01-01 00:00"), at("2026-01-01 00:02"), at("2026-01-01"), at("2026-01-01 00:03"), 1),
        ),
        (
            *("prices", "spot", None, None, None, None, 2),
            *(at("2026-03-01"), at("2026-03-01"), None, at("2026-03-01"), 0),
        ),
    ]
    assert tables.tuples("SELECT DISTINCT lag_s > 86400 FROM series_status") == [(True,)]


def test_candles_are_doubles(tables: Tables) -> None:
    """`candles` is `klines` with the columns a plot needs as DOUBLE."""
    tables.put(KLINES, candle("2026-01-01", open="0.1", high="0.4", low="0.05", close="0.3", volume="7"))
    assert tables.tuples("SELECT open_time, open, high, low, close, volume FROM candles") == [
        (at("2026-01-01"), 0.1, 0.4, 0.05, 0.3, 7.0)
    ]
    kinds = {
        row["column_type"] for row in tables.rows("DESCRIBE SELECT open, quote_volume, taker_buy_volume FROM candles")
    }
    assert kinds == {"DOUBLE"}


def test_the_latest_price_is_the_last_of_each_symbol(tables: Tables) -> None:
    """Flows with different symbols share `latest_prices`; what was not seen for a week is no price any more."""
    tables.put(PRICES, price("OLDUSDT", "1", "2026-02-20"), observed_at={"spot": "2026-02-20"})
    tables.put(
        PRICES, price("BTCUSDT", "5", "2026-02-28"), price("ETHUSDT", "6", "2026-02-28"),
        observed_at={"spot": "2026-02-28"},
    )  # fmt: skip
    tables.put(PRICES, price("BTCUSDT", "7.00000001"), observed_at={"spot": "2026-03-01"})
    assert tables.tuples("FROM latest_prices ORDER BY symbol") == [
        ("spot", "BTCUSDT", Decimal("7.00000001"), at("2026-03-01"), None),
        ("spot", "ETHUSDT", Decimal(6), at("2026-02-28"), None),
    ]


def test_the_latest_price_has_the_exchanges_time_where_it_is_told(tables: Tables) -> None:
    """The newer of price and ticker counts; only a ticker says when the exchange means it."""
    tables.put(
        PRICES, price("BTCUSDT", "5", "2026-02-28"), price("ETHUSDT", "6", "2026-02-28"),
        observed_at={"spot": "2026-02-28"},
    )  # fmt: skip
    tables.put(TICKERS, ticker("ETHUSDT", "7"), ticker("BNBUSDT", "8"), observed_at={"spot": "2026-02-27"})
    tables.put(TICKERS, ticker("BTCUSDT", "9", "2026-03-01"), observed_at={"spot": "2026-03-01"})
    columns = "symbol, price, observed_at, priced_at"
    assert tables.tuples(f"SELECT {columns} FROM latest_prices ORDER BY symbol") == [
        ("BNBUSDT", Decimal(8), at("2026-02-27"), at("2026-02-26 23:59")),
        ("BTCUSDT", Decimal(9), at("2026-03-01"), at("2026-02-28 23:59")),
        ("ETHUSDT", Decimal(6), at("2026-02-28"), None),
    ]


def test_the_latest_ticker_is_the_last_of_each_symbol(tables: Tables) -> None:
    """`latest_tickers` has the columns of `tickers` and one row a symbol."""
    times = {"open_time": "2026-01-01", "close_time": "2026-01-02"}
    ticker = {"market": "spot", "symbol": "BTCUSDT", **times}
    tables.put(TICKERS, ticker | {"observed_at": "2026-01-02", "last_price": "1"}, observed_at={"spot": "2026-01-02"})
    tables.put(TICKERS, ticker | {"observed_at": "2026-01-03", "last_price": "2"}, observed_at={"spot": "2026-01-03"})
    assert [row["last_price"] for row in tables.rows("FROM latest_tickers")] == [Decimal(2)]
    names = [row["column_name"] for row in tables.rows("DESCRIBE latest_tickers")]
    assert sorted(names) == sorted(TICKERS.schema.names)


def test_the_latest_balances_are_the_newest_snapshot(tables: Tables) -> None:
    """`latest_balances` is one whole snapshot: what went to zero is there as zero, what left before is not."""
    wallet = "main/spot"
    tables.put(BALANCES, balance("DOGE", "9", observed_at="2026-02-01"), observed_at={wallet: "2026-02-01"})
    tables.put(
        BALANCES,
        balance("BTC", "0.000000000001", "1"),
        balance("ETH", "0"),
        observed_at={wallet: "2026-03-01"},
    )
    assert tables.tuples("FROM latest_balances ORDER BY asset") == [
        ("main", "spot", "BTC", Decimal("1E-12"), Decimal(1), Decimal("1.000000000001"), at("2026-03-01")),
        ("main", "spot", "ETH", Decimal(0), Decimal(0), Decimal(0), at("2026-03-01")),
    ]


def ticker(symbol: str, last_price: str, observed_at: str = "2026-02-27") -> dict[str, Any]:
    """A ticker that the exchange means to be a minute older than it was asked for."""
    closed = at(observed_at) - timedelta(minutes=1)
    times = {"open_time": closed - timedelta(days=1), "close_time": closed, "observed_at": observed_at}
    return {"market": "spot", "symbol": symbol, "last_price": last_price} | times


@pytest.fixture
def wallet(tables: Tables) -> Tables:
    """A wallet with an asset for each way of valuing one."""
    tables.put(
        SYMBOLS,
        symbol("BTC", "USDT"),
        symbol("ADA", "BTC"),
        symbol("ADA", "BNB"),
        symbol("BNB", "USDT"),
        symbol("USDT", "TRY"),
        symbol("SOL", "USDT", "BREAK"),
        symbol("DEAD", "USDT", "BREAK"),
        symbol("HALF", "DEAD"),
        symbol("REST", "USDT", "HALT"),
        symbol("WORD", "USDT", "CANCEL_ONLY"),
        symbol("SOL", "BTC"),
        symbol("XMR", "USDT", gone_since="2026-02-01"),
        symbol("ZERO", "USDT"),
    )
    prices = {"BTCUSDT": "50000", "ADABTC": "0.00001", "ADABNB": "0.001", "BNBUSDT": "600", "USDTTRY": "40"}
    prices |= {"SOLUSDT": "1", "SOLBTC": "0.002", "XMRUSDT": "150", "ZEROUSDT": "0", "DEADUSDT": "9800"}
    prices |= {"RESTUSDT": "2", "HALFDEAD": "2", "WORDUSDT": "2"}
    tables.put(PRICES, *(price(*pair) for pair in prices.items()), observed_at={"spot": "2026-03-01"})
    held = {"USDT": "10", "BTC": "0.5", "TRY": "400", "ADA": "1000", "SOL": "3", "XMR": "1", "LDBTC": "2", "ZERO": "5"}
    held |= {"DEAD": "1", "HALF": "1", "REST": "1", "WORD": "1"}
    rows = [balance(asset, free, "0.25" if asset == "BTC" else "0") for asset, free in held.items()]
    tables.put(BALANCES, *rows, balance("GONE", "0"), observed_at={"main/spot": "2026-03-01"})
    return tables


def test_a_portfolio_finds_a_path_to_the_quote_asset(wallet: Tables) -> None:
    """Direct pairs either way round, then one crossing through the best asset; trading pairs first; else NULL, named.

    The last price of what is delisted, or has a status unknown here, is no value; what only pauses has one, marked.
    """
    nowhere = "no price leads from {} to USDT"
    assert wallet.tuples("SELECT asset, total, value, path, why FROM portfolio ORDER BY asset") == [
        ("ADA", Decimal(1000), Decimal(500), ["ADABTC", "BTCUSDT"], None),
        ("BTC", Decimal("0.75"), Decimal(37500), ["BTCUSDT"], None),
        ("DEAD", Decimal(1), None, ["DEADUSDT"], "DEADUSDT has the status BREAK"),
        ("HALF", Decimal(1), None, ["HALFDEAD", "DEADUSDT"], "DEADUSDT has the status BREAK"),
        ("LDBTC", Decimal(2), None, None, nowhere.format("LDBTC")),
        ("REST", Decimal(1), Decimal(2), ["RESTUSDT"], "RESTUSDT has the status HALT"),
        ("SOL", Decimal(3), Decimal(300), ["SOLBTC", "BTCUSDT"], None),
        ("TRY", Decimal(400), Decimal(10), ["USDTTRY"], None),
        ("USDT", Decimal(10), Decimal(10), [], None),
        ("WORD", Decimal(1), None, ["WORDUSDT"], "WORDUSDT has the status CANCEL_ONLY"),
        ("XMR", Decimal(1), None, ["XMRUSDT"], "XMRUSDT is gone from the exchange"),
        ("ZERO", Decimal(5), None, None, nowhere.format("ZERO")),
    ]


def test_a_total_says_what_it_leaves_out(wallet: Tables) -> None:
    """A total is the sum of what has a value; the assets without one are counted and named beside it."""
    assert wallet.tuples(
        "SELECT account, quote_asset, value, assets, unvalued, unvalued_assets FROM portfolio_total"
    ) == [("main", "USDT", Decimal(38322), 12, 6, ["DEAD", "HALF", "LDBTC", "WORD", "XMR", "ZERO"])]
    ((left_out,),) = wallet.tuples("SELECT unvalued_holdings FROM portfolio_total")
    assert [(each["asset"], each["total"]) for each in left_out[:3]] == [("DEAD", 1), ("HALF", 1), ("LDBTC", 2)]


def test_receipts_are_left_out_where_the_earn_wallet_is_known(wallet: Tables) -> None:
    """LDBTC stands for bitcoin in flexible earn, which is counted there; LDO is an asset like any other."""
    earned = balance("BTC", "2") | {"wallet": "earn_flexible"}
    owed = balance("USDT", "-100") | {"wallet": "margin_debt"}
    later = {"main/spot": "2026-03-02", "main/earn_flexible": "2026-03-01", "main/margin_debt": "2026-03-01"}
    spot = [balance(asset, "2", observed_at="2026-03-02") for asset in ("LDBTC", "LDO")]
    wallet.put(BALANCES, *spot, earned, owed, observed_at=later)
    assert wallet.tuples("SELECT wallet, asset, value FROM portfolio ORDER BY ALL") == [
        ("earn_flexible", "BTC", Decimal(100_000)),
        ("margin_debt", "USDT", Decimal(-100)),
        ("spot", "LDO", None),
    ]
    assert wallet.tuples("SELECT value, unvalued_assets FROM portfolio_total") == [(Decimal(99_900), ["LDO"])]


def test_a_total_of_nothing_valued_is_unknown(tables: Tables) -> None:
    """An account of which nothing has a price is not worth zero."""
    tables.put(BALANCES, balance("LDBTC", "2"), observed_at={"main/spot": "2026-03-01"})
    assert tables.tuples("SELECT value, assets, unvalued FROM portfolio_total('EUR')") == [(None, 1, 1)]


def test_prices_of_futures_value_no_wallet(wallet: Tables) -> None:
    """A contract of the same name has a price of its own, and a portfolio goes by spot."""
    contract = {"market": "usdm"}
    wallet.put(SYMBOLS, symbol("BTC", "USDT") | contract)
    wallet.put(PRICES, price("BTCUSDT", "1") | contract, observed_at={"usdm": "2026-03-01"})
    assert wallet.tuples("SELECT market, price FROM latest_prices WHERE symbol = 'BTCUSDT' ORDER BY market") == [
        ("spot", Decimal(50000)),
        ("usdm", Decimal(1)),
    ]
    assert wallet.tuples("SELECT value FROM portfolio WHERE asset = 'BTC'") == [(Decimal(37500),)]


def test_a_portfolio_is_valued_in_any_asset(wallet: Tables) -> None:
    """`portfolio(quote)` values in the asset chosen, and its values are decimals."""
    sql = "SELECT asset, value, typeof(value), quote_asset FROM portfolio('TRY') WHERE asset IN ('BTC', 'TRY', 'USDT')"
    assert wallet.tuples(f"{sql} ORDER BY asset") == [
        ("BTC", Decimal(1500000), "DECIMAL(38,8)", "TRY"),
        ("TRY", Decimal(400), "DECIMAL(38,8)", "TRY"),
        ("USDT", Decimal(400), "DECIMAL(38,8)", "TRY"),
    ]


def test_resample_builds_coarser_candles(tables: Tables) -> None:
    """Prices and volumes are those of the finer candles, exact, and `complete` says whether all of them are there."""
    minutes = [candle(f"2026-01-01 00:{minute:02}", trade_count=minute) for minute in range(10) if minute != 7]
    minutes[0] |= {"open": "5.00000001", "low": "0.5"}
    minutes[3] |= {"high": "9"}
    minutes[4] |= {"close": "6", "volume": "0.00000001"}
    series = "spot/BTCUSDT/1m"
    tables.put(KLINES, *minutes, since={series: "2026-01-01"}, until={series: "2026-01-01T00:10"})
    assert tables.rows("FROM resample('spot', 'BTCUSDT', '1m', '5m') LIMIT 1") == [
        {
            "market": "spot",
            "symbol": "BTCUSDT",
            "interval": "5m",
            "open_time": at("2026-01-01 00:00"),
            "open": Decimal("5.00000001"),
            "high": Decimal(9),
            "low": Decimal("0.5"),
            "close": Decimal(6),
            "volume": Decimal("4.00000001"),
            "close_time": at("2026-01-01 00:05") - timedelta(milliseconds=1),
            "quote_volume": Decimal(5),
            "trade_count": 10,
            "taker_buy_volume": Decimal(5),
            "taker_buy_quote_volume": Decimal(5),
            "complete": True,
        }
    ]
    assert tables.tuples("SELECT open_time, complete FROM resample('spot', 'BTCUSDT', '1m', '5m')") == [
        (at("2026-01-01 00:00"), True),
        (at("2026-01-01 00:05"), False),
    ]


@pytest.mark.parametrize(
    ("interval", "first", "buckets"),
    [
        ("1w", "2026-01-31", [("2026-01-26", False), ("2026-02-02", True), ("2026-02-09", True)]),
        ("1M", "2026-01-31", [("2026-01-01", False), ("2026-02-01", True)]),
        ("3d", "2026-02-03", [("2026-02-01", False), ("2026-02-04", True), ("2026-02-07", True)]),
    ],
)
def test_resample_knows_the_calendar(
    interval: str, first: str, buckets: list[tuple[str, bool]], tables: Tables
) -> None:
    """Weeks start on Monday, months on the first, and 3d on the grid that the symbol's own 3d candles show."""
    days = [candle(str((at(first) + timedelta(days=day)).date()), "1d") for day in range(29)]
    their, own = "spot/BTCUSDT/1d", "spot/BTCUSDT/3d"
    tables.put(KLINES, *days, since={their: first}, until={their: "2026-03-01"})
    tables.put(KLINES, candle("2026-01-29", "3d"), since={own: "2026-01-29"}, until={own: "2026-02-01"})
    answer = tables.tuples(f"SELECT open_time, complete FROM resample('spot', 'BTCUSDT', '1d', '{interval}')")
    assert answer[: len(buckets)] == [(at(start), complete) for start, complete in buckets]


@pytest.mark.parametrize("series", ["'spot', 'BTCUSDT', '1h'", "'spot', 'NOPE', '1m'", "'usdm', 'BTCUSDT', '1m'"])
def test_resample_of_what_is_not_there_is_refused(series: str, lake: Lake) -> None:
    """Candles that the lake has none of are named, also where only their number is asked for."""
    one = "spot/BTCUSDT/1m"
    put(lake, KLINES, candle("2026-01-01"), since={one: "2026-01-01"}, until={one: "2026-01-01T00:01"})
    with pytest.raises(UsageProblem, match=r"the lake has no klines of \w+ on \w+ of 1."):
        ask(lake, f"SELECT count(*) FROM resample({series}, '1d')")


@pytest.mark.parametrize(("finer", "coarser"), [("1h", "1m"), ("3m", "5m"), ("1w", "1M"), ("1m", "7m"), ("1m", "1m")])
def test_resample_refuses_what_does_not_fit(finer: str, coarser: str, lake: Lake) -> None:
    """Candles that cannot be cut out of the finer ones are refused by name."""
    put(lake, KLINES, candle("2026-01-01", finer))
    with pytest.raises(UsageProblem, match=f"{coarser} candles cannot be built out of {finer} candles"):
        ask(lake, f"FROM resample('spot', 'BTCUSDT', '{finer}', '{coarser}')")
