"""Orders and fills are pulled from the served simulator into a lake, as they change."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from support.desks import instant
from support.sampled import some_of
from support.trade_desk import ACCOUNT, UID, TradeDesk, pull

from connectors.lake.sql.session import connect, run
from connectors.simulator.protocol.faults import Error, Hole, Lagging, Misprinted, Restricted, ShortPage, Shuffled
from pipelines.context.progress import Silent
from pipelines.estimate.flow import plan_flows
from pipelines.quality.checks import run_checks
from pipelines.runs.registry import Window
from pipelines.runs.run import run_flow
from pipelines.runs.schedules import schedules
from pipelines.store.id_cursor import OVERLAP_ROWS
from pipelines.trading.symbol_discovery import Heat
from schemas.model.errors import UsageProblem

B = "BTCUSDT"
DAY_S = 86_400


@pytest.fixture
def desk(trade_desk: TradeDesk) -> TradeDesk:
    return trade_desk


async def test_every_state_is_a_version(desk: TradeDesk) -> None:
    """Placed, filled in part, amended, filled: four versions under one order id; a run with nothing new adds none."""
    book = desk.book
    number = book.place(B, "BUY", 2, 50)
    await pull(desk)
    for act in (lambda: book.fill(B, number, 1), lambda: book.amend(B, number, "1.5"), lambda: book.fill(B, number)):
        act()
        await pull(desk)
    rows = desk.rows("orders", symbol=B)
    assert [row["version"] for row in rows] == [1, 2, 3, 4]
    assert [row["status"] for row in rows] == ["NEW", "PARTIALLY_FILLED", "PARTIALLY_FILLED", "FILLED"]
    assert [row["orig_qty"] for row in rows] == [Decimal(2), Decimal(2), Decimal("1.5"), Decimal("1.5")]
    assert len({row["client_order_id"] for row in rows}) == 2
    await pull(desk)
    assert len(desk.rows("orders", symbol=B)) == 4


async def test_an_order_amended_while_it_rests_is_one_order(desk: TradeDesk) -> None:
    """Made smaller under the same id, long after the walk went by: a version while open, and one when it is filled."""
    book = desk.book
    number = book.place(B, "BUY", 2, 50, client_order_id="mine")
    await pull(desk)
    desk.clock.advance(7200)
    for _ in range(OVERLAP_ROWS):
        book.place(B, "BUY", 1, 40)
    await pull(desk)
    book.amend(B, number, "1.5", client_order_id="mine")
    await pull(desk)
    book.fill(B, number)
    await pull(desk)
    versions = [row for row in desk.rows("orders", symbol=B) if row["order_id"] == number]
    assert [(row["status"], row["orig_qty"]) for row in versions] == [
        ("NEW", Decimal(2)),
        ("NEW", Decimal("1.5")),
        ("FILLED", Decimal("1.5")),
    ]
    assert {row["client_order_id"] for row in versions} == {"mine"}


async def test_the_first_order_of_all_may_come_late(desk: TradeDesk) -> None:
    """A lagging first answer shows the second order alone: the first one, with the smaller id, is had an hour later."""
    desk.trading([B], datasets=["orders"])  # without fills, which would have it asked for by its id
    for _ in range(2):
        desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    desk.exchange.inject(Hole(path="/api/v3/allOrders", count=None))
    await pull(desk)
    assert len(desk.orders(B)) == 1
    desk.exchange.heal()
    desk.clock.advance(3600)
    await pull(desk)
    assert desk.orders(B) == desk.truth(B)


@pytest.mark.parametrize("end", some_of(["fill", "cancel"]))
async def test_an_amendment_between_two_runs_is_part_of_the_end(end: str, desk: TradeDesk) -> None:
    """Made smaller and ended before anybody looked: the end has the smaller quantity, and the fills add up to it."""
    book = desk.book
    number = book.place(B, "BUY", 2, 50)
    await pull(desk)
    book.fill(B, number, 1)
    book.amend(B, number, "1.5")
    getattr(book, end)(B, number)
    await pull(desk)
    assert [row["orig_qty"] for row in desk.rows("orders", symbol=B)] == [Decimal(2), Decimal("1.5")]
    filled = Decimal("1.5") if end == "fill" else Decimal(1)
    assert desk.rows("orders", symbol=B)[-1]["executed_qty"] == sum(row["qty"] for row in desk.rows("fills")) == filled


async def test_fills_are_asked_for_where_orders_say_so(desk: TradeDesk) -> None:
    """Once walked, a symbol's fills are asked for only after its orders executed more than is stored."""
    number = desk.book.place(B, "BUY", 3, 50)
    assert (await pull(desk))["myTrades"] == 6, "every symbol once"
    assert "myTrades" not in await pull(desk)
    desk.book.fill(B, number, 1)
    assert (await pull(desk))["myTrades"] == 2, "the fill, and that nothing follows it"
    assert "myTrades" not in await pull(desk)
    assert [row["qty"] for row in desk.rows("fills")] == [Decimal(1)]


