"""Ledgers whose first load is cut short, by a stop or by a kill: the next run asks for the rest, and leaves no hole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.desks import us
from support.sampled import some_of
from support.trade_desk import ACCOUNT, UID, UNLIMITED, TradeDesk

from connectors.binance.budget import Budget
from connectors.binance.endpoints.wallet import DEPOSITS as ASKED
from connectors.binance.endpoints.wallet import TRANSFER_TYPES, WITHDRAWALS
from connectors.simulator import Exchange
from connectors.simulator.protocol.faults import Latency
from pipelines import concurrency
from pipelines.context.progress import Silent
from pipelines.pull.ledger_windows import windows_of
from pipelines.runs.run import run_flow
from schemas.datasets import DATASETS
from schemas.model.series import Series

SINCE = "2022-06-01"
DAY_MS = 86_400_000
DEPOSITS, TRANSFERS = "/sapi/v1/capital/deposit/hisrec", "/sapi/v1/asset/transfer"
NEVER_S = 600.0
OF_A_RUN = {"seen_at"}


def deposited(exchange: Exchange, days: range) -> None:
    """A deposit so many days ago, for each of them."""
    for number, ago in enumerate(days):
        row = {
            "id": f"{number:018}", "amount": "0.5", "coin": "ETH", "network": "ETH", "status": 1, "address": "0xab",
            "addressTag": "", "txId": "0xcd", "transferType": 0, "confirmTimes": "64/6", "unlockConfirm": 64,
            "walletType": 0, "insertTime": exchange.now_ms - ago * DAY_MS,
        }  # fmt: skip
        exchange.add_movement(UID, DEPOSITS.removeprefix("/sapi/v1/"), row)


def transferred(exchange: Exchange, days: range) -> None:
    """A transfer of each direction so many days ago, for each of them."""
    for number, (kind, ago) in enumerate((kind, ago) for kind in TRANSFER_TYPES for ago in days):
        row = {"asset": "USDT", "amount": "10", "type": kind, "status": "CONFIRMED", "tranId": number}
        row |= {"timestamp": exchange.now_ms - ago * DAY_MS}
        exchange.add_movement(UID, TRANSFERS.removeprefix("/sapi/v1/"), row, kind)


def flow(desk: TradeDesk, dataset: str, since: str) -> None:
    desk.flows = {
        "books": {"kind": "account", "account": ACCOUNT, "datasets": [dataset], "since": since, "values": False}
    }
    Budget(desk.state, "simulator").learn(WITHDRAWALS.pool, UNLIMITED)


def begins(desk: TradeDesk, dataset: str) -> dict[str, int]:
    """From when on each series is covered; one interval each, so there is no other hole to have."""
    bounds = desk.lake.table(DATASETS[dataset]).bounds()
    return {name: value for name, value in bounds.items() if name.endswith("#since")}


async def complete(desk: TradeDesk, dataset: str) -> None:
    """One plain run leaves what a fresh lake has."""
    desk.exchange.heal()
    fresh = replace(desk, folder=desk.folder / "fresh", flows=dict(desk.flows))
    flow(fresh, dataset, str(desk.flows["books"]["since"]))
    for one in (desk, fresh):
        assert [receipt.failures for receipt in await one.run("books")] == [()]
    mine, theirs = (
        [{name: value for name, value in row.items() if name not in OF_A_RUN} for row in one.rows(dataset)]
        for one in (desk, fresh)
    )
    assert mine == theirs
    assert mine
    assert begins(desk, dataset) == begins(fresh, dataset)
    assert desk.rows("gaps") == fresh.rows("gaps") == []


class StopsAfter(Silent):
    """Wishes to stop once so many answers came."""

    def __init__(self, desk: TradeDesk, answers: int) -> None:
        self.desk, self.left = desk, answers

    def advance(self, *, requests: int = 0, **_: Any) -> None:
        self.left -= requests
        if self.left == 0:
            self.desk.stop.set()


@pytest.mark.parametrize("late", some_of([9, 0, 18]))
async def test_a_window_that_a_stop_left_out_is_asked_for_again(
    late: int, trade_desk: TradeDesk, monkeypatch: pytest.MonkeyPatch
):
    """Whichever window's answer does not come before the stop, what it would have told comes with the next run."""
    monkeypatch.setattr(concurrency, "GRACE_S", 0.01)  # else the test would wait for the answer as long as a person
    deposited(trade_desk.exchange, range(5, 1700, 10))
    flow(trade_desk, "deposits", SINCE)
    trade_desk.exchange.inject(Latency(path=DEPOSITS, skip=late, seconds=NEVER_S))
    windows = len(windows_of(ASKED, [Series.of(ASKED.feeds, account=ACCOUNT)], {}, us(SINCE), trade_desk.now_us()))
    watching = StopsAfter(trade_desk, 2 * (windows - 1))  # a page of each, and the empty one behind it
    (receipt,) = await run_flow(
        trade_desk.config, "books", progress=watching, stop=trade_desk.stop, state=trade_desk.state
    )
    assert (receipt.outcome, len(trade_desk.asked(DEPOSITS))) == ("interrupted", 2 * windows - 1)
    assert len(trade_desk.rows("deposits")) < 162
    assert set(begins(trade_desk, "deposits").values()) <= {us(SINCE)}, "none begins behind what was left out"
    trade_desk.stop.clear()
    await complete(trade_desk, "deposits")


@pytest.mark.soak
async def test_a_first_load_that_was_killed_goes_on(trade_desk: TradeDesk):
    """Killed between two waves of windows, in the middle of many series, the next run has all that a fresh lake has."""
    transferred(trade_desk.exchange, range(5, 120, 10))
    flow(trade_desk, "transfers", "2026-07-01")
    behind = concurrency.AHEAD + 21  # the first wave of windows, each of which one page answers
    await trade_desk.killed_at(behind, TRANSFERS, "run", "books")
    assert 0 < len(trade_desk.rows("transfers")) < len(TRANSFER_TYPES) * 12
    await complete(trade_desk, "transfers")
