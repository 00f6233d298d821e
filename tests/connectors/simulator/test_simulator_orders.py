"""Orders placed and filled by hand, and how the exchange tells of them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.simulator import Exchange, MovableClock
from connectors.simulator.account.account_book import Book
from connectors.simulator.account.agenda import Story
from connectors.simulator.protocol.faults import Lagging
from connectors.simulator.protocol.rules import Refusal

SYMBOL = "BTCUSDT"
Read = Callable[..., Any]


def test_an_order_lives(book: Book, read: Read, clock: MovableClock) -> None:
    """Placed, filled in part, amended, filled to the end: each state is told as it is, under one id."""
    number = book.place(SYMBOL, "BUY", "2", "50000")
    placed = read("order", symbol=SYMBOL, orderId=number)
    assert placed == read("openOrders", symbol=SYMBOL)[0] == read("openOrders")[0]
    assert (placed["status"], placed["executedQty"], placed["workingTime"]) == ("NEW", "0.00000000", placed["time"])
    clock.advance(1)
    trade = book.fill(SYMBOL, number, "0.5")
    book.amend(SYMBOL, number, "1.5")
    partly = read("order", symbol=SYMBOL, orderId=number)
    assert (partly["status"], partly["executedQty"], partly["origQty"]) == (
        "PARTIALLY_FILLED",
        "0.50000000",
        "1.50000000",
    )
    assert partly["cummulativeQuoteQty"] == "25000.00000000"
    assert partly["clientOrderId"] != placed["clientOrderId"]
    assert partly["updateTime"] == placed["time"] + 1000
    last = book.fill(SYMBOL, number)
    assert [row["id"] for row in read("myTrades", symbol=SYMBOL)] == [trade, last]
    assert read("allOrders", symbol=SYMBOL)[0]["status"] == "FILLED"
    assert read("openOrders") == []


def test_a_lagging_database_does_not_know_the_last_events(
    exchange: Exchange, book: Book, read: Read, clock: MovableClock
) -> None:
    """Under the fault an endpoint answers as it would have so long ago, and only that endpoint."""
    number = book.place(SYMBOL, "BUY", "2", "50000")
    clock.advance(10)
    book.fill(SYMBOL, number, "1")
    exchange.inject(Lagging(path="/api/v3/myTrades", ms=5000, count=1))
    exchange.inject(Lagging(path="/api/v3/allOrders", ms=5000, count=1))
    assert read("myTrades", symbol=SYMBOL) == []
    assert len(read("myTrades", symbol=SYMBOL)) == 1
    assert [read("allOrders", symbol=SYMBOL)[0]["status"] for _ in range(2)] == ["NEW", "PARTIALLY_FILLED"]


def test_balances_follow(book: Book, read: Read) -> None:
    """Open orders hold back what they may spend; fills and fees move what there is."""
    number = book.place(SYMBOL, "BUY", "0.001", "50000")
    held = {row["asset"]: row for row in read("account")["balances"]}
    assert (held["USDT"]["free"], held["USDT"]["locked"]) == ("50.00000000", "50.00000000")
    book.fill(SYMBOL, number, fee=("0.01", "BNB"))
    held = {row["asset"]: row for row in read("account")["balances"]}
    assert (held["USDT"]["free"], held["USDT"]["locked"]) == ("50.00000000", "0.00000000")
    assert Decimal(held["BTC"]["free"]) == Decimal("1.501")
    assert held["BNB"]["free"] == "-0.01000000"


def test_what_cannot_be_is_refused(book: Book) -> None:
    """An ended order does not change any more, none executes more than is left, and nothing trades that is closed."""
    number = book.place(SYMBOL, "BUY", "1", "50000")
    book.cancel(SYMBOL, number)
    with pytest.raises(Refusal, match="-2011"):
        book.fill(SYMBOL, number)
    market = book.place(SYMBOL, "BUY", "1")
    for qty, price in (("2", "50000"), ("0", "50000"), ("1", None)):
        with pytest.raises(Refusal, match="-2010"):
            book.fill(SYMBOL, market, qty, price)
    with pytest.raises(Refusal, match="-2010"):
        book.place("NANOUSDT", "BUY", "1", "3")
    with pytest.raises(Refusal, match="-1121"):
        book.place("NOSUCH", "BUY", "1", "3")


def _oco(book: Book) -> list[int]:
    return book.place_list(
        "OCO",
        SYMBOL,
        {"side": "SELL", "qty": "1", "price": "70000", "type": "LIMIT_MAKER"},
        {"side": "SELL", "qty": "1", "price": "49900", "type": "STOP_LOSS_LIMIT", "stop_price": "50000"},
    )


def _statuses(read: Read, numbers: list[int]) -> list[str]:
    return [read("order", symbol=SYMBOL, orderId=number)["status"] for number in numbers]


def test_one_leg_of_an_oco_ends_the_other(book: Book, read: Read, clock: MovableClock) -> None:
    """A fill of one, or its trigger, expires the other, a cancel cancels it; then the list is done."""
    filled, triggered, cancelled = _oco(book), _oco(book), _oco(book)
    rows = read("openOrderList")
    assert [[leg["orderId"] for leg in row["orders"]] for row in rows] == [filled, triggered, cancelled]
    assert rows[0]["orderListId"] == read("order", symbol=SYMBOL, orderId=filled[0])["orderListId"]
    clock.advance(1)
    book.fill(SYMBOL, filled[0], "0.1")
    book.trigger(SYMBOL, triggered[1])
    book.cancel(SYMBOL, cancelled[1])
    assert _statuses(read, [*filled, *triggered, *cancelled]) == [
        *("PARTIALLY_FILLED", "EXPIRED"),
        *("EXPIRED", "NEW"),
        *("CANCELED", "CANCELED"),
    ]
    assert read("order", symbol=SYMBOL, orderId=filled[1])["expiryReason"] == "OCO_TRIGGER"
    assert read("order", symbol=SYMBOL, orderId=triggered[1])["isWorking"] is True
    done = read("orderList", orderListId=rows[2]["orderListId"])
    assert (done["listStatusType"], done["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert done["transactionTime"] == rows[2]["transactionTime"] + 1000
    assert read("orderList", origClientOrderId=rows[0]["listClientOrderId"]) == rows[0]
    assert [row["orderListId"] for row in read("openOrderList")] == [row["orderListId"] for row in rows[:2]]


def test_lists_of_orders_are_paged(book: Book, read: Read, clock: MovableClock) -> None:
    """The newest first without a start; from an id or a start the oldest first."""
    for _ in range(3):
        _oco(book)
        clock.advance(60)
    newest = read("allOrderList")
    ids = [row["orderListId"] for row in newest][::-1]
    assert ids == sorted(ids)
    assert [row["orderListId"] for row in read("allOrderList", limit=2)] == ids[:0:-1]
    assert [row["orderListId"] for row in read("allOrderList", fromId=ids[1])] == ids[1:]
    start = newest[1]["transactionTime"]
    assert [row["orderListId"] for row in read("allOrderList", startTime=start, limit=1)] == ids[1:2]
    assert [row["orderListId"] for row in read("allOrderList", endTime=start, limit=1)] == ids[1:2]


def test_the_second_order_of_an_oto_waits_for_the_first(book: Book, read: Read) -> None:
    """Pending until the first is filled; gone with it when it is not."""
    legs = {"side": "BUY", "qty": "1", "price": "50000"}, {"side": "SELL", "qty": "1", "price": "60000"}
    good, bad = (book.place_list("OTO", SYMBOL, *legs) for _ in range(2))
    assert _statuses(read, good) == ["NEW", "PENDING_NEW"]
    assert read("order", symbol=SYMBOL, orderId=good[1])["workingTime"] == -1
    with pytest.raises(Refusal, match="-2010"):
        book.fill(SYMBOL, good[1])
    book.fill(SYMBOL, good[0], "0.5")
    assert _statuses(read, good) == ["PARTIALLY_FILLED", "PENDING_NEW"]
    book.fill(SYMBOL, good[0])
    assert _statuses(read, good) == ["FILLED", "NEW"]
    book.expire(SYMBOL, bad[0])
    assert _statuses(read, bad) == ["EXPIRED", "EXPIRED"]
    assert read("order", symbol=SYMBOL, orderId=bad[1])["expiryReason"] == "OTO_PHASE_ONE_EXPIRED"


@pytest.mark.parametrize(
    ("mode", "taker_status", "maker_status"),
    [
        ("EXPIRE_MAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", "NEW"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
    ],
)
def test_an_account_does_not_trade_with_itself(
    mode: str, taker_status: str, maker_status: str, book: Book, read: Read
) -> None:
    """The taker's mode says which order expires; the match is found by its id and by either order."""
    maker = book.place(SYMBOL, "SELL", "1", "50000")
    taker = book.place(SYMBOL, "BUY", "0.4", "50001", stp_mode=mode)
    number = book.prevent(SYMBOL, taker, maker)
    assert _statuses(read, [taker, maker]) == [taker_status, maker_status]
    (match,) = read("myPreventedMatches", symbol=SYMBOL, preventedMatchId=number)
    assert (match["price"], match["makerPreventedQuantity"]) == ("50000.00000000", "0.40000000")
    assert read("myPreventedMatches", symbol=SYMBOL, orderId=taker) == [match]
    assert read("myPreventedMatches", symbol=SYMBOL, orderId=maker, fromPreventedMatchId=number) == [match]
    assert read("myPreventedMatches", symbol=SYMBOL, orderId=maker, fromPreventedMatchId=number + 1) == []
    marked = [row["orderId"] for row in read("allOrders", symbol=SYMBOL) if row.get("preventedMatchId") == number]
    assert marked == [row["orderId"] for row in read("allOrders", symbol=SYMBOL) if row["status"] != "NEW"]


