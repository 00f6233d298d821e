"""Income and positions of futures: every row once, whatever shares a second, an id or all its values."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from support.trade_desk import ACCOUNT, UID, UNLIMITED, TradeDesk

from connectors.binance.budget import Budget
from connectors.binance.pools import FUTURES
from schemas.datasets import DATASETS

USDM, COINM = "/fapi/v1/income", "/dapi/v1/income"
DAY_MS = 86_400_000


@pytest.fixture
def futures_desk(trade_desk: TradeDesk) -> TradeDesk:
    """A desk whose account may trade futures."""
    trade_desk.addresses |= {"usdm": trade_desk.url, "coinm": trade_desk.url}
    trade_desk.exchange.limits.futures = UNLIMITED
    Budget(trade_desk.state, "simulator").learn(FUTURES, UNLIMITED)
    return trade_desk


def earn(desk: TradeDesk, kind: str, days_ago: float, income: str = "-0.1", path: str = USDM, **more: object) -> None:
    row = {
        "symbol": "BTCUSDT", "incomeType": kind, "income": income, "asset": "USDT", "info": kind, "tradeId": "",
        "tranId": 9689322392, "time": desk.exchange.now_ms - int(days_ago * DAY_MS), **more,
    }  # fmt: skip
    desk.exchange.add_movement(UID, path, row)


def flow(desk: TradeDesk, *datasets: str) -> None:
    desk.flows["books"] = {"kind": "account", "account": ACCOUNT, "datasets": list(datasets)} | (
        {"values": False} if "income" in datasets else {}
    )


async def pulled(desk: TradeDesk) -> int:
    """How many rows one good run stores."""
    receipts = await desk.run("books")
    assert [one.failures for one in receipts] == [()] * len(receipts)
    return sum(one.rows for one in receipts)


async def test_income_that_shares_its_id_or_everything_is_stored_each(futures_desk: TradeDesk):
    """C9, D6: an id comes again under another type, and equal rows are two movements; all are stored, and stay so."""
    for kind in ("TRANSFER", "COMMISSION", "COMMISSION", "FUNDING_FEE", "WORD_OF_TOMORROW"):
        earn(futures_desk, kind, 5)
    earn(futures_desk, "FUNDING_FEE", 4, tranId=8087002498666703870123, tradeId="2059192")
    earn(futures_desk, "FUNDING_FEE", 4, "-4.1E-7", COINM, tranId="8087002498666703870", symbol="", asset="BTC")
    flow(futures_desk, "income")
    assert (await pulled(futures_desk), await pulled(futures_desk)) == (7, 0)
    rows = futures_desk.rows("income")
    assert [(row["market"], row["income_type"], row["tran_id"], row["ordinal"]) for row in rows] == [
        ("coinm", "FUNDING_FEE", "8087002498666703870", 1),
        ("usdm", "COMMISSION", "9689322392", 1),
        ("usdm", "COMMISSION", "9689322392", 2),
        ("usdm", "FUNDING_FEE", "8087002498666703870123", 1),
        ("usdm", "FUNDING_FEE", "9689322392", 1),
        ("usdm", "TRANSFER", "9689322392", 1),
        ("usdm", "WORD_OF_TOMORROW", "9689322392", 1),
    ]
    assert (rows[0]["symbol"], rows[0]["income"]) == (None, Decimal("-0.00000041"))


async def test_income_of_one_second_is_asked_for_by_type(futures_desk: TradeDesk):
    """N1: pages are no longer given, so more rows of one second than an answer holds come type by type."""
    for number in range(700):
        for kind in ("COMMISSION", "REALIZED_PNL", "WORD_OF_TOMORROW"):
            earn(futures_desk, kind, 3, tradeId=f"{number}", tranId=number)
    flow(futures_desk, "income")
    assert (await pulled(futures_desk), await pulled(futures_desk)) == (2100, 0)


async def test_income_of_one_second_and_type_is_asked_for_by_symbol(futures_desk: TradeDesk):
    """N1: more rows of one type than an answer holds come symbol by symbol, also of one that is not listed any more."""
    for number in range(1200):
        symbol = ("BTCUSDT", "ETHUSDT", "GONEUSDT")[number % 3]
        earn(futures_desk, "COMMISSION", 3, tranId=number, symbol=symbol)
    flow(futures_desk, "income")
    assert (await pulled(futures_desk), await pulled(futures_desk)) == (1200, 0)
    assert len({row["tran_id"] for row in futures_desk.rows("income")}) == 1200


@pytest.mark.parametrize("symbol", ["BTCUSDT", ""])
async def test_income_that_cannot_be_told_apart_is_not_cut(symbol: str, futures_desk: TradeDesk):
    """N1: one symbol, or none, that fills an answer within a second is a failure; the other market goes on."""
    for number in range(1001):
        earn(futures_desk, "COMMISSION", 3, tranId=number, symbol=symbol)
    earn(futures_desk, "COMMISSION", 3, path=COINM)
    flow(futures_desk, "income")
    receipts = await futures_desk.run("books")
    assert [[failure.series for failure in one.failures] for one in receipts] == [["income/main/usdm"], []]
    assert "more rows of COMMISSION" in receipts[0].failures[0].why
    until = datetime.fromtimestamp(futures_desk.lake.table(DATASETS["income"]).bounds()["main/usdm#until"] / 1e6, UTC)
    assert (futures_desk.exchange.now_ms / 1000 - until.timestamp()) > 3 * 86_400
    assert len(futures_desk.rows("income")) == 1


async def test_the_half_of_a_second_is_lost_by_no_window(futures_desk: TradeDesk):
    """D6: income is found by the millisecond and printed by the second; a window begins and ends where a second does."""
    for number in range(1500):
        earn(futures_desk, "COMMISSION", 3 + number / 1500, tranId=number)
    flow(futures_desk, "income")
    assert await pulled(futures_desk) == 1500
    futures_desk.clock.advance(86_400 * 2.123)
    assert await pulled(futures_desk) == 0


async def test_a_market_that_has_no_address_is_no_failure(trade_desk: TradeDesk):
    """Income of a market that flows.yaml gives no address for is said to be not there, once, and no run fails."""
    flow(trade_desk, "income", "positions")
    first, second = [await trade_desk.run("books") for _ in range(2)]
    assert {one.outcome for one in (*first, *second)} == {"done"}
    assert sum("no address for usdm calls" in one.note for one in first) == 2
    assert not any("not there" in one.note for one in second)


async def test_income_and_positions_are_of_the_wallets_that_are_written(futures_desk: TradeDesk):
    """Of one futures wallet, nothing is asked about the other."""
    futures_desk.flows["books"] = {
        "kind": "account", "account": ACCOUNT, "datasets": ["income", "positions"], "wallets": ["spot", "usdm"],
        "values": False,
    }  # fmt: skip
    assert await pulled(futures_desk) == 0
    assert futures_desk.asked("/fapi/v1/income")
    assert futures_desk.asked("/dapi/") == []


def hold(desk: TradeDesk, path: str, **row: str) -> dict[str, Any]:
    told = {
        "symbol": "ETHUSDT", "positionSide": "BOTH", "positionAmt": "30", "entryPrice": "0.385", "adl": 2,
        "breakEvenPrice": "0.385077", "markPrice": "0.4104759", "unRealizedProfit": "0.764277", "marginAsset": "USDT",
        "liquidationPrice": "0", "isolatedMargin": "0", "updateTime": 1720736417660, **row,
    }  # fmt: skip
    return desk.exchange.add_movement(UID, path, told)


async def test_positions_are_shown_until_they_are_closed(futures_desk: TradeDesk):
    """C21, D11: a closed position is left out or printed flat, and is stored once as none; an entry price has no tick."""
    mine = hold(futures_desk, "/fapi/v3/positionRisk", positionSide="LONG")
    coin = {"symbol": "ETHUSD_PERP", "notionalValue": "0.00412376", "leverage": "100", "isAutoAddMargin": "false"}
    hold(futures_desk, "/dapi/v1/positionRisk", entryPrice="2422.400000007", positionAmt="-1", **coin)
    hold(futures_desk, "/dapi/v1/positionRisk", positionSide="LONG", positionAmt="0", **coin)
    flow(futures_desk, "positions")
    assert await pulled(futures_desk) == 2
    mine["positionAmt"] = "0"
    assert [await pulled(futures_desk) for _ in range(2)] == [2, 1]
    inverse, *_ = futures_desk.rows("positions", market="coinm")
    assert (inverse["entry_price"], inverse["position_amt"]) == (Decimal("2422.400000007"), -1)
    assert (inverse["notional"], inverse["liquidation_price"]) == (Decimal("0.00412376"), None)
    amounts = [
        (row["side"], row["position_amt"], row["entry_price"]) for row in futures_desk.rows("positions", market="usdm")
    ]
    assert amounts == [("LONG", 30, Decimal("0.385")), ("LONG", 0, None)]
