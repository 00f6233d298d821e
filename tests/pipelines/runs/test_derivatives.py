"""What markets of futures print beside candles, pulled from the served simulator and checked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from support.desks import Desk

from connectors.lake.sql.session import hand_out
from connectors.simulator.protocol.faults import Misprinted, ShortPage
from pipelines.estimate.flow import plan_flows
from pipelines.quality.checks import run_checks
from pipelines.store.gaps import Gap, load_gaps, write_gaps
from schemas.datasets import DATASETS
from schemas.model.instants import micros

STATES = ["symbols", "funding_info"]
SNAPSHOTS = ["prices", "tickers", "book_tickers", "premium_index"]


@pytest.fixture
def futures(desk: Desk) -> Desk:
    """A desk whose exchange has the hosts of both markets of futures."""
    desk.addresses |= {"usdm": desk.url, "coinm": desk.url}
    return desk


def flow(market: str, datasets: list[str], **more: Any) -> dict[str, Any]:
    return {"kind": "market", "market": market, "datasets": datasets, **more}


async def planned(desk: Desk) -> tuple[int, int]:
    """The requests and the weight that a run of the flow `perps` is said to take."""
    clock = lambda: desk.exchange.futures.now_us  # noqa: E731 - read whenever it is asked
    plans = await plan_flows(desk.config, ["perps"], state=desk.state, clock=clock)
    return sum(plan.requests for plan in plans), sum(plan.weight for plan in plans)


def requests_since(desk: Desk, seen: int) -> int:
    return sum(1 for one in list(desk.exchange.requests)[seen:] if not one.path.endswith("/time"))


@pytest.mark.parametrize("market", [pytest.param("usdm", marks=pytest.mark.soak), "coinm"])
async def test_what_contracts_show_now(futures: Desk, market: str):
    """Each contract has its price, day, book, premium and state at the planned number of requests, and checks pass."""
    snapshots = [*SNAPSHOTS, *(["insurance_fund"] if market == "usdm" else [])]
    futures.flows["perps"] = flow(market, [*STATES, *snapshots])
    requests, _ = await planned(futures)
    seen = len(futures.exchange.requests)
    receipts = await futures.run("perps")
    assert [receipt.failures for receipt in receipts] == [()] * len(receipts)
    assert requests_since(futures, seen) == requests
    for dataset in snapshots:
        assert {row["market"] for row in futures.rows(dataset)} == {market}
    quarterly = [row for row in futures.rows("premium_index") if "_26" in row["symbol"]]
    assert [(row["last_funding_rate"], row["next_funding_time"]) for row in quarterly] == [(None, None)]
    first, *_ = futures.rows("tickers")
    assert (first["quote_volume"] is None, first["base_volume"] is None) == (market == "coinm", market == "usdm")
    session = hand_out(futures.lake)
    infos = dict(session.sql("SELECT symbol, funding_interval_hours FROM funding_info").fetchall())
    assert infos == ({"1000SHIBUSDT": 4} if market == "usdm" else {"BTCUSD_PERP": 8}), "each host lists both (C26)"
    async with futures.commands() as command:
        for words in (("check",), ("status",)):
            code, printed, said = await command(*words)
            assert code == 0, printed + said


async def test_the_top_of_coin_margined_contracts_is_by_worth(futures: Desk):
    """Contracts are ranked by what was traded of them, and not by how many they were."""
    futures.flows["perps"] = flow("coinm", ["prices"], symbols={"quote": "USD", "top": 1})
    await futures.run("perps")
    day = {row["symbol"]: row for row in await rows_of_tickers(futures)}
    size = {"BTCUSD_PERP": 100, "ETHUSD_PERP": 10, "BTCUSD_261225": 100}
    most = max(size, key=lambda symbol: size[symbol] * day[symbol]["volume"])
    assert [row["symbol"] for row in futures.rows("prices")] == [most]


async def rows_of_tickers(desk: Desk) -> list[dict[str, Any]]:
    desk.flows["days"] = flow("coinm", ["tickers"])
    await desk.run("days")
    return desk.rows("tickers")


async def test_a_book_with_an_empty_side_has_no_price(futures: Desk):
    """Of a symbol that nobody bids for, no price is invented: where zero is printed it is NULL."""
    futures.flows["perps"] = flow("spot", ["book_tickers"])
    await futures.run("perps")
    rows = {row["symbol"]: row for row in futures.rows("book_tickers")}
    assert (rows["NANOUSDT"]["bid_price"], rows["NANOUSDT"]["bid_qty"]) == (None, Decimal(0))
    assert rows["BTCUSDT"]["bid_price"] < rows["BTCUSDT"]["ask_price"]


async def test_what_funds_of_insurance_hold(futures: Desk):
    """Each run keeps what the fund of the chosen contract holds of each asset, and whom it shares it with is told."""
    futures.flows["perps"] = flow("usdm", ["insurance_fund"], symbols=["BTCUSDT"])
    for _ in range(2):
        receipts = await futures.run("perps")
        assert [receipt.failures for receipt in receipts] == [()]
        futures.clock.advance(3600)
    rows = futures.rows("insurance_fund")
    assert sorted({(row["symbol"], row["asset"]) for row in rows}) == [
        ("BTCUSDT", one) for one in ("BTC", "USDC", "USDT")
    ]
    assert (len(rows), len({row["observed_at"] for row in rows})) == (6, 2)
    assert {row["fund"] for row in rows} == {"BTCUSDT"}


COUNTED = ["open_interest", "long_short_ratios", "taker_volume", "basis"]
CONTRACTS = {"usdm": "BTCUSDT", "coinm": "BTCUSD_PERP"}


def along_time(market: str, *datasets: str, since: str, **more: Any) -> dict[str, Any]:
    return flow(market, list(datasets), symbols=[CONTRACTS[market]], since=since, source="rest", **more)


@pytest.mark.parametrize("market", ["usdm", pytest.param("coinm", marks=pytest.mark.soak)])
async def test_what_is_paid_and_counted_along_time(futures: Desk, market: str):
    """Fundings and counts are pulled at the planned cost, go on where they stood, and pass every check (L7, C23)."""
    futures.flows["perps"] = along_time(market, "funding_rates", *COUNTED, since="2026-10-25")
    for hours in (0, 2):
        futures.clock.advance(3600 * hours)
        requests, _ = await planned(futures)
        seen = len(futures.exchange.requests)
        receipts = await futures.run("perps")
        assert [receipt.failures for receipt in receipts] == [()] * len(receipts)
        assert requests_since(futures, seen) == requests
    now = futures.exchange.futures.now_us // 1_000_000
    slots = range(1_792_886_400 // 300, (now - 600) // 300)
    assert len(futures.rows("open_interest")) >= len([slot for slot in slots if slot % 1009])
    kinds = [row["kind"] for row in futures.rows("long_short_ratios")]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == dict.fromkeys(
        ("global_accounts", "top_accounts", "top_positions"), len(futures.rows("open_interest"))
    )
    async with futures.commands() as command:
        for words in (("check",), ("status", "--series")):
            code, printed, said = await command(*words)
            assert code == 0, printed + said


async def test_two_rates_of_one_instant_are_two_rows(futures: Desk):
    """A special funding beside a regular one is a row of its own, and is there once however often it comes (C23)."""
    futures.flows["perps"] = along_time("usdm", "funding_rates", since="2026-09-01")
    for _ in range(2):
        await futures.run("perps")
        futures.clock.advance(20 * 60)
    rows = futures.rows("funding_rates")
    times = [row["funding_time"] for row in rows]
    assert {row["rate_type"] for row in rows} == {"Regular", "Special"}
    assert len(times) - len(set(times)) == [row["rate_type"] for row in rows].count("Special") > 0
    assert {row["funding_rate"] < 0 for row in rows} == {True, False}


async def test_a_funding_whose_type_is_not_told_has_none(futures: Desk):
    """COIN-M prints no type, so none is stored; where one is told later the row gets it, and is there once (C23)."""
    futures.flows["perps"] = along_time("coinm", "funding_rates", since="2026-10-28")
    await futures.run("perps")
    before = futures.rows("funding_rates")
    assert {row["rate_type"] for row in before} == {""}
    futures.exchange.inject(Misprinted(path="/dapi/v1/fundingRate", values={"rateType": "Regular"}, count=None))
    futures.clock.advance(8 * 3600)
    await futures.run("perps")
    rows = sorted(futures.rows("funding_rates"), key=lambda row: row["funding_time"])
    assert [row["rate_type"] for row in rows] == [""] * (len(before) - 3) + ["Regular"] * 4
    assert [row["funding_rate"] for row in rows[: len(before)]] == [row["funding_rate"] for row in before]


async def test_two_fundings_that_contradict_one_another_are_refused(futures: Desk):
    """Of two rates without a type at one instant neither is stored, no coverage is noted, and the answer is named (C23)."""
    futures.flows["perps"] = along_time("usdm", "funding_rates", since="2026-09-01")
    futures.exchange.inject(Misprinted(path="/fapi/v1/fundingRate", values={"rateType": ""}, count=None))
    (receipt,) = await futures.run("perps")
    (failure,) = receipt.failures
    assert "rate_type" in failure.why
    assert "twice" in failure.why
    assert futures.rows("funding_rates") == []
    futures.exchange.heal()
    await futures.run("perps")
    assert {row["rate_type"] for row in futures.rows("funding_rates")} == {"Regular", "Special"}


async def test_a_contract_of_an_unknown_type_is_asked_for_fundings(futures: Desk):
    """Only the types that are known to have no funding are left out."""
    contract = futures.exchange.futures.listing("ETHUSDT", futures.exchange.futures.now_us // 1000)
    futures.exchange.futures.add(replace(contract, symbol="NEWUSDT", kind="PERPETUAL_OF_TOMORROW"))
    futures.flows["perps"] = along_time("usdm", "funding_rates", since="2026-10-30") | {"symbols": ["NEWUSDT"]}
    await futures.run("perps")
    assert futures.asked("fundingRate")


@pytest.mark.parametrize("before", [0, 1])
async def test_a_gap_that_is_filled_in_part_says_what_is_lacking(futures: Desk, before: int):
    """Of a gap of several slots all but one come at the second look: that one is a confirmed gap of its own."""
    futures.flows["perps"] = along_time("usdm", "open_interest", since="2026-10-25")
    await futures.run("perps")
    table, five_us = futures.lake.table(DATASETS["open_interest"]), 300_000_000
    ((series, gaps), *_) = load_gaps(futures.lake, table.dataset).items()
    gap, *_ = gaps.values()
    wide = replace(gap, since=gap.since - before * five_us, until=gap.since + 2 * five_us)
    lost = {wide.since + place * five_us for place in range(2 + before)}
    stored = table.scan()
    old = stored.filter(pa.array([micros(one) in lost for one in stored["time"].to_pylist()]))
    assert old.num_rows == 1 + before
    table.replace(old.select(table.dataset.key), stored.schema.empty_table(), [])
    futures.clock.advance(60)
    now = futures.exchange.futures.now_us
    write_gaps(futures.lake, [(series, replace(gap, filled_at=now))], now)
    write_gaps(futures.lake, [(series, wide)], now + 1)
    futures.clock.advance(2 * 3600)
    await futures.run("perps")
    assert futures.lake.table(table.dataset).scan().num_rows >= stored.num_rows
    left = load_gaps(futures.lake, table.dataset)[series]
    assert wide.since not in left or not before
    assert (left[gap.since].until, left[gap.since].confirmed_at is None) == (gap.until, False)
    keys = [(row["since"], row["seen_at"]) for row in futures.rows("gaps")]
    assert len(keys) == len(set(keys))


async def test_what_is_no_longer_kept_is_a_gap(futures: Desk):
    """Counts older than 30 days are not asked for: the stretch is explained as not retained, with what was asked (L11)."""
    futures.flows["perps"] = along_time("usdm", "open_interest", "long_short_ratios", since="2026-08-01")
    receipts = await futures.run("perps")
    assert [receipt.failures for receipt in receipts] == [(), ()]
    gaps = [row for row in futures.rows("gaps") if row["reason"] == "not_retained"]
    *of_kinds, gap = sorted(gaps, key=lambda row: row["dataset"])
    kinds = [row["kind"] for row in of_kinds]
    assert sorted(kinds) == ["global_accounts", "top_accounts", "top_positions"], "each kind has a gap of its own"
    assert (gap["reason"], gap["dataset"], str(gap["since"])[:10]) == ("not_retained", "open_interest", "2026-08-01")
    assert "GET /futures/data/openInterestHist" in gap["evidence"]
    first, *_ = futures.rows("open_interest")
    assert first["time"] >= gap["until"]


async def test_a_count_that_comes_again_differently_is_corrected(futures: Desk):
    """A stored row that the exchange now prints differently is replaced, and both versions are kept."""
    futures.flows["perps"] = along_time("usdm", "open_interest", since="2026-11-01")
    await futures.run("perps")
    table = futures.lake.table(DATASETS["open_interest"])
    last = table.scan().sort_by("time").slice(table.scan().num_rows - 1)
    wrong = last.to_pylist()[0] | {"open_interest": Decimal(7)}
    table.replace(last.select(table.dataset.key), pa.Table.from_pylist([wrong], schema=table.dataset.schema), [])
    futures.clock.advance(1800)
    await futures.run("perps")
    (correction,) = futures.rows("corrections")
    assert (correction["dataset"], '"open_interest":"7.' in correction["before"]) == ("open_interest", True)
    assert Decimal(7) not in [row["open_interest"] for row in futures.rows("open_interest")]


async def test_a_contract_with_a_delivery_has_no_funding(futures: Desk):
    """Only perpetual contracts are asked for fundings."""
    futures.flows["perps"] = along_time("usdm", "funding_rates", since="2026-10-30") | {"symbols": ["BTCUSDT_261225"]}
    await futures.run("perps")
    assert not futures.asked("fundingRate")


async def test_an_earlier_beginning_is_asked_for_behind(futures: Desk):
    """With an earlier `since`, history is added before what is stored, and nothing is stored twice."""
    futures.flows["perps"] = along_time("usdm", "funding_rates", since="2026-10-25")
    await futures.run("perps")
    later = futures.rows("funding_rates")
    futures.flows["perps"] |= {"since": "2026-10-01"}
    await futures.run("perps")
    rows = futures.rows("funding_rates")
    assert [row for row in rows if str(row["funding_time"]) >= "2026-10-25"] == later
    assert str(min(row["funding_time"] for row in rows))[:10] == "2026-10-01"


async def test_a_count_that_is_lacking_is_a_gap_and_looked_at_again(futures: Desk):
    """A slot without a count is a row of `gaps` from the first answer on, and confirmed by a second look an hour later."""
    futures.flows["perps"] = along_time("usdm", "open_interest", since="2026-10-25")
    await futures.run("perps")
    first = futures.rows("gaps")
    assert {(row["reason"], row["confirmed_at"]) for row in first} == {("exchange_outage", None)}
    slots = {int(row["since"].timestamp()) // 300 for row in first}
    assert slots
    assert not [slot for slot in slots if slot % 1009], "those that the exchange leaves out"
    futures.clock.advance(2 * 3600)
    await futures.run("perps")
    confirmed = {row["since"] for row in futures.rows("gaps") if row["confirmed_at"] is not None}
    assert confirmed == {row["since"] for row in first}


async def test_a_gap_that_is_not_kept_any_more_says_so(futures: Desk):
    """A slot that waited for its second look until nobody returns it is told as not retained, and waits no more."""
    futures.flows["perps"] = along_time("usdm", "open_interest", since="2026-10-25")
    await futures.run("perps")
    lacking = {row["since"] for row in futures.rows("gaps")}
    futures.clock.advance(40 * 86_400)
    await futures.run("perps")
    last = {row["since"]: row for row in sorted(futures.rows("gaps"), key=lambda row: row["seen_at"])}
    assert lacking
    assert {(last[at]["reason"], last[at]["confirmed_at"] is None) for at in lacking} == {("not_retained", False)}


@pytest.mark.soak
async def test_deliveries_of_a_pair_come_in_one_answer(futures: Desk):
    """Prices of all deliveries since the wanted day are stored once; pairs without such contracts are not asked for."""
    futures.flows["perps"] = along_time("usdm", "delivery_prices", since="2025-01-01") | {
        "symbols": ["BTCUSDT", "ETHUSDT"]
    }
    for _ in range(2):
        requests, _ = await planned(futures)
        seen = len(futures.exchange.requests)
        (receipt,) = await futures.run("perps")
        assert (receipt.failures, requests_since(futures, seen)) == ((), requests)
        futures.clock.advance(3 * 86_400)
    rows = futures.rows("delivery_prices")
    assert {row["symbol"] for row in rows} == {"BTCUSDT"}
    times = [str(row["delivery_time"])[:10] for row in rows]
    assert times == sorted(set(times))
    assert (times[0], times[-1]) == ("2025-03-28", "2026-09-25")
    assert {row["delivery_price"] % 1 for row in rows} == {Decimal("0.1")}
    async with futures.commands() as command:
        code, printed, said = await command("check")
        assert code == 0, printed + said


CALLS = {"funding_rates": "fundingRate", "open_interest": "openInterestHist"}


@pytest.mark.parametrize("dataset", CALLS)
async def test_the_last_hours_of_a_contract_are_pulled(futures: Desk, dataset: str):
    """What a contract printed between the last pull and its end is asked for, and then nothing more."""
    futures.flows["perps"] = along_time("usdm", dataset, since="2026-10-30") | {"symbols": ["ETHUSDT"]}
    await futures.run("perps")
    before = futures.rows(dataset)
    futures.clock.advance(30 * 3600)
    futures.exchange.futures.delist("ETHUSDT")
    ended = futures.exchange.futures.now_us // 1_000_000
    path = CALLS[dataset]
    asked = []
    for _ in range(4):
        futures.clock.advance(2 * 86_400)
        await futures.run("perps")
        asked.append(len(futures.asked(path)))
    rows = futures.rows(dataset)
    late = ended - rows[-1][str(DATASETS[dataset].clock)].timestamp()
    assert len(rows) > len(before)
    assert late < (8 * 3600 if dataset == "funding_rates" else 600)
    assert asked[-1] == asked[-2]


async def test_a_gap_that_two_answers_fill_is_told_once(futures: Desk):
    """A stretch that both the next answer and a second look bring is one row of `gaps`."""
    futures.flows["perps"] = along_time("usdm", "open_interest", since="2026-11-01")
    await futures.run("perps")
    table = futures.lake.table(DATASETS["open_interest"])
    ((series, _), *_) = table.series()
    last = table.scan().sort_by("time").slice(table.scan().num_rows - 1)
    at_us = micros(last["time"][0].as_py())
    table.replace(last.select(table.dataset.key), last.schema.empty_table(), [])
    now = futures.exchange.futures.now_us
    gap = Gap(
        since=at_us, until=at_us + 300_000_000, reason="exchange_outage", evidence={"asked": "it"}, first_seen=now
    )
    write_gaps(futures.lake, [(series, gap)], now)
    futures.clock.advance(2 * 3600)
    await futures.run("perps")
    assert len([row for row in futures.rows("gaps") if micros(row["since"]) == at_us]) == 2
    assert at_us not in load_gaps(futures.lake, table.dataset).get(series, {})


FUNDING = DATASETS["funding_rates"]


async def lacking_fundings(desk: Desk) -> list[tuple[str, int]]:
    """A desk whose lake lacks two fundings in a row that are days old; the check names them."""
    desk.flows["perps"] = along_time("usdm", "funding_rates", since="2026-10-25")
    await desk.run("perps")
    table = desk.lake.table(FUNDING)
    times = sorted(row["funding_time"] for row in table.scan().to_pylist() if row["rate_type"] == "Regular")[4:6]
    lost = table.scan(where=pc.field("funding_time").isin(pa.array(times, FUNDING.schema.field("funding_time").type)))
    table.replace(lost.select(FUNDING.key), lost.schema.empty_table(), [])
    assert named(desk) == [(f"{times[0]:%Y-%m-%d %H:00}", 2)]
    desk.clock.advance(600)
    return named(desk)


def named(desk: Desk) -> list[tuple[str, int]]:
    """The fundings that the check finds lacking."""
    (result,) = run_checks(desk.lake, [], datetime(2026, 11, 2, 12, tzinfo=UTC), ["funding_grid"])
    return [(row["since"][:16], row["missing"]) for row in map(json.loads, result.sample)]


async def test_fundings_that_a_check_names_are_asked_for(futures: Desk):
    """What the check finds lacking is asked for by the next run, at the planned cost, however old it is; then all is there."""
    await lacking_fundings(futures)
    requests, _ = await planned(futures)
    seen = len(futures.exchange.requests)
    (receipt,) = await futures.run("perps")
    assert (receipt.rows, requests_since(futures, seen)) == (2, requests)
    assert (named(futures), futures.rows("gaps")) == ([], [])


async def test_fundings_that_do_not_come_are_a_gap_after_two_looks(futures: Desk):
    """Where the exchange has none either it says so twice, an hour apart, and is then asked no more."""
    ((since, _),) = await lacking_fundings(futures)
    futures.exchange.inject(ShortPage(path="/fapi/v1/fundingRate", keep=0, count=None))
    await futures.run("perps")
    (gap,) = futures.rows("gaps")
    assert (f"{gap['since']:%Y-%m-%d %H:%M}", gap["confirmed_at"], named(futures)) == (since, None, [])
    assert "GET /fapi/v1/fundingRate" in gap["evidence"]
    futures.clock.advance(2 * 3600)
    await futures.run("perps")
    assert [row["confirmed_at"] is not None for row in futures.rows("gaps")] == [False, True]
    seen = len(futures.exchange.requests)
    futures.clock.advance(600)
    await futures.run("perps")
    assert requests_since(futures, seen) == 1
