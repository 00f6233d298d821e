"""The verb that holds the lake against its promises: check."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from json import loads
from typing import Annotated, Any
from uuid import uuid4

from cyclopts import Parameter

from connectors.lake import Lake
from pipelines.cli.options import FLOWS_FILE, Config, Json
from pipelines.cli.output import complain, text, write, write_json, write_table
from pipelines.quality.checks import CheckResult, record, run_checks
from pipelines.quality.expectations import schedules
from pipelines.settings.loader import load
from schemas.model.errors import CorruptData, Problem


def check(
    *names: Annotated[str, Parameter(help="checks by name; all without")],
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Hold the lake against every promise: one query for offending rows each. The results are recorded."""
    spec, now = load(config), datetime.now(UTC)
    lake = Lake.at(spec.lake)
    results = run_checks(lake, schedules(spec, lake, now), now, names)
    if json:
        write_json([_with_rows(result) for result in results])
    else:
        header = ("", "check", "offending rows", "what it promises")
        write_table(header, [(_verdict(each), each.name, each.offending_rows, each.promise) for each in results])
        for result in results:
            _show_sample(result)
    try:
        record(lake, results, uuid4().hex, now)
    except Problem as problem:  # such as a lake that may only be read
        complain(f"The results were not recorded: {problem}")
    broken = any(result.severity == "error" and not result.passed for result in results)
    return CorruptData.exit_code if broken else 0


def _with_rows(result: CheckResult) -> dict[str, Any]:
    return asdict(result) | {"passed": result.passed, "sample": list(map(loads, result.sample))}


def _verdict(result: CheckResult) -> str:
    return "ok" if result.passed else {"error": "FAILED", "warn": "warning"}[result.severity]


def _show_sample(result: CheckResult) -> None:
    """The first offending rows are the message."""
    rows: list[dict[str, Any]] = [loads(row) for row in result.sample]
    if rows:
        write(f"\n{result.name}: {len(rows)} of {result.offending_rows:,} offending rows\n")
        write_table(list(rows[0]), [list(row.values()) for row in rows], cell=text)
