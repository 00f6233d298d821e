"""What `plan` says is what the run requests, for every dataset that a flow may have."""

from __future__ import annotations

from typing import Any

import pytest
from support.trade_desk import ACCOUNT, UID, UNLIMITED, TradeDesk

from connectors.binance.budget import Budget
from connectors.binance.endpoints import ENDPOINTS, FEEDING
from connectors.binance.endpoints.spot import TIME
from connectors.lake import Lake
from connectors.simulator.protocol.faults import Error
from pipelines.estimate.flow import plan_flows
from schemas.config import names
from schemas.config.names import ACCOUNT_DATASETS, BY_MINER, MOVING, VALUED
from schemas.model.errors import UsageProblem
from schemas.model.instants import utc_text

MINED = {"mining": ["alice"]}
UNVALUED = {"values": False}  # what values an account follows from what it is found to hold
NAMED = ["BTCUSDT", "ETHUSDT"]
MARKET = {"kind": "market", "market": "spot"}
CANDLES = {"intervals": ["1h"], "since": "2026-10-01", "source": "rest"}
TRADES = {"agg_trades", "trades"}  # a minute has hundreds: they are planned in tests/pipelines/ticks
MARKET_DATASETS = [name for name in names.MARKET_DATASETS if name not in TRADES and (name, "spot") in FEEDING]
PAIRS = "Pairs of isolated margin that the ledgers name for the first time come on top, with windows of their own."
ANSWERS_DECIDE = {"fills": "they need orders, with which they are planned"}
"""What cannot be planned by itself. What a list holds cannot be known either: here the lists of the account are empty;
pages, halves and orders that turn up are requested on top, and the note of the plan says so."""


def flow_of(dataset: str, symbols: Any) -> dict[str, Any]:
    """A flow of one dataset, or of those that need one another."""
    account = {"kind": "account", "account": ACCOUNT}
    if dataset in MARKET_DATASETS:
        return MARKET | {"datasets": [dataset], "symbols": symbols} | (CANDLES if dataset == "klines" else {})
    if dataset == "everything":
        return account | UNVALUED | MINED | {"datasets": list(ACCOUNT_DATASETS), "symbols": symbols}
    if dataset == "orders":
        return account | UNVALUED | {"datasets": ["orders", "fills"], "symbols": symbols}
    more = (UNVALUED if dataset in {*VALUED, *MOVING} else {}) | (MINED if dataset in BY_MINER else {})
    return account | {"datasets": [dataset]} | more


ALONE = [name for name in ACCOUNT_DATASETS if name not in ANSWERS_DECIDE]
CASES = [
    *((name, NAMED) for name in (*MARKET_DATASETS, *ALONE[::8])),
    *(pytest.param(name, NAMED, marks=pytest.mark.soak) for name in ALONE if name not in ALONE[::8]),
    *((name, choice) for name in MARKET_DATASETS for choice in ("all", {"quote": "USDT", "top": 2})),
    ("orders", "traded"),
    pytest.param("everything", NAMED, marks=pytest.mark.soak),
    pytest.param("everything", "traded", marks=pytest.mark.soak),
]


def requested(desk: TradeDesk) -> tuple[int, int]:
    """How many requests the lake knows of, and what they weighed; reading the exchange's clock is not planned."""
    there = (desk.folder / "lake" / "lake.json").exists()
    weights = [row["weight"] for row in desk.rows("api_requests") if row["path"] != TIME.path] if there else []
    return len(weights), sum(weights)


async def planned_and_spent(desk: TradeDesk) -> tuple[tuple[int, int], tuple[int, int]]:
    """Requests and weight of the plan, and of the run right behind it."""
    (plan,) = await plan_flows(desk.config, ["one"], state=desk.state, clock=desk.now_us)
    before = requested(desk)
    receipts = await desk.run("one")
    assert [receipt.failures for receipt in receipts] == [()] * len(receipts)
    after = requested(desk)
    return (plan.requests, plan.weight), (after[0] - before[0], after[1] - before[1])


@pytest.mark.parametrize(("dataset", "symbols"), CASES, ids=str)
async def test_what_is_planned_is_what_is_requested(trade_desk: TradeDesk, dataset: str, symbols: Any):
    """A first run and one a day later send exactly the requests of their plans, of the same weight."""
    with Budget(trade_desk.state, "simulator") as budget:
        for endpoint in ENDPOINTS:
            budget.learn(endpoint.pool, UNLIMITED)
    trade_desk.flows = {"one": flow_of(dataset, symbols)}
    for _ in range(2):
        planned, spent = await planned_and_spent(trade_desk)
        assert planned == spent
        trade_desk.clock.advance(86_400)


HELD = {
    "withdrawals": ("capital/withdraw/history", None, "applyTime", {
        "id": "b6ae", "amount": "8.91", "transactionFee": "0.004", "coin": "USDT", "status": 6, "address": "0x94",
        "txId": "", "completeTime": "2026-10-12 11:20:00", "transferType": 0, "walletType": 1, "txKey": "",
        "confirmNo": 3,
    }),
    "transfers": ("asset/transfer", "MAIN_FUNDING", "timestamp", {
        "asset": "USDT", "amount": "1", "type": "MAIN_FUNDING", "status": "CONFIRMED", "tranId": 1,
    }),
    "margin_transfers": ("margin/transfer", None, "timestamp", {
        "amount": "0.1", "asset": "BNB", "status": "CONFIRMED", "txId": 1, "type": "ROLL_IN", "transFrom": "SPOT",
        "transTo": "CROSS_MARGIN",
    }),
}  # fmt: skip