async def test_only_what_left_the_open_orders_is_asked_for_alone(desk: TradeDesk) -> None:
    """One request lists what is open; `order` is asked once for each stored open order that is not among it."""
    numbers = [desk.book.place(B, "BUY", 1, price) for price in range(1, 16)]
    await pull(desk)
    desk.clock.advance(DAY_S)
    desk.book.place(B, "BUY", 1, 16)  # from now on the walk comes by the last ten alone
    assert "order" not in await pull(desk)
    for number in numbers[:2]:
        desk.book.cancel(B, number)
    asked = await pull(desk)
    assert (asked["openOrders"], asked["order"]) == (1, 2)
    assert [state[0] for state in desk.orders(B).values()] == ["CANCELED"] * 2 + ["NEW"] * 14


async def test_what_the_exchange_forgets_keeps_its_last_state(desk: TradeDesk) -> None:
    """An order canceled unfilled and archived before anybody looked is marked gone, with the state last seen."""
    number = desk.book.place(B, "BUY", 1, 50)
    await pull(desk)
    desk.book.cancel(B, number)
    desk.clock.advance(91 * DAY_S)
    await pull(desk)
    first, last = desk.rows("orders", symbol=B)
    assert first["gone_since"] is None
    assert last["gone_since"] is not None
    assert {name for name in first if first[name] != last[name]} == {"version", "seen_at", "gone_since"}
    assert "order" not in await pull(desk), "what is gone is not open"


async def test_a_lagging_answer_loses_no_fill(desk: TradeDesk) -> None:
    """Fills that the exchange's database did not know yet are there after the next run, in the same series."""
    number = desk.book.place(B, "BUY", 3, 50)
    desk.book.fill(B, number, 1)
    await pull(desk)
    desk.clock.advance(60)
    desk.book.fill(B, number, 1)
    desk.exchange.inject(Lagging(path="/api/v3/myTrades", ms=30_000, count=None))
    await pull(desk)
    assert len(desk.rows("fills")) == 1
    desk.exchange.faults.clear()
    await pull(desk)
    assert len(desk.rows("fills")) == 2


@pytest.mark.soak
async def test_a_lagging_list_takes_no_state_back(desk: TradeDesk) -> None:
    """An older state that a lagging list shows is no version after the newer one."""
    number = desk.book.place(B, "BUY", 1, 50)
    await pull(desk)
    desk.clock.advance(60)
    desk.book.fill(B, number)
    desk.exchange.inject(Lagging(path="/api/v3/allOrders", ms=30_000))
    await pull(desk)
    assert [row["status"] for row in desk.rows("orders")] == ["NEW", "FILLED"]


async def test_an_order_placed_just_now_is_not_gone(desk: TradeDesk) -> None:
    """Where lagging answers do not know a stored order yet, that says nothing about it."""
    desk.clock.advance(60)
    desk.book.place(B, "BUY", 1, 50)
    await pull(desk)
    desk.exchange.inject(Lagging(ms=30_000, count=None))
    assert (await pull(desk))["order"] == 1
    assert [(row["status"], row["gone_since"]) for row in desk.rows("orders")] == [("NEW", None)]


@pytest.mark.parametrize("meaning", ["first", "absent"])
async def test_history_is_whole_whatever_id_0_means(desk: TradeDesk, meaning: Any) -> None:
    """Where `fromId=0` means the newest page, the walk begins at id 1 and has every fill all the same."""
    desk.exchange.from_id_zero = meaning
    number = desk.book.place(B, "BUY", 2100, 1)
    for _ in range(2100):
        desk.book.fill(B, number, 1)
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)


async def test_a_short_page_is_no_end(desk: TradeDesk) -> None:
    """A page of fewer rows than asked for is followed by the next one in the same run."""
    number = desk.book.place(B, "BUY", 9, 1)
    for _ in range(9):
        desk.book.fill(B, number, 1)
    desk.exchange.inject(ShortPage(path="/api/v3/myTrades", keep=4, count=8))
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)


async def test_a_fill_left_out_is_asked_for_by_its_order(desk: TradeDesk) -> None:
    """Where a walk does not bring what an order executed, its own fills are asked for, older than any overlap."""
    number = desk.book.place(B, "BUY", 9, 1)
    for _ in range(4):
        desk.book.fill(B, number, 1)
    desk.exchange.inject(Shuffled(path="/api/v3/myTrades", symbol=B, count=1))
    desk.exchange.inject(ShortPage(path="/api/v3/myTrades", symbol=B, keep=1, count=1))
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)


