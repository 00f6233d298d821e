"""`binlake keys`: the API keys of the accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from json import loads
from typing import Annotated, Any

from cyclopts import App, Parameter

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.cli.check import as_json, show_results, summary
from pipelines.cli.options import FLOWS_FILE, Config, Json, moment
from pipelines.cli.output import say, write, write_json
from pipelines.cli.tables import write_table
from pipelines.quality.key_checks import check_keys
from pipelines.settings.loader import load
from schemas.derived.queries import Severity
from schemas.model.errors import CorruptData

app = App(name="keys", help="Review how the API keys of the accounts are used.", help_format="plaintext")

_HEAD = ("account", "key", "state", "first used", "last used", "requests", "refused", "no answer", "runs", "from")
_SPARE = ("first used", "no answer", "runs")


@app.command
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
        keys = [row | {"refusals": loads(row["refusals"])} for row in used]
        write_json({"since": begin, "keys": keys, "checks": as_json(results)})
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
    rows = [
        (
            *(row[name] for name in ("account", "fingerprint")),
            row["state"] or "never admitted",
            *(row[name] for name in ("first_used", "last_used", "requests")),
            _refused(row),
            *(row[name] for name in ("unanswered", "runs")),
            f"{', '.join(row['hosts'])} ({row['processes']:,} processes)" if row["hosts"] else "",
        )
        for row in used
    ]
    write_table(_HEAD, rows, spare=_SPARE)


def _refused(row: dict[str, Any]) -> str:
    """How many requests were refused, and with which codes."""
    codes = ", ".join(f"{count:,} with {code}" for code, count in loads(row["refusals"]).items())
    return f"{row['refused']:,} ({codes})" if codes else "0"
