"""A run by a clock of the exchange's that is ahead claims what is still to come, and costs no row when it does come."""

from __future__ import annotations

import pytest
from support.sampled import some_of
from support.trade_desk import UID, UNLIMITED, TradeDesk

from connectors.binance.budget import Budget
from connectors.binance.pools import FUTURES
from connectors.simulator.account.futures_book import FuturesBook
from connectors.simulator.endpoints.futures_orders import gone

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


async def run(desk: TradeDesk, *, ahead_hours: float = 0.0, after_hours: float = 1 / 60) -> None:
    desk.clock.advance(after_hours * HOUR_S)
    desk.exchange.skew_s = desk.exchange.futures.skew_s = ahead_hours * HOUR_S
    receipts = await desk.run("trading")
    desk.exchange.skew_s = desk.exchange.futures.skew_s = 0.0
    assert [one.failures for one in receipts] == [()] * len(receipts)


@pytest.mark.parametrize(
    ("wrong_runs", "ahead_hours", "later_hours"),
    some_of(
        [
            (3, 120, (30,)),  # seen to have been ahead, and only once much has happened
            (3, 120, (150,)),  # past what it claimed: nothing shows that it was ahead
            (3, 120, (130, 26)),
            (1, 20, (30,)),
            (1, 3, (30,)),
            (1, 120, (12,) * 12),
            (2, 120, (1, 40, 100)),
            (2, 60, (30, 30, 30)),
            (2, 24 * 365, (30, 50)),
        ]
    ),
)
async def test_a_clock_that_was_ahead_hides_nothing(
    desk: TradeDesk, wrong_runs: int, ahead_hours: int, later_hours: tuple[int, ...]
) -> None:
    """However far it was ahead for less than a day, and whenever runs go by a right one: what happens is all stored."""
    book = desk.exchange.futures_book(UID, "usdm")
    active(desk, book, 1)
    await run(desk)
    for number in range(wrong_runs):
        await run(desk, ahead_hours=ahead_hours - number / 2)
    for number, hours in enumerate(later_hours, start=2):
        active(desk, book, number)
        desk.clock.advance(5 * HOUR_S)
        await run(desk, after_hours=hours - 5)
    runs = len(later_hours)
    orders = {row["order_id"] for row in desk.rows("orders", market="usdm")}
    assert orders >= {order.order_id for order in book.orders[B] if not gone(order, desk.exchange.now_ms)}
    assert len(desk.rows("fills", market="usdm")) == runs + 1
    assert len(desk.rows("transfers")) == runs + 1