async def test_allocations_and_prevented_matches_follow_their_orders(desk: TradeDesk) -> None:
    """What smart order routing allocated and what self-trade prevention stopped is fetched where orders point to it."""
    book = desk.book
    routed = book.place(B, "BUY", 2, 50)
    book.allocate(B, routed, 1)
    book.fill(B, routed)
    maker = book.place(B, "SELL", 1, 50)
    book.prevent(B, book.place(B, "BUY", 1, 50, stp_mode="EXPIRE_MAKER"), maker)
    await pull(desk)
    assert desk.stored_ids("allocations", B) == desk.true_ids("allocations", B)
    assert desk.stored_ids("prevented_matches", B) == desk.true_ids("prevented_matches", B)
    asked = await pull(desk)
    assert not {"myTrades", "myAllocations", "myPreventedMatches"} & asked.keys()


@pytest.mark.parametrize(
    "values",
    [
        {"usedSor": "true", "workingFloor": None},
        {"usedSor": 1, "workingFloor": None},
        {"usedSor": None},
        {"usedSor": False},
        {"usedSor": None, "workingFloor": 5},
    ],
)
async def test_a_misprint_hides_no_allocation(desk: TradeDesk, values: dict[str, object]) -> None:
    """Where it cannot be read whether an order was routed, its allocations are asked for."""
    routed = desk.book.place(B, "BUY", 2, 50)
    desk.book.allocate(B, routed, 1)
    desk.exchange.inject(Misprinted(values=values, where={"orderId": routed}, count=None))
    await pull(desk)
    assert desk.stored_ids("allocations", B) == desk.true_ids("allocations", B) != []


@pytest.mark.soak
async def test_what_no_field_tells_is_asked_for_once_a_check_names_it(desk: TradeDesk) -> None:
    """An order that goes on to lack fills is asked for allocations too, although it says that it was not routed."""
    routed = desk.book.place(B, "BUY", 2, 50)
    desk.book.allocate(B, routed, 1)
    values = {"usedSor": False, "workingFloor": None}
    desk.exchange.inject(Misprinted(values=values, where={"orderId": routed}, count=None))
    await pull(desk)
    assert desk.stored_ids("allocations", B) == []
    for _ in range(2):  # after the first of them the order is known to lack fills for longer than answers lag
        desk.clock.advance(7 * 3600)
        await pull(desk)
    assert desk.stored_ids("allocations", B) == desk.true_ids("allocations", B) != []


@pytest.mark.parametrize("value", ["7", 1.5, {"id": 7}])
async def test_a_misprint_hides_no_prevented_match(desk: TradeDesk, value: object) -> None:
    """Where the id of a prevented match cannot be read, the match is asked for by its order, until it is there."""
    maker = desk.book.place(B, "SELL", 1, 50)
    desk.book.prevent(B, desk.book.place(B, "BUY", 1, 50, stp_mode="EXPIRE_MAKER"), maker)
    for path in ("allOrders", "order", "openOrders"):
        desk.exchange.inject(Misprinted(path=f"/api/v3/{path}", values={"preventedMatchId": value}, count=None))
    await pull(desk)
    assert desk.stored_ids("prevented_matches", B) == desk.true_ids("prevented_matches", B)
    assert "myPreventedMatches" not in await pull(desk)


@pytest.mark.parametrize("mode", ["EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH"])
async def test_a_prevented_match_is_asked_for_by_its_own_id(mode: str, desk: TradeDesk) -> None:
    """A match that one or both orders point to costs one request of weight 2, in a combination that is listed."""
    desk.trading([B])
    maker = desk.book.place(B, "SELL", 1, 50)
    desk.book.prevent(B, desk.book.place(B, "BUY", 1, 50, stp_mode=mode), maker)
    await pull(desk)
    assert desk.stored_ids("prevented_matches", B) == desk.true_ids("prevented_matches", B)
    assert [seen.weight for seen in desk.exchange.requests if "/myPreventedMatches" in seen.target] == [2]


async def test_a_list_of_orders_is_followed_to_its_end(desk: TradeDesk) -> None:
    """An order list is stored as executing and, once it is, as done; its orders are stored with its id."""
    legs = {"side": "SELL", "qty": 1, "price": 90}, {"side": "SELL", "qty": 1, "price": 9, "stop_price": 9}
    first, _ = desk.book.place_list("OCO", B, *legs)
    await pull(desk)
    desk.book.fill(B, first)
    await pull(desk)
    rows = desk.rows("order_lists")
    assert [row["list_order_status"] for row in rows] == ["EXECUTING", "ALL_DONE"]
    assert {row["order_list_id"] for row in desk.rows("orders")} == {rows[0]["order_list_id"]}


