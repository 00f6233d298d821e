"""A flow of the symbols that value what an account holds: nobody lists them, and `plan` names what a run asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.desks import API_KEY, SECRET, UID
from support.trade_desk import ACCOUNT

from connectors.lake.sql.session import connect, run
from pipelines.estimate.flow import plan_flows

if TYPE_CHECKING:
    from support.desks import Desk
    from support.trade_desk import TradeDesk


async def test_what_an_account_holds_is_valued_without_listing_symbols(desk: Desk) -> None:
    """The daily candles of the pairs that lead to the quote asset are pulled, and give each day's end a value.

    An asset that turns up later brings its own; `plan` names the series that the run then brings.
    """
    held = {"BTC": ("1.5", "0.5"), "USDT": ("100", "0")}
    desk.exchange.add_account(UID, API_KEY, secret=SECRET, balances=held)
    desk.flows["balances"] = {"kind": "account", "account": "main", "datasets": ["balances"], "values": False}
    desk.flows["values"] = {
        "kind": "market", "market": "spot", "datasets": ["klines"], "symbols": {"account": "main"},
        "intervals": ["1d"], "since": "2026-10-25",
    }  # fmt: skip
    await desk.run("balances")
    await desk.run("values")
    assert {row["symbol"] for row in desk.rows("klines")} == {"BTCUSDT"}
    desk.exchange.set_balance(UID, "ETH", "2")
    desk.clock.advance(86_400)
    await desk.run("balances")
    (plan,) = await plan_flows(
        desk.config, ["values"], state=desk.state, clock=lambda: int(desk.clock.now_s * 1_000_000)
    )
    await desk.run("values")
    brought = {row["symbol"] for row in desk.rows("klines")}
    assert brought == {"BTCUSDT", "ETHUSDT"}
    assert {cost.series.split("/")[2] for cost in plan.series} == brought
    with connect(desk.lake) as session:
        worth = run(session, "FROM equity_daily('USDT')").to_pylist()
    assert [row["unvalued"] for row in worth] == [0]
    assert worth[0]["value"] > 100


async def test_plan_names_the_symbols_of_an_account_that_traded(trade_desk: TradeDesk) -> None:
    """What was bought and what paid for it are both valued in a plan, for which the ledger reads the listing."""
    trade_desk.book.fill("ETHBTC", trade_desk.book.place("ETHBTC", "BUY", 1, 50))
    trade_desk.trading(["ETHBTC"])
    trade_desk.flows["values"] = {
        "kind": "market", "market": "spot", "datasets": ["symbols", "klines"], "symbols": {"account": ACCOUNT},
        "intervals": ["1d"], "since": "2026-10-25",
    }  # fmt: skip
    await trade_desk.run("trading")
    await trade_desk.run("values")
    (plan,) = await plan_flows(
        trade_desk.config, ["values"], state=trade_desk.state, clock=lambda: int(trade_desk.clock.now_s * 1_000_000)
    )
    assert {cost.series.split("/")[2] for cost in plan.series} >= {"BTCUSDT", "ETHUSDT"}


async def test_an_account_that_nothing_is_known_of_is_said(desk: Desk) -> None:
    """Before the account was pulled there is nothing to value, and the run says which flow comes first."""
    desk.flows["values"] = {
        "kind": "market", "market": "spot", "datasets": ["klines"], "symbols": {"account": "main"},
        "intervals": ["1d"], "since": "2026-10-25",
    }  # fmt: skip
    receipt, _ = await desk.run("values")
    assert (receipt.rows, receipt.note) == (
        0, "The lake knows of no asset of main to value in USDT: run its flow first.",
    )  # fmt: skip
