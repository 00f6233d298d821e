"""A change of a balance that nothing explains has the ledgers of its wallet asked about that time once more."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from support.lakes import put
from support.trade_desk import ACCOUNT, UID, TradeDesk

from connectors.binance.endpoints.wallet import WITHDRAWALS
from connectors.lake import Move
from connectors.simulator.protocol.faults import Body
from pipelines.estimate.flow import plan_flows
from pipelines.pull.ledger_windows import look_windows, windows_of
from pipelines.store.looks import Look, is_due
from schemas.datasets import DATASETS
from schemas.datasets.journal import RUNS
from schemas.derived.queries import moving
from schemas.model.series import Series

DIVIDENDS = "asset/assetDividend"
HOUR_S, DAY_S = 3600, 86_400
DAY_US = DAY_S * 1_000_000


@pytest.fixture
async def doubtful(trade_desk: TradeDesk) -> TradeDesk:
    """A desk at whose account 5 XRP came in five days ago of which no ledger told; all the others are held."""
    datasets = ["balances", "dividends"]
    trade_desk.flows["books"] = {
        "kind": "account", "account": ACCOUNT, "datasets": datasets, "since": "2026-10-01", "values": False,
    }  # fmt: skip
    await run(trade_desk)
    for name, wallets in moving().items():
        if "spot" in wallets and name != "dividends":
            _hold(trade_desk, DATASETS[name])
    trade_desk.clock.advance(HOUR_S)
    trade_desk.exchange.set_balance(UID, "XRP", 1_000_005)
    await run(trade_desk)
    trade_desk.clock.advance(5 * DAY_S)
    await run(trade_desk)
    return trade_desk


def _hold(desk: TradeDesk, dataset: Any) -> None:
    done = {"run": dataset.name, "flow": "books", "dataset": dataset.comes_with or dataset.name, "account": ACCOUNT}
    put(desk.lake, RUNS, done | {"outcome": "done", "started": "2030-01-01", "ended": "2030-01-01"})
    if dataset.settles is not None:
        values = dict.fromkeys(dataset.series, "x") | {"account": ACCOUNT}
        bounds = {"since": 0, "until": desk.now_us() + 1000 * DAY_US}
        desk.lake.table(dataset).commit(None, [Move.of(Series.of(dataset, **values), bounds, {})])


async def run(desk: TradeDesk) -> int:
    """Run once; how many requests the list of dividends took."""
    before = len(desk.asked(DIVIDENDS))
    await desk.run("books")
    return len(desk.asked(DIVIDENDS)) - before


def tell(desk: TradeDesk, days_ago: float) -> None:
    """Have the exchange tell at last of what came in."""
    row = {"id": 1, "amount": "5", "asset": "XRP", "enInfo": "Airdrop", "tranId": 1, "direction": 1}
    at_ms = desk.exchange.now_ms - int(days_ago * DAY_S * 1000)
    desk.exchange.add_movement(UID, DIVIDENDS, {**row, "divTime": at_ms})


@pytest.mark.soak
async def test_what_an_unexplained_change_has_asked_once_more_is_stored(doubtful: TradeDesk) -> None:
    """A row that appears days late, where the ledger is covered, is found, priced before, and then nothing is asked."""
    tell(doubtful, 5.02)
    (planned,) = await plan_flows(doubtful.config, ["books"], state=doubtful.state, clock=doubtful.now_us)
    (cost,) = [each for each in planned.series if each.series == f"{ACCOUNT}/dividends"]
    assert (await run(doubtful), cost.requests) == (2, 2)
    assert [row["amount"] for row in doubtful.rows("dividends")] == [5]
    doubtful.clock.advance(DAY_S)
    assert await run(doubtful) == 1


@pytest.mark.parametrize("times", range(5))
def test_a_change_that_stays_unexplained_is_asked_about_ever_more_rarely(times: int) -> None:
    """A ledger is asked at once, after an hour, a day and a week, and then no more."""
    pauses_s = {0: 0, 1: HOUR_S, 2: DAY_S, 3: 7 * DAY_S}
    for after_s in (0, HOUR_S - 1, HOUR_S, DAY_S - 1, DAY_S, 7 * DAY_S - 1, 7 * DAY_S, 100 * DAY_S):
        expected = times in pauses_s and after_s >= pauses_s[times]
        assert is_due(times, 10**15, 10**15 + after_s * 1_000_000) is expected


@pytest.mark.soak
async def test_a_look_that_failed_is_not_taken_for_made(doubtful: TradeDesk) -> None:
    """Where an answer is missing, nothing is noted, and the next run asks again."""
    doubtful.exchange.inject(Body(path=f"/sapi/v1/{DIVIDENDS}", count=None, text="[1]"))
    await run(doubtful)
    assert doubtful.rows("ledger_looks") == []
    doubtful.exchange.heal()
    assert await run(doubtful) == 2
    assert [row["dataset"] for row in doubtful.rows("ledger_looks")] == ["dividends"]
    assert await run(doubtful) == 1


@pytest.mark.parametrize(
    ("wallet", "series", "concerned"),
    [
        ("spot", {"account": "main"}, True),
        ("margin_debt", {"wallet": "margin"}, True),
        ("isolated_margin_debt:BTCUSDT", {"wallet": "isolated_margin:BTCUSDT"}, True),
        ("isolated_margin:BTCUSDT", {"wallet": "isolated_margin:ETHUSDT"}, False),
        ("usdm", {"market": "coinm"}, False),
    ],
)
def test_only_what_may_have_moved_the_wallet_is_asked(wallet: str, series: dict[str, str], concerned: bool) -> None:
    """Of a ledger with a series for each wallet or market, the one of that wallet is asked, a debt with its loan."""
    assert Look(wallet, 0, 1).concerns(series) is concerned


@pytest.mark.parametrize("rests", [True, False])
def test_a_ledger_is_asked_about_all_of_a_change_also_while_it_rests(rests: bool) -> None:
    """What a run asks for and the second look together reach over the change, each instant once."""
    series, now = Series.of(WITHDRAWALS.feeds, account=ACCOUNT), 20_500 * DAY_US
    bounds = {series.field_id("since"): 20_400 * DAY_US, series.field_id("until"): now - DAY_US // 24}
    look = Look("spot", now - 3 * DAY_US, now - 2 * DAY_US)  # of days in which rows of the ledger may still appear
    windows = windows_of(WITHDRAWALS, [series], bounds, 20_400 * DAY_US, now, [series] if rests else ())
    windows += look_windows(WITHDRAWALS, [series], bounds, [look], windows, now)
    asked = sorted((each.ask_since, each.until) for each in windows)
    assert min(asked)[0] <= look.since
    assert max(asked)[1] >= look.until
    assert all(end <= start for (_, end), (start, _) in pairwise(asked))