async def test_a_refusal_in_the_middle_takes_no_row_out_of_the_receipt(desk: TradeDesk) -> None:
    """A pull that the exchange refuses after its first commit reports the rows of that commit beside the failure."""
    desk.trading([B], datasets=["orders"])
    desk.book.place(B, "BUY", 1, 50)
    await pull(desk)
    desk.book.place(B, "BUY", 1, 50)
    desk.exchange.inject(Restricted(path="/api/v3/openOrders", count=None))
    (receipt,) = await desk.run("trading")
    assert (receipt.outcome, receipt.exit_code, receipt.rows) == ("failed", 4, 1)
    assert len(desk.orders(B)) == 2


async def test_one_failing_symbol_stops_no_other(desk: TradeDesk) -> None:
    """A symbol that cannot be read is a failure of its own; the others are complete, and the next run has it too."""
    for symbol in (B, "ETHUSDT"):
        desk.book.fill(symbol, desk.book.place(symbol, "BUY", 1, 50))
    desk.exchange.inject(Error(path="/api/v3/myTrades", symbol=B, status=400, code=-1100))
    receipts = await desk.run("trading")
    assert [failure.series for one in receipts for failure in one.failures] == [f"{ACCOUNT}/spot/{B}"]
    assert desk.stored_ids("fills", "ETHUSDT") == desk.true_ids("fills", "ETHUSDT")
    desk.exchange.faults.clear()
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)


@dataclass
class Watched(Silent):
    """Counts what a run expects and does; `most_over` is by how much it ever did more."""

    expected: int = 0
    done: int = 0
    most_over: int = 0

    def expect(self, *, requests: int, rows: int) -> None:  # noqa: ARG002 - rows are not planned
        self.expected += requests

    def advance(self, *, rows: int = 0, requests: int = 0) -> None:  # noqa: ARG002
        self.done += requests
        self.most_over = max(self.most_over, self.done - self.expected)


def unsettled(desk: TradeDesk) -> list[tuple[str, int]]:
    """The orders that the check names."""
    (result,) = run_checks(desk.lake, [], datetime.fromtimestamp(desk.clock(), UTC), ["unsettled_orders"])
    return [(row["symbol"], row["order_id"]) for row in map(json.loads, result.sample)]


async def test_what_a_run_could_not_settle_is_named(desk: TradeDesk) -> None:
    """One order whose end is not told is named, with its symbol, until a run settles it; runs of others do not help."""
    desk.flows["other"] = desk.flows["trading"] | {"symbols": ["ETHUSDT"]}
    numbers = [desk.book.place(B, "BUY", 1, 50) for _ in range(3)]
    desk.book.place("ETHUSDT", "BUY", 1, 50)
    await pull(desk)
    desk.clock.advance(7200)
    for _ in range(OVERLAP_ROWS):  # else the walk by id would see the older ones once more
        desk.book.place(B, "BUY", 1, 50)
    await pull(desk)
    for number in numbers[1:]:
        desk.book.cancel(B, number)
    desk.exchange.inject(Error(path="/api/v3/order", symbol=B, status=400, code=-1100))
    await desk.run("trading")
    assert unsettled(desk) == [(B, numbers[1])]
    await desk.run("other")
    assert unsettled(desk) == [(B, numbers[1])]
    await pull(desk)
    assert unsettled(desk) == []
    assert {state[0] for state in desk.orders(B).values()} == {"NEW", "CANCELED"}


async def test_without_the_open_orders_nothing_is_settled(desk: TradeDesk) -> None:
    """A flow that cannot ask what is open leaves every open order of its own symbols unsettled, and no other."""
    desk.flows["other"] = desk.flows["trading"] | {"symbols": ["ETHUSDT"]}
    numbers = {symbol: desk.book.place(symbol, "BUY", 1, 50) for symbol in (B, "ETHUSDT")}
    await pull(desk)
    desk.exchange.inject(Error(path="/api/v3/openOrders", status=400, code=-1100, count=2))
    await desk.run("other")
    assert unsettled(desk) == [("ETHUSDT", numbers["ETHUSDT"])]
    await desk.run("trading")
    assert unsettled(desk) == sorted(numbers.items())
    await pull(desk)
    assert unsettled(desk) == []