def test_allocations_are_no_trades(book: Book, read: Read) -> None:
    """What smart order routing filled counts for the order, and stands in a list and an id space of its own."""
    number = book.place(SYMBOL, "BUY", "3", "50000")
    first, second = book.allocate(SYMBOL, number, "1"), book.allocate(SYMBOL, number, "1")
    trade = book.fill(SYMBOL, number)
    order = read("order", symbol=SYMBOL, orderId=number)
    assert (order["status"], order["usedSor"], order["workingFloor"]) == ("FILLED", True, "SOR")
    assert [row["id"] for row in read("myTrades", symbol=SYMBOL)] == [trade]
    rows = read("myAllocations", symbol=SYMBOL, orderId=number)
    assert [row["allocationId"] for row in rows] == [first, second]
    assert read("myAllocations", symbol=SYMBOL, limit=1) == rows[:1]
    assert read("myAllocations", symbol=SYMBOL, fromAllocationId=second) == rows[1:]
    assert read("myAllocations", symbol=SYMBOL, endTime=rows[0]["time"], limit=1) == rows[1:]


def test_amendments_are_told(book: Book, read: Read) -> None:
    """Each with both client ids and both quantities; a larger quantity, or one already filled, is refused."""
    number = book.place(SYMBOL, "BUY", "3", "50000", client_order_id="first")
    book.fill(SYMBOL, number, "1")
    book.amend(SYMBOL, number, "2", client_order_id="second")
    (row,) = read("order/amendments", symbol=SYMBOL, orderId=number)
    assert [row[name] for name in ("origClientOrderId", "newClientOrderId", "origQty", "newQty")] == [
        *("first", "second"),
        *("3.00000000", "2.00000000"),
    ]
    for qty in ("1", "2"):
        with pytest.raises(Refusal, match="-2038"):
            book.amend(SYMBOL, number, qty)


