"""Ledgers: every movement once, in every state, with coverage from complete answers only."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from support.trade_desk import ACCOUNT, UID, UNLIMITED, TradeDesk

from connectors.binance.budget import Budget
from connectors.binance.endpoints import ENDPOINTS
from connectors.binance.endpoints.model import Windows
from connectors.binance.endpoints.wallet import TRANSFER_TYPES
from connectors.simulator.protocol.faults import Body
from pipelines.estimate.flow import plan_flows
from pipelines.pull.ledger_windows import BEGINNING_US
from schemas.datasets import DATASETS

DAY_MS = 86_400_000
DEPOSITS = "capital/deposit/hisrec"


def add(desk: TradeDesk, path: str, time: str, days_ago: float, row: dict[str, Any], of: str | None = None) -> Any:
    """Have a movement happen so many days ago; as the exchange returns it."""
    at_ms = desk.exchange.now_ms - int(days_ago * DAY_MS)
    return desk.exchange.add_movement(UID, path, {**row, time: at_ms}, of)


def deposit(desk: TradeDesk, number: int, days_ago: float, **more: object) -> Any:
    row = {
        "id": f"{number:018}", "amount": "0.5", "coin": "ETH", "network": "ETH", "status": 1, "address": "0xab",
        "addressTag": "", "txId": "0xcd", "transferType": 0, "confirmTimes": "64/6", "unlockConfirm": 64,
        "walletType": 0, **more,
    }  # fmt: skip
    return add(desk, DEPOSITS, "insertTime", days_ago, row)


def transfer(desk: TradeDesk, number: int, days_ago: float, kind: str = "MAIN_FUNDING") -> Any:
    row = {"asset": "USDT", "amount": "10", "type": kind, "status": "CONFIRMED", "tranId": number}
    return add(desk, "asset/transfer", "timestamp", days_ago, row, kind)


def flow(desk: TradeDesk, *datasets: str, **more: object) -> None:
    desk.flows["books"] = {"kind": "account", "account": ACCOUNT, "datasets": list(datasets), "values": False, **more}


async def pulled(desk: TradeDesk) -> int:
    """How many rows one good run stores."""
    (receipt,) = await desk.run("books")
    assert receipt.failures == ()
    return receipt.rows


def coverage(desk: TradeDesk, dataset: str, series: str = ACCOUNT) -> tuple[datetime, datetime]:
    bounds = desk.lake.table(DATASETS[dataset]).bounds()
    since, until = (datetime.fromtimestamp(bounds[f"{series}#{name}"] / 1e6, UTC) for name in ("since", "until"))
    return since, until


async def test_every_deposit_is_stored_once_and_the_second_run_finds_nothing(trade_desk: TradeDesk):
    """Years of deposits are stored once each, over windows and pages, and a run with nothing new stores no row."""
    for number in range(2300):
        deposit(trade_desk, number, 1 + number / 10)
    flow(trade_desk, "deposits")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (2300, 0)
    rows = trade_desk.rows("deposits")
    assert [row["deposit_id"] for row in rows] == [f"{number:018}" for number in range(2300)]
    assert {row["address_tag"] for row in rows} == {None}
    assert coverage(trade_desk, "deposits")[0] == datetime.fromtimestamp(BEGINNING_US / 1e6, UTC)


async def test_a_changed_state_is_a_version(trade_desk: TradeDesk):
    """A deposit that is credited later is stored in both states; one that is no longer returned is marked."""
    row = deposit(trade_desk, 1, 2, status=0)
    flow(trade_desk, "deposits")
    await pulled(trade_desk)
    row["status"] = 1
    await pulled(trade_desk)
    back = trade_desk.exchange.movements(UID, DEPOSITS).pop()
    await pulled(trade_desk)
    trade_desk.exchange.movements(UID, DEPOSITS).append(back)
    await pulled(trade_desk)
    rows = trade_desk.rows("deposits")
    assert [(row["version"], row["status"], row["gone_since"] is not None) for row in rows] == [
        (1, 0, False), (2, 1, False), (3, 1, True), (4, 1, False),
    ]  # fmt: skip


async def test_times_written_as_text_are_utc(trade_desk: TradeDesk):
    """A withdrawal's times are text without a zone: they are stored as UTC, and its empty texts as NULL."""
    row = {
        "id": "b6ae", "amount": "8.91", "transactionFee": "0.004", "coin": "USDT", "status": 6, "address": "0x94",
        "txId": "", "applyTime": "2026-10-12 11:12:02", "completeTime": "2026-10-12 11:20:00", "transferType": 0,
        "walletType": 1, "txKey": "", "confirmNo": 3,
    }  # fmt: skip
    trade_desk.exchange.add_movement(UID, "capital/withdraw/history", row)
    flow(trade_desk, "withdrawals", since="2026-10-01")
    assert await pulled(trade_desk) == 1
    (stored,) = trade_desk.rows("withdrawals")
    assert stored["apply_time"] == datetime(2026, 10, 12, 11, 12, 2, tzinfo=UTC)
    assert (stored["tx_id"], stored["amount"], stored["transaction_fee"]) == (None, Decimal("8.91"), Decimal("0.004"))