@pytest.mark.parametrize("dataset", HELD)
async def test_a_list_that_holds_rows_costs_what_an_empty_one_does(trade_desk: TradeDesk, dataset: str):
    """What nobody knows before the first run, which months have movements, changes nothing of what it requests."""
    with Budget(trade_desk.state, "simulator") as budget:
        for endpoint in ENDPOINTS:
            budget.learn(endpoint.pool, UNLIMITED)
    path, group, time, row = HELD[dataset]
    for ago in (10, 40, 70):
        at_ms = trade_desk.exchange.now_ms - ago * 86_400_000
        at = utc_text(at_ms * 1000)[:19] if time == "applyTime" else at_ms
        trade_desk.exchange.add_movement(UID, path, row | {time: at}, group)
    trade_desk.flows = {"one": flow_of(dataset, NAMED) | {"since": "2026-08-01"}}
    for _ in range(2):
        planned, spent = await planned_and_spent(trade_desk)
        assert planned == spent
        trade_desk.clock.advance(86_400)
    assert len(trade_desk.rows(dataset)) == 3


@pytest.mark.soak
async def test_pairs_that_nobody_knows_yet_are_named(trade_desk: TradeDesk):
    """A plan of margin says once that pairs of isolated margin come on top, until its lists have been read."""
    trade_desk.flows = {"one": flow_of("margin_loans", NAMED) | {"datasets": ["margin_loans", "margin_transfers"]}}
    notes = list[str]()
    for _ in range(2):
        (plan,) = await plan_flows(trade_desk.config, ["one"], state=trade_desk.state, clock=trade_desk.now_us)
        notes.append(plan.note)
        await trade_desk.run("one")
    assert notes == [PAIRS, ""]


@pytest.mark.parametrize("dataset", ["balances", pytest.param("orders", marks=pytest.mark.soak)])
async def test_what_values_an_account_is_planned(trade_desk: TradeDesk, dataset: str):
    """Once the lake knows what an account holds and moved, its plan has the prices and candles of each later run."""
    trade_desk.book.fill("ETHBTC", trade_desk.book.place("ETHBTC", "BUY", 1, "0.05"), fee=(2, "XRP"))
    trade_desk.flows = {"one": flow_of(dataset, ["ETHBTC"]) | {"values": True}}
    await trade_desk.run("one")
    for _ in range(2):
        trade_desk.clock.advance(86_400)
        planned, spent = await planned_and_spent(trade_desk)
        assert planned == spent


def stored(desk: TradeDesk) -> dict[str, bytes]:
    """Every file of the lake, and what is in it."""
    lake = desk.folder / "lake"
    return {str(path): path.read_bytes() for path in lake.rglob("*") if path.is_file()}


@pytest.mark.parametrize("choice", [NAMED, "all", {"quote": "USDT", "top": 2}, "traded"], ids=str)
async def test_a_plan_stores_nothing(trade_desk: TradeDesk, choice: Any):
    """Before the first run it makes no lake; later, when it asks for a listing that is out of date, every byte stays."""
    trade_desk.flows = {"one": flow_of("orders" if choice == "traded" else "klines", choice)}
    await plan_flows(trade_desk.config, ["one"], state=trade_desk.state, clock=trade_desk.now_us)
    assert not (trade_desk.folder / "lake").exists()
    await trade_desk.run("one")
    trade_desk.clock.advance(2 * 86_400)
    before, asked = stored(trade_desk), len(trade_desk.asked("exchangeInfo"))
    await plan_flows(trade_desk.config, ["one"], state=trade_desk.state, clock=trade_desk.now_us)
    assert stored(trade_desk) == before
    assert len(trade_desk.asked("exchangeInfo")) == asked + (choice != NAMED)


async def test_a_listing_is_asked_for_once_a_plan(trade_desk: TradeDesk):
    """Flows that are planned together share what the exchange lists."""
    trade_desk.flows = {"one": flow_of("klines", "all"), "two": flow_of("orders", "traded")}
    await plan_flows(trade_desk.config, ["one", "two"], state=trade_desk.state, clock=trade_desk.now_us)
    assert len(trade_desk.asked("exchangeInfo")) == 1


async def test_an_unknown_symbol_is_no_series(trade_desk: TradeDesk):
    """A name that nobody lists is told, and neither counted nor priced; the others are planned."""
    trade_desk.flows = {"one": flow_of("klines", ["BTCUSTD", "ETHUSDT"])}
    for _ in range(2):
        (plan,) = await plan_flows(trade_desk.config, ["one"], state=trade_desk.state, clock=trade_desk.now_us)
        assert [one.series for one in plan.series] == ["klines/spot/ETHUSDT/1h"]
        assert plan.note == "The exchange lists no symbol BTCUSTD. Did you mean BTCUSDT?"
        await trade_desk.run("one")


async def test_a_lake_of_another_exchange_is_refused(trade_desk: TradeDesk):
    """A plan for one exchange over the data of another would plan nothing that will run."""
    Lake.open(trade_desk.folder / "lake", "live")
    trade_desk.flows = {"one": flow_of("prices", NAMED)}
    with pytest.raises(UsageProblem, match="holds data of live"):
        await plan_flows(trade_desk.config, ["one"], state=trade_desk.state)


async def test_without_an_exchange_named_symbols_are_planned(trade_desk: TradeDesk):
    """While the exchange cannot be asked whether it lists the named symbols, they are priced, and the plan says so."""
    trade_desk.exchange.inject(Error(code=-1003, status=418, headers={"Retry-After": "86400"}, count=None))
    trade_desk.flows = {"one": flow_of("klines", NAMED)}
    (plan,) = await plan_flows(trade_desk.config, ["one"], state=trade_desk.state, clock=trade_desk.now_us)
    assert [one.series for one in plan.series] == ["klines/spot/BTCUSDT/1h", "klines/spot/ETHUSDT/1h"]
    assert plan.note.startswith("Whether the exchange lists each symbol is not known: ")
