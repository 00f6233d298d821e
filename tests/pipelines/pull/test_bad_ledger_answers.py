"""One ledger that cannot be read, or answers badly, is named; the others go on, and nothing of it is lost."""

from __future__ import annotations

from typing import Any

import pytest
from support.sampled import some_of
from support.trade_desk import ACCOUNT, UID, UNLIMITED, TradeDesk

from connectors.binance.budget import Budget
from connectors.binance.endpoints import ENDPOINTS
from connectors.binance.endpoints.model import Windows
from connectors.lake.sql.session import connect, run
from connectors.simulator.protocol.faults import Body, Error, Html, ShortPage

DIVIDENDS, EARN = "asset/assetDividend", "simple-earn/flexible/history/subscriptionRecord"
PAID_IN, CONVERTED = "capital/deposit/hisrec", "convert/tradeFlow"
DAY_MS = 86_400_000
LEDGERS = [
    each for each in ENDPOINTS if isinstance(each.walk, Windows) and each.feeds.movements and each.family == "wallet"
]


@pytest.fixture(autouse=True)
def _unpaced(trade_desk: TradeDesk) -> None:
    """No ledger waits for the next minute of its pool."""
    budget = Budget(trade_desk.state, "simulator")
    for pool in {endpoint.pool for endpoint in ENDPOINTS}:
        budget.learn(pool, UNLIMITED)


def given(desk: TradeDesk, *datasets: str) -> None:
    """An account with a distribution and a subscription, and a flow of these ledgers."""
    at_ms = desk.exchange.now_ms - DAY_MS
    dividend = {"id": 1, "amount": "1", "asset": "BNB", "divTime": at_ms, "tranId": 1, "direction": 1}
    desk.exchange.add_movement(UID, DIVIDENDS, dividend)
    row = {
        "amount": "1", "asset": "BNB", "time": at_ms, "purchaseId": 1, "productId": "BNB001", "type": "NORMAL",
        "sourceAccount": "SPOT", "amtFromSpot": "1", "amtFromFunding": "0", "status": "SUCCESS",
    }  # fmt: skip
    desk.exchange.add_movement(UID, EARN, row)
    desk.flows["books"] = {
        "kind": "account",
        "account": ACCOUNT,
        "datasets": [*datasets],
        "since": "2026-10-01",
        "values": False,
    }


async def pulled(desk: TradeDesk) -> dict[str, Any]:
    """The receipts of a run, by dataset."""
    desk.clock.advance(60)
    return {receipt.dataset: receipt for receipt in await desk.run("books")}


@pytest.mark.parametrize("code", [-6021, -4047, -1127])
async def test_a_window_that_is_refused_once_is_asked_for_in_parts(trade_desk: TradeDesk, code: int) -> None:
    """Where the exchange finds a window too wide, its rows come in narrower ones (N18)."""
    given(trade_desk, "dividends", "earn_subscriptions")
    trade_desk.exchange.inject(Error(path=f"/sapi/v1/{EARN}", code=code, status=400, count=1))
    receipts = await pulled(trade_desk)
    assert {name: (one.rows, one.failures) for name, one in receipts.items()} == dict.fromkeys(receipts, (1, ()))


BAD = {
    "a window that is always too wide": Error(path=f"/sapi/v1/{EARN}", code=-6021, status=400, count=None),
    "a code under status 200": Body(path=f"/sapi/v1/{EARN}", text='{"code":-1,"msg":"no"}', count=None),
    "no list": Body(path=f"/sapi/v1/{EARN}", text='{"total":3}', count=None),
    "an object of nothing": Body(path=f"/sapi/v1/{EARN}", text="{}", count=None),
    "a row of nothing": Body(path=f"/sapi/v1/{EARN}", text='{"rows":[{}],"total":1}', count=None),
    "a list of null": Body(path=f"/sapi/v1/{EARN}", text='{"rows":null,"total":3}', count=None),
    "no JSON": Body(path=f"/sapi/v1/{EARN}", text="<html>", count=None),
}


@pytest.mark.parametrize("fault", BAD.values(), ids=BAD)
async def test_a_bad_answer_costs_its_ledger_alone(trade_desk: TradeDesk, fault: Error | Body) -> None:
    """The sentence names the ledger, the other one is stored, and a good answer brings what was missing."""
    given(trade_desk, "dividends", "earn_subscriptions")
    trade_desk.exchange.inject(fault)
    receipts = await pulled(trade_desk)
    assert (receipts["dividends"].rows, receipts["dividends"].failures) == (1, ())
    assert receipts["earn_subscriptions"].rows == 0
    assert "flexible/history/subscriptionRecord" in receipts["earn_subscriptions"].failures[0].why
    assert trade_desk.rows("earn_subscriptions") == []
    trade_desk.exchange.heal()
    receipts = await pulled(trade_desk)
    assert {name: (one.rows, one.failures) for name, one in receipts.items()} == {
        "dividends": (0, ()),
        "earn_subscriptions": (1, ()),
    }


async def test_a_list_that_changes_while_it_is_read_is_asked_for_again(trade_desk: TradeDesk) -> None:
    """Pages whose first one is another after the last one are no answer; the next run has all of them (L3)."""
    given(trade_desk, "deposits", "dividends")
    at_ms = trade_desk.exchange.now_ms - DAY_MS
    for number in range(2):
        row = {"id": f"{number}", "amount": "1", "coin": "BNB", "network": "BNB", "status": 1, "address": "a"}
        more = {"insertTime": at_ms + number, "transferType": 0, "confirmTimes": "1/1", "txId": "t"}
        trade_desk.exchange.add_movement(UID, PAID_IN, row | more)
    trade_desk.exchange.inject(ShortPage(path=f"/sapi/v1/{PAID_IN}", keep=1, count=1))
    receipts = await pulled(trade_desk)
    assert "The first page changed while the others were read" in receipts["deposits"].failures[0].why
    assert (receipts["dividends"].rows, trade_desk.rows("deposits")) == (1, [])
    assert (await pulled(trade_desk))["deposits"].rows == 2