async def test_each_direction_of_transfers_is_asked_for_and_covered(trade_desk: TradeDesk):
    """Transfers take one call per direction: each is a series of its own, with pages of a hundred."""
    for number, kind in enumerate(TRANSFER_TYPES):
        transfer(trade_desk, number, 40, kind)
    for number in range(1000, 1250):
        transfer(trade_desk, number, number / 100)
    flow(trade_desk, "transfers")
    assert await pulled(trade_desk) == len(TRANSFER_TYPES) + 250
    assert {coverage(trade_desk, "transfers", f"main/{kind}")[1] for kind in TRANSFER_TYPES} == {
        coverage(trade_desk, "transfers", "main/MAIN_FUNDING")[1]
    }


async def test_what_the_exchange_no_longer_returns_is_a_gap(trade_desk: TradeDesk):
    """Transfers are kept for six months: what lies before, and what a long pause lost, is a gap that says so."""
    transfer(trade_desk, 1, 300)
    transfer(trade_desk, 2, 100)
    flow(trade_desk, "transfers", since="2025-11-01")
    assert await pulled(trade_desk) == 1
    trade_desk.clock.advance(400 * 86_400)
    transfer(trade_desk, 3, 5)
    assert await pulled(trade_desk) == 1
    gaps = trade_desk.rows("gaps", type="MAIN_FUNDING")
    begin, paused = sorted((row["since"], row["until"]) for row in gaps)
    assert {row["reason"] for row in gaps} == {"not_retained"}
    assert begin[0] == datetime(2025, 11, 1, tzinfo=UTC)
    assert paused[1] - paused[0] > timedelta(days=200)
    since, until = coverage(trade_desk, "transfers", "main/MAIN_FUNDING")
    assert since == begin[0]
    assert until > paused[1]


