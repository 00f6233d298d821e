"""Answers are held against what the lake holds: rows do not vanish, ids do not change hands, keys are stored once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from support.sampled import some_of
from support.trade_desk import TradeDesk, pull

from connectors.simulator.protocol.faults import Body, Hole, Lagging, Misprinted, Shifted, ShortPage
from pipelines.context.receipts import Receipt

B = "BTCUSDT"
DAY_S = 86_400
ORDERS, TRADES = "/api/v3/allOrders", "/api/v3/myTrades"
MONTH_MS = 31 * DAY_S * 1000


@pytest.fixture
def desk(trade_desk: TradeDesk) -> TradeDesk:
    return trade_desk


def filled(desk: TradeDesk, count: int) -> None:
    for _ in range(count):
        desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))


def told(receipts: Sequence[Receipt]) -> str:
    return " ".join(failure.why for receipt in receipts for failure in receipt.failures)


def stored(desk: TradeDesk) -> list[list[dict[str, object]]]:
    return [desk.rows(name, symbol=B) for name in ("orders", "fills")]


@pytest.mark.parametrize("later", some_of([3, 0, 39, 60]))
async def test_a_reset_exchange_needs_a_new_lake(later: int, desk: TradeDesk) -> None:
    """Wiped, with none, few or as many new rows under the ids of old: it is said at once, and nothing is stored."""
    filled(desk, 39)
    await pull(desk)
    before = stored(desk)
    desk.clock.advance(31 * DAY_S)
    desk.exchange.reset()
    for _ in range(later):
        desk.book.fill(B, desk.book.place(B, "SELL", 1, 60))
    for _ in range(2):
        receipts = await desk.run("trading")
        assert "the exchange was reset, as a testnet is every month: start a new lake" in told(receipts)
    assert stored(desk) == before


TRADING = ("orders", "order_lists", "fills", "allocations", "prevented_matches")


def everything(desk: TradeDesk) -> dict[str, list[dict[str, object]]]:
    return {name: desk.rows(name) for name in TRADING}


def traded_anew(desk: TradeDesk) -> None:
    """After a reset: orders and fills of symbols old and new, an open order, lists of orders."""
    desk.clock.advance(31 * DAY_S)
    desk.exchange.reset()
    for symbol in ("ETHUSDT", "ETHBTC", B):
        for _ in range(3):
            desk.book.fill(symbol, desk.book.place(symbol, "SELL", 1, 60))
    desk.book.place("ETHUSDT", "SELL", 1, 90)
    for _ in range(3):
        desk.book.place_list(
            "OCO", "ETHBTC", {"side": "SELL", "qty": 1, "price": 60}, {"side": "SELL", "qty": 1, "price": 70}
        )


@pytest.mark.parametrize("symbols", some_of(["traded", [B, "ETHUSDT", "ETHBTC"], ["ETHUSDT"], ["ETHBTC", "XRPUSDT"]]))
async def test_a_reset_concerns_the_account_as_a_whole(symbols: object, desk: TradeDesk) -> None:
    """Symbols and lists the lake never held are stored no more than those it holds, in this run and in later ones."""
    filled(desk, 12)
    await pull(desk)
    before = everything(desk)
    traded_anew(desk)
    desk.trading(symbols)
    for again in (False, True, False):
        receipts = {one.dataset: one for one in await desk.run("trading", again=again)}
        assert {name: one.outcome for name, one in receipts.items()} == {
            "balances": "done",
            "orders": "failed",
            "fills": "failed",
        }
        assert "start a new lake" in told([receipts["orders"]])
        desk.clock.advance(DAY_S)
    assert everything(desk) == before


@pytest.mark.soak
async def test_a_reset_that_one_symbol_tells_is_one_of_all(desk: TradeDesk) -> None:
    """Where the exchange may have dropped all orders of the symbol that changed last, another one tells of the reset."""
    filled(desk, 3)
    await pull(desk)
    desk.clock.advance(DAY_S)
    desk.book.cancel("ETHUSDT", desk.book.place("ETHUSDT", "BUY", 1, 50))
    desk.trading([B, "ETHUSDT", "ETHBTC"])
    await pull(desk)
    before = everything(desk)
    desk.clock.advance(91 * DAY_S)
    traded_anew(desk)
    assert "start a new lake" in told(await desk.run("trading"))
    assert everything(desk) == before


async def test_fills_that_are_missing_stop_what_is_found_later(desk: TradeDesk) -> None:
    """Seen in the fills alone, a lack leaves newly found symbols unstored, until an answer is whole again."""
    filled(desk, 3)
    await pull(desk)
    desk.clock.advance(DAY_S)
    filled(desk, 1)
    desk.book.fill("ETHUSDT", desk.book.place("ETHUSDT", "BUY", 1, 50))
    desk.clock.advance(8 * DAY_S)
    desk.exchange.inject(Hole(path=TRADES, symbol=B, place=3, count=1))
    assert "lacks 1 that the lake holds (ids " in told(await desk.run("trading"))
    assert desk.rows("fills", symbol="ETHUSDT") == desk.rows("orders", symbol="ETHUSDT") == []
    await pull(desk)
    for symbol in (B, "ETHUSDT"):
        assert desk.stored_ids("fills", symbol) == desk.true_ids("fills", symbol)


async def test_an_order_with_a_free_id_is_known_for_one_of_after_a_reset(desk: TradeDesk) -> None:
    """An order placed long after stored ones with higher ids is refused, though the lake has none under its id."""
    numbers = [desk.book.place(B, "BUY", 1, 50) for _ in range(3)]
    desk.book.fill(B, numbers[-1])
    desk.exchange.inject(Hole(path=ORDERS, place=3, count=None))
    desk.exchange.inject(Body(path="/api/v3/openOrders", text="[]", count=None))
    await pull(desk)
    before = stored(desk)
    desk.clock.advance(31 * DAY_S)
    desk.exchange.reset()
    desk.book.place(B, "BUY", 1, 40)
    desk.exchange.heal()
    assert "is younger than higher ids that the lake holds" in told(await desk.run("trading"))
    assert stored(desk) == before


LEG = {"symbol": B, "orderId": 999, "clientOrderId": "x"}


@pytest.mark.parametrize("values", [{"contingencyType": "OTO"}, {"symbol": "ETHUSDT"}, {"orders": [LEG, LEG]}])
async def test_lists_of_another_kind_are_no_states_of_older_ones(values: dict[str, object], desk: TradeDesk) -> None:
    """A list of another kind, of another symbol or of other orders under a stored id is refused."""
    legs = ({"side": "SELL", "qty": 1, "price": 60}, {"side": "SELL", "qty": 1, "price": 70})
    for _ in range(5):
        desk.book.place_list("OCO", B, *legs)
    await pull(desk)
    before = desk.rows("order_lists")
    desk.clock.advance(31 * DAY_S)
    desk.exchange.inject(Misprinted(path="/api/v3/allOrderList", values=values, count=None))
    assert "order_lists of main/spot is not what the lake holds" in told(await desk.run("trading"))
    assert desk.rows("order_lists") == before


async def test_a_misprinted_time_of_change_makes_no_other_order(desk: TradeDesk) -> None:
    """An order said to have changed before it was placed is the same order in the next answer."""
    filled(desk, 1)
    desk.exchange.inject(Misprinted(path=ORDERS, values={"updateTime": 1_500_000_000_000}, count=None))
    for _ in range(2):
        await pull(desk)
    assert len(desk.rows("orders")) == 1


async def test_an_open_order_of_before_a_reset_is_not_gone(desk: TradeDesk) -> None:
    """That the exchange never heard of an order which the lake holds is no sign of its end."""
    desk.book.place(B, "BUY", 1, 50)
    await pull(desk)
    desk.clock.advance(31 * DAY_S)
    desk.exchange.reset()
    assert "lacks 1 that the lake holds" in told(await desk.run("trading"))
    assert [(row["version"], row["gone_since"]) for row in desk.rows("orders")] == [(1, None)]


@pytest.mark.parametrize(("path", "place", "count"), some_of([(ORDERS, 2, 1), (ORDERS, 1, 2), (TRADES, 3, 1)]))
async def test_a_row_that_answers_leave_out_is_named(path: str, place: int, count: int, desk: TradeDesk) -> None:
    """One row among those asked for again, or the last of them, is missing: the answer is refused, the next one taken."""
    filled(desk, 3)
    await pull(desk)
    desk.clock.advance(DAY_S)
    if path == TRADES:
        filled(desk, 1)  # else no fill is asked for
    desk.exchange.inject(Hole(path=path, symbol=B, place=place, count=count))
    assert "lacks 1 that the lake holds (ids " in told(await desk.run("trading"))
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)
    assert desk.orders(B) == desk.truth(B)


async def test_an_empty_answer_marks_no_progress(desk: TradeDesk) -> None:
    """Fills that are answered with nothing at all, once, are had by the next run."""
    filled(desk, 3)
    await pull(desk)
    filled(desk, 3)
    desk.clock.advance(3 * DAY_S)
    desk.exchange.inject(Body(path=TRADES, symbol=B, text="[]", count=1))
    assert "lacks 3 that the lake holds" in told(await desk.run("trading"))
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)


@pytest.mark.soak
async def test_a_lagging_answer_is_no_failure(desk: TradeDesk) -> None:
    """Rows of the last minutes may be missing from a copy that lags; what it did not tell is asked for again."""
    filled(desk, 2)
    await pull(desk)
    desk.clock.advance(DAY_S)
    filled(desk, 2)
    await pull(desk)
    desk.clock.advance(60)
    filled(desk, 1)
    desk.exchange.inject(Lagging(path=TRADES, ms=90_000))
    await pull(desk)
    desk.exchange.heal()
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)


async def test_a_short_answer_is_followed_by_the_next(desk: TradeDesk) -> None:
    """A page that ends before what is known is no end: new orders behind it come in the same run."""
    filled(desk, 5)
    await pull(desk)
    desk.clock.advance(DAY_S)
    filled(desk, 5)
    desk.exchange.inject(ShortPage(path=ORDERS, symbol=B, keep=2))
    await pull(desk)
    assert desk.orders(B) == desk.truth(B)


@pytest.mark.soak
async def test_what_the_exchange_may_drop_is_not_missed(desk: TradeDesk) -> None:
    """Orders that ended unfilled 90 days ago are dropped, the newest of all among them, and no run complains."""
    filled(desk, 1)
    for _ in range(3):
        desk.book.cancel(B, desk.book.place(B, "BUY", 1, 50))
    await pull(desk)
    for _ in range(3):
        desk.clock.advance(91 * DAY_S)
        await pull(desk)
    assert [state[-1] is None for state in desk.orders(B).values()] == [True, False, False, False]


async def test_an_empty_answer_drops_no_order(desk: TradeDesk) -> None:
    """An answer without any order is no proof that all were dropped: one of them is asked for by its id."""
    number = desk.book.place(B, "BUY", 1, 50)
    await pull(desk)
    desk.book.reject(B, number)  # which this exchange shows for good
    await pull(desk)
    desk.clock.advance(97 * DAY_S)
    desk.exchange.inject(Body(path=ORDERS, symbol=B, text="[]", count=2))
    assert "lacks 1 that the lake holds" in told(await desk.run("trading"))
    assert desk.orders(B)[number][-1] is None


@pytest.mark.parametrize("days", some_of([-3, -40]))
async def test_an_order_is_known_by_its_id(days: int, desk: TradeDesk) -> None:
    """An order whose time differs from answer to answer, even by months, has one first version, and one of each change."""
    number = desk.book.place(B, "BUY", 2, 50)
    await pull(desk)
    for path in ("/api/v3/openOrders", ORDERS, "/api/v3/order"):
        desk.exchange.inject(Shifted(path=path, field="time", ms=days * DAY_S * 1000, count=None))
    await pull(desk)
    desk.clock.advance(DAY_S)
    desk.book.fill(B, number)
    await pull(desk)
    desk.exchange.heal()
    await pull(desk)
    rows = desk.rows("orders")
    assert [(row["version"], row["status"]) for row in rows] == [(1, "NEW"), (2, "FILLED")]
    assert len({row["time"] for row in rows}) == 1


@pytest.mark.soak
async def test_a_fill_is_known_by_its_id(desk: TradeDesk) -> None:
    """A fill whose time differs from answer to answer is stored once."""
    filled(desk, 2)
    await pull(desk)
    filled(desk, 1)
    desk.exchange.inject(Shifted(path=TRADES, field="time", ms=MONTH_MS, count=None))
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)
