"""Whatever happens on the exchange, and however runs end or meet, one quiet run has all that it still returns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from support.desks import API_KEY, SECRET
from support.trade_desk import START_S, RunningClock, TradeDesk, small_exchange

from connectors.simulator import serve
from connectors.simulator.account.account_book import Book
from connectors.simulator.account.orders import Order
from connectors.simulator.protocol.faults import AnyFault, Duplicated, Hole, Lagging, ShortPage, Shuffled
from connectors.simulator.protocol.rules import Refusal
from pipelines.context.receipts import Receipt

KEEPS, GOES, VANISHES = "BTCUSDT", "币安人生USDT", "BTCZAR"  # one may be delisted, another not even be listed any more
MANY = 12  # more rows than a walk asks for again
HALF, ALL = Decimal("0.5"), Decimal(1)

# What happens to a symbol, and what to one of the open orders.


def _place(book: Book, symbol: str, share: Decimal) -> None:
    book.place(symbol, "BUY", 8, 1, stp_mode="NONE" if share < ALL else "EXPIRE_BOTH")


def _place_list(book: Book, symbol: str, share: Decimal) -> None:
    legs = {"side": "SELL", "qty": 8 * share, "price": 9}, {"side": "SELL", "qty": 8, "price": 1, "stop_price": 1}
    book.place_list("OCO", symbol, *legs)


def _place_many(book: Book, symbol: str, share: Decimal) -> None:
    """Orders that end at once, so that the ids of those before them are long passed."""
    for number in (book.place(symbol, "BUY", 4, 1) for _ in range(MANY)):
        book.fill(symbol, number, 4 * share)
        if share < ALL:
            book.cancel(symbol, number)


def _fill(book: Book, order: Order, share: Decimal) -> None:
    book.fill(order.symbol, order.order_id, order.left * share)


def _allocate(book: Book, order: Order, share: Decimal) -> None:
    book.allocate(order.symbol, order.order_id, order.left * share)


def _amend(book: Book, order: Order, _: Decimal) -> None:
    book.amend(order.symbol, order.order_id, order.executed + order.left * HALF)


def _cancel(book: Book, order: Order, _: Decimal) -> None:
    book.cancel(order.symbol, order.order_id)


def _meet(book: Book, order: Order, _: Decimal) -> None:
    book.prevent(order.symbol, order.order_id, book.place(order.symbol, "SELL", 1, 1))


TO_A_SYMBOL = {"place": _place, "place_list": _place_list, "place_many": _place_many}
TO_AN_ORDER = {"fill": _fill, "allocate": _allocate, "amend": _amend, "cancel": _cancel, "meet": _meet}
DELIST = "delist"


@dataclass(frozen=True)
class Event:
    """Something that happens to a symbol, or to one of its open orders, counted from the oldest."""

    name: str
    symbol: str
    which: int
    share: Decimal


@dataclass(frozen=True)
class Chapter:
    """A while of an account's life, then a run or two at once, during which more happens and which may be cut short.

    An echo is one more run, all of whose answers are as old as the chapter, or as its first run after a long pause.
    """

    before: Sequence[Event]
    pause_s: int
    faults: Sequence[AnyFault]
    runs: int
    requests: int
    meanwhile: Sequence[Event]
    cut: str
    echo: bool


def _events(*names: str) -> st.SearchStrategy[Event]:
    symbols = st.sampled_from([KEEPS, KEEPS, KEEPS, GOES, VANISHES])
    return st.builds(Event, st.sampled_from(names), symbols, st.integers(0, 2), st.sampled_from([HALF, HALF, ALL]))


LIFE = _events("place", *TO_A_SYMBOL, "fill", "fill", "amend", "amend", "cancel", *TO_AN_ORDER, DELIST)
MEANWHILE = _events("place", "fill", "amend", "cancel")
PAUSES_S = st.sampled_from([0, 0, 0, 1, 60, 5400, 5400, 26 * 3600, 100 * 86_400])
LAGS_MS = st.sampled_from([500, 20_000, 400_000])
LISTS = st.sampled_from([f"/api/v3/{one}" for one in ("allOrders", "myTrades", "openOrders", "order", "allOrderList")])
LONG_LISTS = st.sampled_from(["/api/v3/allOrders", "/api/v3/myTrades"])
FAULTS = st.one_of(
    st.builds(Lagging, ms=LAGS_MS, count=st.none()),  # every answer comes from a copy that lags
    st.builds(Lagging, path=LISTS, ms=LAGS_MS, count=st.integers(1, 3)),
    st.just(Hole(path="/api/v3/allOrders", count=None)),
    st.just(Hole(path="/api/v3/myTrades", count=1, place=MANY - 1)),
    st.builds(ShortPage, path=LONG_LISTS, keep=st.just(1)),
    st.builds(Duplicated, path=LISTS),
    st.builds(Shuffled, path=LISTS),
)
CHAPTERS = st.builds(
    Chapter,
    before=st.lists(LIFE, min_size=1, max_size=6),
    pause_s=PAUSES_S,
    faults=st.lists(FAULTS, max_size=1),
    runs=st.sampled_from([1, 1, 1, 2]),
    requests=st.integers(0, 12),
    meanwhile=st.lists(MEANWHILE, max_size=2),
    cut=st.sampled_from(["", "", "", "gently", "at once"]),
    echo=st.sampled_from([False, False, True]),
)
# Two orders that rest while others come and go, until no walk comes by them any more.
OF_OLD = [Event(name, KEEPS, 0, HALF) for name in ("place", "place", "place_many")]
RESTING = st.builds(
    Chapter,
    before=st.just(OF_OLD),
    pause_s=st.just(5400),
    faults=st.lists(FAULTS, max_size=1),
    runs=st.just(1),
    requests=st.integers(0, 3),
    meanwhile=st.lists(_events("amend", "amend", "fill", "cancel"), max_size=2),
    cut=st.just(""),
    echo=st.booleans(),
)
LIVES = st.builds(list.__add__, st.lists(RESTING, max_size=1), st.lists(CHAPTERS, min_size=1, max_size=3))
# What few lives have together: an old order amended and then shown as it was, others ended behind all walks, and answers
# that leave out what a walk asks for again: one of the last rows however old, and a young one that is not among them.
AMENDED = [Event("amend", KEEPS, 0, HALF)]
ENDED = [Event(name, KEEPS, 0, ALL) for name in ("fill", "cancel")]
YOUNG = [Event("place_many", KEEPS, 0, ALL)]
NO_OLD = [Hole(path="/api/v3/allOrders", count=None), Hole(path="/api/v3/myTrades", place=MANY - 1)]
NO_YOUNG = [Hole(path="/api/v3/allOrders", count=None, place=MANY - 1)]
EVENTFUL = [
    Chapter(OF_OLD, 5400, NO_OLD, runs=1, requests=0, meanwhile=AMENDED, cut="", echo=True),
    Chapter(ENDED, 5400, [], runs=2, requests=6, meanwhile=[], cut="", echo=False),
    Chapter(YOUNG, 0, NO_YOUNG, runs=1, requests=6, meanwhile=[], cut="", echo=False),
]
LONG_S = 60  # no answer lags by more than ten minutes


@dataclass
class Following:
    """A lake that follows an account's life."""

    desk: TradeDesk
    events: dict[str, int] = field(default_factory=dict)  # when something last happened to each symbol

    async def live(self, chapter: Chapter) -> None:
        began_ms = self._moment()
        self._happen(chapter.before)
        self.desk.clock.advance(chapter.pause_s)
        if chapter.pause_s > LONG_S:
            began_ms = self._moment()
        await self._run_through(chapter)
        if chapter.echo:
            self.desk.exchange.inject(Lagging(ms=self.desk.exchange.now_ms - began_ms, count=None))
            await self._run()
        self.desk.exchange.heal()

    def _moment(self) -> int:
        """The instant it is, and a while after which even a run that takes its time still sees it when it looks back."""
        now_ms = self.desk.exchange.now_ms
        self.desk.clock.advance(10)
        return now_ms

    async def _run_through(self, chapter: Chapter) -> None:
        for fault in chapter.faults:
            self.desk.exchange.inject(fault)
        running = [asyncio.ensure_future(self._run()) for _ in range(chapter.runs)]
        await asyncio.sleep(0)  # they begin

        def meanwhile() -> None:
            self._happen(chapter.meanwhile)
            if chapter.cut == "gently":
                self.desk.stop.set()
            elif chapter.cut == "at once":
                running[0].cancel()

        with self.desk.exchange.requests.when("", chapter.requests, meanwhile):
            for one in running:
                with suppress(asyncio.CancelledError):
                    await one
        self.desk.stop.clear()

    async def quiet_run(self) -> None:
        """All that the exchange still returns of what was probed since its last event is in the lake, once."""
        receipts = await self._run()
        assert [receipt.outcome for receipt in receipts] == ["done"] * 3, receipts
        held, known, named = self.desk.held(), self.desk.known(), self.desk.candidates()
        listed = {listing.symbol for listing in self.desk.exchange.listed(self.desk.exchange.now_ms)}
        for symbol in self.events:
            held.invents_nothing(symbol)
            if symbol in known & listed:
                held.has_all(symbol)
            elif symbol in listed:
                assert not self._open(symbol)
                probed_at = named[symbol].probed_at
                filled = len(self.desk.book.fills[symbol])
                assert not filled or probed_at is None or probed_at < self.events[symbol]

    async def _run(self) -> list[Receipt]:
        return await self.desk.run("trading")

    def _happen(self, events: Sequence[Event]) -> None:
        """Each in a millisecond of its own, unless the exchange refuses it."""
        for event in events:
            self.desk.clock.advance(0.002)
            with suppress(Refusal, KeyError):
                self._act(event)
                self.events[event.symbol] = self.desk.now_us()

    def _act(self, event: Event) -> None:
        exchange, orders = self.desk.exchange, self._open(event.symbol)
        if event.name == DELIST:
            {KEEPS: lambda _: None, GOES: exchange.delist, VANISHES: exchange.remove}[event.symbol](event.symbol)
        elif event.name in TO_AN_ORDER and orders:
            TO_AN_ORDER[event.name](self.desk.book, orders[event.which % len(orders)], event.share)
        else:
            TO_A_SYMBOL.get(event.name, _place)(self.desk.book, event.symbol, event.share)

    def _open(self, symbol: str) -> list[Order]:
        return self.desk.book.open_orders(self.desk.exchange.now_ms, symbol)


