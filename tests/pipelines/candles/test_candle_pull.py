"""Candles from the served exchange into a real lake: what is stored, what is said to be missing, what it costs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from support.desks import us
from support.lakes import candle_series
from support.sampled import some_of

from connectors.lake import Move
from connectors.simulator import gateway
from connectors.simulator.protocol import faults
from connectors.simulator.protocol.messages import Asked
from pipelines.store.candles import held
from schemas.datasets import DATASETS
from schemas.datasets.market import KLINES
from schemas.model.errors import TryLater
from schemas.model.grid import INTERVALS

if TYPE_CHECKING:
    from support.desks import Desk

MINUTE = timedelta(minutes=1)
PATH = "/api/v3/klines"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ms(text: str) -> int:
    return int(at(text).timestamp() * 1000)


def printed(desk: Desk, symbol: str, interval: str, since: str) -> list[list[Any]]:
    """What the exchange prints from an instant on, its open candle left out."""
    rows: list[list[Any]] = []
    start = ms(since)
    while page := _page(desk, f"symbol={symbol}&interval={interval}&startTime={start}&limit=1000"):
        rows += page
        start = page[-1][0] + 1
    return [row for row in rows if row[6] < desk.exchange.now_ms - 10_000]


def _page(desk: Desk, query: str) -> list[list[Any]]:
    answer = gateway.answer(desk.exchange, Asked("GET", f"{PATH}?{query}", {}, "10.0.0.1"))
    page: list[list[Any]] = msgspec.json.decode(answer.body)
    return page


def as_printed(row: dict[str, Any]) -> list[Any]:
    """A stored candle in the exchange's own notation."""
    money = ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
    shown = {name: format(row[name], ".8f") for name in money}
    times = {name: round(row[name].timestamp() * 1000) for name in ("open_time", "close_time")}
    names = (*DATASETS["klines"].schema.names[3:],)
    return [{**row, **shown, **times}[name] for name in names] + ["0"]


@pytest.mark.parametrize("interval", some_of(INTERVALS, most=6))
async def test_every_candle_is_stored_to_the_last_digit(desk: Desk, interval: str):
    """For each interval the lake holds exactly the closed candles the exchange prints."""
    since = {"1s": "2026-11-02T11:55", "1m": "2026-11-02T00:00"}.get(interval, "2026-10-20T00:00")
    desk.market(["BTCUSDT"], [interval], since)
    [receipt] = await desk.run()
    expected = printed(desk, "BTCUSDT", interval, since)
    assert receipt.outcome == "done"
    assert [as_printed(row) for row in desk.rows("klines")] == expected
    assert receipt.rows == len(expected)


async def test_a_run_with_nothing_new_writes_nothing_into_the_candles(desk: Desk):
    """A second run leaves the table of candles as it was, asks at most once a series and adds one row of runs."""
    desk.market(["BTCUSDT", "ETHUSDT"], ["1m", "1h"])
    await desk.run()
    table = desk.lake.table(DATASETS["klines"])
    before, asked = (table.version(), table.files()), len(desk.asked())
    [receipt] = await desk.run()
    table = desk.lake.table(DATASETS["klines"])
    assert (receipt.rows, table.version(), table.files()) == (0, *before)
    assert len(desk.asked()) - asked <= 4
    assert len(desk.rows("runs")) == 2


async def test_the_next_run_asks_only_for_what_is_new(desk: Desk):
    """After five minutes one request a series brings five candles, beginning two candles early."""
    desk.market(["BTCUSDT", "ETHUSDT"])
    await desk.run()
    asked = len(desk.asked())
    desk.clock.advance(300)
    [receipt] = await desk.run()
    assert receipt.rows == 10
    new = desk.asked()[asked:]
    assert len(new) == 2
    assert all(f"startTime={ms('2026-11-02T11:58')}&" in target for target in new)


async def test_the_open_candle_is_never_stored(desk: Desk):
    """At 12:00:09 the minute of 11:59 may still change, so coverage ends before it."""
    desk.clock.advance(-21.25)
    desk.market(["BTCUSDT"])
    await desk.run()
    assert desk.bounds("BTCUSDT") == (at("2026-11-02T10:00"), at("2026-11-02T11:59"))
    assert desk.rows("klines")[-1]["open_time"] == at("2026-11-02T11:58")


