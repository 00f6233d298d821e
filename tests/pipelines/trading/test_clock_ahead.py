"""A run by a clock of the exchange's that is ahead claims what is still to come, and costs no row when it does come."""

from __future__ import annotations

import pytest
from support.sampled import some_of
from support.trade_desk import UID, UNLIMITED, TradeDesk

from connectors.binance.budget import Budget
from connectors.binance.pools import FUTURES
from connectors.simulator.account.futures_book import FuturesBook

B = "BTCUSDT"
KIND = "MAIN_UMFUTURE"
HOUR_S = 3600


@pytest.fixture
def desk(trade_desk: TradeDesk) -> TradeDesk:
    trade_desk.addresses = {"usdm": trade_desk.url}
    trade_desk.trading("traded", datasets=["orders", "fills", "transfers"], wallets=["usdm", "spot"])
    Budget(trade_desk.state, "simulator").learn(FUTURES, UNLIMITED)
    return trade_desk


def active(desk: TradeDesk, book: FuturesBook, number: int) -> None:
    """An order that is filled, another that is canceled, and a transfer."""
    book.fill(B, book.place(B, "BUY", 2, 64_000))
    book.cancel(B, book.place(B, "BUY", 2, 10))
    row = {"asset": "USDT", "amount": "10", "type": KIND, "status": "CONFIRMED", "tranId": number}
    desk.exchange.add_movement(UID, "asset/transfer", {**row, "timestamp": desk.exchange.now_ms}, KIND)


async def run(desk: TradeDesk, *, ahead_hours: float = 0.0) -> None:
    desk.clock.advance(60)
    desk.exchange.skew_s = desk.exchange.futures.skew_s = ahead_hours * HOUR_S
    receipts = await desk.run("trading")
    desk.exchange.skew_s = desk.exchange.futures.skew_s = 0.0
    assert [one.failures for one in receipts] == [()] * len(receipts)


@pytest.mark.parametrize(
    ("ahead_hours", "runs", "every_hours"),
    some_of([(20, 1, 30), (3, 1, 30), (120, 12, 12)]),
)
async def test_a_clock_that_was_ahead_hides_nothing(
    desk: TradeDesk, ahead_hours: int, runs: int, every_hours: int
) -> None:
    """Ahead for less than a day, or longer where runs are less than a day apart: what happens next is all stored."""
    book = desk.exchange.futures_book(UID, "usdm")
    active(desk, book, 1)
    await run(desk)
    await run(desk, ahead_hours=ahead_hours)
    for number in range(2, runs + 2):
        active(desk, book, number)
        desk.clock.advance(every_hours * HOUR_S)
        await run(desk)
    orders = {row["order_id"] for row in desk.rows("orders", market="usdm")}
    assert orders == {order.order_id for order in book.orders[B]}
    assert len(desk.rows("fills", market="usdm")) == runs + 1
    assert len(desk.rows("transfers")) == runs + 1