async def test_an_earlier_beginning_is_filled_in_backwards(trade_desk: TradeDesk):
    """When `since` moves back, what lies before coverage is fetched, and nothing twice."""
    deposit(trade_desk, 1, 500)
    deposit(trade_desk, 2, 10)
    flow(trade_desk, "deposits", since="2026-10-01")
    assert await pulled(trade_desk) == 1
    flow(trade_desk, "deposits", since="2024-01-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (1, 0)
    assert coverage(trade_desk, "deposits")[0] == datetime(2024, 1, 1, tzinfo=UTC)


async def test_without_a_beginning_nothing_that_can_be_asked_is_left_out(trade_desk: TradeDesk):
    """When `since` is taken away, what lies before coverage is fetched, as far back as the exchange returns it."""
    deposit(trade_desk, 1, 500)
    flow(trade_desk, "deposits", since="2026-10-01")
    assert await pulled(trade_desk) == 0
    flow(trade_desk, "deposits")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (1, 0)


async def test_a_full_answer_is_asked_for_in_halves(trade_desk: TradeDesk):
    """A list without pages hides what does not fit into an answer: the window is halved until each part fits."""
    for number in range(1500):
        row = {"id": number, "amount": "1.5", "asset": "BNB", "enInfo": "x", "tranId": 7, "direction": 1}
        add(trade_desk, "asset/assetDividend", "divTime", 1 + number / 100, row)
    flow(trade_desk, "dividends", since="2026-10-01")
    assert await pulled(trade_desk) == 1500


async def test_rows_inside_rows_are_stored_each(trade_desk: TradeDesk):
    """Each asset of a dust conversion is a row with its operation, also where many share one operation."""
    at_ms = trade_desk.exchange.now_ms - DAY_MS * 3
    for operation in range(3):
        details = [
            {
                "transId": 100 + n, "serviceChargeAmount": "0.000009", "amount": "0.0009", "operateTime": at_ms,
                "transferedAmount": "0.000441", "fromAsset": f"A{n}", "targetAsset": "BNB",
            }
            for n in range(120)
        ]  # fmt: skip
        row = {
            "operateTime": at_ms, "transId": operation, "totalTransferedAmount": "1", "totalServiceChargeAmount": "1",
            "userAssetDribbletDetails": details,
        }  # fmt: skip
        trade_desk.exchange.add_movement(UID, "asset/dribblet", row, "SPOT")
    flow(trade_desk, "dust", since="2026-10-01")
    assert await pulled(trade_desk) == 360
    assert {row["wallet"] for row in trade_desk.rows("dust")} == {"spot"}


async def test_payments_are_asked_for_in_both_directions(trade_desk: TradeDesk):
    """Bought and sold crypto is stored with its direction; what only one direction prints is NULL in the other."""
    for number, (code, more) in enumerate({"0": {"paymentMethod": "Credit Card"}, "1": {}}.items()):
        row = {
            "orderNo": f"{number:032}", "sourceAmount": "20.0", "fiatCurrency": "EUR", "obtainAmount": "4.462",
            "cryptoCurrency": "LUNA", "totalFee": "0.2", "price": "4.437472", "status": "Failed",
            "updateTime": trade_desk.exchange.now_ms, **more,
        }  # fmt: skip
        add(trade_desk, "fiat/payments", "createTime", 3, row, code)
    flow(trade_desk, "fiat_payments", since="2026-10-01")
    assert (await pulled(trade_desk), await pulled(trade_desk)) == (2, 0)
    assert [(row["side"], row["payment_method"]) for row in trade_desk.rows("fiat_payments")] == [
        ("buy", "Credit Card"), ("sell", None),
    ]  # fmt: skip


async def test_an_id_that_comes_with_two_contents_is_kept_with_both(trade_desk: TradeDesk):
    """Neither content of a deposit is lost, the last one counts, the receipt names it once, other ledgers go on."""
    deposit(trade_desk, 1, 3, amount="0.5")
    deposit(trade_desk, 1, 3, amount="0.7")
    deposit(trade_desk, 2, 2)
    flow(trade_desk, "deposits", since="2026-10-01")
    runs = [await trade_desk.run("books") for _ in range(2)]
    assert [(one.rows, one.outcome, "000001 with different contents" in one.note) for (one,) in runs] == [
        (3, "done", True), (0, "done", False),
    ]  # fmt: skip
    rows = [(row["version"], row["amount"]) for row in trade_desk.rows("deposits", deposit_id=f"{1:018}")]
    assert rows == [(1, Decimal("0.5")), (2, Decimal("0.7"))]


async def test_an_earlier_content_that_comes_beside_the_stored_one_is_kept(trade_desk: TradeDesk):
    """A content that only a later answer shows becomes a version, and the one that counts stays the one that counts."""
    deposit(trade_desk, 1, 3, amount="0.7")
    flow(trade_desk, "deposits", since="2026-10-01")
    assert await pulled(trade_desk) == 1
    deposit(trade_desk, 1, 4, amount="0.5")
    assert [await pulled(trade_desk) for _ in range(2)] == [2, 0]
    assert [row["amount"] for row in trade_desk.rows("deposits")] == [Decimal("0.7"), Decimal("0.5"), Decimal("0.7")]


async def test_a_refusal_inside_an_answer_is_no_empty_list(trade_desk: TradeDesk):
    """A list that says under status 200 that it failed has not said that there is nothing: nothing is covered."""
    text = '{"code": "100001", "message": "try again", "success": false}'
    trade_desk.exchange.inject(Body(path="/sapi/v1/fiat/payments", count=None, text=text))
    flow(trade_desk, "fiat_payments", since="2026-10-01")
    (receipt,) = await trade_desk.run("books")
    assert "try again" in receipt.failures[0].why
    assert trade_desk.lake.table(DATASETS["fiat_payments"]).bounds() == {}


async def test_a_window_that_failed_is_asked_for_again(trade_desk: TradeDesk):
    """When the exchange fails in the middle of a history, coverage ends there, and the next run goes on from there."""
    for number in range(30):
        deposit(trade_desk, number, 10 + number * 89)
    flow(trade_desk, "deposits", since="2020-01-01")
    trade_desk.exchange.inject(Body(path=f"/sapi/v1/{DEPOSITS}", skip=8, count=None, text="[1]"))
    (receipt,) = await trade_desk.run("books")
    assert receipt.failures
    trade_desk.exchange.heal()
    assert receipt.rows + await pulled(trade_desk) >= 25
    assert {row["deposit_id"] for row in trade_desk.rows("deposits")} == {
        row["id"] for _, row in trade_desk.exchange.movements(UID, DEPOSITS) if row["insertTime"] > 1_577_836_800_000
    }


async def test_plan_counts_the_requests_that_the_pull_makes(trade_desk: TradeDesk):
    """What `plan` says of each ledger, all empty, is what a first and a later run ask for, request by request."""
    ledgers = [one for one in ENDPOINTS if isinstance(one.walk, Windows) and one.family == "wallet"]
    datasets = {one.feeds.name for one in ledgers}
    flow(trade_desk, *sorted(datasets), since="2026-08-01", mining=["alice"])
    for pool in {one.pool for one in ledgers}:
        Budget(trade_desk.state, "simulator").learn(pool, UNLIMITED)
    for _ in range(2):
        (planned,) = await plan_flows(trade_desk.config, ["books"], state=trade_desk.state, clock=trade_desk.now_us)
        receipts = await trade_desk.run("books")
        assert [one.failures for one in receipts] == [()] * len(receipts)
        spent = {one.dataset: one.requests for one in receipts}
        expected = Counter[str]()
        for one in planned.series:  # one for each endpoint
            expected[one.series] += one.requests
        assert expected == {f"main/{name}": spent[name] for name in datasets}
        trade_desk.clock.advance(86_400)
