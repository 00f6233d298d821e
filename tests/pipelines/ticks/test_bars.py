"""Bars made of trades: by time as the candles are, by count and by amount none shorter than asked for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from support.lakes import small_lake
from support.tables import Tables

import pipelines
from connectors.lake import Move
from connectors.simulator.market.listings import LISTINGS
from connectors.simulator.market.minutes import Market
from connectors.simulator.market.prints import Print, aggregated, single
from connectors.simulator.market.trades import Tape
from pipelines.store.rows import rows_of
from schemas.datasets.trades import AGG_TRADES, TRADES
from schemas.model.series import Series

[XNO] = [one for one in LISTINGS if one.symbol == "XNOUSDT"]
MINUTE = 29_891_580  # in November 2026


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """A lake with the trades of five minutes, one by one and aggregated."""
    folder: Path = tmp_path_factory.mktemp("bars")
    lake, tape = small_lake(folder), Tape(Market(1))
    trades, shown = tape.span(XNO, MINUTE, MINUTE + 5), Print(tape, XNO, "spot", micro=True)
    of = {"market": "spot", "symbol": "XNOUSDT"}
    aggregates = [
        {**of, "agg_trade_id": row["a"], "price": Decimal(row["p"]), "qty": Decimal(row["q"]), "first_trade_id": row["f"],
         "last_trade_id": row["l"], "time": row["T"], "is_buyer_maker": row["m"], "is_best_match": row["M"]}
        for row in aggregated(trades, shown)
    ]  # fmt: skip
    singles = [
        {**of, "trade_id": row["id"], "price": Decimal(row["price"]), "qty": Decimal(row["qty"]),
         "quote_qty": Decimal(row["quoteQty"]), "base_qty": None, "time": row["time"],
         "is_buyer_maker": row["isBuyerMaker"], "is_best_match": True}
        for row in single(trades, shown)
    ]  # fmt: skip
    for dataset, rows in ((AGG_TRADES, aggregates), (TRADES, singles)):
        series, name = Series.of(dataset, **of), dataset.id_column
        new = {"since": MINUTE * 60_000_000, "until": (MINUTE + 5) * 60_000_000, "since_id": rows[0][name],
               "until_id": rows[-1][name] + 1}  # fmt: skip
        lake.table(dataset).commit(rows_of(dataset, rows), [Move.of(series, new, {})])
    (folder / "flows.yaml").write_text("lake: ./lake\nexchange: simulator\nflows: {upkeep: {kind: maintenance}}\n")
    return pipelines.connect(str(folder / "flows.yaml"))


@pytest.mark.parametrize("dataset", ["agg_trades", "trades"])
def test_bars_of_a_minute_are_the_candles(query: duckdb.DuckDBPyConnection, dataset: str):
    """Time bars of 60 seconds have the prices, volumes and counts of minute candles."""
    candles = Market(1).minutes(XNO, MINUTE, MINUTE + 5)
    found = query.sql(
        f"SELECT epoch_ms(open_time), (open * 10000)::BIGINT, (high * 10000)::BIGINT, (low * 10000)::BIGINT, "
        f"(close * 10000)::BIGINT, (volume * 100)::BIGINT, (quote_volume * 100000000)::BIGINT, trade_count, "
        f"(taker_buy_volume * 100)::BIGINT FROM bars('spot', 'XNOUSDT', 'time', 60, dataset_ := '{dataset}')"
    ).fetchall()
    assert found == list(zip(*(column.tolist() for column in candles.columns()[:9]), strict=True))


@pytest.mark.parametrize(
    ("kind", "column", "size"),
    [("tick", "trade_count", 100), ("volume", "volume", 500), ("dollar", "quote_volume", 1000)],
)
def test_bars_are_as_large_as_asked_for(query: duckdb.DuckDBPyConnection, kind: str, column: str, size: int):
    """Each bar but the last reaches a multiple of its size, and together they hold every row once."""
    bars = query.sql(
        f"SELECT first_id, last_id, {column}, sum({column}) OVER (ORDER BY first_id) FROM bars('spot', 'XNOUSDT', '{kind}', {size})"
    ).fetchall()
    [(rows,)] = query.sql("SELECT count(*) FROM agg_trades").fetchall()
    assert sum(last - first + 1 for first, last, _, _ in bars) == rows
    assert [total // size for *_, total in bars[:-1]] == sorted({total // size for *_, total in bars[:-1]})
    assert len(bars) > 3


def test_bars_of_a_stretch_and_of_nonsense(query: duckdb.DuckDBPyConnection):
    """Bars begin and end where they are asked to; what is no kind of bar is refused by name."""
    found = query.sql(
        f"SELECT count(*), min(open_time) FROM bars('spot', 'XNOUSDT', 'time', 1, since_ := make_timestamptz({(MINUTE + 1) * 60_000_000}), "
        f"until_ := make_timestamptz({(MINUTE + 2) * 60_000_000}))"
    ).fetchall()
    [(count, first)] = found
    assert (count <= 60, int(first.timestamp())) == (True, (MINUTE + 1) * 60)


@pytest.mark.parametrize(("kind", "complete"), [
    ("time", [False, False, False, True, True, False]),
    ("tick", [True, False, True, True, True, False]),
])  # fmt: skip
def test_a_bar_says_whether_it_is_whole(tables: Tables, kind: str, complete: list[bool]):
    """Of an id that is not there both bars are told beside which it lacks, and those that may go on elsewhere."""
    rows = [
        {"market": "spot", "symbol": "BTCUSDT", "agg_trade_id": one, "price": "1", "qty": "1", "first_trade_id": one,
         "last_trade_id": one, "time": f"2026-01-01T00:00:{one:02}", "is_buyer_maker": True, "is_best_match": True}
        for one in range(18) if one != 5
    ]  # fmt: skip
    of = {"spot/BTCUSDT": "2026-01-01"}
    tables.put(AGG_TRADES, *rows, since=of, until={"spot/BTCUSDT": "2026-01-02"})
    found = tables.tuples(f"SELECT complete FROM bars('spot', 'BTCUSDT', '{kind}', 3)")
    assert found == [(one,) for one in complete]


@pytest.mark.parametrize(("asked", "why"), [
    ("'spot', 'XNOUSDT', 'week', 1", "unknown kind of bars week: time, tick, volume or dollar"),
    ("'spot', 'XNOUSDT', NULL, 1", "unknown kind of bars NULL"),
    ("'spot', 'XNOUSDT', 'time', 0", "the size of a bar is above zero"),
    ("'spot', 'XNOUSDT', 'volume', -1", "the size of a bar is above zero"),
    ("'spot', 'XNOUSDT', 'time', NULL", "the size of a bar is above zero"),
    ("'spot', 'XNOUSDT', 'tick', 1.5", "a bar of ticks has a whole number of trades"),
    ("'spot', 'XNOUSDT', 'tick', 'many'", 'Could not convert string "many"'),
    ("'spot', 'NOPE', 'tick', 1", "the lake has no agg_trades of NOPE on spot"),
    ("'usdm', 'XNOUSDT', 'tick', 1, dataset_ := 'trades'", "the lake has no trades of XNOUSDT on usdm"),
    ("'spot', 'XNOUSDT', 'tick', 1, dataset_ := 'klines'", "bars are made of agg_trades or trades, not of klines"),
])  # fmt: skip
def test_a_question_that_means_nothing_is_refused(query: duckdb.DuckDBPyConnection, asked: str, why: str):
    """One sentence says what is wrong with it, also where only the number of bars is asked for."""
    with pytest.raises(duckdb.Error, match=why):
        query.sql(f"SELECT count(*) FROM bars({asked})").fetchall()
