"""Every kind of candles of both markets of futures, from the first run to the proof."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.desks import Desk, instant, us
from support.sampled import some_of

from connectors.lake.sql.session import hand_out
from connectors.simulator.protocol.messages import Seen
from pipelines.estimate.flow import plan_flows
from pipelines.quality.checks import run_checks
from schemas.datasets import DATASETS, playing
from schemas.model.dataset import Role
from schemas.model.series import Series

SINCE = "2026-11-01T22:00"
KINDS = [dataset.name for dataset in playing(Role.CANDLES)]
CONTRACTS = {"usdm": "BTCUSDT", "coinm": "BTCUSD_PERP"}
NAMED = {
    ("usdm", "index_klines"): "BTCUSDT",
    ("usdm", "continuous_klines"): "BTCUSDT_PERPETUAL",
    ("coinm", "index_klines"): "BTCUSD",
    ("coinm", "continuous_klines"): "BTCUSD_PERPETUAL",
}


@pytest.fixture(params=some_of(CONTRACTS))
def futures(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk with a flow named `perps` that pulls every kind of candles of one contract of a market."""
    market: str = request.param
    desk.flows["perps"] = flow(market)
    desk.addresses |= {"usdm": desk.url, "coinm": desk.url}
    return desk


def flow(of: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "market", "market": of, "datasets": ["symbols", *KINDS], "symbols": [CONTRACTS[of]],
        "intervals": ["1m"], "since": SINCE, "source": "rest", **more,
    }  # fmt: skip


def spent(desk: Desk, since: int) -> tuple[int, int]:
    """Requests and their weight, without those that read the clock."""
    counted: list[Seen] = [one for one in list(desk.exchange.requests)[since:] if not one.path.endswith("/time")]
    return len(counted), sum(one.weight for one in counted)


async def test_each_kind_is_pulled_planned_checked_and_proven(futures: Desk):
    """A flow pulls all kinds at the planned cost, goes on where it stood, and every check and proof knows each kind."""
    market = futures.flows["perps"]["market"]
    for hours in (0, 1):
        futures.clock.advance(3600 * hours)
        plans = await plan_flows(
            futures.config, ["perps"], state=futures.state, clock=lambda: futures.exchange.futures.now_us
        )
        seen = len(futures.exchange.requests)
        receipts = await futures.run("perps")
        assert [receipt.failures for receipt in receipts] == [()] * len(receipts)
        planned = sum(plan.requests for plan in plans), sum(plan.weight for plan in plans)
        assert planned == spent(futures, seen)
    closed = (futures.exchange.futures.now_us - 10_000_000) // 60_000_000
    for kind in KINDS:
        rows = futures.rows(kind)
        assert {row["symbol"] for row in rows} == {NAMED.get((market, kind), CONTRACTS[market])}
        assert len(rows) == closed - us(SINCE) // 60_000_000
    async with futures.commands() as command:
        for words in (("check",), ("status", "--series")):
            code, printed, said = await command(*words)
            assert code == 0, printed + said
        code, printed, _ = await command("prove", "--json")
    stated = [json.loads(line) for line in printed.splitlines()]
    assert code == 0
    assert {one["dataset"] for one in stated if one["status"] == "complete"} == {*KINDS}


async def test_kinds_do_not_mix(futures: Desk):
    """The kinds differ in their prices, premiums go below zero, and `resample` and `completeness` tell them apart."""
    await futures.run("perps")
    market = futures.flows["perps"]["market"]
    session = hand_out(futures.lake)
    opens = dict(session.sql("SELECT dataset, list(open ORDER BY open_time) FROM all_candles GROUP BY ALL").fetchall())
    assert opens["mark_klines"] != opens["index_klines"] != opens["premium_klines"]
    assert min(opens["premium_klines"]) < 0 < max(opens["premium_klines"])
    ((first,),) = session.sql(
        f"SELECT open FROM resample('{market}', '{CONTRACTS[market]}', '1m', '1h', dataset_ := 'mark_klines') LIMIT 1"
    ).fetchall()
    assert first == opens["mark_klines"][0]
    assert {row[0] for row in session.sql("SELECT dataset FROM completeness").fetchall()} == {*KINDS}


