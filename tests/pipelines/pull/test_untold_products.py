"""Products of which no list tells all that was moved: what is left over is shown beside its cause, and never made up."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from support.sampled import some_of
from support.trade_desk import ACCOUNT, UID, UNLIMITED

from connectors.binance.budget import Budget
from connectors.binance.endpoints import ENDPOINTS
from connectors.lake.sql.session import connect, run
from connectors.simulator.account.cashflow import untold
from connectors.simulator.account.cashflow.scene import MoneyScene
from connectors.simulator.account.cashflow.wallet import DIVIDENDS, credit
from connectors.simulator.protocol.faults import Body, Error
from pipelines.estimate.flow import plan_flows

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.trade_desk import TradeDesk

    from connectors.simulator.account.agenda import Story

DAY_S = 86_400
POSITIONS = "/sapi/v1/dci/product/positions"
EVERYTHING = ["balances", "movements", "vip_loan_repayments", "vip_loan_interest", "orders", "fills"]
EXPLAINED, OPEN = "explained", "not_comparable"


@pytest.fixture(autouse=True)
def _unpaced(trade_desk: TradeDesk) -> None:
    """No ledger waits for the next minute of its pool."""
    budget = Budget(trade_desk.state, "simulator")
    for pool in {endpoint.pool for endpoint in ENDPOINTS}:
        budget.learn(pool, UNLIMITED)


async def pulled(desk: TradeDesk, days: float = 0.0) -> None:
    """A good run, so many days later."""
    desk.clock.advance(60 + days * DAY_S)
    receipts = await desk.run("books")
    assert [receipt.failures for receipt in receipts] == [()] * len(receipts)


def asked(desk: TradeDesk, sql: str) -> list[dict[str, Any]]:
    with connect(desk.lake) as connection:
        return run(connection, sql).to_pylist()


def begin(desk: TradeDesk, story: Callable[[MoneyScene], Story] | None = None) -> None:
    """Have the account live a story from now on, and a flow follow it."""
    account = desk.exchange.keys["k" * 64].account
    book = desk.exchange.book(UID)

    def lived() -> Story:
        for asset in ("BTC", "USDT"):
            credit(MoneyScene(account), asset, Decimal(1000))
        yield book.now_ms + 3_600_000
        yield from story(MoneyScene(account, lambda: 0.5)) if story else ()

    book.agenda.add(book.now_ms, lived())
    since = f"{datetime.fromtimestamp(desk.exchange.now_ms / 1000, UTC) - timedelta(days=20):%Y-%m-%d}"
    desk.flows["books"] = {
        "kind": "account", "account": ACCOUNT, "datasets": EVERYTHING, "wallets": ["spot"], "symbols": "traded",
        "values": False, "since": since,
    }  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize(
    ("story", "statuses"),
    some_of(
        [
            (untold.settled, {"BTC": {EXPLAINED}, "USDT": {EXPLAINED, OPEN}}),
            (untold.refunded, {"BTC": {EXPLAINED, OPEN}, "USDT": {EXPLAINED}}),
            (untold.vip_loan, {"BTC": {EXPLAINED}, "USDT": {EXPLAINED, OPEN}}),
        ]
    ),
)
async def test_what_no_list_tells_is_left_over_beside_its_cause(
    trade_desk: TradeDesk, story: Any, statuses: dict[str, set[str]]
) -> None:
    """What was given for a product is a movement; what came back untold is a residual that names the product."""
    begin(trade_desk, story)
    for days in (0, 0.5, 2, 5):
        await pulled(trade_desk, days)
    rows = asked(trade_desk, "SELECT asset, status, residual, causes FROM reconciliation WHERE since IS NOT NULL")
    assert {asset: {row["status"] for row in rows if row["asset"] == asset} for asset in statuses} == statuses
    left = [row for row in rows if row["residual"]]
    causes = [{each["cause"]: each["names"] for each in json.loads(row["causes"])} for row in left]
    assert all("amount_unknown" in each for each in causes)
    assert left


@pytest.mark.soak
async def test_a_position_that_is_no_longer_listed_was_taken_all_the_same(trade_desk: TradeDesk) -> None:
    """Should the exchange forget settled positions, what was given for them stays in the ledger."""
    begin(trade_desk, untold.settled)
    await pulled(trade_desk, 0.5)
    await pulled(trade_desk, 3)
    given = "SELECT amount FROM ledger WHERE dataset = 'dual_investments'"
    before = asked(trade_desk, given)
    trade_desk.exchange.inject(Body(path=POSITIONS, text='{"total":0,"list":[]}', count=None))
    await pulled(trade_desk)
    assert [row["gone_since"] is None for row in asked(trade_desk, "FROM dual_investments")] == [False]
    assert asked(trade_desk, given) == before
    assert len(before) == 1


async def test_a_running_position_does_not_vanish(trade_desk: TradeDesk) -> None:
    """An answer without the position that is not settled yet is refused, and nothing is marked as gone."""
    begin(trade_desk, untold.settled)
    await pulled(trade_desk, 0.5)
    trade_desk.exchange.inject(Body(path=POSITIONS, text='{"total":0,"list":[]}', count=None))
    (failed,) = [one for one in await trade_desk.run("books") if one.dataset == "dual_investments"]
    assert "lacks 1 of the 1" in str(failed.failures)
    assert [row["gone_since"] for row in asked(trade_desk, "FROM dual_investments")] == [None]


async def test_an_account_without_the_product_is_no_failure(trade_desk: TradeDesk) -> None:
    """Where the key may not read dual investments that is said once, and all other ledgers go on."""
    begin(trade_desk)
    trade_desk.exchange.inject(Error(path=POSITIONS, code=-2015, status=401, count=None))
    trade_desk.exchange.add_movement(
        UID, DIVIDENDS, {"id": 1, "amount": "1", "asset": "BNB", "divTime": trade_desk.exchange.now_ms, "tranId": 1}
    )
    await pulled(trade_desk)
    assert asked(trade_desk, "SELECT count(*) AS rows FROM dividends") == [{"rows": 1}]


@pytest.mark.soak
async def test_the_interest_of_a_vip_loan_is_told(trade_desk: TradeDesk) -> None:
    """Of a VIP loan the interest and the repayment are movements of its debt; only that it was taken is missing."""
    begin(trade_desk, untold.vip_loan)
    for days in (0, 6):
        await pulled(trade_desk, days)
    told = asked(trade_desk, "SELECT dataset, sum(amount) AS moved FROM ledger WHERE wallet = 'loan_debt' GROUP BY ALL")
    moved = {row["dataset"]: row["moved"] for row in told}
    assert moved["vip_loan_interest"] < 0
    (position,) = trade_desk.exchange.movements(UID, untold.VIP_INTEREST)
    lent = Decimal(position[1]["principalAmount"])
    assert moved["vip_loan_repayments"] + moved["vip_loan_interest"] == lent


async def test_what_mining_paid_is_stored_and_named_where_it_may_explain(trade_desk: TradeDesk) -> None:
    """Both lists of a named miner are pulled as planned; what came from nowhere may have been paid by them."""
    begin(trade_desk)
    trade_desk.flows["books"] |= {"datasets": ["balances", "movements", "mining_payments"], "mining": ["alice"]}
    del trade_desk.flows["books"]["symbols"]
    await pulled(trade_desk)
    at_ms = trade_desk.exchange.now_ms
    row = {"time": at_ms, "type": 0, "coinName": "XRP", "profitAmount": 5.25, "status": 2}
    for path, more in (("list", {"hashTransfer": None, "transferAmount": None}), ("other", {"profitAmount": 1e-7})):
        trade_desk.exchange.add_movement(UID, f"mining/payment/{path}", row | more, "sha256/alice")
    trade_desk.exchange.add_movement(UID, "mining/payment/list", row, "sha256/somebody")
    trade_desk.exchange.set_balance(UID, "XRP", 6)
    trade_desk.clock.advance(7 * 3600)
    (plan,) = await plan_flows(trade_desk.config, ["books"], state=trade_desk.state, clock=trade_desk.now_us)
    planned = sum(cost.requests for cost in plan.series if cost.series.endswith("/mining_payments"))
    receipts = {one.dataset: one for one in await trade_desk.run("books")}
    assert (receipts["mining_payments"].rows, receipts["mining_payments"].requests) == (2, planned)
    told = asked(trade_desk, "SELECT miner, origin, coin_name, profit_amount FROM mining_payments ORDER BY origin")
    assert [tuple(one.values()) for one in told] == [
        ("alice", "other", "XRP", Decimal("0.0000001")),
        ("alice", "pool", "XRP", Decimal("5.25")),
    ]
    left = asked(trade_desk, "SELECT status, causes FROM reconciliation WHERE asset = 'XRP' AND since IS NOT NULL")
    assert [one["status"] for one in left] == [OPEN]
    assert "mining_payments alice/pool/XRP" in left[0]["causes"]
