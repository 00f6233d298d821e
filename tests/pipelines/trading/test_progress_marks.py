"""A mark of progress moves for what was asked and answered whole: whatever ends a run early, the next one has the rest."""

from __future__ import annotations

from typing import Any

import pytest
from support.sampled import some_of
from support.trade_desk import TradeDesk, pull

from connectors.simulator.protocol.faults import AnyFault, Body, Error, ShortPage, Shuffled
from pipelines.pull.waves import WAVE

B = "BTCUSDT"
DAY_S = 86_400
TRADES = "/api/v3/myTrades"
REFUSED: dict[str, Any] = {"status": 400, "code": -1100, "count": None}  # an answer that no second try makes good


@pytest.fixture
def desk(trade_desk: TradeDesk) -> TradeDesk:
    return trade_desk


def traded(desk: TradeDesk, fills: int) -> None:
    """One order with so many fills."""
    number = desk.book.place(B, "BUY", fills, 1)
    for _ in range(fills):
        desk.book.fill(B, number, 1)


async def known(desk: TradeDesk) -> None:
    """A symbol that is traded, of which no fill is stored yet."""
    desk.book.place(B, "BUY", 1, 1)
    await pull(desk)


def lacks_nothing(desk: TradeDesk) -> None:
    for dataset in ("fills", "allocations", "prevented_matches"):
        assert desk.stored_ids(dataset, B) == desk.true_ids(dataset, B), dataset


@pytest.mark.parametrize("symbols", [[B], "traded"])
async def test_a_first_walk_that_was_cut_goes_on(symbols: Any, desk: TradeDesk) -> None:
    """Stopped at the third page of fills twenty days old, the next run brings the rest."""
    desk.trading(symbols)
    traded(desk, 5000)
    desk.clock.advance(20 * DAY_S)
    await desk.stopped_at(3, TRADES, "trading")
    assert 0 < len(desk.rows("fills")) < 5000
    await pull(desk)
    lacks_nothing(desk)


async def test_a_first_walk_goes_on_without_an_order_to_tell(desk: TradeDesk) -> None:
    """That a walk was cut is known from the walk alone: the next run goes on where no order says that fills lack."""
    desk.trading([B])
    traded(desk, 2500)
    desk.clock.advance(2 * DAY_S)
    desk.exchange.inject(Error(path=TRADES, symbol=B, status=400, code=-1100, skip=2))
    desk.exchange.inject(Body(path="/api/v3/allOrders", text="[]", count=None))
    await desk.run("trading")
    assert 0 < len(desk.rows("fills")) < 2500
    await pull(desk)
    lacks_nothing(desk)


async def test_a_full_page_of_known_rows_is_no_end(desk: TradeDesk) -> None:
    """Where all that is asked for again fills a page, what is new behind it comes in the same run."""
    desk.trading([B])
    for _ in range(1000):
        desk.book.place(B, "BUY", 1, 1)
    await pull(desk)
    traded(desk, 3)
    await pull(desk)
    assert desk.orders(B) == desk.truth(B)
    lacks_nothing(desk)


async def test_a_probe_that_was_cut_goes_on(desk: TradeDesk) -> None:
    """A symbol found by a probe that stopped at its second page is walked to its end by the next run."""
    await pull(desk)
    desk.clock.advance(8 * DAY_S)
    traded(desk, 2500)
    desk.exchange.inject(Error(path=TRADES, symbol=B, skip=2, **REFUSED))
    desk.exchange.inject(Body(path="/api/v3/allOrders", text="[]", count=None))
    await desk.run("trading")
    desk.exchange.heal()
    await pull(desk)
    lacks_nothing(desk)


@pytest.mark.parametrize("path", some_of([TRADES, "/api/v3/myAllocations", "/api/v3/myPreventedMatches"]))
async def test_what_was_refused_is_asked_again(path: str, desk: TradeDesk) -> None:
    """After days off, a run whose calls fail notes nothing of what they were about; the next one has all of it."""
    await known(desk)
    for _ in range(6):
        traded(desk, 1)
    routed = desk.book.place(B, "BUY", 2, 50)
    desk.book.allocate(B, routed, 1)
    desk.book.fill(B, routed)
    maker = desk.book.place(B, "SELL", 1, 50)
    desk.book.prevent(B, desk.book.place(B, "BUY", 1, 50, stp_mode="EXPIRE_MAKER"), maker)
    desk.clock.advance(3 * DAY_S)
    desk.exchange.inject(Error(path=path, **REFUSED))
    assert [one.outcome for one in await desk.run("trading")] == ["done", "done", "failed"]
    desk.exchange.heal()
    await pull(desk)
    lacks_nothing(desk)


SINGLE_LOOKS: dict[str, Any] = {
    "path": TRADES,
    "symbol": B,
    "skip": 3,
    "count": None,
}  # what follows the walk and one such look


@pytest.mark.parametrize(
    "fault",
    some_of([Error(code=-1000, **SINGLE_LOOKS), Error(status=400, code=-1100, **SINGLE_LOOKS), None]),
)
async def test_single_orders_left_unasked_are_asked_later(fault: AnyFault | None, desk: TradeDesk) -> None:
    """Of many orders asked for one by one, those that a failure or a stop leaves out come with the next run."""
    await known(desk)
    for _ in range(2 * WAVE):
        traded(desk, 1)
    desk.clock.advance(3 * DAY_S)
    desk.exchange.inject(Shuffled(path=TRADES, symbol=B, count=1))
    desk.exchange.inject(ShortPage(path=TRADES, symbol=B, keep=1, count=1))
    if fault:
        desk.exchange.inject(fault)
        await desk.run("trading")
    else:
        await desk.stopped_at(4, TRADES, "trading")
    assert 0 < len(desk.rows("fills")) < 2 * WAVE
    desk.exchange.heal()
    await pull(desk)
    lacks_nothing(desk)