async def test_years_before_the_first_candle_cost_few_requests(futures: Desk):
    """A series that is wanted from years before its listing is found by its days, and the wait is one gap (L8)."""
    market = futures.flows["perps"]["market"]
    futures.flows["perps"] = flow(market, datasets=["klines"], since="2018-01-01", intervals=["1d", "1w"])
    receipts = await futures.run("perps")
    assert [receipt.failures for receipt in receipts] == [()]
    for interval in ("1d", "1w"):
        rows = futures.rows("klines", interval=interval)
        times = [row["open_time"] for row in rows]
        steps = {(later - earlier).days for earlier, later in itertools.pairwise(times)}
        assert steps == {1 if interval == "1d" else 7}
        first = futures.exchange.contract(market, CONTRACTS[market], futures.exchange.now_ms).listed_ms
        assert (times[0].timestamp() * 1000 - first) / 86_400_000 < 1
    assert {row["reason"] for row in futures.rows("gaps")} == {"not_listed"}
    assert len(futures.asked("klines")) < 40


async def test_windows_of_coin_margined_candles_hide_nothing(desk: Desk):
    """Where the newest rows of a window are returned, no window is wider than what one answer holds (L8)."""
    desk.addresses |= {"coinm": desk.url}
    desk.flows["perps"] = flow("coinm", datasets=["klines"], since="2026-10-30T00:00", intervals=["1m"])
    await desk.run("perps")
    series = Series.of(DATASETS["klines"], market="coinm", symbol="BTCUSD_PERP", interval="1m")
    until = series.bound("until", desk.lake.table(DATASETS["klines"]).bounds()) or 0
    assert len(desk.rows("klines")) == (until - us("2026-10-30T00:00")) // 60_000_000
    assert not desk.rows("gaps")


@pytest.mark.soak
async def test_what_the_archive_lacks_comes_over_rest(desk: Desk):
    """Candles of which there is no archive are pulled over REST beside those that have one."""
    desk.addresses |= dict.fromkeys(("usdm", "archive", "archive_list"), desk.url)
    kinds = ["klines", "continuous_klines"]
    desk.flows["perps"] = flow("usdm", datasets=kinds, since="2025-01-01", intervals=["1h"], source="auto")
    receipts = await desk.run("perps")
    assert [receipt.failures for receipt in receipts] == [(), ()]
    assert len(desk.rows("continuous_klines")) == len(desk.rows("klines")) > 10_000
    assert {row["dataset"] for row in desk.rows("archive_files")} <= {"klines"}


async def test_a_quarterly_contract_has_its_type(desk: Desk):
    """Candles of a type of contract are named by pair and type, whichever contract is current."""
    desk.addresses |= {"usdm": desk.url}
    desk.flows["perps"] = flow("usdm", datasets=["continuous_klines"], symbols=["BTCUSDT_261225"], intervals=["1h"])
    await desk.run("perps")
    assert {row["symbol"] for row in desk.rows("continuous_klines")} == {"BTCUSDT_CURRENT_QUARTER"}
    (symbol,) = desk.rows("symbols", symbol="BTCUSDT_261225")
    assert (symbol["pair"], symbol["contract_type"], symbol["margin_asset"]) == ("BTCUSDT", "CURRENT_QUARTER", "USDT")
    assert symbol["delivery_date"].isoformat() == "2026-12-25T08:00:00+00:00"
    (perpetual,) = desk.rows("symbols", symbol="BTCUSDT")
    assert perpetual["delivery_date"] is None


@pytest.mark.parametrize(("market", "symbol"), [("spot", "BTCUSDT"), ("usdm", "BTCUSDT"), ("coinm", "BTCUSD_PERP")])
async def test_hours_agree_with_minutes_and_marks_with_the_index(desk: Desk, market: str, symbol: str):
    """Pulled minutes and hours of every market pass the checks that hold one against the other."""
    kinds = ["klines"] if market == "spot" else ["klines", "mark_klines", "index_klines"]
    desk.addresses |= {"usdm": desk.url, "coinm": desk.url}
    more = {"datasets": kinds, "symbols": [symbol], "intervals": ["1m", "1h"], "since": "2026-11-02T09:00"}
    desk.flows["perps"] = flow("usdm", market=market, **more)
    await desk.run("perps")
    counts = [sum(row["interval"] == one for row in desk.rows("klines")) for one in ("1m", "1h")]
    assert counts[0] >= 120
    assert counts[1] >= 2
    results = run_checks(desk.lake, [], instant("2026-11-02T12:00"), ["candles_of_minutes", "mark_near_index"])
    assert [result.offending_rows for result in results] == [0, 0]
