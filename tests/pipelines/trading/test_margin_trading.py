"""Orders and fills of cross and isolated margin are pulled from the served simulator by id, where there is news."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from support.sampled import some_of
from support.trade_desk import UID, UNLIMITED, pull

from connectors.binance.budget import Budget
from connectors.binance.endpoints import ENDPOINTS
from connectors.lake.sql.session import connect
from connectors.lake.sql.session import run as query
from connectors.simulator.account.wallet_books import Leg
from connectors.simulator.protocol.faults import Error

if TYPE_CHECKING:
    from support.trade_desk import TradeDesk

    from connectors.simulator.account.margin_book import MarginBook

B = "BTCUSDT"
WALLETS = {"margin": "margin", "isolated_margin": f"isolated_margin:{B}"}


@pytest.fixture
def margin(trade_desk: TradeDesk) -> TradeDesk:
    """A desk whose account trades on margin by hand, and a flow of whatever it trades there."""
    trade_desk.addresses = {"wallet": trade_desk.url}
    trade_desk.trading("traded", datasets=["orders", "fills", "balances"], wallets=["margin"])
    with Budget(trade_desk.state, "simulator") as budget:
        for pool in {endpoint.pool for endpoint in ENDPOINTS}:
            budget.learn(pool, UNLIMITED)
    legs = [Leg(wallet, asset, 1000) for wallet in WALLETS.values() for asset in ("USDT", "BTC")]
    trade_desk.exchange.move(UID, trade_desk.exchange.now_ms, legs)
    return trade_desk


async def run(desk: TradeDesk) -> dict[str, Any]:
    """A run a minute later, without a failure: how often each path was asked."""
    desk.clock.advance(60)
    return await pull(desk)


def traded(book: MarginBook, qty: int = 2) -> int:
    number = book.place(B, "BUY", qty, 50)
    book.fill(B, number, 1)
    return number


@pytest.mark.parametrize("market", some_of(WALLETS))
async def test_what_flows_name_is_pulled(margin: TradeDesk, market: str) -> None:
    """Orders and fills of a pair that only flows name; their fills move its wallet, by quantity times price."""
    await run(margin)  # which sees the pairs that there are
    number = traded(margin.exchange.margin_book(UID, market))
    await run(margin)
    (order,) = margin.rows("orders", symbol=B)
    assert (order["market"], order["order_id"], order["status"]) == (market, number, "PARTIALLY_FILLED")
    (fill,) = margin.rows("fills", symbol=B)
    assert (fill["market"], fill["qty"], fill["quote_qty"]) == (market, Decimal(1), None)
    with connect(margin.lake) as connection:
        told = query(connection, "SELECT wallet, asset, amount FROM ledger WHERE dataset = 'fills' ORDER BY ALL")
    moved = [("BTC", Decimal("-0.001")), ("BTC", Decimal(1)), ("USDT", Decimal(-50))]
    assert [tuple(row.values()) for row in told.to_pylist()] == [(WALLETS[market], *each) for each in moved]


@pytest.mark.soak
async def test_quiet_symbols_are_left_alone(margin: TradeDesk) -> None:
    """A page of orders is dear: it is asked for once a day, and when flows tell of a trade since."""
    await run(margin)
    book = margin.exchange.margin_book(UID)
    number = traded(book)
    assert (await run(margin))["allOrders"] > 0
    margin.clock.advance(7200)
    await run(margin)
    margin.clock.advance(7200)
    assert "allOrders" not in await run(margin)
    book.fill(B, number)
    assert (await run(margin))["rows"] > 0
    assert len(margin.rows("fills", symbol=B)) == 2
    margin.clock.advance(86_400)
    assert (await run(margin))["allOrders"] > 0


async def test_an_open_order_is_followed(margin: TradeDesk) -> None:
    """Canceled while the symbol is quiet: the order's end is seen all the same."""
    await run(margin)
    book = margin.exchange.margin_book(UID)
    number = traded(book)
    await run(margin)
    margin.clock.advance(7200)
    await run(margin)
    book.cancel(B, number)
    margin.clock.advance(3600)
    await run(margin)
    assert [row["status"] for row in margin.rows("orders", symbol=B)] == ["PARTIALLY_FILLED", "CANCELED"]


async def test_an_account_without_margin_is_no_failure(margin: TradeDesk) -> None:
    """That there is no margin account is said once, and nothing else is asked there."""
    for path in ("/sapi/v1/margin/account", "/sapi/v1/margin/isolated/account"):
        margin.exchange.inject(Error(path=path, code=-3003, status=400, count=None))
    asked = await run(margin)
    assert not {"capital-flow", "allOrders", "myTrades"} & asked.keys()
