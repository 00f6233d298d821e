"""`binlake check`: one query for offending rows per promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from json import loads
from typing import Annotated, Any
from uuid import uuid4

from cyclopts import Parameter

from connectors.lake import Lake
from pipelines.cli.options import FLOWS_FILE, Config, Json
from pipelines.cli.output import complain, say, text, write, write_json
from pipelines.cli.tables import write_table
from pipelines.quality.checks import CheckResult, record, run_checks
from pipelines.quality.expectations import key_terms
from pipelines.runs.schedules import schedules
from pipelines.settings.loader import load
from schemas.derived.queries import Severity
from schemas.model.errors import CorruptData, Problem

_VERDICTS = {"FAILED": "failed", "warning": "warned", "not checked": "could not be made"}


def check(
    *names: Annotated[str, Parameter(help="names of checks; all checks if none is given")],
    show_all: Annotated[bool, Parameter(name="--all", help="also show the checks that hold")] = False,
    fail_on: Annotated[Severity, Parameter(help="exit with 3 from this severity on")] = "error",
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Run all checks: each is one query for rows that break a promise. The results are recorded."""
    spec, now = load(config), datetime.now(UTC)
    lake = Lake.at(spec.lake)
    results = run_checks(lake, schedules(spec, lake, now), now, names, spec.checks, key_terms(spec))
    if json:
        write_json(as_json(results))
    else:
        show_results(results, show_all=show_all)
    try:
        record(lake, results, uuid4().hex, now)
    except Problem as problem:  # such as a lake that may only be read
        complain(f"The results were not recorded: {problem}")
    say(summary(results))
    return CorruptData.exit_code if any(result.breaks(fail_on) for result in results) else 0


def as_json(results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    """The results with their first offending rows."""
    return [asdict(result) | {"passed": result.passed, "sample": list(map(loads, result.sample))} for result in results]


def show_results(results: Sequence[CheckResult], *, show_all: bool = False) -> None:
    """The checks that do not hold, or all, as a table, and the first offending rows of each."""
    shown = [each for each in results if show_all or not each.passed]
    if shown:
        header = ("", "check", "offending rows", "what it promises")
        write_table(header, [(_verdict(each), each.name, _count(each), each.promise) for each in shown])
    for result in results:
        _show_sample(result)
    _show_reasons(results)


def summary(results: Sequence[CheckResult]) -> str:
    """How many checks passed, and what became of the others."""
    verdicts = Counter(map(_verdict, results))
    others = [f"{verdicts[name]:,} {said}" for name, said in _VERDICTS.items() if verdicts[name]]
    return f"{verdicts['ok']:,} of {len(results):,} checks passed{'; ' if others else ''}{', '.join(others)}."


def _verdict(result: CheckResult) -> str:
    if result.not_checked is not None and not result.offending_rows:
        return "not checked"
    return "ok" if result.passed else {"error": "FAILED", "warn": "warning"}[result.severity]


def _count(result: CheckResult) -> int | None:
    """How many rows offend; None where nobody can say that it is none."""
    return result.offending_rows if result.offending_rows or result.not_checked is None else None


def _show_sample(result: CheckResult) -> None:
    """The first offending rows are the message."""
    rows: list[dict[str, Any]] = [loads(row) for row in result.sample]
    if rows:
        write(f"\n{result.name}: {len(rows)} of {result.offending_rows:,} offending rows\n")
        write_table(list(rows[0]), [list(row.values()) for row in rows], cell=text)


def _show_reasons(results: Sequence[CheckResult]) -> None:
    """Each reason for which checks could not be made, once."""
    reasons: dict[str, list[str]] = {}
    for result in results:
        if result.not_checked is not None:
            reasons.setdefault(result.not_checked, []).append(result.name)
    for reason, names in reasons.items():
        write(f"\nNot checked: {', '.join(names)}. {reason}\n")
