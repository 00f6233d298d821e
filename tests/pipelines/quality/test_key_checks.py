"""Each check about API keys fails on rows that break its promise, and passes on good ones; then each in a real lake."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from support.desks import API_KEY, SECRET
from support.lakes import at
from support.sampled import some_of
from support.tables import Tables, offending
from support.trade_desk import UID, TradeDesk

from connectors.binance.key_guard import KeyFacts
from connectors.binance.keys import KeyPair, Secret
from connectors.lake.sql.session import connect
from connectors.simulator.account.accounts import READING, by_secret
from connectors.simulator.protocol.faults import Error
from pipelines.context.key_log import known_keys, note_key
from pipelines.quality.checks import CheckResult, KeyTerms
from pipelines.quality.key_checks import KEY_CHECKS, check_keys
from schemas.datasets.journal import API_REQUESTS, KEY_FACTS
from schemas.model.errors import AccessRefused, Problem

NOW = at("2026-03-10 12:00")
KEY = {"account": "main", "fingerprint": "aaaaaaaa", "uid": 7, "kind": "HMAC", "state": "admitted"}
ADMITTED = KEY | {"permissions": '["enableReading"]', "ip_restricted": True, "seen_at": "2026-01-01"}
TERMS = (KeyTerms(account="main", max_age_s=365 * 86_400, notice_s=14 * 86_400),)


def signed(*instants: str, **values: Any) -> list[dict[str, Any]]:
    """Requests signed with the key of `main`, each at one instant."""
    return [
        {
            "run": "r",
            "n": number,
            "asked_at": asked_at,
            "path": "/api/v3/account",
            "pool": "spot",
            "status": 200,
            "key_fingerprint": "aaaaaaaa",
            "account": "main",
            "host": "desk",
            "pid": 1,
        }
        | values
        for number, asked_at in enumerate(instants)
    ]


def found(tables: Tables, name: str) -> list[dict[str, Any]]:
    return offending(tables.check(name, NOW, key_terms=TERMS))


# What is known of a key.


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"permissions": '["enableMargin", "enableReading"]'}, True),
        ({"ip_restricted": False}, True),
        ({"ip_restricted": None}, True),
        ({"expires": "2026-05-01"}, False),
        ({"permissions": '["enableMargin"]', "seen_at": "2026-03-03 11:59"}, False),
    ],
)
def test_a_permission_or_restriction_that_changed_warns(change: dict[str, Any], shown: bool, tables: Tables) -> None:
    """A change within seven days is shown with what was before; its first version and other changes are none."""
    tables.put(KEY_FACTS, ADMITTED, ADMITTED | {"seen_at": "2026-03-09"} | change)
    rows = found(tables, "key_permissions")
    assert [(row["permissions_before"], row["ip_restricted_before"]) for row in rows] == (
        [('["enableReading"]', True)] if shown else []
    )


def test_a_uid_that_changed_fails(tables: Tables) -> None:
    """Keys of two accounts of the exchange under one name are both shown."""
    tables.put(KEY_FACTS, ADMITTED, KEY | {"fingerprint": "bbbbbbbb", "seen_at": "2026-02-01"})
    assert found(tables, "key_uid") == []
    tables.put(KEY_FACTS, KEY | {"fingerprint": "cccccccc", "uid": 8, "seen_at": "2026-02-02"})
    assert {row["uid"] for row in found(tables, "key_uid")} == {7, 8}


@pytest.mark.parametrize(("created", "old"), [("2025-03-11", False), ("2025-03-10", True), (None, False)])
def test_an_old_key_warns(created: str | None, old: bool, tables: Tables) -> None:
    """A key older than `rotate_every` is shown; of one whose age the exchange does not tell nothing is known."""
    tables.put(KEY_FACTS, ADMITTED | {"created": created})
    tables.put(API_REQUESTS, *signed("2026-03-09"))
    assert [row["days"] for row in found(tables, "key_age")] == ([365] if old else [])


@pytest.mark.parametrize(
    ("expires", "left"), [("2026-03-25", []), ("2026-03-20", [10]), ("2026-03-01", [-9]), (None, [])]
)
def test_a_key_that_ends_soon_warns(expires: str | None, left: list[int], tables: Tables) -> None:
    """A key that ends within `expiry_notice`, or has ended, is shown with the days that are left."""
    tables.put(KEY_FACTS, ADMITTED | {"expires": expires})
    tables.put(API_REQUESTS, *signed("2026-03-09"))
    assert [row["days_left"] for row in found(tables, "key_expiry")] == left


def test_only_the_key_in_use_ages(tables: Tables) -> None:
    """A key that another one has replaced, and one of an account that flows.yaml does not name, may be as old as it is."""
    old = {"created": "2020-01-01", "expires": "2020-02-01"}
    tables.put(
        KEY_FACTS,
        ADMITTED | old,
        ADMITTED | {"fingerprint": "bbbbbbbb"},
        ADMITTED | old | {"account": "former", "fingerprint": "cccccccc"},
    )
    tables.put(API_REQUESTS, *signed("2026-03-01"), *signed("2026-03-02", key_fingerprint="bbbbbbbb", run="s"))
    tables.put(API_REQUESTS, *signed("2026-03-02", key_fingerprint="cccccccc", account="former", run="t"))
    assert found(tables, "key_age") == found(tables, "key_expiry") == []


def test_a_key_that_was_refused_is_not_the_one_in_use(tables: Tables) -> None:
    """The key in use stays the last one that a run let in, whatever other key was tried since."""
    tables.put(KEY_FACTS, ADMITTED)
    tables.put(API_REQUESTS, *signed("2026-03-01"), *signed("2026-03-02", key_fingerprint="bbbbbbbb", run="s"))
    assert tables.tuples("SELECT account, fingerprint, last_used FROM current_keys") == [
        ("main", "aaaaaaaa", at("2026-03-01"))
    ]


# What was done with it.


@pytest.mark.parametrize("refusal", [{"code": -1022}, {"code": -2014}, {"code": -2015}, {"status": 401}])
@pytest.mark.parametrize(
    ("instants", "burst"),
    [
        (("2026-03-09 10:00", "2026-03-09 10:30", "2026-03-09 11:00"), [3]),
        (("2026-03-09 10:00", "2026-03-09 10:30", "2026-03-09 11:01"), []),
        (("2026-03-03 10:00", "2026-03-03 10:30", "2026-03-03 11:00"), []),
    ],
)
def test_a_burst_of_refused_keys_warns(
    refusal: dict[str, Any], instants: tuple[str, ...], burst: list[int], tables: Tables
) -> None:
    """Three refusals of the key or its signature within an hour are shown, older and rarer ones are not."""
    tables.put(API_REQUESTS, *signed(*instants, **refusal))
    assert [row["most_within_an_hour"] for row in found(tables, "key_failures")] == burst


def test_other_refusals_are_no_burst(tables: Tables) -> None:
    """A limit, a wrong clock or an unknown symbol say nothing against the key."""
    for number, code in enumerate((-1003, -1021, -1121)):
        tables.put(API_REQUESTS, *signed(*["2026-03-09 10:00"] * 4, code=code, status=400, run=f"r{number}"))
    assert found(tables, "key_failures") == []


def test_a_key_that_was_never_let_in_warns(tables: Tables) -> None:
    """Its requests are shown, also when another account let that key in; not those of an earlier binlake."""
    tables.put(KEY_FACTS, ADMITTED)
    tables.put(API_REQUESTS, *signed("2026-03-09"), *signed("2026-03-01", key_fingerprint="bbbbbbbb", run="s"))
    tables.put(API_REQUESTS, *signed("2026-03-09", key_fingerprint="bbbbbbbb", run="t", host=None))
    assert found(tables, "key_unadmitted") == []
    tables.put(API_REQUESTS, *signed("2026-03-09", key_fingerprint="bbbbbbbb", run="u"))
    tables.put(API_REQUESTS, *signed("2026-03-09", account="other", run="v"))
    assert [(row["account"], row["fingerprint"]) for row in found(tables, "key_unadmitted")] == [
        ("main", "bbbbbbbb"),
        ("other", "aaaaaaaa"),
    ]


def test_a_retired_key_that_is_used_again_fails(tables: Tables) -> None:
    """A run that began after another key took its place is shown; one that began before may go on to its end."""
    tables.put(KEY_FACTS, ADMITTED, ADMITTED | {"state": "retired", "seen_at": "2026-03-08"})
    tables.put(API_REQUESTS, *signed("2026-03-07 23:59", "2026-03-08 00:10"))
    assert found(tables, "key_retired") == []
    tables.put(API_REQUESTS, *signed("2026-03-08 00:01", run="s"))
    assert [row["run"] for row in found(tables, "key_retired")] == ["s"]
    tables.put(KEY_FACTS, ADMITTED | {"seen_at": "2026-03-09"})
    tables.put(API_REQUESTS, *signed("2026-03-09 00:01", run="t"))
    assert [row["run"] for row in found(tables, "key_retired")] == ["s"]


@pytest.mark.parametrize(
    ("pool", "used", "own", "shown"),
    [
        ("spot", 40, 40, []),
        ("spot", 20, 40, []),
        ("spot", 41, 40, [("address", 1)]),
        ("uid:/sapi/v1/convert/tradeFlow", 6000, 3000, [("account", 3000)]),
        ("spot", None, None, []),
        ("spot", 40, None, []),
    ],
)
def test_weight_that_we_did_not_spend_warns(
    pool: str, used: int | None, own: int | None, shown: list[tuple[str, int]], tables: Tables
) -> None:
    """A header above all that this machine sent is shown with how much, and whether address or account is shared."""
    tables.put(API_REQUESTS, *signed("2026-03-09", pool=pool, used_weight=used, own_weight=own))
    rows = found(tables, "foreign_weight")
    assert [(row["counted_by"], row["most_weight"]) for row in rows] == shown


def test_what_each_key_did_is_one_row(tables: Tables) -> None:
    """`key_activity` has from when to when, how much, what was refused and from where; `_since` from an instant on."""
    tables.put(KEY_FACTS, ADMITTED)
    tables.put(API_REQUESTS, *signed("2026-03-01", "2026-03-02"), *signed("2026-03-03", run="s", host="lap", pid=2))
    tables.put(API_REQUESTS, *signed("2026-03-04", run="t", code=-2015, status=401), *signed("2026-03-05", status=None))
    tables.put(API_REQUESTS, *signed("2026-03-05", key_fingerprint=None))
    [row] = tables.rows("FROM key_activity")
    assert (row["account"], row["fingerprint"], row["state"]) == ("main", "aaaaaaaa", "admitted")
    assert (row["first_used"], row["last_used"]) == (at("2026-03-01"), at("2026-03-05"))
    assert (row["requests"], row["refused"], row["unanswered"], row["runs"], row["processes"]) == (5, 1, 1, 3, 2)
    assert (json.loads(row["refusals"]), row["hosts"]) == ({"-2015": 1}, ["desk", "lap"])
    [row] = tables.rows("FROM key_activity_since('2026-03-04')")
    assert (row["requests"], row["first_used"]) == (2, at("2026-03-04"))


# In a real lake.


@pytest.fixture
async def desk(trade_desk: TradeDesk) -> TradeDesk:
    """A desk whose flow `wallet` has read balances once, with a key that only reads."""
    trade_desk.exchange.add_account(UID, API_KEY, secret=SECRET, balances={"BTC": ("1.5", "0")})
    trade_desk.flows["wallet"] = {"kind": "account", "account": "main", "datasets": ["balances"], "values": False}
    await trade_desk.run("wallet")
    return trade_desk


def results(desk: TradeDesk) -> dict[str, CheckResult]:
    now = datetime.fromtimestamp(desk.clock(), UTC)
    return {result.name: result for result in check_keys(connect(desk.lake), desk.config, now)}


def keys() -> KeyPair:
    return KeyPair.from_secret(Secret(API_KEY), Secret(SECRET))


def facts(**values: Any) -> KeyFacts:
    return KeyFacts(**{"uid": UID, "permissions": frozenset({"enableReading"}), "ip_restricted": False} | values)


async def change_permissions(desk: TradeDesk) -> None:
    known = desk.exchange.keys[API_KEY]
    desk.exchange.keys[API_KEY] = replace(known, rights=READING | {"enableFixReadOnly"})
    await desk.run("wallet")


async def sign_wrongly(desk: TradeDesk) -> None:
    known = desk.exchange.keys[API_KEY]
    desk.exchange.keys[API_KEY] = replace(known, verify=by_secret("another"))
    for _ in range(3):
        with pytest.raises(Problem):
            await desk.run("wallet")


async def use_a_key_that_withdraws(desk: TradeDesk) -> None:
    desk.exchange.keys["w" * 64] = replace(desk.exchange.keys[API_KEY], rights=READING | {"enableWithdrawals"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESK_KEY", "w" * 64)
        with pytest.raises(AccessRefused):
            await desk.run("wallet")


async def use_a_retired_key(desk: TradeDesk) -> None:
    [last] = known_keys(desk.lake, "main").values()
    note_key(desk.lake, "main", keys(), facts(created_us=last["created"]), desk.now_us(), "retired")
    await desk.run("wallet")


async def change_the_uid(desk: TradeDesk) -> None:
    note_key(desk.lake, "main", keys(), facts(uid=UID + 1), desk.now_us())


async def grow_old(desk: TradeDesk) -> None:
    note_key(desk.lake, "main", keys(), facts(created_us=desk.now_us() - 366 * 86_400 * 10**6), desk.now_us())


async def near_the_end(desk: TradeDesk) -> None:
    note_key(desk.lake, "main", keys(), facts(expires_us=desk.now_us() + 86_400 * 10**6), desk.now_us())


async def share_the_address(desk: TradeDesk) -> None:
    desk.exchange.spend(500)
    await desk.run("wallet")


BROKEN: dict[str, Callable[[TradeDesk], Any]] = {
    "key_permissions": change_permissions,
    "key_failures": sign_wrongly,
    "key_unadmitted": use_a_key_that_withdraws,
    "key_retired": use_a_retired_key,
    "key_uid": change_the_uid,
    "key_age": grow_old,
    "key_expiry": near_the_end,
    "foreign_weight": share_the_address,
}


async def test_good_use_breaks_none(desk: TradeDesk) -> None:
    """Runs with one key, one of which meets trouble of the exchange's own, break no promise about keys."""
    desk.exchange.inject(Error(path="/api/v3/account", code=-1001, skip=1))
    await desk.run("wallet")
    assert list(BROKEN) == list(KEY_CHECKS) == list(results(desk))
    assert [name for name, result in results(desk).items() if not result.passed] == []


@pytest.mark.parametrize("name", some_of(KEY_CHECKS, most=3))
async def test_each_is_found_in_a_lake(name: str, desk: TradeDesk) -> None:
    """What breaks a promise about keys at an exchange is found by its check, and by no other."""
    await BROKEN[name](desk)
    assert [each for each, result in results(desk).items() if not result.passed] == [name]
