"""What can be said of the key of each account: offline, and by asking the exchange."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from connectors.binance.key_guard import KeyFacts, Verdict, examine_key
from connectors.binance.keys import KeyPair
from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.context.key_log import Row, known_keys, note_key
from pipelines.keys.admission import lake_of, reached
from pipelines.settings.credentials import key_named
from schemas.config.flows import FlowsFile
from schemas.model.errors import Problem
from schemas.model.instants import wall_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The key of an account as this machine has it; without a key, `problem` says why."""

    account: str
    kind: str = ""
    fingerprint: str = ""
    places: tuple[str, ...] = ()
    problem: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The key of an account as the exchange has it. `problem` says why it is refused or could not be looked at."""

    account: str
    kind: str = ""
    fingerprint: str = ""
    uid: int | None = None
    permissions: Mapping[str, Verdict] = field(default_factory=dict)
    ip_restricted: bool | None = None
    created: datetime | None = None
    expires: datetime | None = None
    last_used: datetime | None = None
    changes: tuple[str, ...] = ()
    problem: str = ""
    exit_code: int = 0


def listed(config: FlowsFile, name: str) -> Listed:
    """The fingerprint and type of an account's key, and where its parts are kept."""
    places = tuple(map(str, config.accounts[name].places))
    try:
        keys = key_named(config, name)
    except Problem as problem:
        return Listed(account=name, places=places, problem=str(problem), exit_code=problem.exit_code)
    return Listed(account=name, kind=keys.kind, fingerprint=keys.fingerprint, places=places)


async def looked(config: FlowsFile, name: str, state: Path | None = None) -> Looked:
    """Ask the exchange about an account's key, and note what is new about it. One account's problem is its own."""
    key = Looked(account=name)
    try:
        keys = await asyncio.to_thread(key_named, config, name)
        key = replace(key, kind=keys.kind, fingerprint=keys.fingerprint)
        return await _asked(config, key, keys, state)
    except Problem as problem:
        return replace(key, problem=str(problem), exit_code=problem.exit_code)


async def _asked(config: FlowsFile, key: Looked, keys: KeyPair, state: Path | None) -> Looked:
    lake = lake_of(config)
    async with reached(config, keys, state) as client:
        examined = await examine_key(client, config.accounts[key.account].allow)
    facts, refusal = examined.facts, examined.refusal
    known = known_keys(lake, key.account) if lake is not None else {}
    if lake is not None and refusal is None:
        note_key(lake, key.account, keys, facts, wall_clock())
    return replace(
        key,
        uid=facts.uid,
        permissions=examined.verdicts,
        ip_restricted=facts.ip_restricted,
        created=_instant(facts.created_us),
        expires=_instant(facts.expires_us),
        last_used=_last_used(lake, key.fingerprint),
        changes=_changes(known, key.fingerprint, facts),
        problem=str(refusal or ""),
        exit_code=refusal.exit_code if refusal else 0,
    )


def _changes(known: Mapping[str, Row], fingerprint: str, facts: KeyFacts) -> tuple[str, ...]:
    """What differs from what was noted of the key when it was last looked at."""
    row = known.get(fingerprint)
    if row is None:
        others = ", ".join(each for each, one in known.items() if one["state"] != "retired")
        return (f"another key than {others}",) if others else ()
    before = frozenset(json.loads(row["permissions"]))
    gained, lost = sorted(facts.permissions - before), sorted(before - facts.permissions)
    changes = [f"gained {', '.join(gained)}"] if gained else []
    changes += [f"lost {', '.join(lost)}"] if lost else []
    if row["uid"] != facts.uid:
        changes.append(f"belonged to account {row['uid']}")
    if row["ip_restricted"] != facts.ip_restricted:
        changes.append("is restricted to addresses now" if facts.ip_restricted else "works from any address now")
    if row["expires"] != facts.expires_us:
        changes.append("may trade until another day")
    if row["state"] == "retired":
        changes.append("was retired, and is in use again")
    return tuple(changes)


def _last_used(lake: Lake | None, fingerprint: str) -> datetime | None:
    """When a run last signed a request with the key."""
    if lake is None:
        return None
    with connect(lake) as session:
        answer = run(session, f"SELECT max(last_used) AS at FROM key_activity WHERE fingerprint = '{fingerprint}'")
    found: datetime | None = answer["at"][0].as_py()
    return found


def _instant(instant_us: int | None) -> datetime | None:
    return None if instant_us is None else datetime.fromtimestamp(instant_us / 1e6, UTC)
