"""One flow's surprise is its own: an account that holds nothing, answers that say nothing, errors nobody foresaw."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support.desks import API_KEY, SECRET, UID
from support.trade_desk import UID as DESK_UID
from support.trade_desk import UNLIMITED

from connectors.binance.budget import Budget
from connectors.binance.endpoints import ENDPOINTS
from connectors.binance.endpoints.model import Security, Whole, Windows
from connectors.binance.endpoints.spot import ORDER
from connectors.lake.sql.session import connect, run
from connectors.simulator.protocol.faults import Body
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow
from pipelines.store.id_cursor import OVERLAP_ROWS
from schemas.config.names import MARKET_DATASETS, MOVING, ONLY, VALUED
from schemas.datasets.account import BALANCES
from schemas.datasets.algo_orders import ALGO_ORDERS
from schemas.datasets.mining import MINING_PAYMENTS
from schemas.datasets.orders import FILLS, ORDERS
from schemas.model.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from support.desks import Desk
    from support.trade_desk import TradeDesk

BUG = 70
NO_ASSETS = json.dumps({"uid": UID, "balances": []})
NOTHING = ("[]", "{}", "null", "[{}]", "[null]", '{"balances":[],"symbols":[]}')
ELSEWHERE = {
    "margin": "margin",
    "isolated_margin": "margin",
    "usdm": "usdm",
    "coinm": "coinm",
}  # and whose wallet it is
TRADED = [one for one in ENDPOINTS if one.market in ELSEWHERE and one.dataset in (ALGO_ORDERS, ORDERS, FILLS)]
# Trades of futures are asked for with a key, which a flow of a market does not have: they come from the archive.
DATA = [
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.dataset is not None and endpoint not in TRADED and endpoint.security is not Security.KEYED
]


@pytest.fixture
def account(desk: Desk) -> Desk:
    """A desk with a flow of balances, of an account that holds nothing."""
    desk.exchange.add_account(UID, API_KEY, secret=SECRET)
    desk.flows["balances"] = {"kind": "account", "account": "main", "datasets": ["balances"], "values": False}
    return desk


@pytest.mark.parametrize("body", [None, NO_ASSETS])
async def test_an_account_that_holds_nothing_has_a_snapshot_without_rows(account: Desk, body: str | None):
    """That an account holds nothing is known and noted, whether its assets are listed as zero or not at all."""
    if body:
        account.exchange.inject(Body(text=body, path="/api/v3/account", count=None))
    looks = []
    for _ in range(2):
        (receipt,) = await account.run("balances")
        assert (receipt.outcome, receipt.rows) == ("done", 0)
        looks.append(account.lake.table(BALANCES).bounds()["main/spot#observed_at"])
        account.clock.advance(60)
    assert looks[0] < looks[1]
    assert account.rows("balances") == []
    assert run(connect(account.lake), "FROM portfolio").num_rows == 0


async def test_an_account_that_was_emptied_holds_nothing(account: Desk):
    """What was held goes to zero once, and then there is nothing: not the last amounts for ever."""
    account.exchange.set_balance(UID, "USDT", "100")
    await account.run("balances")
    account.exchange.inject(Body(text=NO_ASSETS, path="/api/v3/account", count=None))
    for expected in (1, 0):
        account.clock.advance(60)
        (receipt,) = await account.run("balances")
        assert (receipt.outcome, receipt.rows) == ("done", expected)
    assert [row["free"] for row in account.rows("balances")] == [100, 0]
    assert run(connect(account.lake), "FROM latest_balances WHERE total <> 0").num_rows == 0


SOME = [
    (endpoint, (NOTHING[n % len(NOTHING)], NOTHING[(n + 3) % len(NOTHING)])) for n, endpoint in enumerate(DATA[::4])
]
ALL = [pytest.param(endpoint, NOTHING, marks=pytest.mark.soak) for endpoint in DATA]
SOME_TRADED = TRADED[::8]


@pytest.mark.parametrize(
    ("endpoint", "bodies"), [*SOME, *ALL], ids=lambda one: f"{len(one)} ways" if isinstance(one, tuple) else one.name
)
async def test_no_answer_that_says_nothing_is_a_bug(trade_desk: TradeDesk, endpoint: Any, bodies: Sequence[str]):
    """Whatever way of saying nothing an endpoint finds, each flow ends with receipts or one sentence.

    Two ways are tried of every fourth, other ones of the next; all of all in the soak.
    """
    trade_desk.addresses |= {"usdm": trade_desk.url, "coinm": trade_desk.url}
    if endpoint.feeds.name in MARKET_DATASETS:
        trade_desk.flows["market"] = market_flow(endpoint)
    alone = isinstance(endpoint.walk, Windows | Whole) and endpoint.security is Security.SIGNED
    if alone:
        more = {"wallets": "all"} if endpoint.feeds is BALANCES else {}
        more |= {"values": False} if endpoint.feeds.name in {*VALUED, *MOVING} else {}
        more |= {"mining": ["alice"]} if endpoint.feeds is MINING_PAYMENTS else {}
        trade_desk.flows["alone"] = {
            "kind": "account", "account": "main", "datasets": [endpoint.feeds.name], "since": "2026-10-20", **more,
        }  # fmt: skip
    await something_of_each(trade_desk, closed=endpoint is ORDER)
    flow = "alone" if alone else "trading" if endpoint.security is Security.SIGNED else "market"
    for number, body in enumerate(bodies):
        desk = copied(trade_desk, trade_desk.folder / str(number))
        Budget(desk.state, "simulator").learn(endpoint.pool, UNLIMITED)  # some calls cost half a minute's weight
        desk.exchange.heal()
        desk.exchange.requests.clear()
        desk.exchange.inject(Body(text=body, path=endpoint.path, count=None))
        assert BUG not in await exit_codes(desk, flow), body
        assert desk.asked(endpoint.path), body


def market_flow(endpoint: Any) -> dict[str, Any]:
    """A flow that asks an endpoint of a market for one symbol, whose listing comes first."""
    dataset = endpoint.feeds.name
    needs = {"intervals": ["1h"], "since": "2026-10-20", "source": "rest"}
    more = {key: value for key, value in needs.items() if dataset in ONLY[key]}
    # Only of contracts that end is a delivery asked for.
    one = {"usdm": "BTCUSDT_261225" if dataset == "delivery_prices" else "BTCUSDT", "coinm": "BTCUSD_PERP"}
    named = {
        "market": endpoint.market,
        "datasets": list(dict.fromkeys(["symbols", dataset])),
        "symbols": [one.get(endpoint.market, "BTCUSDT")],
    }
    return {"kind": "market", **named, **more}


def copied(desk: TradeDesk, folder: Path) -> TradeDesk:
    """A desk at the same exchange, with a copy of the lake as it is now."""
    if (desk.folder / "lake").exists():
        shutil.copytree(desk.folder / "lake", folder / "lake")
    return replace(desk, folder=folder)


async def exit_codes(desk: TradeDesk, flow: str) -> set[int]:
    try:
        return {receipt.exit_code for receipt in await desk.run(flow)}
    except Problem as problem:
        return {problem.exit_code}


async def something_of_each(desk: TradeDesk, *, closed: bool) -> None:
    """Give the account what makes a run ask every endpoint; `order` alone is asked about what is stored as open."""
    book, symbol = desk.book, "BTCUSDT"
    routed, maker = book.place(symbol, "BUY", 2, 50), book.place(symbol, "SELL", 1, 50)
    book.allocate(symbol, routed, 1)
    book.fill(symbol, routed)
    book.prevent(symbol, book.place(symbol, "BUY", 1, 50, stp_mode="EXPIRE_MAKER"), maker)
    if closed:
        number = book.place(symbol, "BUY", 1, 50)
        desk.clock.advance(86_400)
        for _ in range(OVERLAP_ROWS):  # so that no later walk comes by it
            book.place(symbol, "BUY", 1, 40)
        await desk.run("trading")
        desk.book.cancel(symbol, number)


class Jammed(Silent):
    """A watcher that breaks the first work that speaks to it."""

    broken = False

    def expect(self, **_: int) -> None:
        if not self.broken:
            self.broken = True
            raise RuntimeError("secret=abc")


async def test_a_surprise_fails_its_dataset_alone(desk: Desk):
    """An error that nobody foresaw is a failed receipt with exit code 70; what follows in the flow is pulled."""
    desk.market(["BTCUSDT"], datasets=["symbols", "prices"])
    del desk.flows["prices"]["intervals"], desk.flows["prices"]["since"]
    receipts = await run_flow(desk.config, "prices", progress=Jammed(), stop=desk.stop, state=desk.state)
    assert [(one.dataset, one.outcome, one.exit_code) for one in receipts] == [
        ("symbols", "failed", BUG),
        ("prices", "done", 0),
    ]
    (failure,) = receipts[0].failures
    assert "RuntimeError in test_surprises.py" in failure.why
    assert "secret" not in failure.why
    assert [row["outcome"] for row in desk.rows("runs")] == ["done", "failed"]


async def test_how_long_a_run_took_is_measured_on_one_clock(desk: Desk):
    """Upkeep learns the exchange's time on its way: what it took, and when it began, have nothing of the difference."""
    desk.addresses = {"archive": desk.url, "archive_list": desk.url}
    begun_s = time.monotonic()
    desk.market(["BTCUSDT"], since="2026-09-01")
    await desk.run("prices")
    desk.clock.now_s += 400 * 86_400
    asked = len(desk.asked("time"))
    desk.flows["upkeep"] = {"kind": "maintenance"}
    receipts = await desk.run("upkeep")
    most_s = time.monotonic() - begun_s
    assert len(desk.asked("time")) > asked
    assert all(0 <= one.seconds <= most_s for one in receipts)
    assert all(0 <= (row["ended"] - row["started"]).total_seconds() <= most_s for row in desk.rows("runs"))