async def test_a_listing_younger_than_the_start_is_covered_with_a_reason(desk: Desk):
    """XNOUSDT was listed on 2026-10-06: before that there is a gap that says so, and coverage starts as asked."""
    desk.market(["XNOUSDT"], ["1h"], "2026-10-01T00:00")
    await desk.run()
    assert desk.bounds("XNOUSDT", "1h") == (at("2026-10-01T00:00"), at("2026-11-02T12:00"))
    [gap] = desk.rows("gaps")
    assert (gap["reason"], gap["since"], gap["until"]) == (
        "not_listed", at("2026-10-01T00:00"), at("2026-10-06T09:00")
    )  # fmt: skip


async def test_an_outage_is_a_gap_until_a_second_look_confirms_it(desk: Desk):
    """XRPUSDT stood still for four hours: a gap with evidence, unconfirmed, then confirmed an hour later."""
    desk.market(["XRPUSDT"], ["1m"], "2026-10-14T00:00")
    desk.clock.now_s = at("2026-10-14T12:00:30").timestamp()
    await desk.run()
    [gap] = desk.rows("gaps")
    assert (gap["reason"], gap["confirmed_at"]) == ("exchange_outage", None)
    assert (gap["since"], gap["until"]) == (at("2026-10-14T02:00"), at("2026-10-14T06:00"))
    desk.clock.advance(1800)
    await desk.run()
    assert len(desk.rows("gaps")) == 1
    desk.clock.advance(1801)
    await desk.run()
    assert desk.rows("gaps")[-1]["confirmed_at"] is not None
    asked = len(desk.asked())
    desk.clock.advance(4000)
    await desk.run()
    assert len(desk.asked()) == asked + 1


def assert_filled_in(desk: Desk) -> None:
    """Every minute is there once, and the one gap there was is filled."""
    times = [row["open_time"] for row in desk.rows("klines")]
    assert all(later - earlier == MINUTE for earlier, later in pairwise(times))
    assert [gap["filled_at"] is not None for gap in desk.rows("gaps")] == [False, True]


async def test_candles_that_appear_late_are_filled_in(desk: Desk):
    """What the exchange prints only later is a gap first, and is filled in at the second look."""
    late = faults.Late(path=PATH, since_ms=ms("2026-11-02T10:30"), until_ms=ms("2026-11-02T10:40"), count=None)
    desk.exchange.inject(late)
    desk.market(["BTCUSDT"])
    await desk.run()
    assert len(desk.rows("klines")) == 110
    desk.exchange.faults.clear()
    desk.clock.advance(3700)
    await desk.run()
    assert_filled_in(desk)


async def test_a_late_candle_before_the_last_makes_no_gap_of_its_neighbour(desk: Desk):
    """Found among those asked for again, it fills its gap, and the stored candle beside it is none."""
    late = faults.Late(path=PATH, since_ms=ms("2026-11-02T11:58"), until_ms=ms("2026-11-02T11:59"), count=None)
    desk.exchange.inject(late)
    desk.market(["BTCUSDT"], ["1m"], "2026-11-02T10:00")
    await desk.run()
    desk.exchange.faults.clear()
    desk.clock.advance(300)
    await desk.run()
    gaps = [(gap["since"], gap["filled_at"] is not None) for gap in desk.rows("gaps")]
    assert gaps == [(at("2026-11-02T11:58"), False), (at("2026-11-02T11:58"), True)]
    assert len(desk.rows("klines")) == 125


async def test_a_late_candle_that_two_windows_bring_is_stored_once(desk: Desk):
    """An hour later its gap is due for a second look, and it is among the candles asked for again as well."""
    late = faults.Late(path=PATH, since_ms=ms("2026-11-02T11:58"), until_ms=ms("2026-11-02T11:59"), count=None)
    desk.exchange.inject(late)
    desk.market(["BTCUSDT"], ["1m"], "2026-11-02T10:00")
    await desk.run()
    desk.exchange.faults.clear()
    desk.clock.advance(3700)
    await desk.run()
    assert_filled_in(desk)


