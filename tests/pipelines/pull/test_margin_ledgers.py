"""Ledgers of margin: cross and pair by pair, over windows, pages and operations, each movement once."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from support.trade_desk import ACCOUNT, UID, TradeDesk

from connectors.simulator.account.wallet_books import Leg
from connectors.simulator.protocol.faults import Body

DAY_MS = 86_400_000
SINCE = "2026-10-01"
PAIR = "isolated_margin:BTCUSDT"


def add(desk: TradeDesk, path: str, time: str, days_ago: float, row: dict[str, Any], of: str | None = None) -> int:
    """Have a margin ledger tell of something so many days ago; gives its milliseconds."""
    at_ms = desk.exchange.now_ms - int(days_ago * DAY_MS)
    desk.exchange.add_movement(UID, f"margin/{path}", {time: at_ms, **row}, of)
    return at_ms


def loan(desk: TradeDesk, number: int, days_ago: float, of: str) -> None:
    row = {
        "txId": number, "type": "MANUAL", "asset": "USDT", "amount": "14.0", "principal": "13.98", "interest": "0.02",
        "status": "CONFIRMED",
    }  # fmt: skip
    pair = of.partition("/")[2]
    add(desk, "borrow-repay", "timestamp", days_ago, row | ({"isolatedSymbol": pair} if pair else {}), of)


def interest(desk: TradeDesk, number: int, days_ago: float) -> None:
    row = {
        "txId": 2372500863495499617 + number, "asset": "HOME", "rawAsset": "HOME", "principal": "1.0",
        "interest": "0.00000007", "interestRate": "0.00215396", "type": "PERIODIC",
    }  # fmt: skip
    add(desk, "interestHistory", "interestAccuredTime", days_ago, row)


def transfer(desk: TradeDesk, number: int, days_ago: float, **more: str) -> None:
    row = {"txId": number, "amount": "0.1", "asset": "BNB", "status": "CONFIRMED", "type": "ROLL_IN", **more}
    add(desk, "transfer", "timestamp", days_ago, row)


def flow(desk: TradeDesk, *datasets: str, **more: object) -> None:
    desk.flows["books"] = {"kind": "account", "account": ACCOUNT, "datasets": list(datasets), "since": SINCE} | {
        "values": False, **more,
    }  # fmt: skip


async def pulled(desk: TradeDesk) -> int:
    """How many rows one good run stores."""
    receipts = await desk.run("books")
    assert [one.failures for one in receipts] == [()] * len(receipts)
    return sum(one.rows for one in receipts)


async def test_loans_are_asked_for_by_operation_and_a_pair_once_it_is_seen(trade_desk: TradeDesk):
    """Borrowing and repaying are lists of their own; a pair that a transfer names is asked for from its beginning."""
    for number, of in enumerate(("BORROW", "REPAY", "BORROW/BTCUSDT", "REPAY/BTCUSDT", "BORROW/ETHUSDT")):
        loan(trade_desk, number, 20, of)
    flow(trade_desk, "margin_loans", "margin_transfers")
    assert await pulled(trade_desk) == 2
    transfer(trade_desk, 1, 1, transFrom="SPOT", transTo="ISOLATED_MARGIN", toSymbol="BTCUSDT")
    await pulled(trade_desk)
    await pulled(trade_desk)
    assert [(row["wallet"], row["operation"], row["isolated_symbol"]) for row in trade_desk.rows("margin_loans")] == [
        (PAIR, "borrow", "BTCUSDT"), (PAIR, "repay", "BTCUSDT"), ("margin", "borrow", None), ("margin", "repay", None),
    ]  # fmt: skip
    assert await pulled(trade_desk) == 0


async def test_an_account_without_margin_has_no_ledgers_of_it(trade_desk: TradeDesk):
    """That there is no margin account is said once of each ledger, and fails no run; what is there is stored."""
    for path in ("borrow-repay", "interestHistory"):
        text = '{"code": -3003, "msg": "Margin account does not exist."}'
        trade_desk.exchange.inject(Body(path=f"/sapi/v1/margin/{path}", count=None, text=text))
    transfer(trade_desk, 1, 1)
    flow(trade_desk, "margin_transfers", "margin_loans", "margin_interest")
    assert await pulled(trade_desk) == 1
    asked = len(trade_desk.exchange.requests)
    receipts = await trade_desk.run("books")
    assert not any("not there" in one.note for one in receipts)
    assert not [seen for seen in [*trade_desk.exchange.requests][asked:] if "borrow-repay" in seen.target]


async def test_a_pair_that_balances_show_is_asked_for_in_the_same_run(trade_desk: TradeDesk):
    """What balances name of isolated margin is asked for at once, also before any movement names it."""
    trade_desk.exchange.move(UID, trade_desk.exchange.now_ms, [Leg("isolated_margin:ETHUSDT", "ETH", "2")])
    loan(trade_desk, 1, 20, "BORROW/ETHUSDT")
    flow(trade_desk, "balances", "margin_loans", wallets=["margin"], values=False)
    assert await pulled(trade_desk) > 1
    assert [row["wallet"] for row in trade_desk.rows("margin_loans")] == ["isolated_margin:ETHUSDT"]


async def test_transfers_with_a_pair_are_asked_for_by_its_name(trade_desk: TradeDesk):
    """L15: those between cross margin and a pair that something names are a list for each direction and pair."""
    for number, kind in enumerate(("MARGIN_ISOLATEDMARGIN", "ISOLATEDMARGIN_MARGIN")):
        row = {"asset": "USDT", "amount": "10", "type": kind, "status": "CONFIRMED", "tranId": number}
        at_ms = trade_desk.exchange.now_ms - 20 * DAY_MS
        trade_desk.exchange.add_movement(UID, "asset/transfer", row | {"timestamp": at_ms}, f"{kind}/BTCUSDT")
    loan(trade_desk, 1, 20, "BORROW")
    trade_desk.exchange.movements(UID, "margin/borrow-repay")[0][1]["isolatedSymbol"] = "BTCUSDT"
    flow(trade_desk, "margin_loans", "transfers")
    assert await pulled(trade_desk) + await pulled(trade_desk) == 3
    assert [(row["type"], row["tran_id"]) for row in trade_desk.rows("transfers")] == [
        ("ISOLATEDMARGIN_MARGIN:BTCUSDT", 1), ("MARGIN_ISOLATEDMARGIN:BTCUSDT", 0),
    ]  # fmt: skip


async def test_hourly_interest_is_stored_to_the_last_digit(trade_desk: TradeDesk):
    """D7: interest comes newest first in pages, under a time that the exchange misspells, with ids of 19 digits."""
    for hour in range(250):
        interest(trade_desk, hour, 1 + hour / 24)
    flow(trade_desk, "margin_interest")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (250, 0)
    rows = trade_desk.rows("margin_interest", wallet="margin")
    assert [row["tx_id"] for row in rows] == [2372500863495499617 + hour for hour in range(250)]
    assert {(row["interest"], row["interest_rate"]) for row in rows} == {(Decimal("0.00000007"), Decimal("0.00215396"))}


async def test_what_is_older_than_the_memory_of_the_exchange_is_a_gap(trade_desk: TradeDesk):
    """L11: interest and flows are kept for 90 days; what lies before is a gap that says so."""
    flow(trade_desk, "margin_interest", "margin_flows", since="2026-06-01")
    await pulled(trade_desk)
    gaps = trade_desk.rows("gaps", reason="not_retained")
    assert {(row["dataset"], row["since"]) for row in gaps} == {
        (name, datetime(2026, 6, 1, tzinfo=UTC)) for name in ("margin_interest", "margin_flows")
    }


async def test_flows_are_asked_for_by_weeks_and_split_where_an_answer_is_full(trade_desk: TradeDesk):
    """N12: a week at most, and by time alone, since an id to begin with never widens the window."""
    for number in range(2500):
        row = {"id": number, "tranId": 7, "asset": "USDT", "type": "BUY_EXPENSE", "amount": "-0.5"}
        add(trade_desk, "capital-flow", "timestamp", 1 + number / 1000, row)
    flow(trade_desk, "margin_flows")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (2500, 0)
    assert not [seen for seen in trade_desk.exchange.requests if "fromId" in seen.target]


async def test_a_transfer_in_seconds_keeps_its_time(trade_desk: TradeDesk):
    """C12: some transfers print seconds where others print milliseconds; each is stored at its instant."""
    at_s = trade_desk.exchange.now_ms // 1000 - 86_400
    for number, time in enumerate((at_s, at_s * 1000 + 123)):
        transfer(trade_desk, number, 0, timestamp=time)  # type: ignore[arg-type]
    flow(trade_desk, "margin_transfers")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (2, 0)
    times = [row["timestamp"].timestamp() for row in trade_desk.rows("margin_transfers")]
    assert times == [at_s, at_s + 0.123]


async def test_the_rarer_lists_of_margin_are_stored(trade_desk: TradeDesk):
    """Liquidations and small debts are stored, and equal ones of an instant are as many, on one page or two."""
    order = {
        "avgPrice": "0.00388359", "executedQty": "31.39", "orderId": 180015097, "price": "0.0038811", "qty": "31.39",
        "side": "SELL", "symbol": "BNBBTC", "timeInForce": "GTC", "isIsolated": False,
    }  # fmt: skip
    add(trade_desk, "forceLiquidationRec", "updatedTime", 3, order)
    small = {
        "asset": "ETH", "amount": "0.00083434", "targetAsset": "BUSD", "targetAmount": "1.37576819",
        "bizType": "EXCHANGE_SMALL_LIABILITY", "timestamp": trade_desk.exchange.now_ms - DAY_MS,
    }  # fmt: skip
    for _ in range(102):
        add(trade_desk, "exchange-small-liability-history", "timestamp", 1, small)
    flow(trade_desk, "margin_liquidations", "small_liabilities")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (103, 0)
    assert [row["ordinal"] for row in trade_desk.rows("small_liabilities")] == list(range(1, 103))
