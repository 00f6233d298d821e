"""Trades pulled from the simulated exchange by their ids: contiguous, resumed, held against what is stored."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import pytest
from support.desks import instant, us
from support.sampled import some_of

import pipelines
from connectors.simulator.futures import CONTRACTS, INVERSE
from connectors.simulator.market.minutes import Market
from connectors.simulator.market.trades import Tape
from connectors.simulator.protocol.faults import Error, ShortPage
from pipelines.estimate.flow import plan_flows
from schemas.datasets import DATASETS
from schemas.derived.queries import checks

if TYPE_CHECKING:
    from support.desks import Desk

SINCE = "2026-11-02T11:50"
HOUR_S = 3600


@pytest.fixture
def ticks(desk: Desk) -> Desk:
    """A desk that wants the aggregates of ten minutes of one symbol that was listed of late."""
    return wanting(desk, "agg_trades")


def wanting(desk: Desk, *datasets: str, market: str = "spot", symbol: str = "XNOUSDT", since: str = SINCE) -> Desk:
    desk.addresses = {"usdm": desk.url, "coinm": desk.url}
    desk.flows["prices"] = {
        "kind": "market", "market": market, "datasets": list(datasets), "symbols": [symbol], "since": since,
        "source": "rest", **({"intervals": ["1m"]} if "klines" in datasets else {}),
    }  # fmt: skip
    return desk


def ids(desk: Desk, dataset: str = "agg_trades") -> list[int]:
    declared = DATASETS[dataset]
    return sorted(desk.lake.table(declared).scan([declared.id_column])[declared.id_column].to_pylist())


def coverage(desk: Desk, dataset: str = "agg_trades") -> dict[str, int]:
    return {name.rpartition("#")[2]: at for name, at in desk.lake.table(DATASETS[dataset]).bounds().items()}


def whole(desk: Desk, dataset: str = "agg_trades") -> bool:
    """Whether every covered id is stored, and no other."""
    bounds = coverage(desk, dataset)
    return ids(desk, dataset) == list(range(bounds["since_id"], bounds["until_id"]))


@pytest.mark.parametrize("symbols", ["all", {"top": 2, "quote": "USDT"}], ids=["all", "top"])
@pytest.mark.parametrize("dataset", some_of(["agg_trades", "open_interest"]))
async def test_a_symbol_that_ends_between_two_runs_is_followed_to_its_end(desk: Desk, dataset: str, symbols: object):
    """The flow names no symbol and pulls no candles: what was traded up to the end comes, and then nothing is asked."""
    futures, listed_ms = desk.exchange.futures, us("2026-09-01") // 1000
    for contract in futures.listed(desk.exchange.now_ms):
        futures.remove(contract.symbol)
    for symbol in ("QUIETUSDT", "STILLUSDT"):
        futures.add(replace(CONTRACTS[0], symbol=symbol, quiet=0.999, listed_ms=listed_ms))
    wanting(desk, dataset, market="usdm", since="2026-11-02T08:00")
    desk.flows["prices"]["symbols"] = symbols
    await desk.run()
    desk.clock.advance(2 * HOUR_S)
    futures.delist("QUIETUSDT")
    ended = instant("2026-11-02T14:00:30")
    desk.clock.advance(3 * HOUR_S)
    [receipt] = await desk.run()
    assert receipt.outcome == "done", receipt.why()
    last = max(row["time"] for row in desk.rows(dataset, symbol="QUIETUSDT"))
    assert timedelta() <= ended - last < timedelta(minutes=20)
    for _ in range(3):
        desk.clock.advance(20 * HOUR_S)
        desk.exchange.requests.clear()
        await desk.run()
    assert [target for target in desk.asked("symbol=QUIETUSDT") if symbols == "all"] == []


@pytest.mark.parametrize("dataset", ["agg_trades", "trades"])
async def test_every_trade_since_a_date_is_there_once(desk: Desk, dataset: str):
    """The walk begins with the first id at or after the date, and runs that follow go on without a hole or a copy."""
    wanting(desk, dataset)
    for _ in range(2):
        [receipt] = await desk.run()
        assert receipt.outcome == "done", receipt.why()
        assert whole(desk, dataset)
        desk.clock.advance(200)
    first = desk.lake.table(DATASETS[dataset]).scan(["time"]).sort_by("time")["time"][0].as_py()
    assert timedelta() <= first - instant(SINCE) < timedelta(seconds=1)
    assert coverage(desk, dataset)["since"] == us(SINCE)


async def test_minutes_made_of_trades_are_the_candles(desk: Desk):
    """Prices, volumes and counts of minute candles are those of their trades, and of their aggregates."""
    wanting(desk, "klines", "agg_trades", "trades")
    await desk.run()
    query = pipelines.connect(str(desk.written()))
    assert query.sql("SELECT count(*) FROM klines").fetchall() == [(10,)]
    assert offenders(query) == {"candles_of_trades": 0, "candles_of_aggregates": 0, "trade_ids_contiguous": 0}


def offenders(query: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many rows each check of trades objects to."""
    names = ("candles_of_trades", "candles_of_aggregates", "trade_ids_contiguous")
    return {
        check.name: len(query.sql(check.sql).fetchall()) for name in names for check in checks() if check.name == name
    }