@pytest.mark.parametrize(
    ("endpoint", "bodies"),
    [
        pytest.param(
            endpoint,
            (NOTHING[n % len(NOTHING)], NOTHING[(n + 3) % len(NOTHING)]),
            marks=() if endpoint in SOME_TRADED else pytest.mark.soak,
        )
        for n, endpoint in enumerate(TRADED)
    ],
    ids=lambda one: f"{len(one)} ways" if isinstance(one, tuple) else f"{one.market}/{one.name}",
)
async def test_no_silence_about_trades_elsewhere_is_a_bug(
    trade_desk: TradeDesk, endpoint: Any, bodies: Sequence[str]
) -> None:
    """The same of what is asked about orders and fills of margin and of futures: every third, and all in the soak."""
    trade_desk.addresses |= {"usdm": trade_desk.url, "coinm": trade_desk.url}
    trade_desk.flows["elsewhere"] = trade_desk.flows["trading"] | {"wallets": [ELSEWHERE[endpoint.market]]}
    await traded_elsewhere(trade_desk, endpoint.market, closed=endpoint.name.endswith(("/order", "/openOrders")))
    for number, body in enumerate(bodies):
        desk = copied(trade_desk, trade_desk.folder / str(number))
        desk.exchange.heal()
        desk.exchange.requests.clear()
        desk.exchange.inject(Body(text=body, path=endpoint.path, count=None))
        assert BUG not in await exit_codes(desk, "elsewhere"), body
        assert desk.asked(endpoint.path), body


async def traded_elsewhere(desk: TradeDesk, market: str, *, closed: bool) -> None:
    """Fill an order in part; some calls are asked only about one that was open, and was canceled since."""
    exchange, symbol = desk.exchange, "BTCUSD_PERP" if market == "coinm" else "BTCUSDT"
    margin = ELSEWHERE[market] == "margin"
    book = exchange.margin_book(DESK_UID, market) if margin else exchange.futures_book(DESK_UID, market)
    number = book.place(symbol, "BUY", 2, 50)
    book.fill(symbol, number, 1)
    desk.clock.advance(90_000)  # so that no later walk comes by it
    if closed:
        await desk.run("elsewhere")
        desk.clock.advance(60)
        book.cancel(symbol, number)
