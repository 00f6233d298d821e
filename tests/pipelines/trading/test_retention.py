"""Orders that the exchange drops some months after they ended unfilled keep their last state in the lake."""

from __future__ import annotations

from typing import Any

import pytest
from support.trade_desk import ACCOUNT, KEPT, TradeDesk, pull

from connectors.simulator.protocol.faults import Error, ShortPage
from pipelines.estimate.flow import plan_flows
from pipelines.trading.retention import AT_ONCE
from schemas.datasets.orders import ORDERS

B = "BTCUSDT"
DAY_S = 86_400


@pytest.fixture
def desk(trade_desk: TradeDesk) -> TradeDesk:
    return trade_desk


def canceled(desk: TradeDesk, symbol: str = B) -> int:
    number = desk.book.place(symbol, "BUY", 1, 50)
    desk.book.cancel(symbol, number)
    return number


def rejected(desk: TradeDesk) -> int:
    """An order that ended unfilled, and that this exchange shows for good."""
    number = desk.book.place(B, "BUY", 1, 50)
    desk.book.reject(B, number)
    return number


def gone(desk: TradeDesk, symbol: str = B) -> list[int]:
    """The orders whose last stored state says that the exchange does not know them any more."""
    return [number for number, state in desk.orders(symbol).items() if state[-1] is not None]


async def test_only_unfilled_ends_go_and_keep_their_last_state(desk: TradeDesk) -> None:
    """After 90 days what was canceled unfilled is marked, once; what was filled, even in part, or is open, is not."""
    book = desk.book
    unfilled, partly, filled, still = (book.place(B, "BUY", 2, 50) for _ in range(4))
    book.fill(B, partly, 1)
    book.fill(B, filled)
    for number in (unfilled, partly):
        book.cancel(B, number)
    await pull(desk)
    desk.clock.advance(89 * DAY_S)
    await pull(desk)
    assert gone(desk) == []
    desk.clock.advance(8 * DAY_S)
    await pull(desk)
    assert gone(desk) == [unfilled]
    first, last = (row for row in desk.rows("orders", symbol=B) if row["order_id"] == unfilled)
    assert {name for name in first if first[name] != last[name]} == {"version", "seen_at", "gone_since"}
    assert [state[0] for state in desk.orders(B).values()] == ["CANCELED", "CANCELED", "FILLED", "NEW"]
    assert still in desk.orders(B)


async def test_a_symbol_is_looked_at_once_a_week(desk: TradeDesk) -> None:
    """The log remembers the look: until a week has passed nothing more is asked, and nothing is written."""
    canceled(desk)
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    await pull(desk)
    desk.clock.advance(97 * DAY_S)
    (plan,) = await plan_flows(desk.config, ["trading"], state=desk.state)
    assert [cost.weight for cost in plan.series if cost.series == "orders that ended unfilled"] == [20]
    assert (await pull(desk))["allOrders"] == 2, "the walk, and the look"
    written = desk.lake.table(ORDERS).bounds()
    assert (await pull(desk))["allOrders"] == 1
    desk.clock.advance(6 * DAY_S)
    assert (await pull(desk))["allOrders"] == 1
    assert desk.lake.table(ORDERS).bounds() == written
    desk.clock.advance(2 * DAY_S)
    assert (await pull(desk))["allOrders"] == 1, "what is marked is not asked for again"
    moved = {name for name, value in desk.lake.table(ORDERS).bounds().items() if written[name] != value}
    assert moved == {f"{ACCOUNT}/spot/{B}#retained_at", f"{ACCOUNT}/spot/{B}#revision"}
    assert len(desk.rows("orders")) == 3


@pytest.mark.soak
async def test_what_is_still_shown_stays(desk: TradeDesk) -> None:
    """What the exchange keeps for longer than it states is asked for again, and not marked."""
    rejected(desk)
    desk.book.place(B, "BUY", 1, 50)
    await pull(desk)
    for _ in range(2):
        desk.clock.advance(97 * DAY_S)
        assert (await pull(desk))["allOrders"] == 2, "the walk, and the look"
    assert len(desk.rows("orders")) == 2
    assert gone(desk) == []


async def test_a_short_page_marks_nothing_beyond_it(desk: TradeDesk) -> None:
    """A page speaks of the orders up to its last one; of those after it the next page does."""
    desk.book.place(B, "BUY", 1, 50)
    numbers = [act(desk) for act in (canceled, rejected, canceled, rejected)]
    await pull(desk)
    desk.clock.advance(97 * DAY_S)
    desk.exchange.inject(ShortPage(path="/api/v3/allOrders", keep=1, count=None))
    await pull(desk)
    assert gone(desk) == numbers[::2]


@pytest.mark.soak
async def test_a_look_that_fails_is_taken_again(desk: TradeDesk) -> None:
    """One symbol that cannot be read marks nothing and is not remembered as looked at; the others are."""
    for symbol in (B, "ETHUSDT"):
        canceled(desk, symbol)
        desk.book.fill(symbol, desk.book.place(symbol, "BUY", 1, 50))
    await pull(desk)
    desk.clock.advance(97 * DAY_S)
    desk.exchange.inject(Error(path="/api/v3/allOrders", symbol=B, status=400, code=-1100, count=2))
    receipts = await desk.run("trading")
    assert {failure.series for one in receipts for failure in one.failures} == {f"{ACCOUNT}/spot/{B}"}
    assert (gone(desk), len(gone(desk, "ETHUSDT"))) == ([], 1)
    desk.exchange.faults.clear()
    await pull(desk)
    assert len(gone(desk)) == 1


async def test_listed_symbols_are_looked_at_alone(desk: TradeDesk) -> None:
    """A flow that lists its symbols marks orders of no other."""
    for symbol in (B, "ETHUSDT"):
        canceled(desk, symbol)
        desk.book.place(symbol, "BUY", 1, 50)
    await pull(desk)
    desk.trading([B])
    desk.clock.advance(97 * DAY_S)
    await pull(desk)
    assert (len(gone(desk)), gone(desk, "ETHUSDT")) == (1, [])


@pytest.mark.soak
async def test_an_idle_run_stays_cheap_when_all_is_due(desk: TradeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run asks for a few symbols only; the next ones go on, the longest not looked at first."""
    assert AT_ONCE * 20 <= 200
    monkeypatch.setattr("pipelines.trading.retention.AT_ONCE", 2)
    traded: list[Any] = [symbol for symbol in KEPT if symbol != "BTCZAR"]
    for symbol in traded:
        canceled(desk, symbol)
        desk.book.place(symbol, "BUY", 1, 50)
    await pull(desk)
    desk.clock.advance(97 * DAY_S)
    asked = [(await pull(desk))["allOrders"] - len(traded) for _ in range(4)]
    assert asked == [2, 2, 1, 0]
    assert [len(gone(desk, symbol)) for symbol in traded] == [1] * len(traded)