_SAMPLES = {
    "GetOrder": "order",
    "GetOrders": "allOrders",
    "GetOpenOrders": "openOrders",
    "GetUserTrades": "myTrades",
    "GetPreventedTrades": "myPreventedMatches",
    "GetOcoOrder": "orderList",
    "GetOcoOrders": "allOrderList",
    "GetOpenOcoOrders": "openOrderList",
}
_NEWER = {"myPreventedMatches": {"makerSymbol"}}  # fields that came after the sample


@pytest.mark.parametrize("sample", _SAMPLES)
def test_fields_are_those_of_the_documented_samples(sample: str, recorded: Path, book: Book, read: Read) -> None:
    """No field more, no field less, but those that came after the sample; and each of the same JSON type."""
    path = _SAMPLES[sample]
    text = (recorded / "endpoint-samples/JKorf-Binance.Net/Spot/Trading" / f"{sample}.txt").read_text()
    documented = _first(msgspec.json.decode(text.split("true", 1)[1]))
    number = book.place(SYMBOL, "BUY", "1", "50000", stp_mode="EXPIRE_MAKER")
    book.fill(SYMBOL, number, "0.1")
    match = book.prevent(SYMBOL, number, book.place(SYMBOL, "SELL", "1", "50000"))
    _oco(book)
    parameters: dict[str, dict[str, Any]] = {
        "order": {"symbol": SYMBOL, "orderId": number},
        "allOrders": {"symbol": SYMBOL},
        "myTrades": {"symbol": SYMBOL},
        "myPreventedMatches": {"symbol": SYMBOL, "preventedMatchId": match},
        "orderList": {"orderListId": next(iter(book.lists)).list_id},
    }
    given = _first(read(path, **parameters.get(path, {})))
    assert set(documented) | _NEWER.get(path, set()) == set(given)
    assert {name: type(given[name]) for name in documented} == {n: type(value) for n, value in documented.items()}


