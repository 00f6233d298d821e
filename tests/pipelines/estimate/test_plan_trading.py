"""What `plan` says of orders and fills is what a run requests, in every market that ledgers name the symbols of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.sampled import some_of
from support.trade_desk import ACCOUNT, UID, UNLIMITED

from connectors.binance.budget import Budget
from connectors.binance.endpoints import ENDPOINTS
from connectors.binance.endpoints.coinm import TIME as COINM_TIME
from connectors.binance.endpoints.spot import TIME
from connectors.binance.endpoints.usdm import TIME as USDM_TIME
from connectors.simulator.account.wallet_books import Leg
from pipelines.estimate.flow import plan_flows

if TYPE_CHECKING:
    from support.trade_desk import TradeDesk

DAY_S, HOUR_S = 86_400, 3600
CLOCKS = {TIME.path, USDM_TIME.path, COINM_TIME.path}
TRADED = {
    "usdm": ("BTCUSDT", "usdm"),
    "margin": ("BTCUSDT", "margin"),
    "isolated_margin": ("BTCUSDT", "isolated_margin:BTCUSDT"),
    "coinm": ("BTCUSD_PERP", "coinm"),
}
FLOWS_OF = {"isolated_margin": "margin"}  # the wallets of flows.yaml by which markets are chosen


@pytest.fixture(params=some_of(TRADED))
def market(request: pytest.FixtureRequest, trade_desk: TradeDesk) -> str:
    """A market in which the account has a wallet and trades a symbol by hand."""
    name: str = request.param
    trade_desk.addresses = dict.fromkeys(("wallet", "usdm", "coinm"), trade_desk.url)
    with Budget(trade_desk.state, "simulator") as budget:
        for pool in {endpoint.pool for endpoint in ENDPOINTS}:
            budget.learn(pool, UNLIMITED)
    legs = [Leg(TRADED[name][1], asset, 1000) for asset in ("USDT", "BTC")]
    trade_desk.exchange.move(UID, trade_desk.exchange.now_ms, legs)
    return name


def trade(desk: TradeDesk, market: str) -> None:
    """An order that is filled whole."""
    isolated = market.endswith("margin")
    book = desk.exchange.margin_book(UID, market) if isolated else desk.exchange.futures_book(UID, market)
    symbol, _ = TRADED[market]
    book.fill(symbol, book.place(symbol, "BUY", 1, 50))


async def planned_and_spent(desk: TradeDesk) -> tuple[Any, Any]:
    """Requests and weight of the plan, and of the run right behind it, the clock of a host not counted."""
    (plan,) = await plan_flows(desk.config, ["one"], state=desk.state, clock=desk.now_us)
    before = len(desk.exchange.requests)
    receipts = await desk.run("one")
    assert [receipt.failures for receipt in receipts] == [()] * len(receipts)
    asked = [one for one in list(desk.exchange.requests)[before:] if one.path not in CLOCKS]
    return (plan.requests, plan.weight), (len(asked), sum(one.weight for one in asked))


def follow(desk: TradeDesk, market: str, symbols: Any) -> None:
    desk.flows["one"] = {
        "kind": "account", "account": ACCOUNT, "datasets": ["orders", "fills"], "symbols": symbols, "values": False,
        "wallets": [FLOWS_OF.get(market, market)],
    }  # fmt: skip


@pytest.mark.parametrize("market", some_of(["usdm", "coinm"]), indirect=True)
async def test_named_symbols_cost_what_is_planned(trade_desk: TradeDesk, market: str) -> None:
    """A first run, one a day later, and one after a trade of that day send the requests of their plans."""
    follow(trade_desk, market, [TRADED[market][0]])
    for _ in range(3):
        planned, spent = await planned_and_spent(trade_desk)
        assert planned == spent
        trade_desk.clock.advance(DAY_S)


async def test_traded_symbols_cost_what_is_planned(trade_desk: TradeDesk, market: str) -> None:
    """A first run of an account that traded nothing yet, and later ones once its trade is known, cost what is planned."""
    follow(trade_desk, market, "traded")
    planned, spent = await planned_and_spent(trade_desk)
    assert planned == spent
    trade(trade_desk, market)
    trade_desk.clock.advance(DAY_S)
    await planned_and_spent(trade_desk)  # which finds the symbol: that comes on top
    for later_s in (DAY_S, HOUR_S, 10 * DAY_S):
        trade_desk.clock.advance(later_s)
        planned, spent = await planned_and_spent(trade_desk)
        assert planned == spent
