"""Ledgers of an account's products: rows without an id, lists that contradict themselves, several answers of one kind."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.trade_desk import ACCOUNT, UID, UNLIMITED, TradeDesk

from connectors.binance.budget import Budget
from connectors.binance.endpoints import ENDPOINTS
from connectors.simulator.protocol.faults import Body
from schemas.config.names import GROUPS
from schemas.datasets import DATASETS

DAY_MS = 86_400_000
REBATES = "rebate/taxQuery"
C2C = "c2c/orderMatch/listUserOrderHistory"


@pytest.fixture(autouse=True)
def _unpaced(trade_desk: TradeDesk) -> None:
    """No ledger waits for the next minute of its pool."""
    budget = Budget(trade_desk.state, "simulator")
    for endpoint in ENDPOINTS:
        if endpoint.pool.name.startswith("uid:"):
            budget.learn(endpoint.pool, UNLIMITED)


def add(desk: TradeDesk, path: str, time: str, days_ago: float, row: dict[str, Any], of: str | None = None) -> Any:
    """Have a movement happen so many days ago; as the exchange returns it."""
    at_ms = desk.exchange.now_ms - int(days_ago * DAY_MS)
    return desk.exchange.add_movement(UID, path, {**row, time: at_ms}, of)


def rebate(desk: TradeDesk, days_ago: float, amount: str = "0.0001126") -> Any:
    return add(desk, REBATES, "updateTime", days_ago, {"asset": "USDT", "type": 1, "amount": amount})


def c2c(desk: TradeDesk, number: int, days_ago: float, side: str = "BUY", **more: Any) -> Any:
    row = {
        "orderNumber": f"2021964464655477{number:04}", "advNo": "11218246497340923904", "tradeType": side,
        "asset": "BUSD", "fiat": "CNY", "fiatSymbol": "¥", "amount": "50", "totalPrice": "334", "unitPrice": "6.68",
        "orderStatus": "COMPLETED", "commission": "0", "counterPartNickName": "ab***", "payMethodName": "BANK",
        "takerCommission": "0", "takerAmount": "50", "advertisementRole": "TAKER", **more,
    }  # fmt: skip
    return add(desk, C2C, "createTime", days_ago, row, side)


def flow(desk: TradeDesk, *datasets: str, **more: object) -> None:
    desk.flows["books"] = {"kind": "account", "account": ACCOUNT, "datasets": list(datasets), "values": False, **more}


async def pulled(desk: TradeDesk) -> int:
    """How many rows one good run stores."""
    receipts = await desk.run("books")
    assert [receipt.failures for receipt in receipts] == [()] * len(receipts)
    return sum(receipt.rows for receipt in receipts)


async def test_equal_rows_without_an_id_are_counted(trade_desk: TradeDesk):
    """Rebates that agree in every field are movements each, however often they are read; one more or less is a row."""
    one = rebate(trade_desk, 1, "0.5")
    rebates = trade_desk.exchange.movements(UID, REBATES)
    rebates += [(None, {**one, "amount": amount}) for amount in ("0.5", "0.7", "0.5")]
    flow(trade_desk, "rebates", since="2026-10-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (4, 0)
    rebates.append((None, one))
    assert await pulled(trade_desk) == 1
    rebates.remove((None, {**one, "amount": "0.7"}))
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (1, 0)
    rebates.remove((None, one))
    rebates.remove((None, one))
    rebates.append((None, {**one, "amount": "0.9"}))
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (2, 0)
    last = {row["ordinal"]: row for row in sorted(trade_desk.rows("rebates"), key=lambda row: row["version"])}
    left = [str(row["amount"].normalize()) for row in last.values() if row["gone_since"] is None]
    assert sorted(left) == ["0.5", "0.5", "0.9"]


@pytest.mark.parametrize("pause_days", [0.1, 5, 40])
async def test_what_one_answer_lacks_is_asked_for_again(trade_desk: TradeDesk, pause_days: float):
    """Rows without an id that a single answer leaves out count again as soon as the next run, however late, has them."""
    rebate(trade_desk, 1, "0.5")
    flow(trade_desk, "rebates", since="2026-10-01")
    assert await pulled(trade_desk) == 1
    trade_desk.clock.advance(2 * 86_400)
    rebate(trade_desk, 1, "0.7")
    none = '{"status":"OK","type":"GENERAL","code":"000000000","data":{"page":1,"totalRecords":0,"data":[]}}'
    trade_desk.exchange.inject(Body(path=f"/sapi/v1/{REBATES}", text=none))
    assert await pulled(trade_desk) == 1
    trade_desk.clock.advance(pause_days * 86_400)
    assert await pulled(trade_desk) == 2
    last = {row["ordinal"]: row for row in sorted(trade_desk.rows("rebates"), key=lambda row: row["version"])}
    assert [row["gone_since"] for row in last.values()] == [None]
    assert await pulled(trade_desk) == 0


async def test_a_dense_list_without_ids_is_stored_whole(trade_desk: TradeDesk):
    """More rebates than an answer holds, many of them equal, are each stored once, from the first day of the list on."""
    for number in range(700):
        rebate(trade_desk, 5 + number // 3 / 1000)
    rebate(trade_desk, 2000)
    flow(trade_desk, "rebates")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (701, 0)
    assert "2020-06-10" not in {row["reason"] for row in trade_desk.rows("gaps")}
    assert trade_desk.rows("gaps") == []


async def test_a_list_longer_than_its_total_counts_nothing_twice(trade_desk: TradeDesk):
    """Rows without an id of which an answer has more than its own total says are no movements; a good answer has them."""
    rebate(trade_desk, 3)
    flow(trade_desk, "rebates", since="2026-10-01")
    row = '{"asset":"USDT","type":1,"amount":"0.0001126","updateTime":1793361630250}'
    twice = f'{{"status":"OK","code":"000000000","data":{{"page":1,"totalRecords":1,"data":[{row},{row}]}}}}'
    trade_desk.exchange.inject(Body(path=f"/sapi/v1/{REBATES}", text=twice, count=None))
    (receipt,) = await trade_desk.run("books")
    assert "says that its list has 1 row, and returned 2" in receipt.failures[0].why
    trade_desk.exchange.heal()
    assert await pulled(trade_desk) == 1


async def test_a_list_shorter_than_its_total_stops_no_other(trade_desk: TradeDesk):
    """A list that says it has more rows than it holds fails by name and is asked for again; the others go on (L16)."""
    c2c(trade_desk, 1, 3)
    rebate(trade_desk, 3)
    flow(trade_desk, "c2c_trades", "rebates", since="2026-10-01")
    short = '{"code":"000000","message":"success","data":[],"total":2,"success":true}'
    trade_desk.exchange.inject(Body(path=f"/sapi/v1/{C2C}", text=short, count=None))
    receipts = {receipt.dataset: receipt for receipt in await trade_desk.run("books")}
    (failure, _) = receipts["c2c_trades"].failures
    assert "says that its list has 2 rows, and returned 0" in failure.why
    assert (receipts["rebates"].rows, receipts["rebates"].failures) == (1, ())
    trade_desk.exchange.heal()
    assert await pulled(trade_desk) == 1


async def test_a_code_under_status_200_is_an_error_that_names_its_ledger(trade_desk: TradeDesk):
    """An answer with status 200 whose code is no success is not taken for an empty list (L18)."""
    c2c(trade_desk, 1, 3)
    flow(trade_desk, "c2c_trades", since="2026-10-01")
    refusal = '{"code":"900001","message":"not today","data":null,"success":false}'
    trade_desk.exchange.inject(Body(path=f"/sapi/v1/{C2C}", text=refusal, count=None))
    (receipt,) = await trade_desk.run("books")
    assert "c2c/orderMatch/listUserOrderHistory" in receipt.failures[0].why
    assert "900001" in receipt.failures[0].why
    trade_desk.exchange.heal()
    assert await pulled(trade_desk) == 1


async def test_trades_with_people_are_kept_without_the_people(trade_desk: TradeDesk):
    """Trades of both sides are asked for in windows of 30 days, six months back; who the other was is not stored (N19)."""
    for number in range(250):
        c2c(trade_desk, number, 1 + number / 10)
    c2c(trade_desk, 900, 100, "SELL")
    c2c(trade_desk, 901, 300)
    flow(trade_desk, "c2c_trades", since="2026-01-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (251, 0)
    rows = trade_desk.rows("c2c_trades")
    assert {row["extra"] for row in rows} == {'{"fiatSymbol":"¥","payMethodName":"BANK"}'}
    assert {row["reason"] for row in trade_desk.rows("gaps")} == {"not_retained"}


async def test_payments_of_years_are_stored_with_what_they_moved(trade_desk: TradeDesk):
    """Payments are asked for in windows that are halved when full; their details stand as JSON, the people do not (D10)."""
    detail = [{"currency": "USDT", "amount": "1.2", "walletAssetCost": {"1": "0.6", "2": "0.6"}}]
    for number in range(230):
        row = {
            "uid": 7, "orderType": "C2C", "transactionId": f"M_P_{number}", "amount": "-1.2", "currency": "USDT",
            "walletType": 1, "walletTypes": ["1"], "fundsDetail": detail, "payerInfo": {"name": "Jack"},
            "receiverInfo": {"email": "alan@example.com"},
        }  # fmt: skip
        add(trade_desk, "pay/transactions", "transactionTime", 3 + number, row)
    flow(trade_desk, "pay_transactions", since="2026-01-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (230, 0)
    (row,) = {(row["amount"], row["funds_detail"], row["extra"]) for row in trade_desk.rows("pay_transactions")}
    assert row == (
        Decimal("-1.2"),
        '[{"currency":"USDT","amount":"1.2","walletAssetCost":{"1":"0.6","2":"0.6"}}]',
        '{"uid":7,"walletTypes":["1"]}',
    )


async def test_both_products_of_earn_feed_one_dataset(trade_desk: TradeDesk):
    """Flexible and locked rewards are series of one dataset; 30 days are asked for at once, and all kinds (N18)."""
    for number in range(130):
        paid = {"asset": "BUSD", "rewards": "0.5", "projectId": "BUSD001", "type": ("BONUS", "REALTIME")[number % 2]}
        add(trade_desk, "simple-earn/flexible/history/rewardsRecord", "time", 40 + number // 2 / 10, paid)
    locked = {"positionId": 123123, "asset": "BNB", "lockPeriod": "30", "amount": "0.25", "type": "Locked Rewards"}
    add(trade_desk, "simple-earn/locked/history/rewardsRecord", "time", 3, locked)
    flow(trade_desk, "earn_rewards", since="2026-08-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (131, 0)
    rows = trade_desk.rows("earn_rewards")
    assert {(row["product"], row["source_id"], row["lock_period"]) for row in rows} == {
        ("flexible", "BUSD001", None), ("locked", "123123", "30"),
    }  # fmt: skip
    assert trade_desk.lake.table(DATASETS["earn_rewards"]).bounds().keys() >= {
        f"main/{product}#{bound}" for product in ("flexible", "locked") for bound in ("since", "until")
    }


async def test_an_id_may_be_a_number_in_one_product_and_text_in_the_other(trade_desk: TradeDesk):
    """Subscriptions of both products are kept under their ids as text, also where both use the same one."""
    row = {"asset": "USDT", "amount": "100", "type": "AUTO", "sourceAccount": "SPOT", "status": "SUCCESS"}
    for product, number in {"flexible": 26055, "locked": "26055"}.items():
        add(trade_desk, f"simple-earn/{product}/history/subscriptionRecord", "time", 3, {**row, "purchaseId": number})
    flow(trade_desk, "earn_subscriptions", since="2026-10-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (2, 0)
    assert [row["purchase_id"] for row in trade_desk.rows("earn_subscriptions")] == ["26055", "26055"]


async def test_a_sub_account_is_asked_for_both_directions(trade_desk: TradeDesk):
    """Unasked, its list has only what went out: both are asked for by name, and nobody's address is stored (L13)."""
    path = "sub-account/transfer/subUserHistory"
    row = {
        "counterParty": "master", "email": "jack@example.com", "asset": "BTC", "qty": "1", "fromAccountType": "SPOT",
        "toAccountType": "SPOT", "status": "SUCCESS",
    }  # fmt: skip
    for kind in (1, 2):
        add(trade_desk, path, "time", 3, {**row, "type": kind, "tranId": 11798835829 + kind}, str(kind))
    told = {"fromEmail": "jack@example.com", "toEmail": "alan@example.com", **row, "amount": "2", "tranId": 7}
    add(trade_desk, "sub-account/universalTransfer", "createTimeStamp", 9, told)
    flow(trade_desk, "sub_transfers", since="2026-10-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (3, 0)
    rows = trade_desk.rows("sub_transfers")
    assert {row["side"] for row in rows} == {"sub_in", "sub_out", "master_out"}
    assert "@" not in "".join(row["extra"] or "" for row in rows)
    assert "sub_transfers" not in GROUPS["movements"]


async def test_more_rows_of_one_instant_than_an_answer_holds_are_read_by_page(trade_desk: TradeDesk):
    """Rewards of one millisecond cannot be split: they are read page by page, each as often as it is there (L3, L16)."""
    path = "simple-earn/flexible/history/rewardsRecord"
    paid = {"asset": "BUSD", "rewards": "0.5", "projectId": "BUSD001", "type": "REALTIME"}
    one = add(trade_desk, path, "time", 3, paid)
    for number in range(249):
        trade_desk.exchange.add_movement(UID, path, {**one, "rewards": f"0.{5 + number // 200}"})
    flow(trade_desk, "earn_rewards", since="2026-10-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (250, 0)


async def test_a_row_without_an_id_may_change(trade_desk: TradeDesk):
    """A redemption that arrives is the next version of the one that was pending; its twin stays as it is (C20)."""
    row = {"asset": "BNSOL", "amount": "2", "distributeAsset": "SOL", "distributeAmount": "2.1", "status": "PENDING"}
    path = "sol-staking/sol/history/redemptionHistory"
    asked = add(trade_desk, path, "time", 3, {**row, "arrivalTime": 0, "exchangeRate": "1.05"})
    trade_desk.exchange.add_movement(UID, path, dict(asked))
    flow(trade_desk, "staking_redemptions", since="2026-10-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (2, 0)
    asked.update(status="SUCCESS", arrivalTime=asked["time"] + DAY_MS)
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (1, 0)
    states = [(row["version"], row["status"]) for row in trade_desk.rows("staking_redemptions")]
    assert sorted(states) == [(1, "PENDING"), (1, "PENDING"), (2, "SUCCESS")]


async def test_times_in_seconds_lie_in_the_window_that_was_asked_for(trade_desk: TradeDesk):
    """A boost, whose time is printed in seconds, is found in windows that begin on whole ones (C12)."""
    second_s = trade_desk.exchange.now_ms // 1000 - 3 * 86_400
    boost = {"time": second_s, "token": "JTO", "amount": "1.2", "bnsolHolding": "2.09", "status": "SUCCESS"}
    trade_desk.exchange.add_movement(UID, "sol-staking/sol/history/boostRewardsHistory", boost, "CLAIM")
    flow(trade_desk, "staking_rewards", since="2026-10-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (1, 0)
    (stored,) = trade_desk.rows("staking_rewards")
    assert (stored["product"], stored["time"].timestamp()) == ("sol_boost", second_s)


async def test_fiat_orders_are_asked_for_in_both_directions(trade_desk: TradeDesk):
    """Two orders under one number, one paid in and one out, are two; a state that changes is a version (N20)."""
    row = {
        "orderNo": "7d76", "fiatCurrency": "EUR", "indicatedAmount": "10.00", "amount": "9.50", "totalFee": "0.50",
        "method": "BankAccount", "status": "Processing", "updateTime": trade_desk.exchange.now_ms,
    }  # fmt: skip
    paid = [add(trade_desk, "fiat/orders", "createTime", 3, row, code) for code in ("0", "1")]
    flow(trade_desk, "fiat_orders", since="2026-10-01")
    assert await pulled(trade_desk) == 2
    paid[0]["status"] = "Successful"
    assert await pulled(trade_desk) == 1
    assert sorted((row["direction"], row["version"], row["status"]) for row in trade_desk.rows("fiat_orders")) == [
        ("deposit", 1, "Processing"), ("deposit", 2, "Successful"), ("withdrawal", 1, "Processing"),
    ]  # fmt: skip