async def test_a_gap_whose_candles_are_there_already_is_filled_without_them(desk: Desk):
    """A run that died between the candles and the word that their gap is filled: the next one says only that."""
    late = faults.Late(path=PATH, since_ms=ms("2026-11-02T10:30"), until_ms=ms("2026-11-02T10:40"), count=None)
    desk.market(["BTCUSDT"])
    whole = replace(desk, folder=desk.folder / "whole")
    await whole.run()
    desk.exchange.inject(late)
    await desk.run()
    desk.exchange.faults.clear()
    table, series = desk.lake.table(KLINES), candle_series("BTCUSDT", "1m")
    rows = held(whole.lake.table(KLINES), series, us("2026-11-02T10:30"), us("2026-11-02T10:40"))
    table.commit(rows, [Move.of(series, {}, table.bounds())])
    desk.clock.advance(3700)
    await desk.run()
    assert_filled_in(desk)


async def test_a_late_last_candle_is_waited_for(desk: Desk):
    """A candle missing at the frontier leaves coverage before it, and no gap; the next run has it."""
    late = faults.Late(path=PATH, since_ms=ms("2026-11-02T11:58"), until_ms=ms("2026-11-02T12:00"), count=None)
    desk.exchange.inject(late)
    desk.market(["BTCUSDT"])
    await desk.run()
    desk.exchange.faults.clear()
    assert desk.bounds("BTCUSDT") == (at("2026-11-02T10:00"), at("2026-11-02T11:58"))
    await desk.run()
    assert desk.bounds("BTCUSDT") == (at("2026-11-02T10:00"), at("2026-11-02T12:00"))
    assert desk.rows("gaps") == []


async def test_a_changed_candle_is_replaced_and_both_versions_are_kept(desk: Desk):
    """The last two candles are asked for again; one that changed is replaced, and corrections holds both."""
    wrong = faults.Wrong(path=PATH, open_ms=ms("2026-11-02T11:59"), values={4: "1.00000000"}, count=None)
    desk.exchange.inject(wrong)
    desk.market(["BTCUSDT", "ETHUSDT"])
    await desk.run()
    desk.exchange.faults.clear()
    desk.clock.advance(60)
    await desk.run()
    [stored] = desk.rows("klines", symbol="BTCUSDT", open_time=at("2026-11-02T11:59"))
    correct = {row[0]: row for row in printed(desk, "BTCUSDT", "1m", "2026-11-02T11:59")}
    assert as_printed(stored) == correct[ms("2026-11-02T11:59")]
    corrections = desk.rows("corrections")
    assert [row["symbol"] for row in corrections] == ["BTCUSDT", "ETHUSDT"]
    before, after = (msgspec.json.decode(corrections[0][side]) for side in ("before", "after"))
    assert (before["close"], after["close"]) == ("1.00000000", format(stored["close"], "f"))
    assert len(desk.rows("klines")) == 2 * 121