async def test_young_trades_wait_for_the_next_run(ticks: Desk):
    """What is younger than ten seconds is not stored yet, and no id is passed over for it."""
    await ticks.run()
    newest = ticks.lake.table(DATASETS["agg_trades"]).scan(["time"]).sort_by("time")["time"][-1].as_py()
    assert newest < instant("2026-11-02T12:00:28")  # of which the answer has 12:00:30; a slow machine takes a while
    assert whole(ticks)


async def test_a_quiet_symbol_costs_one_request_a_run(ticks: Desk):
    """A run that finds nothing new asks once for each series, and stores nothing."""
    await ticks.run()
    ticks.exchange.delist("XNOUSDT")
    ticks.clock.advance(11)
    await ticks.run()
    before, version = len(ticks.asked("/aggTrades")), ticks.lake.table(DATASETS["agg_trades"]).version()
    await ticks.run()
    assert len(ticks.asked("/aggTrades")) == before + 1
    assert ticks.lake.table(DATASETS["agg_trades"]).version() == version


async def test_ids_that_are_never_shown_are_a_gap_after_a_second_look(ticks: Desk):
    """A hole in the ids is told with what was asked, and confirmed when it is asked for again an hour later."""
    first = ticks.exchange.tapes["spot"].first_from(ticks.exchange.listing("XNOUSDT", 2**42), us(SINCE)) // 2
    ticks.exchange.tapes["spot"].unprinted["XNOUSDT", "agg_trades"] = {first + 5, first + 6, first + 1500}
    await ticks.run()
    gaps = ticks.rows("gaps")
    told = [json.loads(row["evidence"]) for row in gaps]
    assert [one["ids"] for one in told] == [[[first + 5, first + 6]], [[first + 1500, first + 1500]]]
    assert {(row["reason"], row["confirmed_at"]) for row in gaps} == {("skipped_ids", None)}
    assert {one["asked"] for one in told} == {"GET /api/v3/aggTrades"}
    ticks.clock.advance(HOUR_S + 1)
    await ticks.run()
    assert sum(row["confirmed_at"] is not None for row in ticks.rows("gaps")) == 2


async def test_ids_that_turn_up_after_all_are_stored(ticks: Desk):
    """The second look brings what the first one lacked, and the gap is filled."""
    first = ticks.exchange.tapes["spot"].first_from(ticks.exchange.listing("XNOUSDT", 2**42), us(SINCE)) // 2
    unprinted = ticks.exchange.tapes["spot"].unprinted
    unprinted["XNOUSDT", "agg_trades"] = {first + 5, first + 6}
    await ticks.run()
    unprinted["XNOUSDT", "agg_trades"] = {first + 6}
    ticks.clock.advance(HOUR_S + 1)
    await ticks.run()
    assert set(range(first, first + 10)) - set(ids(ticks)) == {first + 6}
    unprinted.clear()
    [last] = [row for row in ticks.rows("gaps") if row["confirmed_at"] is not None]
    assert json.loads(last["evidence"])["ids"] == [[first + 6, first + 6]]