async def test_a_removed_symbol_is_a_fact(desk: TradeDesk) -> None:
    """The exchange no longer knowing a symbol fails nothing: what is stored stays, and it is not asked every run."""
    number = desk.book.place(B, "BUY", 2, 50)
    desk.book.fill(B, number, 1)
    await pull(desk)
    desk.exchange.remove(B)
    await pull(desk)
    assert len(desk.rows("fills")) == 1
    assert desk.rows("orders", symbol=B)[-1]["gone_since"] is not None
    assert "allOrders" not in await pull(desk)
    assert desk.candidates()[B].heat is Heat.TRADED


async def test_an_unexplained_balance_finds_the_symbol_at_once(desk: TradeDesk) -> None:
    """A trade in a symbol nobody knew of moves two assets, so its pairs are probed again in the same run."""
    await pull(desk)
    desk.clock.advance(3600)
    desk.book.fill("ETHBTC", desk.book.place("ETHBTC", "BUY", 1, "0.05"))
    asked = await pull(desk)
    assert desk.stored_ids("fills", "ETHBTC") == desk.true_ids("fills", "ETHBTC")
    assert desk.orders("ETHBTC") == desk.truth("ETHBTC"), "and its orders with them"
    assert asked["myTrades"] <= 6
    desk.clock.advance(3600)
    await pull(desk)
    desk.clock.advance(3600)
    assert "myTrades" not in await pull(desk), "what is explained is cold again"


@pytest.mark.parametrize("value", [None, 5])
async def test_an_odd_client_id_shuts_out_nothing(value: Any, desk: TradeDesk) -> None:
    """One order whose client id is no text is stored with it as printed, and so is every other order of its symbol."""
    numbers = [desk.book.place(B, "BUY", 1, 50) for _ in range(3)]
    desk.exchange.inject(Misprinted(values={"clientOrderId": value}, where={"orderId": numbers[1]}, count=None))
    for number in numbers:
        desk.book.fill(B, number)
    await pull(desk)
    rows = desk.rows("orders", symbol=B)
    assert [row["client_order_id"] is None for row in rows] == [False, True, False]
    assert rows[1]["extra"] == (None if value is None else '{"clientOrderId":5}')
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)
    await pull(desk)
    assert len(desk.rows("orders", symbol=B)) == 3


@pytest.mark.soak
async def test_a_fill_that_lacks_its_quote_amount_stops_no_other(desk: TradeDesk) -> None:
    """A fill printed without its amount in the quote asset is stored without it, and no run fails for it."""
    trades = [desk.book.fill(B, desk.book.place(B, "BUY", 1, 50)) for _ in range(3)]
    await pull(desk)
    desk.clock.advance(DAY_S)
    later = desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    desk.exchange.inject(
        Misprinted(path="/api/v3/myTrades", values={"quoteQty": None}, where={"id": later}, count=None)
    )
    for _ in range(2):  # the second run compares the balances that this fill moved
        await pull(desk)
        desk.clock.advance(2 * DAY_S)
    assert {row["trade_id"]: row["quote_qty"] is None for row in desk.rows("fills")} == {
        **dict.fromkeys(trades, False),
        later: True,
    }


@pytest.mark.parametrize(
    ("path", "place"),
    some_of([(path, place) for place in (0, 1, 2) for path in ("allOrders", "myTrades")], most=2),
)
async def test_a_row_that_cannot_be_read_is_named_until_it_can(path: str, place: int, desk: TradeDesk) -> None:
    """One row with odd money is a failure of each run, under its id; the others are stored, and it is had when mended."""
    numbers = [desk.book.place(B, "BUY", 1, 50) for _ in range(3)]
    trades = [desk.book.fill(B, number) for number in numbers]
    name, one = ("orderId", numbers[place]) if path == "allOrders" else ("id", trades[place])
    desk.exchange.inject(Misprinted(path=f"/api/v3/{path}", values={"price": 50}, where={name: one}, count=None))
    desk.exchange.inject(Error(path="/api/v3/order", status=400, code=-2013, count=None))  # nor is it had by its id
    for _ in range(2):
        receipts = await desk.run("trading")
        failures = [failure for receipt in receipts for failure in receipt.failures]
        assert any(str(one) in failure.series and "price" in failure.why for failure in failures)
        desk.clock.advance(2 * DAY_S)
        assert len(set(failures)) == len(failures)
    column, check = {
        "allOrders": ("orders", "fill_without_order"),
        "myTrades": ("fills", "executed_sums"),
    }[path]
    assert len(desk.rows(column, symbol=B)) == 2
    (result,) = run_checks(desk.lake, [], datetime.fromtimestamp(desk.clock(), UTC), [check])
    assert not result.passed
    desk.exchange.heal()
    await pull(desk)
    assert len(desk.rows("orders", symbol=B)) == len(desk.rows("fills", symbol=B)) == 3