async def test_an_answer_that_says_that_it_is_not_all_is_asked_for_in_parts(trade_desk: TradeDesk) -> None:
    """Conversions of which an answer says that there are more come in narrower windows, however few it held."""
    given(trade_desk, "conversions")
    at_ms = trade_desk.exchange.now_ms - DAY_MS
    row = {
        "quoteId": "q", "orderId": 1, "orderStatus": "SUCCESS", "fromAsset": "USDT", "fromAmount": "20",
        "toAsset": "BNB", "toAmount": "0.06", "ratio": "0.003", "inverseRatio": "333", "createTime": at_ms,
    }  # fmt: skip
    trade_desk.exchange.add_movement(UID, CONVERTED, row)
    trade_desk.exchange.inject(Body(path=f"/sapi/v1/{CONVERTED}", text='{"list":[],"moreData":true}', count=2))
    assert [(one.rows, one.failures) for one in (await pulled(trade_desk)).values()] == [(1, ())]


async def test_a_key_that_reads_one_ledger_alone_brings_that_one(trade_desk: TradeDesk) -> None:
    """Each ledger that the key may not read is named, which is no failure, and its movements wait for another key."""
    given(trade_desk, *{each.feeds.name for each in LEDGERS})
    for path in {each.path for each in LEDGERS if not each.path.endswith(DIVIDENDS)}:
        trade_desk.exchange.inject(Error(path=path, code=-2015, status=401, count=None))
    receipts = await pulled(trade_desk)
    assert [one.failures for one in receipts.values()] == [()] * len(receipts)
    assert {name for name, one in receipts.items() if one.rows} == {"dividends"}
    with connect(trade_desk.lake) as connection:
        named = {*run(connection, "SELECT dataset FROM not_there")["dataset"].to_pylist()}
    assert named >= {each.feeds.name for each in LEDGERS} - {"dividends"}


@pytest.mark.parametrize(("code", "status"), some_of([(-2015, 401), (-1002, 401), (-2015, 400), (None, 401)]))
async def test_a_ledger_that_the_key_may_no_longer_read_is_a_failure(
    trade_desk: TradeDesk, code: int | None, status: int
) -> None:
    """A ledger that was answered before and is refused now fails by name at each run, with exit code 4, alone."""
    given(trade_desk, "earn_subscriptions", "dividends")
    await pulled(trade_desk)
    path = f"/sapi/v1/{DIVIDENDS}"
    refused = (
        Error(path=path, code=code, status=status, count=None) if code else Html(path=path, status=401, count=None)
    )
    trade_desk.exchange.inject(refused)
    trade_desk.clock.advance(DAY_MS / 1000)
    for _ in range(2):
        receipts = await pulled(trade_desk)
        (failure,) = receipts["dividends"].failures
        assert f"HTTP {status}" in failure.why
        assert "give it this permission back" in failure.why
        assert [each.exit_code for each in receipts.values()] == [4, 0]
    with connect(trade_desk.lake) as connection:
        assert run(connection, "SELECT dataset FROM not_there").num_rows == 0
        assert run(connection, "SELECT error FROM runs WHERE error IS NOT NULL").num_rows == 2
    trade_desk.exchange.heal()
    assert [each.exit_code for each in (await pulled(trade_desk)).values()] == [0, 0]


async def test_a_refusal_without_a_code_stops_no_other(trade_desk: TradeDesk) -> None:
    """HTTP 401 of one call, while the key is accepted elsewhere, says of no ledger that it is not there."""
    given(trade_desk, "earn_subscriptions", "dividends")
    trade_desk.exchange.inject(Html(path=f"/sapi/v1/{DIVIDENDS}", status=401, count=None))
    receipts = await pulled(trade_desk)
    assert [each.exit_code for each in receipts.values()] == [4, 0]
    assert receipts["earn_subscriptions"].rows == 1


async def test_orders_that_the_key_may_not_read_stop_no_ledger(trade_desk: TradeDesk) -> None:
    """Where the exchange refuses the list of orders alone, orders fail, and movements come all the same."""
    given(trade_desk, "orders", "dividends")
    trade_desk.flows["books"]["symbols"] = ["BTCUSDT"]
    trade_desk.exchange.inject(Error(path="/api/v3/allOrders", code=-2015, status=401, count=None))
    receipts = await pulled(trade_desk)
    assert {name: each.exit_code for name, each in receipts.items()} == {"orders": 4, "dividends": 0}
    assert receipts["dividends"].rows == 1


async def test_many_refused_calls_have_the_key_looked_at_once(trade_desk: TradeDesk) -> None:
    """Transfers are asked for in twenty directions at once: that the key may not read them is made out by one look."""
    given(trade_desk, "transfers")
    trade_desk.exchange.inject(Error(path="/sapi/v1/asset/transfer", code=-2015, status=401, count=None))
    await pulled(trade_desk)
    assert len(trade_desk.asked("asset/transfer")) >= 20
    assert len(trade_desk.asked("apiRestrictions")) == 2  # and one as the run begins
