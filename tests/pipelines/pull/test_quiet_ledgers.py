"""Ledgers that cost much rest while they have no news, so that a run that finds nothing costs little."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from support.desks import API_KEY, SECRET
from support.followed import Day, Follower, follow
from support.trade_desk import ACCOUNT, UID, TradeDesk

from connectors.binance.endpoints import ENDPOINTS
from connectors.binance.endpoints.model import Windows
from connectors.binance.pools import FUTURES
from pipelines.estimate.flow import plan_flows

LIMITS = {endpoint.pool.name: endpoint.pool.limit for endpoint in ENDPOINTS}
LEDGERS = {endpoint.pool.name for endpoint in ENDPOINTS if isinstance(endpoint.walk, Windows)} - {FUTURES.name}
MOST_BY_IP = 1_500  # weight of all pools together
MOST_BY_UID = 0.1  # of the limit of any pool
HOUR = 1 / 24
MINUTE = HOUR / 60  # an answer within seconds of another one may lack what happened in between


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DESK_KEY", API_KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))


def spent(follower: Follower) -> dict[str, int]:
    """The weight that the last run took out of each pool."""
    pools, requests = defaultdict[str, int](int), follower.desk.rows("api_requests")
    (last,) = {max(requests, key=lambda row: row["asked_at"])["run"]}
    for row in requests:
        pools[row["pool"]] += row["weight"] if row["run"] == last else 0
    return dict(pools)


async def idle(follower: Follower) -> None:
    """A run that finds what the run before it found costs what `plan` says of ledgers, and little of any pool."""
    (plan,) = await plan_flows(follower.desk.config, ["trading"], state=follower.desk.state, clock=follower.desk.now_us)
    await follower.live(Day(MINUTE))
    pools = spent(follower)
    planned = sum(
        cost.weight for cost in plan.series if cost.series.startswith("main/") and not cost.series.endswith("income")
    )
    assert planned == sum(pools.get(name, 0) for name in LEDGERS)
    assert sum(weight for name, weight in pools.items() if not name.startswith("uid:")) < MOST_BY_IP
    for name, weight in pools.items():
        assert not name.startswith("uid:") or weight <= MOST_BY_UID * LIMITS[name], name


def flow(desk: TradeDesk, *datasets: str) -> None:
    more = {"since": "2026-10-01", "values": False}
    desk.flows["books"] = {"kind": "account", "account": ACCOUNT, "datasets": list(datasets), **more}


async def asked(desk: TradeDesk, part: str, after: float, *, again: bool = False) -> bool:
    """Whether a run after so many days asks for a list."""
    before = len(desk.asked(part))
    desk.clock.advance(after * 86_400)
    await desk.run("books", again=again)
    return len(desk.asked(part)) > before


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("values", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["plain", "valued"])
async def test_an_idle_run_over_a_whole_account_is_cheap(tmp_path: Path, values: bool) -> None:
    """With all datasets and nothing new: under 1,500 weight by address, a tenth of any pool by account, as planned."""
    await follow(tmp_path, [Day(0), Day(MINUTE)], past_days=5, then=idle, values=values)


async def test_a_ledger_rests_after_an_answer_without_news(trade_desk: TradeDesk) -> None:
    """One that costs much is asked again in the next run after news, else after hours, or with `--again`."""
    flow(trade_desk, "withdrawals")
    row = {
        "id": "b6ae", "amount": "8.91", "transactionFee": "0.004", "coin": "USDT", "status": 6, "address": "0x94",
        "txId": "", "applyTime": "2026-10-12 11:12:02", "completeTime": "2026-10-12 11:20:00", "transferType": 0,
        "walletType": 1, "txKey": "", "confirmNo": 3,
    }  # fmt: skip
    trade_desk.exchange.add_movement(UID, "capital/withdraw/history", row)
    runs = [(MINUTE, False), (MINUTE, False), (MINUTE, False), (MINUTE, True), (HOUR, False), (6 * HOUR, False)]
    told = [await asked(trade_desk, "withdraw", after, again=again) for after, again in runs]
    assert told == [True, True, False, True, False, True]


@pytest.mark.parametrize(
    ("dataset", "part"), [("pay_transactions", "pay/transactions"), ("rebates", "rebate/taxQuery")]
)
async def test_lists_that_cost_an_account_much_rest(trade_desk: TradeDesk, dataset: str, part: str) -> None:
    """Pay and rebates, of which most accounts have none, are asked for every six hours, or with `--again`."""
    flow(trade_desk, dataset)
    runs = [(MINUTE, False), (MINUTE, False), (HOUR, False), (MINUTE, True), (6 * HOUR, False)]
    told = [await asked(trade_desk, part, after, again=again) for after, again in runs]
    assert told == [True, False, False, True, True]


async def test_a_change_that_nothing_explains_wakes_a_ledger(trade_desk: TradeDesk) -> None:
    """A balance that changed for no known reason has ledgers of its wallet asked, though they rest, and only once."""
    flow(trade_desk, "balances", "earn_subscriptions")
    told = list[bool]()
    for balance in (1, 1, 2, 2, 2):
        trade_desk.exchange.set_balance(UID, "XRP", balance)
        told.append(await asked(trade_desk, "subscriptionRecord", MINUTE))
    assert told == [True, False, False, True, False]
