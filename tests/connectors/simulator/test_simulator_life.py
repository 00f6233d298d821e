"""Two years of an account, made up from a seed: rich in everything that is hard, and never at odds with itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

from connectors.simulator import Exchange, Life, MovableClock
from connectors.simulator.account.account_book import Book
from connectors.simulator.account.orders import ENDED, Execution, Order
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.market.kline_pages import Wanted

NOW_S = 1_793_620_830.25
UID = 7


def _exchange(clock: MovableClock, seed: int = 1, uid: int = UID, life: Life | None = None) -> Exchange:
    exchange = Exchange(seed=seed, clock=clock)
    exchange.add_account(uid, "k" * 64, secret="s" * 64, orders=life or Life())
    return exchange


@pytest.fixture(scope="module")
def lived() -> Exchange:
    """An exchange with an account that has traded for two years."""
    return _exchange(MovableClock(NOW_S))


@pytest.fixture(scope="module")
def book(lived: Exchange) -> Book:
    """The account's orders."""
    return lived.book(UID)


@pytest.fixture(scope="module")
def orders(book: Book) -> list[Order]:
    """The last state of every order there ever was."""
    return [order for shelf in book.orders.values() for order in shelf]


@pytest.fixture(scope="module")
def fills(book: Book) -> list[Execution]:
    """Every fill."""
    return [fill for shelf in book.fills.values() for fill in shelf]


def _states(book: Book) -> Iterator[Order]:
    return (state for shelf in book.orders.values() for order in shelf for state in shelf.states(order.order_id))


def test_it_is_rich(lived: Exchange, book: Book, orders: list[Order], fills: list[Execution]) -> None:
    """Thousands of orders and fills that are still shown, over twenty symbols, of every type and state."""
    assert sum(not order.gone(lived.now_ms) for order in orders) >= 4_000
    assert len(fills) >= 3_000
    symbols = {fill.symbol for fill in fills}
    assert len(symbols) >= 20
    assert {"币安人生USDT", "这是测试币456", "MATICUSDT", "WAVESUSDT", "BTCZAR"} < symbols
    assert {order.symbol for order in orders} - symbols == {"DOGEUSDT", "LINKBTC"}
    limits = {"LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"}
    assert {order.type for order in orders} == {"MARKET", "STOP_LOSS", "TAKE_PROFIT", *limits}
    assert {state.status for state in _states(book)} == {"NEW", "PENDING_NEW", "PARTIALLY_FILLED", *ENDED}
    assert {order.time_in_force for order in orders} == {"GTC", "IOC", "FOK"}
    assert 15 < len(book.open_orders(lived.now_ms)) < 60
    assert min(len(book.lists), *(sum(map(len, of.values())) for of in (book.allocations, book.prevented))) > 100
    assert sum(map(len, book.amendments.values())) > 100