@pytest.mark.soak
async def test_an_open_order_that_cannot_be_read_hides_no_other(desk: TradeDesk) -> None:
    """What is open is settled also when one open order among it cannot be read, which is named."""
    kept, odd = (desk.book.place(B, "BUY", 1, price) for price in (50, 51))
    await pull(desk)
    desk.exchange.inject(
        Misprinted(path="/api/v3/openOrders", values={"origQty": 1}, where={"orderId": odd}, count=None)
    )
    desk.book.fill(B, kept, "0.5")
    receipts = await desk.run("trading")
    assert {failure.series for one in receipts for failure in one.failures} == {f"{ACCOUNT}/spot, order_id {odd}"}
    assert desk.orders(B) == desk.truth(B)


async def test_an_unknown_status_is_followed_to_its_end(desk: TradeDesk) -> None:
    """An order seen under a word nobody knows is asked for until it ends, and its fill is pulled, however old it is."""
    number = desk.book.place(B, "BUY", 1, 50, status="PENDING_TRIGGER")
    await pull(desk)
    desk.clock.advance(7200)
    for _ in range(OVERLAP_ROWS):
        desk.book.place(B, "BUY", 1, 40)
    await pull(desk)
    desk.book.fill(B, number)
    await pull(desk)
    assert desk.orders(B) == desk.truth(B)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)


@pytest.mark.soak
async def test_a_list_of_unknown_status_is_followed_to_its_end(desk: TradeDesk) -> None:
    """A list of orders under a word nobody knows is asked for until it is done, however many lists came after it."""
    legs = {"side": "SELL", "qty": 1, "price": 90}, {"side": "SELL", "qty": 1, "price": 9, "stop_price": 9}
    first, _ = desk.book.place_list("OCO", B, *legs)
    (row,) = desk.book.lists
    desk.book.lists.put(row.list_id, replace(row, status="PAUSED"))
    await pull(desk)
    desk.clock.advance(7200)
    for _ in range(OVERLAP_ROWS):
        desk.book.place_list("OCO", B, *legs)
    await pull(desk)
    desk.book.lists.put(row.list_id, replace(row, at_ms=desk.exchange.now_ms, time_ms=desk.exchange.now_ms))
    desk.book.fill(B, first)
    await pull(desk)
    states = [one["list_order_status"] for one in desk.rows("order_lists") if one["order_list_id"] == row.list_id]
    assert (states[0], states[-1]) == ("PAUSED", "ALL_DONE")


@pytest.mark.soak
async def test_an_unexplained_balance_walks_what_is_traded_too(desk: TradeDesk) -> None:
    """A fill of a traded symbol that no order tells of yet is found by the balances it moved."""
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    await pull(desk)
    desk.clock.advance(3600)
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    for path in ("allOrders", "openOrders"):
        desk.exchange.inject(Lagging(path=f"/api/v3/{path}", ms=1_800_000, count=None))
    await pull(desk)
    assert len(desk.orders(B)) == 1
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)
    desk.exchange.heal()
    await pull(desk)
    assert desk.orders(B) == desk.truth(B)


@pytest.mark.soak
async def test_an_unexplained_balance_finds_what_was_routed(desk: TradeDesk) -> None:
    """A symbol traded only over several books has no fill; when both its assets change, its orders lead to the rest."""
    await pull(desk)
    desk.clock.advance(3600)
    desk.book.allocate("ETHBTC", desk.book.place("ETHBTC", "BUY", 1, "0.05"))
    await pull(desk)
    assert desk.orders("ETHBTC") == desk.truth("ETHBTC")
    assert desk.stored_ids("allocations", "ETHBTC") == desk.true_ids("allocations", "ETHBTC")
    assert desk.known() == {"ETHBTC"}


async def test_a_named_symbol_is_asked_for_though_nobody_lists_it(desk: TradeDesk) -> None:
    """A symbol that is not in exchangeInfo, but that the exchange answers about, has its orders and fills pulled."""
    desk.trading(["BTCZAR"])
    desk.book.fill("BTCZAR", desk.book.place("BTCZAR", "BUY", 1, 50))
    desk.exchange.inject(Error(path="/api/v3/exchangeInfo", status=400, code=-1100, count=1))  # hides regional symbols
    await pull(desk)
    assert "BTCZAR" not in {row["symbol"] for row in desk.rows("symbols")}
    assert desk.orders("BTCZAR") == desk.truth("BTCZAR")
    assert desk.stored_ids("fills", "BTCZAR") == desk.true_ids("fills", "BTCZAR")


