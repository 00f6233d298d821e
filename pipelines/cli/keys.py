"""`binlake keys`: the API keys of the accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from json import loads
from typing import Annotated, Any

from cyclopts import App, Parameter

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.cli.check import as_json, show_results, summary
from pipelines.cli.options import FLOWS_FILE, Config, Json, chosen_of, loaded, moment
from pipelines.cli.output import say, write, write_json
from pipelines.cli.tables import write_records, write_table
from pipelines.context.receipts import worst
from pipelines.keys.looking import Looked, listed, looked
from pipelines.quality.key_checks import check_keys
from pipelines.settings.loader import load
from schemas.derived.queries import Severity
from schemas.model.counted import counted
from schemas.model.errors import CorruptData

keys = App(name="keys", help="Add, check, rotate and review the API keys of the accounts.", help_format="plaintext")
keys.command("pipelines.cli.key_changes:add", name="add", help="Give an account its first key.")
keys.command("pipelines.cli.key_changes:rotate", name="rotate", help="Replace an account's key while flows go on.")

AccountNames = Annotated[str, Parameter(help="names of accounts; all accounts of the file if none is given")]

_HEAD = ("account", "key", "state", "first used", "last used", "requests", "refused", "no answer", "runs", "from")
_USED = (
    "account",
    "fingerprint",
    "state",
    "first_used",
    "last_used",
    "requests",
    "refused",
    "unanswered",
    "runs",
    "from",
)
_SPARE = ("first used", "no answer", "runs")


@keys.command(name="list")
def list_keys(*, json: Json = False, config: Config = FLOWS_FILE) -> int:
    """Show the fingerprint and type of each account's key, and where it is kept; asks nobody."""
    spec = loaded(config)
    found = [listed(spec, name) for name in spec.accounts]
    if json:
        write_json(found)
    else:
        rows = [(each.account, each.fingerprint, each.kind, ", ".join(each.places), each.problem) for each in found]
        write_table(("account", "key", "type", "kept in", "problem"), rows)
    return 0


@keys.command
async def check(*accounts: AccountNames, json: Json = False, config: Config = FLOWS_FILE) -> int:
    """Ask the exchange what the key of each account may do, and show what changed since the last look."""
    spec = loaded(config)
    found = [await looked(spec, name) for name in chosen_of(spec.accounts, accounts, "account")]
    if json:
        write_json(found)
    else:
        for number, each in enumerate(found):
            write("\n" if number else "")
            facts = _facts(each)
            write_records(list(facts), [list(facts.values())])
    return worst(each.exit_code for each in found)


@keys.command
def audit(
    *,
    since: Annotated[str, Parameter(help="a date, or how long ago, such as 30d")] = "30d",
    fail_on: Annotated[Severity, Parameter(help="exit with 3 from this severity on")] = "error",
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Show what each API key did, from where, what was refused, and which checks about keys do not hold."""
    spec, now, begin = load(config), datetime.now(UTC), moment(since, "--since")
    connection = connect(Lake.at(spec.lake))
    used = run(connection, f"FROM key_activity_since('{begin.isoformat()}')").to_pylist()
    results = check_keys(connection, spec, now, begin)
    if json:
        activity = [row | {"refusals": loads(row["refusals"])} for row in used]
        write_json({"since": begin, "keys": activity, "checks": as_json(results)})
    else:
        _show(used)
        write("\n")
        show_results(results)
    say(summary(results))
    return CorruptData.exit_code if any(result.breaks(fail_on) for result in results) else 0


def _show(used: list[dict[str, Any]]) -> None:
    if not used:
        say("No request was signed with an API key since then.")
        return
    for row in used:
        row["state"] = row["state"] or "never admitted"
        row["refused"] = _refused(row)
        row["from"] = f"{', '.join(row['hosts'])} ({counted(row['processes'], 'process')})" if row["hosts"] else ""
    write_table(_HEAD, [[row[name] for name in _USED] for row in used], spare=_SPARE)


def _refused(row: dict[str, Any]) -> str:
    """How many requests were refused, and with which codes."""
    codes = ", ".join(f"{count:,} with {code}" for code, count in loads(row["refusals"]).items())
    return f"{row['refused']:,} ({codes})" if codes else "0"


def _facts(key: Looked) -> dict[str, Any]:
    """What is known of a key."""
    restricted = {True: "restricted", False: "any: restrict it to yours on the exchange", None: None}
    facts = {
        "account": key.account,
        "key": key.fingerprint,
        "type": key.kind,
        "exchange account": str(key.uid or ""),
        "permissions": ", ".join(f"{name} ({verdict})" for name, verdict in key.permissions.items()),
        "addresses": restricted[key.ip_restricted],
        "made": _with_age(key.created),
        "trading ends": key.expires,
        "last used": key.last_used,
        "changed": "; ".join(key.changes),
        "problem": key.problem,
    }
    return {name: value for name, value in facts.items() if value}


def _with_age(made: datetime | None) -> str:
    return "" if made is None else f"{made:%Y-%m-%d} ({(datetime.now(UTC) - made).days:,} days ago)"