def test_executions_add_up(book: Book, orders: list[Order]) -> None:
    """What an order executed is the sum of its fills and allocations, quantity and quote amount."""
    sums: defaultdict[tuple[str, int], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for shelf in (*book.fills.values(), *book.allocations.values()):
        for execution in shelf:
            total = sums[execution.symbol, execution.order_id]
            total[0] += execution.qty
            total[1] += execution.quote_qty
    for order in orders:
        assert [order.executed, order.quote_executed] == sums[order.symbol, order.order_id]
        assert (order.status == "FILLED") == (order.executed == order.qty)
        assert order.status != "NEW" or not order.executed
        assert order.executed <= order.qty


def test_balances_are_what_the_executions_left(lived: Exchange, book: Book, fills: list[Execution]) -> None:
    """What an account began with, plus what it received, less what it gave and paid; never below zero."""
    listings = {listing.symbol: listing for listing in lived.listed(lived.now_ms)}
    total = Counter(Life().opening(listings))
    for execution in (*fills, *(each for shelf in book.allocations.values() for each in shelf)):
        listing, sign = lived.listing(execution.symbol, lived.now_ms), 1 if execution.is_buyer else -1
        total[listing.base] += sign * execution.qty
        total[listing.quote] -= sign * execution.quote_qty
        total[execution.commission_asset] -= execution.commission
    held = {asset: free + locked for asset, (free, locked) in lived.balances(UID, lived.now_ms).items()}
    assert {asset: amount for asset, amount in held.items() if amount} == {a: n for a, n in total.items() if n}
    assert all(free >= 0 and locked >= 0 for free, locked in lived.balances(UID, lived.now_ms).values())


def test_prices_are_the_market_s(lived: Exchange, book: Book, fills: list[Execution]) -> None:
    """Every fill lies in the candle of its minute, which is one with trades, and is as good as its order asked."""
    for fill in fills[::9]:
        minute = fill.time_ms // 60_000 * 60_000
        listing = lived.listing(fill.symbol, lived.now_ms)
        page = lived.charts.page(listing, "1m", Wanted(minute, minute, 1, lived.now_ms))
        ((_, _, high, low, *_, trades, _, _, _),) = msgspec.json.decode(page)
        assert Decimal(low) <= fill.price <= Decimal(high)
        assert trades
        order = book.orders[fill.symbol].last(fill.order_id)
        assert order is not None
        assert not order.price or order.price == fill.price


def test_times_and_ids_are_as_awkward_as_real_ones(book: Book, fills: list[Execution]) -> None:
    """Fills share a millisecond, times step back while ids ascend, and no fill is older than its order."""
    stamps = Counter((fill.symbol, fill.time_ms) for fill in fills)
    assert max(stamps.values()) > 1
    for shelves in (book.fills, book.orders):
        back = [a.time_ms > b.time_ms for s in shelves.values() for a, b in zip(list(s), list(s)[1:], strict=False)]
        assert 10 < sum(back) < len(back) / 4
    placed = {(order.symbol, order.order_id): order.time_ms for shelf in book.orders.values() for order in shelf}
    assert all(placed[fill.symbol, fill.order_id] <= fill.time_ms <= fill.at_ms for fill in fills)
    apart = defaultdict(list)
    for fill in fills:
        apart[fill.symbol, fill.order_id].append(fill.time_ms)
    assert sum(max(times) - min(times) > DAY_MS for times in apart.values()) > 20


def test_ids_are_unique_only_within_a_symbol(fills: list[Execution], orders: list[Order]) -> None:
    """The same id means different orders on different symbols; some count from the very first, some from billions."""
    assert len({fill.number for fill in fills}) < len({(fill.symbol, fill.number) for fill in fills}) == len(fills)
    assert len({(order.symbol, order.order_id) for order in orders}) == len(orders)
    assert min(fill.number for fill in fills) == 0
    assert max(fill.number for fill in fills) > 2**31


def test_fees_come_in_three_assets(lived: Exchange, fills: list[Execution]) -> None:
    """In what was received, base or quote, or in BNB."""
    kinds: Counter[str] = Counter()
    for fill in fills:
        listing = lived.listing(fill.symbol, lived.now_ms)
        kinds[{listing.base: "base", listing.quote: "quote"}.get(fill.commission_asset, fill.commission_asset)] += 1
    assert set(kinds) == {"base", "quote", "BNB"}
    assert min(kinds.values()) > 500


def test_it_is_the_same_however_it_is_watched(orders: list[Order], fills: list[Execution]) -> None:
    """Living on week by week ends where one leap ends; another user or another seed lives another life."""
    life, clock = Life(stories_a_day=2), MovableClock(NOW_S - 30 * 86_400)
    slowly = _exchange(clock, life=life)
    for _ in range(10):
        clock.advance(3 * 86_400)
        slowly.book(UID)
    leap = _exchange(MovableClock(NOW_S), life=life)
    other, seeded = _exchange(clock, uid=8, life=life), _exchange(clock, seed=2, life=life)
    lives = [_told(slowly, UID), _told(leap, UID), _told(other, 8), _told(seeded, UID)]
    assert lives[0] == lives[1]
    assert lives[0] not in lives[2:]
    assert len(orders) > len(lives[0][0])
    assert len(fills) > len(lives[0][1])


def _told(exchange: Exchange, uid: int) -> tuple[list[Order], list[Execution]]:
    book = exchange.book(uid)
    states = [state for _, shelf in sorted(book.orders.items()) for state in shelf]
    return states, [fill for _, shelf in sorted(book.fills.items()) for fill in shelf]


def test_the_clock_moves_it_on() -> None:
    """Orders end and others begin as time passes; what ended unfilled is shown for 90 days."""
    clock = MovableClock(NOW_S)
    exchange = _exchange(clock, life=Life(stories_a_day=2))
    before = {(order.symbol, order.order_id) for order in exchange.book(UID).open_orders(exchange.now_ms)}
    clock.advance(120 * 86_400)
    book = exchange.book(UID)
    after = {(order.symbol, order.order_id) for order in book.open_orders(exchange.now_ms)}
    assert before - after
    assert after - before
    ended = [book.orders[symbol].seen(number, exchange.now_ms) for symbol, number in before - after]
    assert {order.gone(exchange.now_ms) for order in ended if order and not order.executed} == {False, True}


def test_nothing_is_open_where_nothing_trades(lived: Exchange, book: Book, orders: list[Order]) -> None:
    """Orders of a symbol end with its delisting, if not before."""
    ended = 0
    for symbol in ("MATICUSDT", "WAVESUSDT"):
        delisted_ms = lived.listing(symbol, lived.now_ms).delisted_ms
        assert delisted_ms is not None
        ended += len(book.open_orders(delisted_ms - 1, symbol))
        assert not book.open_orders(delisted_ms, symbol)
        assert all(order.update_ms <= delisted_ms for order in orders if order.symbol == symbol)
    assert ended


def test_a_life_may_be_made_to_measure() -> None:
    """How often it trades, and what, can be said: forty of many symbols, for example."""
    exchange = Exchange(clock=MovableClock(NOW_S), extra_symbols=60)
    traded = {listing.symbol: 1 for listing in exchange.listed(exchange.now_ms)[-40:]}
    exchange.add_account(UID, "k" * 64, secret="s" * 64, orders=Life(stories_a_day=3, traded=traded, watched={}))
    assert {symbol for symbol, shelf in exchange.book(UID).fills.items() if len(shelf)} == set(traded)