@pytest.mark.soak
async def test_names_of_the_archive_are_probed(desk: TradeDesk) -> None:
    """What exchangeInfo does not list, but the archive has a folder of, is looked for once a week."""
    desk.addresses = {"archive": desk.url, "archive_list": desk.url}
    desk.exchange.remove("XRPUSDT")  # neither listed nor answered about
    desk.book.fill("BTCZAR", desk.book.place("BTCZAR", "BUY", 1, 50))
    desk.exchange.inject(Error(path="/api/v3/exchangeInfo", status=400, code=-1100, count=1))  # hides regional symbols
    await pull(desk)
    assert "BTCZAR" not in {row["symbol"] for row in desk.rows("symbols")}
    assert desk.stored_ids("fills", "BTCZAR") == desk.true_ids("fills", "BTCZAR")
    assert desk.orders("BTCZAR") == desk.truth("BTCZAR")
    assert desk.candidates()["XRPUSDT"].gone
    listed = len(desk.asked("prefix="))
    assert listed > 0
    await pull(desk)
    assert len(desk.asked("prefix=")) == listed
    desk.clock.advance(8 * DAY_S)
    await pull(desk)
    assert len(desk.asked("prefix=")) > listed


async def test_an_archive_in_trouble_hides_no_fill(desk: TradeDesk) -> None:
    """Where the archive cannot be listed, the run does the rest, and the next one asks it again."""
    desk.addresses = {"archive": desk.url, "archive_list": desk.url}
    desk.exchange.inject(Error(path="/", status=403, code=0, count=1))
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)
    before = len(desk.asked("prefix="))
    await pull(desk)
    assert len(desk.asked("prefix=")) > before > 0


async def test_a_name_that_nobody_knows_is_not_traded(desk: TradeDesk) -> None:
    """A mistyped symbol is a failure of every run, asked for once a day, and never taken for one that is traded."""
    desk.trading(["ETHUSD"])
    for _ in range(2):
        receipts = await desk.run("trading")
        assert [len(one.failures) for one in receipts if one.dataset != "balances"] == [1, 1]
    assert len(desk.asked("/allOrders")) == 1
    assert desk.known() == set()


async def test_orders_found_by_a_fill_count_among_the_orders(desk: TradeDesk) -> None:
    """The receipt of the fills counts fills, also in the run that finds the symbol and pulls its orders with them."""
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    receipts = {one.dataset: one.rows for one in await desk.run("trading")}
    assert (len(desk.rows("orders")), receipts["fills"]) == (2, 2)


async def test_a_regional_symbol_is_probed(desk: TradeDesk) -> None:
    """Symbols that `exchangeInfo` hides by default are candidates too; without the parameter the rest still is."""
    desk.book.fill("BTCZAR", desk.book.place("BTCZAR", "BUY", 1, 50))
    await pull(desk)
    assert desk.stored_ids("fills", "BTCZAR") == desk.true_ids("fills", "BTCZAR")


async def test_an_asset_that_a_ledger_names_has_its_symbols_looked_at_each_day(desk: TradeDesk) -> None:
    """What came and went between two snapshots is held by no balance, and may have been traded all the same."""
    desk.trading("traded", datasets=["orders", "fills", "dividends"], discovery="100%")
    row = {"id": 1, "amount": "5", "asset": "XRP", "enInfo": "Airdrop", "tranId": 1, "direction": 1}
    desk.exchange.add_movement(UID, "asset/assetDividend", {**row, "divTime": desk.exchange.now_ms - 1000_000})
    await pull(desk)
    assert [one.symbol for one in desk.candidates().values() if one.heat is Heat.WARM] == ["XRPUSDT"]
    before = len(desk.asked("/myTrades"))
    desk.clock.advance(DAY_S + 60)
    await pull(desk)
    assert ["symbol=XRPUSDT" in target for target in desk.asked("/myTrades")[before:]] == [True]


async def test_symbols_may_be_listed(desk: TradeDesk) -> None:
    """With a list of symbols nothing is looked for, and a name that nobody lists is named with the nearest."""
    desk.trading([B, "ETHUSD"])
    for symbol in (B, "ETHUSDT"):
        desk.book.fill(symbol, desk.book.place(symbol, "BUY", 1, 50))
        desk.book.place(symbol, "BUY", 1, 40)
    receipts = await desk.run("trading")
    assert {row["symbol"] for row in [*desk.rows("orders"), *desk.rows("fills")]} == {B}
    assert {failure.why for one in receipts for failure in one.failures} == {
        "The exchange lists no symbol ETHUSD. Did you mean ETHUSDT?"
    }


