"""What `binlake status` says of each flow: its last run, how that ended, and when the next one is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from duckdb import DuckDBPyConnection

from connectors.lake import Lake
from connectors.lake.sql.session import run
from pipelines.cli.output import say
from pipelines.cli.tables import write_table
from pipelines.runs.unended_runs import KILLED, UnendedRun, unended_runs
from pipelines.settings.credentials import unset_secret
from schemas.config.flows import FlowsFile

_LAST = """
SELECT flow, any_value(run) AS run, min(started) AS started, max(ended) AS ended,
    CASE WHEN bool_or(outcome = 'failed') THEN 'failed' WHEN bool_or(outcome = 'interrupted') THEN 'interrupted'
        ELSE 'done' END AS outcome,
    string_agg(DISTINCT error, ' ' ORDER BY error) AS error
FROM runs WHERE (flow, run) IN (SELECT (flow, max_by(run, ended)) FROM runs GROUP BY flow)
GROUP BY flow
"""
_NEVER = "never ran"
_HEAD = ("flow", "last run", "took s", "outcome", "next due")


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """The last run of a flow, and when its schedule asks for the next; None without a run, or without a schedule.

    A keyless one is skipped, since the key of its account is not set.
    """

    flow: str
    started: datetime | None
    ended: datetime | None
    outcome: str
    due: datetime | None
    why: str
    keyless: bool = False


def flow_statuses(connection: DuckDBPyConnection, spec: FlowsFile, now: datetime) -> Iterator[FlowStatus]:
    """The status of every flow of the file, in its order."""
    runs = {row["flow"]: row for row in run(connection, _LAST).to_pylist()}
    unended = {one.flow: one for one in unended_runs(Lake.at(spec.lake))}
    for name, flow in spec.flows.items():
        last = _last(runs.get(name), unended.get(name))
        account = unset_secret(spec, name)
        why = last["error"] or (f"the key of account {account} is not set" if account else "")
        due = None if account else flow.next_due(last["started"], now)
        yield FlowStatus(name, last["started"], last["ended"], last["outcome"], due, why, account is not None)


def _last(ended: Mapping[str, Any] | None, unended: UnendedRun | None) -> Mapping[str, Any]:
    """How the last run of a flow ended, or that it goes on, or was killed."""
    last = ended or {"run": "", "started": None, "ended": None, "outcome": _NEVER, "error": None}
    if unended is None or (not unended.going_on and unended.run <= last["run"]):
        return last
    outcome, error = ("running", None) if unended.going_on else ("interrupted", KILLED)
    return {"started": unended.started, "ended": None, "outcome": outcome, "error": error}


def show_flows(flows: Sequence[FlowStatus], now: datetime) -> None:
    """The flows as a table, and below it why the last run of one failed, or why it does not run."""
    rows = [(one.flow, one.started, _took_s(one), one.outcome, _due(one, now)) for one in flows]
    write_table(_HEAD, rows, spare=("took s",))
    say(
        *(f"Flow {one.flow}{'' if one.outcome == 'done' else f' {one.outcome}'}: {one.why}" for one in flows if one.why)
    )


def _took_s(one: FlowStatus) -> float | None:
    return round((one.ended - one.started) / timedelta(seconds=1), 1) if one.ended and one.started else None


def _due(one: FlowStatus, now: datetime) -> datetime | str:
    if one.due is None:
        return "no key" if one.keyless else "when asked"
    return "now" if one.due <= now else one.due
