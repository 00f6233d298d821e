"""What the exchange says of each key that a run was let in with is written down, whenever something of it changed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.desks import API_KEY, SECRET
from support.lakes import small_lake, us
from support.trade_desk import UID, TradeDesk

from connectors.binance.key_guard import KeyFacts
from connectors.binance.keys import KeyPair, Secret
from connectors.lake import Lake
from connectors.simulator.protocol.faults import Body
from pipelines.context.key_log import known_keys, note_key
from schemas.datasets.journal import KEY_FACTS
from schemas.model.errors import AccessRefused

FINGERPRINT = hashlib.sha256(API_KEY.encode()).hexdigest()[:8]
RESTRICTIONS = "/sapi/v1/account/apiRestrictions"
READS = {
    "ipRestrict": True,
    "createTime": 1_767_225_600_000,
    "enableReading": True,
    **dict.fromkeys(
        (
            "enableWithdrawals",
            "enableInternalTransfer",
            "permitsUniversalTransfer",
            "enableSpotAndMarginTrading",
            "enableMargin",
            "enableFutures",
            "enableVanillaOptions",
        ),
        False,
    ),
}
FACTS = KeyFacts(7, frozenset({"enableReading"}), (), ip_restricted=True, created_us=us("2026-01-01"))


@pytest.fixture
def desk(trade_desk: TradeDesk) -> TradeDesk:
    """A desk with a flow `wallet` that reads balances with a key that only reads."""
    trade_desk.exchange.add_account(UID, API_KEY, secret=SECRET, balances={"BTC": ("1.5", "0")})
    trade_desk.flows["wallet"] = {"kind": "account", "account": "main", "datasets": ["balances"], "values": False}
    return trade_desk


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path)


def key(secret: str = SECRET) -> KeyPair:
    return KeyPair.from_secret(Secret(API_KEY), Secret(secret))


def say(desk: TradeDesk, **printed: Any) -> None:
    """Have the exchange say this of the key, on top of what it says of one that only reads."""
    desk.exchange.heal()
    desk.exchange.inject(Body(path=RESTRICTIONS, count=None, text=json.dumps(READS | printed)))


async def test_a_run_writes_what_the_exchange_says(desk: TradeDesk) -> None:
    """The first run with a key writes whose it is, of which kind, what it may do, its restriction, age and end."""
    say(desk, tradingAuthorityExpirationTime=1_798_761_600_000, enableFixReadOnly=True)
    await desk.run("wallet")
    [row] = desk.rows("key_facts")
    assert row.pop("seen_at")
    assert row == {
        "account": "main",
        "fingerprint": FINGERPRINT,
        "uid": UID,
        "kind": "HMAC",
        "permissions": '["enableFixReadOnly", "enableReading"]',
        "ip_restricted": True,
        "created": datetime(2026, 1, 1, tzinfo=UTC),
        "expires": datetime(2027, 1, 1, tzinfo=UTC),
        "state": "admitted",
    }


async def test_a_run_that_finds_nothing_changed_writes_nothing(desk: TradeDesk) -> None:
    """Further runs with the same key leave the table as it is."""
    await desk.run("wallet")
    version = desk.lake.table(KEY_FACTS).version()
    await desk.run("wallet")
    assert desk.lake.table(KEY_FACTS).version() == version
    assert len(desk.rows("key_facts")) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"enableFixReadOnly": True},
        {"ipRestrict": False},
        {"ipRestrict": "sometimes"},
        {"createTime": 1_767_225_601_000},
        {"tradingAuthorityExpirationTime": 1_798_761_600_000},
    ],
)
async def test_each_change_is_a_row(desk: TradeDesk, change: dict[str, Any]) -> None:
    """A permission, the restriction, the age or the end: what changed is in a second row, and the first one stays."""
    say(desk)
    await desk.run("wallet")
    say(desk, **change)
    await desk.run("wallet")
    before, after = desk.rows("key_facts")
    names = [name for name in before if before[name] != after[name] and name != "seen_at"]
    assert len(names) == 1
    assert before["seen_at"] < after["seen_at"]


@pytest.mark.parametrize("printed", [0, -1, True, "soon", None, 10**30])
async def test_an_instant_that_is_none_is_not_known(desk: TradeDesk, printed: Any) -> None:
    """What the exchange prints in place of an instant is NULL, and the run goes on."""
    say(desk, createTime=printed, tradingAuthorityExpirationTime=printed)
    [receipt] = await desk.run("wallet")
    assert receipt.outcome == "done"
    [row] = desk.rows("key_facts")
    assert (row["created"], row["expires"]) == (None, None)


@pytest.mark.parametrize("right", ["enableWithdrawals", "enableSpotAndMarginTrading", "permitsGifts"])
async def test_a_key_that_is_refused_is_not_written(desk: TradeDesk, right: str) -> None:
    """A key that may do too much is never an admitted one."""
    say(desk, **{right: True})
    with pytest.raises(AccessRefused):
        await desk.run("wallet")
    assert desk.rows("key_facts") == []


async def test_a_key_of_another_account_is_not_written(desk: TradeDesk) -> None:
    """A key of another uid than the account's is refused, and not an admitted one."""
    Lake.open(desk.folder / "lake", "simulator").pin("main", UID + 1)
    with pytest.raises(AccessRefused, match="another exchange account"):
        await desk.run("wallet")
    assert desk.rows("key_facts") == []