def _first(answer: Any) -> Any:
    return answer[0] if isinstance(answer, list) else answer


def test_some_fields_come_only_where_they_apply(book: Book, read: Read) -> None:
    """A bot's, a trailing stop's and a forgotten amount's; a trailing time is -1 until the stop goes to work."""
    bot = {"strategyId": 7, "strategyType": 1000000}
    trailing = {"trailingDelta": 200, "trailingTime": -1}
    plain = book.place(SYMBOL, "BUY", "1", "50000", quote_known=False)
    terms = {"type": "STOP_LOSS_LIMIT", "stop_price": "60000", "more": {**bot, **trailing}}
    stop = book.place(SYMBOL, "SELL", "1", "59000", **terms)
    waiting = read("order", symbol=SYMBOL, orderId=stop)
    assert waiting.items() >= {**bot, **trailing, "isWorking": False, "workingTime": -1}.items()
    book.trigger(SYMBOL, stop)
    order = read("order", symbol=SYMBOL, orderId=stop)
    assert order["trailingTime"] == order["workingTime"] == order["updateTime"]
    bare = read("order", symbol=SYMBOL, orderId=plain)
    assert bare["cummulativeQuoteQty"] == "-1.00000000"
    assert set(order) - set(bare) == {*bot, *trailing}


def test_open_orders_may_lag_too(exchange: Exchange, book: Book, read: Read, clock: MovableClock) -> None:
    """What has just ended is then still open, and what has just been placed is not there."""
    ended = book.place(SYMBOL, "BUY", "1", "50000")
    clock.advance(10)
    book.cancel(SYMBOL, ended)
    placed = book.place("ETHUSDT", "BUY", "1", "3000")
    exchange.inject(Lagging(path="/api/v3/openOrders", ms=5000))
    assert [(row["orderId"], row["status"]) for row in read("openOrders")] == [(ended, "NEW")]
    assert [(row["orderId"], row["status"]) for row in read("openOrders")] == [(placed, "NEW")]


def test_a_list_holds_its_money_back_once(book: Book, read: Read) -> None:
    """Only one of the two orders of an OCO can ever trade."""
    _oco(book)
    held = {row["asset"]: row for row in read("account")["balances"]}
    assert (held["BTC"]["free"], held["BTC"]["locked"]) == ("0.50000000", "1.25000000")


def test_a_balance_set_by_hand_is_what_shows(exchange: Exchange, book: Book, read: Read) -> None:
    """Whatever orders moved and hold back before; what they move later comes on top."""
    book.fill(SYMBOL, book.place(SYMBOL, "BUY", "1", "50000"), fee=("0", "BNB"))
    waiting = book.place(SYMBOL, "SELL", "0.5", "60000")
    exchange.set_balance(7, "BTC", "3", "1")
    held = {row["asset"]: row for row in read("account")["balances"]}
    assert (held["BTC"]["free"], held["BTC"]["locked"]) == ("3.00000000", "1.00000000")
    book.fill(SYMBOL, waiting, "0.2")
    held = {row["asset"]: row for row in read("account")["balances"]}
    assert (held["BTC"]["free"], held["BTC"]["locked"]) == ("3.00000000", "0.80000000")


def test_stories_are_told_when_their_time_has_come(exchange: Exchange, book: Book, clock: MovableClock) -> None:
    """A story acts at the instants it names, in order, and ends when the exchange refuses what it does."""
    acts: list[int] = []

    def story() -> Story:
        number = book.place(SYMBOL, "BUY", "2", "50000")
        acts.append(book.now_ms)
        yield book.now_ms + 1000
        book.fill(SYMBOL, number)
        acts.append(book.now_ms)
        yield book.now_ms + 1000
        book.cancel(SYMBOL, number)
        acts.append(book.now_ms)

    begins = exchange.now_ms + 500
    book.agenda.add(begins, story())
    exchange.book(7)
    assert acts == []
    clock.advance(60)
    exchange.book(7)
    assert acts == [begins, begins + 1000]
    (fill,) = book.fills[SYMBOL]
    assert fill.time_ms == begins + 1000