@pytest.mark.parametrize(
    "fault",
    [
        faults.ShortPage(path=PATH, keep=37, count=2),
        faults.Duplicated(path=PATH, rows=5),
        faults.Shuffled(path=PATH),
        faults.Reset(path=PATH, count=2),
        faults.Truncated(path=PATH, count=2),
        faults.CutGzip(path=PATH, count=2),
        faults.Html(path=PATH, status=502, count=2),
        faults.Error(path=PATH, status=500, code=-1001, count=2),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_a_bad_answer_loses_and_doubles_nothing(desk: Desk, fault: faults.AnyFault):
    """Short, repeated, shuffled and broken answers end in exactly the candles there are, without gaps."""
    desk.exchange.inject(fault)
    desk.market(["BTCUSDT"])
    [receipt] = await desk.run()
    assert receipt.outcome == "done"
    assert [as_printed(row) for row in desk.rows("klines")] == printed(desk, "BTCUSDT", "1m", "2026-11-02T10:00")
    assert desk.rows("gaps") == []


async def test_one_failing_symbol_stops_no_other(desk: Desk):
    """A symbol that always fails and one nobody lists are named with why; the others are complete."""
    desk.exchange.inject(faults.Error(path=PATH, symbol="ETHUSDT", status=400, code=-1100, count=None))
    desk.market(["BTCUSDT", "ETHUSDT", "BTCUSD"])
    [receipt] = await desk.run()
    assert receipt.outcome == "failed"
    assert {failure.series: failure.why.split(";")[0] for failure in receipt.failures}.keys() == {
        "spot/ETHUSDT/1m", "spot/BTCUSD",
    }  # fmt: skip
    assert "Did you mean BTCUSDT?" in next(one.why for one in receipt.failures if one.series == "spot/BTCUSD")
    assert desk.bounds("BTCUSDT") == (at("2026-11-02T10:00"), at("2026-11-02T12:00"))
    assert desk.bounds("ETHUSDT") is None


async def test_a_ban_stops_the_run_and_keeps_what_was_fetched(desk: Desk):
    """Banned in the middle of a backfill: exit code 75, the pages before it are committed, nothing is asked again."""
    desk.exchange.clock = time.time
    desk.market(["BTCUSDT"], since="2026-10-25T00:00")
    told = f"Way too much request weight used; IP banned until {desk.exchange.now_ms + 3_600_000}."
    ban = faults.Error(path=PATH, status=418, code=-1003, msg=told, skip=5, count=None)
    desk.exchange.inject(ban)
    [receipt] = await desk.run()
    assert (receipt.outcome, receipt.exit_code) == ("failed", 75)
    since, until = desk.bounds("BTCUSDT") or (None, None)
    assert since == at("2026-10-25T00:00")
    assert len(desk.rows("klines")) == (until - since) / MINUTE > 0
    asked = len(desk.exchange.requests)
    with pytest.raises(TryLater, match="banned this address until"):
        await desk.run()
    assert len(desk.exchange.requests) == asked


async def test_a_delisted_symbol_is_left_alone_once_its_end_is_sure(desk: Desk):
    """After the last candle of NANOUSDT comes a gap that says delisted; after a second look nothing is asked."""
    desk.market(["NANOUSDT"], ["1m", "1h"], "2022-01-18T00:00")
    await desk.run()
    assert len(desk.asked()) < 10
    [gap, _] = desk.rows("gaps")
    assert (gap["interval"], gap["reason"], gap["since"], gap["until"]) == (
        "1h",
        "delisted",
        at("2022-01-19T08:00"),
        None,
    )
    desk.clock.advance(3700)
    await desk.run()
    asked = len(desk.asked())
    desk.clock.advance(86_400)
    [receipt] = await desk.run()
    assert (receipt.outcome, len(desk.asked())) == ("done", asked)


async def test_off_grid_candles_are_stored_as_printed(desk: Desk):
    """LTCUSDT came back from a pause between grid points: the candles are kept, their slots explained."""
    desk.market(["LTCUSDT"], ["1m"], "2026-10-20T10:00")
    desk.clock.now_s = at("2026-10-20T18:00:30").timestamp()
    await desk.run()
    assert [as_printed(row) for row in desk.rows("klines")] == printed(desk, "LTCUSDT", "1m", "2026-10-20T10:00")
    odd = [row for row in desk.rows("klines") if row["open_time"].second]
    assert odd
    assert "off_grid" in {gap["reason"] for gap in desk.rows("gaps")}


async def test_history_is_added_before_what_is_there(desk: Desk):
    """Backfill lowers the start of coverage; the interval stays one, and nothing stored is fetched again."""
    desk.market(["BTCUSDT", "币安人生USDT"])
    await desk.run()
    receipts = await desk.backfill("2026-11-01T00:00", symbols=["BTCUSDT"])
    assert receipts[0].rows == 34 * 60
    assert desk.bounds("BTCUSDT") == (at("2026-11-01T00:00"), at("2026-11-02T12:00"))
    assert desk.bounds("币安人生USDT") == (at("2026-11-02T10:00"), at("2026-11-02T12:00"))
    times = [row["open_time"] for row in desk.rows("klines", symbol="BTCUSDT")]
    assert all(later - earlier == MINUTE for earlier, later in pairwise(times))


async def test_history_before_the_listing_costs_one_question(desk: Desk):
    """Going back years before a listing takes one request to learn it, not one a page of nothing."""
    desk.market(["XNOUSDT"], ["1m"], "2026-10-06T10:00")
    desk.clock.now_s = at("2026-10-06T12:00:30").timestamp()
    await desk.run()
    asked = len(desk.asked())
    await desk.backfill("2020-01-01T00:00")
    assert len(desk.asked()) - asked <= 2
    assert desk.bounds("XNOUSDT") == (at("2020-01-01T00:00"), at("2026-10-06T12:00"))
    assert [gap["reason"] for gap in desk.rows("gaps")] == ["not_listed"]


async def test_a_backfill_with_an_end_stops_there(desk: Desk):
    """--until bounds a first load; a later run goes on from there without a seam."""
    desk.market(["BTCUSDT"], since="2026-11-01T00:00")
    await desk.backfill("2026-11-01T00:00", until="2026-11-01T06:00")
    assert desk.bounds("BTCUSDT") == (at("2026-11-01T00:00"), at("2026-11-01T06:00"))
    await desk.run()
    assert len(desk.rows("klines")) == 36 * 60


async def test_a_stopped_run_goes_on_where_it_was(desk: Desk):
    """Asked to stop, a run commits what it has and says so; the next one fetches the rest and nothing twice."""
    desk.market(["BTCUSDT", "ETHUSDT", "BNBUSDT"], since="2026-10-10T00:00")
    [receipt] = await desk.stopped_at(10, "/klines")
    assert receipt.outcome == "interrupted"
    assert receipt.exit_code == 130
    held = receipt.rows
    whole = 3 * (at("2026-11-02T12:00") - at("2026-10-10T00:00")) / MINUTE
    assert 0 < held < whole
    [rest] = await desk.run()
    assert held + rest.rows == desk.lake.table(DATASETS["klines"]).scan(["open_time"]).num_rows == whole


async def test_runs_at_the_same_time_store_every_candle_once(desk: Desk):
    """Four runs of one flow at once, on one lake, end in the lake that one run alone would have left."""
    desk.market(["BTCUSDT", "ETHUSDT", "BNBUSDT"], ["1m", "1h"], "2026-10-30T00:00")
    await asyncio.gather(*(desk.run() for _ in range(4)))
    for symbol in ("BTCUSDT", "ETHUSDT", "BNBUSDT"):
        times = [row["open_time"] for row in desk.rows("klines", symbol=symbol, interval="1m")]
        assert len(times) == len(set(times)) == 84 * 60
        assert desk.bounds(symbol) == (at("2026-10-30T00:00"), at("2026-11-02T12:00"))


async def test_once_chosen_the_most_traded_symbols_are_kept(desk: Desk):
    """{quote, top} picks by volume, and keeps its choice when the ranking changes."""
    desk.market({"quote": "USDT", "top": 3}, ["1h"])
    await desk.run()
    chosen = {row["symbol"] for row in desk.rows("klines")}
    assert len(chosen) == 3
    desk.exchange.delist(min(chosen))
    desk.clock.advance(86_400)
    await desk.run()
    assert {row["symbol"] for row in desk.rows("klines")} == chosen


async def test_all_symbols_means_those_that_trade(desk: Desk):
    """`all` pulls every listed symbol that trades; one delisted before the first run is left out."""
    desk.market("all", ["1h"])
    [receipt] = await desk.run()
    symbols = {row["symbol"] for row in desk.rows("klines")}
    assert receipt.outcome == "done"
    assert {"BTCUSDT", "币安人生USDT", "ON"} <= symbols
    assert "NANOUSDT" not in symbols


async def test_the_journal_says_what_was_asked_and_how_it_ended(desk: Desk):
    """Each request is a row of api_requests with its weight, and the run one row with their sums."""
    desk.market(["BTCUSDT"])
    [receipt] = await desk.run()
    [run] = desk.rows("runs")
    requests = desk.rows("api_requests", path=PATH)
    assert (run["outcome"], run["rows"], run["error"]) == ("done", 120, None)
    assert receipt.weight == run["weight"]
    assert [row["weight"] for row in requests] == [2] * len(requests)
    assert all(row["used_weight"] for row in requests)
    assert "BTCUSDT" in requests[0]["params"]


async def test_money_is_never_a_float(desk: Desk):
    """Prices and volumes are decimals with all their digits, in the lake and out of it."""
    desk.market(["SHIBUSDT"])
    await desk.run()
    row = desk.rows("klines")[0]
    assert all(isinstance(row[name], Decimal) for name in ("open", "volume", "taker_buy_quote_volume"))