async def test_a_damaged_table_costs_no_data(desk: TradeDesk) -> None:
    """A run pulls its data all the same, and tells which table took no row."""
    await desk.run("wallet")
    table = desk.lake.path / KEY_FACTS.table
    (table / "_delta_log" / f"{0:020}.json").write_bytes(b"{")
    done, beside = await desk.run("wallet")
    assert done.outcome == "done"
    assert str(table) in beside.failures[0].why


async def test_each_request_says_who_sent_it(desk: TradeDesk) -> None:
    """A signed request names its account, every request the machine and the process that sent it."""
    await desk.run("wallet")
    rows = desk.rows("api_requests")
    assert {row["account"] for row in rows if row["key_fingerprint"]} == {"main"}
    assert {row["account"] for row in rows if not row["key_fingerprint"]} == {None}
    assert {(row["host"], row["pid"]) for row in rows} == {(platform.node(), os.getpid())}
    assert all(row["own_weight"] >= row["used_weight"] for row in rows)


def test_a_run_does_not_bring_a_retired_key_back(lake: Lake) -> None:
    """Only who says so changes the state of a key; what a run sees of a retired one is written as of a retired one."""
    note_key(lake, "main", key(), FACTS, us("2026-02-01"))
    note_key(lake, "main", key(), FACTS, us("2026-02-02"), "retired")
    assert not note_key(lake, "main", key(), FACTS, us("2026-02-03"))
    assert note_key(lake, "main", key(), replace(FACTS, ip_restricted=False), us("2026-02-04"))
    assert known_keys(lake, "main")[FINGERPRINT]["state"] == "retired"
    assert note_key(lake, "main", key(), FACTS, us("2026-02-05"), "admitted")
    assert known_keys(lake, "main")[FINGERPRINT]["state"] == "admitted"


def test_runs_at_once_write_one_row(lake: Lake) -> None:
    """Eight that see the same key for the first time at the same moment write it once."""
    with ThreadPoolExecutor(8) as threads:
        written = list(threads.map(lambda now: note_key(lake, "main", key(), FACTS, now), range(8)))
    assert sum(written) == 1
    assert lake.table(KEY_FACTS).scan().num_rows == 1


def test_a_clock_set_back_loses_no_change(lake: Lake) -> None:
    """A change that is seen at an earlier instant than the last one is the newest all the same."""
    note_key(lake, "main", key(), FACTS, us("2026-02-02"))
    note_key(lake, "main", key(), replace(FACTS, ip_restricted=False), us("2026-02-01"))
    assert known_keys(lake, "main")[FINGERPRINT]["ip_restricted"] is False
