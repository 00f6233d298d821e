"""Orders and fills of futures are pulled in windows of time from the served simulator, as they change."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from support.sampled import some_of
from support.trade_desk import UID, UNLIMITED

from connectors.binance.budget import Budget
from connectors.binance.pools import FUTURES
from connectors.simulator.protocol.faults import Error, Hole
from pipelines.estimate.flow import plan_flows
from pipelines.quality.checks import run_checks
from schemas.datasets import DATASETS
from schemas.model.grid import DAY_US

if TYPE_CHECKING:
    from support.trade_desk import TradeDesk

    from connectors.simulator.account.futures_book import FuturesBook
    from pipelines.context.receipts import Receipt

DAY_S = 86_400
OF = {"usdm": "BTCUSDT", "coinm": "BTCUSD_PERP"}


@pytest.fixture
def futures(trade_desk: TradeDesk) -> TradeDesk:
    """A desk whose account trades futures by hand, and a flow of whatever it trades there."""
    trade_desk.addresses = {"usdm": trade_desk.url, "coinm": trade_desk.url}
    following(trade_desk)
    Budget(trade_desk.state, "simulator").learn(FUTURES, UNLIMITED)
    return trade_desk


def following(desk: TradeDesk, **more: Any) -> None:
    desk.flows["trading"] = {
        "kind": "account", "account": "main", "datasets": ["orders", "fills"], "symbols": "traded", "values": False,
        "wallets": ["usdm", "coinm"], **more,
    }  # fmt: skip


async def run(desk: TradeDesk) -> list[Receipt]:
    """A run a minute later, without a failure."""
    desk.clock.advance(60)
    receipts = await desk.run("trading")
    assert [one.failures for one in receipts] == [()] * len(receipts)
    return receipts


def traded(book: FuturesBook, symbol: str, price: int = 64_000) -> tuple[int, int]:
    """A position opened and closed with a profit: two orders of one fill each."""
    opened = book.place(symbol, "BUY", 2, price)
    book.fill(symbol, opened)
    closed = book.place(symbol, "SELL", 2, price + 1000)
    book.fill(symbol, closed)
    return opened, closed


def stored(desk: TradeDesk, dataset: str, **of: str) -> list[dict[str, Any]]:
    return [row for row in desk.rows(dataset) if all(row[name] == value for name, value in of.items())]


@pytest.mark.parametrize("market", some_of(["usdm", "coinm"]))
async def test_what_income_names_is_pulled(futures: TradeDesk, market: str) -> None:
    """Orders and fills of a contract that income alone names come with it; the next run adds none (N8)."""
    book, symbol = futures.exchange.futures_book(UID, market), OF[market]
    opened, closed = traded(book, symbol)
    await run(futures)
    orders = {row["order_id"]: row for row in stored(futures, "orders", market=market, symbol=symbol)}
    assert {number: row["status"] for number, row in orders.items()} == {opened: "FILLED", closed: "FILLED"}
    assert [orders[number]["avg_price"] for number in (opened, closed)] == [64_000, 65_000]
    told = {(row["orig_type"], row["working_type"], row["close_position"], row["extra"]) for row in orders.values()}
    assert told == {("LIMIT", "CONTRACT_PRICE", False, None)}
    assert {row["cum_quote" if market == "coinm" else "cum_base"] for row in orders.values()} == {None}
    fills = stored(futures, "fills", market=market, symbol=symbol)
    assert [row["trade_id"] for row in fills] == [row.number for row in book.fills[symbol]]
    assert [row["realized_pnl"] for row in fills] == [book.profits[symbol, row["trade_id"]] for row in fills]
    assert {row["quote_qty"] is None for row in fills} == {market == "coinm"}
    assert {row["base_qty"] is None for row in fills} == {market == "usdm"}
    assert {row["position_side"] for row in fills} == {"BOTH"}
    assert sum(one.rows for one in await run(futures)) == 0


async def test_an_order_is_followed_to_its_end(futures: TradeDesk) -> None:
    """Open, filled in part and canceled: each state is a version, wherever the window of the walk lies by then."""
    book = futures.exchange.futures_book(UID)
    number = book.place("ETHUSDT", "BUY", 3, 3000)
    await run(futures)
    futures.clock.advance(8 * DAY_S)
    book.fill("ETHUSDT", number, 1)
    await run(futures)
    futures.clock.advance(8 * DAY_S)
    book.cancel("ETHUSDT", number)
    await run(futures)
    assert [row["status"] for row in stored(futures, "orders")] == ["NEW", "PARTIALLY_FILLED", "CANCELED"]
    assert [row["qty"] for row in stored(futures, "fills")] == [Decimal(1)]


async def test_three_months_are_walked_in_weeks(futures: TradeDesk) -> None:
    """Trades of months ago come with the first run; no window is wider than seven days, each with both bounds (D8)."""
    book = futures.exchange.futures_book(UID)
    numbers = []
    for _ in range(8):
        numbers += traded(book, "BTCUSDT")
        futures.clock.advance(10 * DAY_S)
    await run(futures)
    assert sorted(row["order_id"] for row in stored(futures, "orders")) == sorted(numbers)
    assert len(stored(futures, "fills")) == len(numbers)


@pytest.mark.soak
async def test_what_is_not_returned_any_more_is_a_gap(futures: TradeDesk) -> None:
    """After half a year without a run, the first three months of it are a gap of orders and of fills, once (L10)."""
    traded(futures.exchange.futures_book(UID), "BTCUSDT")
    await run(futures)
    futures.clock.advance(180 * DAY_S)
    traded(futures.exchange.futures_book(UID), "BTCUSDT")
    await run(futures)
    await run(futures)
    gaps = stored(futures, "gaps", symbol="BTCUSDT", reason="not_retained")
    days = [(row["dataset"], (row["until"] - row["since"]).days, "only" in row["evidence"]) for row in gaps]
    of_orders = [("orders", 87, True), ("orders", 87, True), ("orders", 90, False)]  # unfilled ones of either run
    alike = [("algo_orders", *rest) for _, *rest in of_orders]
    assert sorted(days) == [*alike, ("fills", 91, False), *of_orders]
    assert len(stored(futures, "fills")) == 4


async def test_an_answer_without_what_the_lake_holds_stops_the_market(futures: TradeDesk) -> None:
    """A testnet that begins anew has none of the stored orders: nothing of its history is mixed in."""
    traded(futures.exchange.futures_book(UID), "BTCUSDT")
    await run(futures)
    futures.exchange.reset()
    futures.clock.advance(1200)
    traded(futures.exchange.futures_book(UID), "BTCUSDT", 100)
    before = len(stored(futures, "orders"))
    failures = [failure for one in await futures.run("trading") for failure in one.failures]
    assert "the exchange was reset" in str(failures)
    assert len(stored(futures, "orders")) == before


async def test_a_fill_that_a_window_lacks_is_asked_for_by_its_order(futures: TradeDesk) -> None:
    """Answers may lack a trade: what was executed says so, and its order is asked for alone (D8)."""
    book = futures.exchange.futures_book(UID)
    traded(book, "BTCUSDT")
    futures.exchange.inject(Hole(path="/fapi/v1/userTrades"))
    await run(futures)
    await run(futures)
    assert len(stored(futures, "fills")) == len(book.fills["BTCUSDT"])


@pytest.mark.parametrize(
    ("market", "before"),
    [
        pytest.param("usdm", 0, id="its only one"),
        pytest.param("usdm", 1, id="one of several", marks=pytest.mark.soak),
        pytest.param("coinm", 1, id="of coinm", marks=pytest.mark.soak),
    ],
)
async def test_an_order_that_no_list_shows_comes_by_what_income_books(
    futures: TradeDesk, market: str, before: int
) -> None:
    """Two answers lack an order: the check names its fill by what was booked, and the next look brings both (D8)."""
    book, symbol = futures.exchange.futures_book(UID, market), OF[market]
    path = "/fapi/v1/allOrders" if market == "usdm" else "/dapi/v1/allOrders"
    numbers = [filled_order(book, symbol) for _ in range(before)]
    await run(futures)
    numbers.append(filled_order(book, symbol))
    for each in (path, path.replace("allOrders", "userTrades")):
        futures.exchange.inject(Hole(path=each, symbol=symbol, place=1, count=None))
    for hours in (25, 2):  # what is younger than a day is listed again in any case
        await run(futures)
        futures.clock.advance(hours * 3600)
    futures.exchange.heal()
    await run(futures)
    assert [row["trade_id"] for row in unfilled(futures)] == [[*book.fills[symbol]][-1].number]
    futures.clock.advance(6 * 3600)
    await run(futures)
    assert [row["order_id"] for row in stored(futures, "orders")] == numbers
    assert [row["order_id"] for row in stored(futures, "fills")] == numbers
    assert unfilled(futures) == []
    assert sum(one.rows for one in await run(futures)) == 0


def filled_order(book: FuturesBook, symbol: str) -> int:
    number = book.place(symbol, "BUY", 2, 64_000)
    book.fill(symbol, number)
    return number


def unfilled(desk: TradeDesk) -> list[dict[str, Any]]:
    """The trades that income books and whose fill the lake lacks."""
    now = datetime.fromtimestamp(desk.clock(), UTC)
    [result] = run_checks(desk.lake, [], now, ["income_without_fill"])
    return [json.loads(row) for row in result.sample]


@pytest.mark.soak
async def test_checks_hold(futures: TradeDesk) -> None:
    """Every check of orders and fills passes over an account that traded both markets."""
    for market, symbol in OF.items():
        traded(futures.exchange.futures_book(UID, market), symbol)
    await run(futures)
    results = run_checks(futures.lake, [], datetime.fromtimestamp(futures.clock(), UTC))
    assert [(one.name, one.sample) for one in results if not one.passed and one.severity == "error"] == []


async def test_an_account_without_futures_is_no_failure(futures: TradeDesk) -> None:
    """Where the key may not read futures, that is said once, and spot goes on."""
    following(futures, wallets="all")
    for path in ("/fapi/v1/openOrders", "/dapi/v1/openOrders", "/fapi/v1/income", "/dapi/v1/income"):
        futures.exchange.inject(Error(path=path, code=-2015, status=401, count=None))
    await run(futures)


async def test_a_first_run_takes_what_its_plan_says(futures: TradeDesk) -> None:
    """For symbols that the flow lists, every window is planned; the idle run asks for each once."""
    following(futures, wallets=["usdm"], symbols=["BTCUSDT", "ETHUSDT"])
    (plan,) = await plan_flows(futures.config, ["trading"], None, futures.state)
    before = len(futures.exchange.requests)
    await run(futures)
    asked = [one for one in list(futures.exchange.requests)[before:] if not one.path.endswith("/time")]
    assert len(asked) == plan.requests
    assert DATASETS["orders"].life.kept["usdm"].undone.days * DAY_US == 3 * DAY_US


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"wallets": ["funding"]}, "orders and fills are of spot, margin, usdm, coinm; add one of these."),
        ({"symbols": ["BTCUSDT"]}, "a list of names is of one of usdm, coinm; write traded, or one wallet."),
    ],
)
def test_a_flow_says_in_which_market_it_trades(futures: TradeDesk, more: dict[str, Any], told: str) -> None:
    """Wallets without a market, or names that could be of two, are refused with the way out."""
    following(futures, **more)
    with pytest.raises(ValidationError, match=re.escape(told)):
        futures.config  # noqa: B018 - is read and checked


@pytest.mark.parametrize("path", some_of(["/fapi/v1/allOrders", "/fapi/v1/userTrades"]))
async def test_a_list_that_the_key_may_not_read_is_no_missing_wallet(futures: TradeDesk, path: str) -> None:
    """A list of futures that was read before and is refused now fails at each run, with exit code 4, and then goes on."""
    book = futures.exchange.futures_book(UID, "usdm")
    traded(book, OF["usdm"])
    await run(futures)
    traded(book, OF["usdm"])
    futures.exchange.inject(Error(path=path, code=-2015, status=401, count=None))
    for _ in range(2):
        futures.clock.advance(60)
        receipts = await futures.run("trading")
        refused = [failure for each in receipts for failure in each.failures]
        assert {failure.exit_code for failure in refused} == {4}
        assert len(refused) == 1
    futures.exchange.heal()
    await run(futures)
    assert (len(stored(futures, "orders", market="usdm")), len(stored(futures, "fills", market="usdm"))) == (4, 4)
