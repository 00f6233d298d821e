"""What `binlake status` says of the API keys: what each may do, its age and end, and what a check found."""

from __future__ import annotations

from datetime import datetime
from json import loads
from typing import Any

from duckdb import DuckDBPyConnection

from connectors.lake.sql.session import run
from pipelines.cli.output import say, write
from pipelines.cli.tables import write_table
from pipelines.quality.key_checks import check_keys, told
from schemas.config.flows import FlowsFile

_HEAD = ("account", "key", "type", "permissions", "addresses", "created", "ends", "last used")
_SPARE = ("type", "created", "permissions")
_ADDRESSES = {True: "restricted", False: "any", None: "not known"}


def show_keys(connection: DuckDBPyConnection, spec: FlowsFile, now: datetime) -> None:
    """The key that each account used last as a table, and below it the checks about keys that do not hold."""
    keys = run(connection, "FROM current_keys").to_pylist()
    if not keys:
        return
    write("\n")
    write_table(_HEAD, [_cells(key) for key in keys], spare=_SPARE)
    say(*(told(result) for result in check_keys(connection, spec, now) if not result.passed))


def _cells(key: dict[str, Any]) -> tuple[Any, ...]:
    permissions, restricted = ", ".join(loads(key["permissions"])), _ADDRESSES[key["ip_restricted"]]
    known = (key[name] for name in ("created", "expires", "last_used"))
    return (key["account"], key["fingerprint"], key["kind"], permissions, restricted, *known)
