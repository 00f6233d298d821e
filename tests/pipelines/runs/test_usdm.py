"""A flow of USD-M futures, from the first run to the proof, on its own host, clock and pool; spot stays as it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from support.desks import AS_PRINTED, Desk, instant

from connectors.lake.sql.session import hand_out
from connectors.simulator.market.kline_pages import Wanted
from pipelines.context.progress import Silent
from pipelines.estimate.flow import plan_flows
from pipelines.runs.run import run_flow
from schemas.datasets import DATASETS
from schemas.model.series import Series

SINCE = "2026-11-01T10:00"
FLOW: dict[str, Any] = {
    "kind": "market", "market": "usdm", "datasets": ["symbols", "klines"], "symbols": ["BTCUSDT"], "intervals": ["1m"],
    "since": SINCE, "source": "rest",
}  # fmt: skip


@pytest.fixture
def futures(desk: Desk) -> Desk:
    """A desk with a flow named `perps`, on a host whose clock runs 42 seconds ahead."""
    desk.flows["perps"] = dict(FLOW)
    desk.addresses["usdm"] = desk.url
    desk.exchange.futures.skew_s = 42.0
    return desk


def spent(desk: Desk, since: int = 0) -> tuple[int, int]:
    """Requests and their weight, without those that read the clock."""
    counted = [one for one in list(desk.exchange.requests)[since:] if not one.path.endswith("/time")]
    return len(counted), sum(one.weight for one in counted)


def until(desk: Desk) -> int:
    series = Series.of(DATASETS["klines"], market="usdm", symbol="BTCUSDT", interval="1m")
    return series.bound("until", desk.lake.table(DATASETS["klines"]).bounds()) or 0


def printed(desk: Desk) -> list[list[Decimal]]:
    """All candles since the beginning, as futures print them now."""
    exchange, since = desk.exchange.futures, int(instant(SINCE).timestamp() * 1000)
    now_ms = exchange.now_us // 1000
    page = exchange.charts["usdm"].page(exchange.listing("BTCUSDT", now_ms), "1m", Wanted(since, None, 5000, now_ms))
    return [exact(row) for row in json.loads(page)]


def exact(row: Sequence[Any]) -> list[Decimal]:
    return [Decimal(value) for value in row]


async def test_a_first_and_a_later_run(futures: Desk):
    """Every candle is stored as futures print it, up to the frontier by their clock, and the next run goes on there."""
    for hours in (0, 1):
        futures.clock.advance(3600 * hours)
        receipts = await futures.run("perps")
        assert [(receipt.market, receipt.failures) for receipt in receipts] == [("usdm", ())] * 2
        closed = int((futures.clock() + 42 - 10) // 60)
        assert until(futures) == closed * 60_000_000
        stored = hand_out(futures.lake).sql(AS_PRINTED).fetchall()
        assert [exact(row) for row in stored] == [row for row in printed(futures) if row[0] < closed * 60_000]
    assert {target.split("/")[1] for target in futures.asked("")} == {"fapi"}


async def test_the_plan_is_what_is_spent(futures: Desk):
    """A first run and a later one ask for what was planned, and at its weight."""
    for advance in (0, 3600):
        futures.clock.advance(advance)
        (plan,) = await plan_flows(
            futures.config, ["perps"], state=futures.state, clock=lambda: futures.exchange.futures.now_us
        )
        seen = len(futures.exchange.requests)
        await futures.run("perps")
        assert (plan.requests, plan.weight) == spent(futures, seen)
    assert plan.weight == 2, "an hour of minutes is asked for as a small page"


@pytest.mark.soak
async def test_it_is_checked_shown_queried_and_proven(futures: Desk):
    """The other commands take the market as any other: all exit 0, and name it."""
    await futures.run("perps")
    async with futures.commands() as command:
        for words in (("check",), ("status", "--series"), ("prove",), ("query", "select count(*) from klines")):
            code, printed, said = await command(*words)
            assert code == 0, printed + said
        _, printed, _ = await command("query", "select distinct market, symbol from coverage")
    assert "usdm" in printed


async def test_an_address_of_futures_is_enough(futures: Desk):
    """Where `exchange` has no address of spot, the flow runs all the same."""
    config = futures.config.model_copy(update={"exchange": {"usdm": futures.url}})
    receipts = await run_flow(config, "perps", progress=Silent(), stop=futures.stop, state=futures.state)
    assert [receipt.outcome for receipt in receipts] == ["done", "done"]


async def test_a_contract_that_was_settled_ends(futures: Desk):
    """A contract that is settled is pulled to its last candle, and what follows is explained as delisted."""
    futures.flows["perps"]["symbols"] = ["ETHUSDT"]
    await futures.run("perps")
    futures.exchange.futures.delist("ETHUSDT")
    for _ in range(2):
        futures.clock.advance(2 * 3600)
        assert [receipt.failures for receipt in await futures.run("perps")] == [(), ()]
    (gap, *_) = sorted(futures.rows("gaps"), key=lambda row: row["seen_at"], reverse=True)
    assert (gap["market"], gap["reason"], gap["until"]) == ("usdm", "delisted", None)
    assert json.loads(gap["evidence"])["asked"] == "GET /fapi/v1/klines"
    seen = len(futures.exchange.requests)
    futures.clock.advance(7200)
    await futures.run("perps")
    assert not [one for one in list(futures.exchange.requests)[seen:] if one.path.endswith("klines")]


@pytest.mark.soak
async def test_two_markets_stay_apart(futures: Desk):
    """Spot and futures of one symbol name lie beside each other in one lake, each with its own candles."""
    futures.market(["BTCUSDT"], since=SINCE, source="rest", datasets=["symbols", "klines"])
    await futures.run("prices")
    alone = futures.rows("klines", market="spot")
    await futures.run("perps")
    assert futures.rows("klines", market="spot") == alone
    session = hand_out(futures.lake)
    for market in ("spot", "usdm"):
        coarse = session.sql(
            f"SELECT open, close, volume FROM resample('{market}', 'BTCUSDT', '1m', '1h') ORDER BY open_time LIMIT 1"
        ).fetchall()
        hour = futures.rows("klines", market=market)[:60]
        assert coarse == [(hour[0]["open"], hour[-1]["close"], sum(row["volume"] for row in hour))]
    months = session.sql("SELECT market, rows FROM completeness ORDER BY market").fetchall()
    assert [market for market, _ in months] == ["spot", "usdm"]
    assert [rows for _, rows in months] == [len(alone), len(futures.rows("klines", market="usdm"))]


async def test_a_contract_that_is_gone_keeps_its_candles_and_stops_no_other(futures: Desk):
    """A contract that the exchange no longer knows is named with the way out; the others go on."""
    futures.flows["perps"] = FLOW | {"symbols": ["BTCUSDT", "ETHUSDT"]}
    await futures.run("perps")
    stored = futures.lake.table(DATASETS["klines"]).scan().num_rows
    futures.exchange.futures.remove("ETHUSDT")
    futures.clock.advance(3600)
    *_, candles = await futures.run("perps")
    (failure,) = candles.failures
    assert failure.series == "usdm/ETHUSDT/1m"
    assert "Say `source: auto` in the flow, with an exchange that has an archive." in failure.why
    assert futures.lake.table(DATASETS["klines"]).scan().num_rows == stored + candles.rows == stored + 60