async def _follow(chapters: Sequence[Chapter], folder: Path) -> None:
    clock = RunningClock(START_S)
    exchange = small_exchange(clock)
    async with serve(exchange) as url:
        following = Following(TradeDesk(folder, url, exchange, clock))
        for chapter in chapters:
            await following.live(chapter)
        await following.quiet_run()


def _hold(monkeypatch: pytest.MonkeyPatch, examples: int) -> None:
    monkeypatch.setenv("DESK_KEY", API_KEY)
    monkeypatch.setenv("DESK_SECRET", SECRET)

    @settings(
        max_examples=examples,
        derandomize=True,  # so that a failure comes from a change of the code
        phases=(
            Phase.explicit,
            Phase.generate,
        ),  # real time passes in a run, so that one found failing may pass when repeated
        suppress_health_check=list(HealthCheck),
    )
    @given(LIVES)
    @example(EVENTFUL)
    def followed(chapters: list[Chapter]) -> None:
        with TemporaryDirectory(prefix="trading-") as folder:
            asyncio.run(_follow(chapters, Path(folder)))

    followed()


@pytest.mark.timeout(600)
def test_one_quiet_run_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any interleaving of life and runs ends with the lake holding what can be had; discovery names the rest."""
    _hold(monkeypatch, 2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_one_quiet_run_has_all_of_many_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, of many more lives."""
    _hold(monkeypatch, 100)
