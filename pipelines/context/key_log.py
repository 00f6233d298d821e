"""What is written down about the keys that were let in: a row whenever something about one changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import pyarrow.compute as pc

from connectors.binance.key_guard import KeyFacts
from connectors.binance.keys import KeyPair
from connectors.lake import Lake
from pipelines.store.rows import last_by_identity, rows_of
from schemas.datasets.journal import KEY_FACTS

State = Literal["admitted", "retired"]
Row = Mapping[str, Any]


def known_keys(lake: Lake, account: str) -> dict[str, Row]:
    """The last row of each key of an account, by its fingerprint; instants are microseconds."""
    stored = lake.table(KEY_FACTS).scan(where=pc.field("account") == account)
    return {fingerprint: row for (_, fingerprint), row in last_by_identity(KEY_FACTS, stored).items()}


def note_key(lake: Lake, account: str, keys: KeyPair, facts: KeyFacts, now: int, state: State | None = None) -> bool:
    """Write what is known of a key that was let in, unless all of it is known already; whether it was written.

    Without a state it keeps the one it has: a run that uses a retired key does not bring it back.
    """
    with lake.alone(KEY_FACTS.table):  # two runs at once would both find the change new
        before = known_keys(lake, account).get(keys.fingerprint)
        row = _row(account, keys, facts, state or (before["state"] if before else "admitted"))
        if before is not None and all(before[name] == value for name, value in row.items()):
            return False
        seen_at = now if before is None else max(now, before["seen_at"] + 1)
        lake.table(KEY_FACTS).commit(rows_of(KEY_FACTS, [{**row, "seen_at": seen_at}]), [])
        return True


def _row(account: str, keys: KeyPair, facts: KeyFacts, state: State) -> Row:
    return {
        "account": account,
        "fingerprint": keys.fingerprint,
        "uid": facts.uid,
        "kind": keys.kind,
        "permissions": json.dumps(sorted(facts.permissions), ensure_ascii=False),
        "ip_restricted": facts.ip_restricted,
        "created": facts.created_us,
        "expires": facts.expires_us,
        "state": state,
    }