async def test_the_plan_tells_the_weight_of_a_sweep(desk: TradeDesk) -> None:
    """Before the first run the plan names every probe; after it, one request a traded symbol and no probe."""
    (before,) = await plan_flows(desk.config, ["trading"], state=desk.state)
    probes = {cost.series: cost.requests for cost in before.series}
    assert probes == {"orders by symbol": 0, "symbols never looked at": 6}
    assert before.weight == 20 + 20 + 1 + 20 + 80 + 20 + 6 * 20  # the listing is asked for too
    assert before.note == (
        "It finds which of 6 symbols are traded. What the account did there comes on top and is known only when it "
        "comes: 20 weight a thousand orders, 20 a thousand fills. Each one found adds 20 to every later run."
    )
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    await pull(desk)
    (after,) = await plan_flows(desk.config, ["trading"], state=desk.state)
    assert {cost.series: cost.requests for cost in after.series} == {"orders by symbol": 1}
    assert after.steady_weight < before.weight
    assert after.note == ""


async def test_the_plan_of_listed_symbols_says_what_it_cannot_know(desk: TradeDesk) -> None:
    """Of a symbol never pulled, how much there is comes on top; once it is pulled, traded or not, nothing does."""
    desk.trading([B, "ETHUSDT"])
    (before,) = await plan_flows(desk.config, ["trading"], state=desk.state)
    assert {cost.series: cost.requests for cost in before.series} == {
        "orders by symbol": 2,
        "fills of symbols never walked": 2,
    }
    assert before.note.startswith("Of 2 symbols nothing is stored yet. What the account did there comes on top")
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    await pull(desk)
    (after,) = await plan_flows(desk.config, ["trading"], state=desk.state)
    assert {cost.series: cost.requests for cost in after.series} == {"orders by symbol": 2}
    assert after.note == ""


async def test_progress_never_runs_past_what_it_expects(desk: TradeDesk) -> None:
    """What turns out to be more than was expected is expected before it is asked for, and all of it is done at last."""
    desk.exchange.from_id_zero = "absent"
    number = desk.book.place(B, "BUY", 2100, 1)
    for _ in range(2100):
        desk.book.fill(B, number, 1)
    desk.book.cancel("ETHUSDT", desk.book.place("ETHUSDT", "BUY", 1, 50))
    watched = Watched()
    for _ in range(2):
        await run_flow(desk.config, "trading", progress=watched, stop=desk.stop, state=desk.state)
        assert watched.done == watched.expected
    assert watched.most_over == 0


async def test_an_interrupted_sweep_goes_on_where_it_was(desk: TradeDesk) -> None:
    """What was probed before a stop is not probed again."""
    await desk.stopped_at(1, "/myTrades", "trading")
    probed = {symbol for symbol, one in desk.candidates().items() if one.probed_at is not None}
    before = len(desk.asked("/myTrades"))
    await pull(desk)
    assert len(desk.asked("/myTrades")) - before == 6 - len(probed)


async def test_two_runs_at_once_store_everything_once(desk: TradeDesk) -> None:
    """Concurrent runs of one account neither double a row nor lose one."""
    number = desk.book.place(B, "BUY", 9, 1)
    for _ in range(5):
        desk.book.fill(B, number, 1)
    await asyncio.gather(desk.run("trading"), desk.run("trading"))
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)
    assert [row["version"] for row in desk.rows("orders")] == [1]


async def test_there_is_no_backfill_of_what_is_walked_by_id(desk: TradeDesk) -> None:
    """Asked for the history of orders, binlake says that each run brings it from the first one on."""
    window = Window(instant("2026-01-01"))
    with pytest.raises(UsageProblem, match="from the first one on"):
        await run_flow(desk.config, "trading", window=window, progress=Silent(), stop=desk.stop, state=desk.state)


async def test_status_speaks_of_what_was_found(desk: TradeDesk) -> None:
    """A symbol looked for in vain is no series, and a flow that has just run is not late."""
    desk.trading("traded", every="10m")
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    await pull(desk)
    listed = run(connect(desk.lake), "SELECT DISTINCT dataset, symbol FROM series_status WHERE symbol IS NOT NULL")
    assert {tuple(row.values()) for row in listed.to_pylist()} == {("orders", B), ("fills", B)}
    now = datetime.fromtimestamp(desk.clock(), UTC)
    for later, passed in ((timedelta(minutes=15), True), (timedelta(hours=1), False)):
        planned = list(schedules(desk.config, desk.lake, now))
        (result,) = run_checks(desk.lake, planned, now + later, ["freshness"])
        assert result.passed == passed, result.sample
