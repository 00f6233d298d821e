"""Conditional orders of futures, which the exchange lists apart, are pulled with the orders that they become."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from support.trade_desk import UID, UNLIMITED

from connectors.binance.budget import Budget
from connectors.binance.pools import FUTURES
from connectors.simulator.protocol.faults import Error
from pipelines.estimate.flow import plan_flows

if TYPE_CHECKING:
    from support.trade_desk import TradeDesk

    from connectors.simulator.account.futures_book import FuturesBook
    from pipelines.context.receipts import Receipt

DAY_S = 86_400
SYMBOL = "BTCUSDT"
LISTED, OPEN = "/fapi/v1/allAlgoOrders", "/fapi/v1/openAlgoOrders"


@pytest.fixture
def futures(trade_desk: TradeDesk) -> TradeDesk:
    """A desk whose account trades USD-M by hand, and a flow of whatever it trades there."""
    trade_desk.addresses = {"usdm": trade_desk.url}
    trade_desk.trading("traded", datasets=["orders", "fills"], wallets=["usdm"])
    Budget(trade_desk.state, "simulator").learn(FUTURES, UNLIMITED)
    return trade_desk


@pytest.fixture
def book(futures: TradeDesk) -> FuturesBook:
    return futures.exchange.futures_book(UID)


async def run(desk: TradeDesk, days: float = 0) -> list[Receipt]:
    """A run a minute later, or after so many days, without a failure."""
    desk.clock.advance(60 + days * DAY_S)
    receipts = await desk.run("trading")
    assert [one.failures for one in receipts] == [()] * len(receipts)
    return receipts


def states(desk: TradeDesk, number: int, symbol: str = SYMBOL) -> list[str]:
    return [row["algo_status"] for row in desk.rows("algo_orders", symbol=symbol, algo_id=number)]


def known(desk: TradeDesk, number: int, symbol: str = SYMBOL) -> dict[str, Any]:
    return desk.rows("algo_orders", symbol=symbol, algo_id=number)[-1]


async def test_a_conditional_order_is_followed_to_its_end(futures: TradeDesk, book: FuturesBook) -> None:
    """Waiting, triggered and finished are versions, weeks apart; it names the order that it became (L21, N7)."""
    number = book.algo.place(SYMBOL, "BUY", 2, 64_000)
    await run(futures)
    order_id = book.trigger_algo(SYMBOL, number)
    await run(futures, days=20)
    assert known(futures, number)["actual_order_id"] == str(order_id)
    book.fill(SYMBOL, order_id)
    await run(futures, days=20)
    assert states(futures, number) == ["NEW", "TRIGGERED", "FINISHED"]
    assert known(futures, number)["actual_price"] == Decimal(64_000)
    assert {row["order_id"] for row in futures.rows("fills")} == {order_id}
    assert sum(one.rows for one in await run(futures)) == 0


async def test_one_that_came_and_went_between_runs_is_found(futures: TradeDesk, book: FuturesBook) -> None:
    """Of a symbol that is traded, those are listed that were never seen open; before the trade no symbol is known."""
    number = book.algo.place(SYMBOL, "SELL", 1, 50_000)
    book.algo.cancel(SYMBOL, number)
    await run(futures)
    assert states(futures, number) == []
    book.fill(SYMBOL, book.place(SYMBOL, "BUY", 2, 64_000))
    await run(futures)
    assert states(futures, number) == ["CANCELED"]
    assert known(futures, number)["actual_order_id"] is None


@pytest.mark.soak
async def test_ids_that_repeat_in_another_symbol_are_kept_apart(futures: TradeDesk, book: FuturesBook) -> None:
    """Two symbols number their conditional orders alike; each is settled by its own end (N7)."""
    first, second = (book.algo.place(symbol, "BUY", 1, 10) for symbol in (SYMBOL, "ETHUSDT"))
    assert first == second
    await run(futures)
    book.algo.cancel("ETHUSDT", second)
    await run(futures)
    assert (states(futures, first), states(futures, second, "ETHUSDT")) == (["NEW"], ["NEW", "CANCELED"])


async def test_one_that_the_exchange_dropped_is_gone(futures: TradeDesk, book: FuturesBook) -> None:
    """Canceled, and not asked for within three days: its last state stays, with since when it is not known (L9)."""
    number = book.algo.place(SYMBOL, "BUY", 1, 10)
    await run(futures)
    book.algo.cancel(SYMBOL, number)
    await run(futures, days=4)
    last = known(futures, number)
    assert (last["algo_status"], last["gone_since"] is not None) == ("NEW", True)
    assert sum(one.rows for one in await run(futures)) == 0


@pytest.mark.soak
async def test_a_symbol_that_is_not_known_any_more_is_asked_for_once_a_day(
    futures: TradeDesk, book: FuturesBook
) -> None:
    """What is stored of it stays, and it is walked on once it is there again."""
    book.algo.place(SYMBOL, "BUY", 1, 10)
    await run(futures)
    futures.exchange.inject(Error(path=LISTED, code=-1121, status=400, count=None))
    asked = list[int]()
    for days in (0, 0, 2):
        before = len(futures.asked(LISTED))
        await run(futures, days=days)
        asked.append(len(futures.asked(LISTED)) - before)
    assert asked == [1, 0, 1]
    futures.exchange.heal()
    futures.clock.advance(2 * DAY_S)
    for _ in range(2):  # asked for in every run again
        number = book.algo.place(SYMBOL, "BUY", 1, 10)
        book.algo.cancel(SYMBOL, number)
        await run(futures)
        assert states(futures, number) == ["CANCELED"]


async def test_only_named_symbols_are_stored(futures: TradeDesk, book: FuturesBook) -> None:
    """A flow that lists its symbols has the conditional orders of these alone."""
    futures.trading([SYMBOL], datasets=["orders", "fills"], wallets=["usdm"])
    for symbol in (SYMBOL, "ETHUSDT"):
        book.algo.place(symbol, "BUY", 1, 10)
    await run(futures)
    assert {row["symbol"] for row in futures.rows("algo_orders")} == {SYMBOL}


@pytest.mark.parametrize("path", [LISTED, OPEN])
async def test_orders_do_not_wait_for_conditional_ones(futures: TradeDesk, book: FuturesBook, path: str) -> None:
    """Where they cannot be read, orders and fills are stored all the same, and the failure is told."""
    book.fill(SYMBOL, book.place(SYMBOL, "BUY", 2, 64_000))
    futures.exchange.inject(Error(path=path, code=-1102, status=400, count=None))
    futures.clock.advance(60)
    receipts = await futures.run("trading")
    assert [len(one.failures) for one in receipts] == [1, 0]
    assert len(futures.rows("orders")) == len(futures.rows("fills")) == 1


async def asked_as_planned(desk: TradeDesk) -> list[str]:
    """The paths of a run, which are as many as its plan says."""
    (plan,) = await plan_flows(desk.config, ["trading"], state=desk.state, clock=desk.now_us)
    before = len(desk.exchange.requests)
    await run(desk)
    asked = [one.path for one in list(desk.exchange.requests)[before:] if not one.path.endswith("/time")]
    assert len(asked) == plan.requests
    return asked


@pytest.mark.soak
async def test_a_run_takes_what_its_plan_says(futures: TradeDesk) -> None:
    """First and later run of named symbols ask what is planned, conditional orders included."""
    futures.trading([SYMBOL, "ETHUSDT"], datasets=["orders", "fills"], wallets=["usdm"])
    for _ in range(2):
        assert {LISTED, OPEN} <= {*await asked_as_planned(futures)}


@pytest.mark.soak
async def test_a_plan_counts_a_symbol_in_which_only_a_conditional_order_waits(
    futures: TradeDesk, book: FuturesBook
) -> None:
    """Though it was never traded its list is asked for; not so once the exchange does not know the symbol any more."""
    book.algo.place(SYMBOL, "BUY", 1, 10)
    await run(futures)
    assert (await asked_as_planned(futures)).count(LISTED) == 1
    futures.exchange.inject(Error(path=LISTED, code=-1121, status=400, count=None))
    assert [(await asked_as_planned(futures)).count(LISTED) for _ in range(2)] == [1, 0]