async def test_ids_that_are_forgotten_before_their_second_look_say_so(desk: Desk):
    """A gap that futures no longer return when they are asked again is not_retained, and explained by no answer."""
    wanting(desk, "agg_trades", market="usdm", symbol="QUIET", since="2026-10-31T13:15")
    contract = replace(CONTRACTS[0], symbol="QUIET", quiet=0.9999, listed_ms=us("2026-10-01") // 1000)
    desk.exchange.futures.add(contract)
    tape = desk.exchange.futures.tapes["usdm"]
    first = tape.first_from(contract, us("2026-10-31T13:15")) // 2
    tape.unprinted["QUIET", "agg_trades"] = {first + 5}
    for _ in range(2):
        await desk.run()
        desk.clock.advance(2 * HOUR_S)
    before, after = desk.rows("gaps")
    assert (before["reason"], before["confirmed_at"]) == ("skipped_ids", None)
    assert (after["reason"], after["confirmed_at"] is not None) == ("not_retained", True)


async def test_placeholders_are_kept_out_with_a_reason(ticks: Desk):
    """An aggregate without price and trades (reference 5.2.2) is no trade: its id is a gap that says so."""
    first = ticks.exchange.tapes["spot"].first_from(ticks.exchange.listing("XNOUSDT", 2**42), us(SINCE)) // 2
    ticks.exchange.tapes["spot"].voided["XNOUSDT"] = {first, first + 7}
    [receipt] = await ticks.run()
    assert receipt.outcome == "done", receipt.why()
    assert not {first, first + 7} & set(ids(ticks))
    gaps = ticks.rows("gaps")
    assert {row["reason"] for row in gaps} == {"placeholder"}
    assert [one for row in gaps for one, _ in json.loads(row["evidence"])["ids"]] == [first, first + 7]


async def test_trades_begin_behind_a_placeholder_that_names_none(desk: Desk):
    """The first trade of a date is that of the first aggregate which has one (C8: f = -1)."""
    wanting(desk, "trades")
    first = desk.exchange.tapes["spot"].first_from(desk.exchange.listing("XNOUSDT", 2**42), us(SINCE))
    desk.exchange.tapes["spot"].voided["XNOUSDT"] = {first // 2}
    await desk.run()
    assert coverage(desk, "trades")["since_id"] == first + 2


async def test_an_exchange_that_was_reset_is_refused(ticks: Desk):
    """Another row under the last stored id stores nothing."""
    await ticks.run()
    before = ids(ticks)
    ticks.exchange.tapes["spot"] = Tape(Market("another"))
    ticks.clock.advance(60)
    [receipt] = await ticks.run()
    assert receipt.outcome == "failed"
    assert "is not what the lake holds" in receipt.why() or "lacks id" in receipt.why()
    assert ids(ticks) == before


async def test_a_walk_that_broke_off_goes_on(ticks: Desk):
    """Pages that came are stored with their coverage; the next run begins behind them."""
    ticks.exchange.inject(Error(path="/api/v3/aggTrades", status=400, code=-1100, msg="no", skip=3, count=1))
    [receipt] = await ticks.run()
    assert receipt.outcome == "failed"
    assert whole(ticks)
    await ticks.run()
    assert whole(ticks)
    assert coverage(ticks)["until"] > us("2026-11-02T12:00")


@pytest.mark.parametrize("market", ["usdm", "coinm"])
async def test_futures_reach_two_days_back(desk: Desk, market: str):
    """What the exchange of futures has forgotten is not_retained; from there on every id is there."""
    wanting(desk, "agg_trades", market=market, symbol="QUIET", since="2026-10-25")
    contracts = CONTRACTS if market == "usdm" else INVERSE
    desk.exchange.futures.add(
        replace(contracts[0], symbol="QUIET", quiet=0.9999, listed_ms=us("2026-10-01") // 1000), market
    )
    [receipt] = await desk.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(desk)
    [gap] = desk.rows("gaps")
    assert (gap["reason"], gap["since"]) == ("not_retained", instant("2026-10-25"))
    assert abs(gap["until"] - instant("2026-10-31T13:00:30")) < timedelta(seconds=1)


@pytest.mark.parametrize("dataset", ["agg_trades", "trades"])
async def test_a_plan_is_what_the_run_asks_for(desk: Desk, dataset: str):
    """Requests and weight of the plan are those of the run behind it, of a new series and of one that goes on."""
    wanting(desk, dataset)
    for _ in range(2):
        [plan] = await plan_flows(desk.config, ["prices"], state=desk.state, clock=lambda: desk.exchange.now_us)
        [receipt] = await desk.run()
        assert (plan.requests, plan.weight) == (receipt.requests, receipt.weight)
        assert abs(plan.rows - receipt.rows) < 200
        desk.clock.advance(600)


async def test_months_are_complete_by_their_ids(ticks: Desk):
    """A month whose ids are all stored is complete; one with a hole is missing rows until a second look explains it."""
    first = ticks.exchange.tapes["spot"].first_from(ticks.exchange.listing("XNOUSDT", 2**42), us(SINCE)) // 2
    ticks.exchange.tapes["spot"].unprinted["XNOUSDT", "agg_trades"] = {first + 5}
    told = []
    for _ in range(2):
        await ticks.run()
        query = pipelines.connect(str(ticks.written()))
        told += query.sql("SELECT month, expected_rows - rows, missing_rows, status FROM id_completeness").fetchall()
        assert offenders(query)["trade_ids_contiguous"] == 0
        ticks.clock.advance(HOUR_S + 1)
    assert told == [("2026-11", 1, 1, "missing"), ("2026-11", 1, 0, "explained")]


async def test_a_short_first_page_is_no_silence(ticks: Desk):
    """Behind a short page that ends long ago the exchange is asked whether more follows, and silence is not assumed."""
    ticks.flows["prices"]["since"] = "2026-11-02T11:45"
    ticks.exchange.inject(ShortPage(path="/api/v3/aggTrades", keep=5, skip=1))  # the first question finds the id
    [receipt] = await ticks.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(ticks)
    assert coverage(ticks)["until"] > us("2026-11-02T12:00:15")


async def test_an_empty_first_page_is_no_silence(ticks: Desk):
    """An empty page from the first id on, behind which others are known, is no answer: it is asked again."""
    ticks.flows["prices"]["since"] = "2026-11-02T11:45"
    ticks.exchange.inject(ShortPage(path="/api/v3/aggTrades", keep=0, skip=1))
    [receipt] = await ticks.run()
    assert receipt.outcome == "done", receipt.why()
    assert whole(ticks)
    assert coverage(ticks)["until"] > us("2026-11-02T12:00:15")
