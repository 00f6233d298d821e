"""Run the checks of schemas/checks and those derived from declarations, and record what they found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from difflib import get_close_matches

import pyarrow as pa
from duckdb import DuckDBPyConnection

from connectors.lake import Lake
from connectors.lake.sql import connect, run
from schemas.errors import UsageProblem
from schemas.fields import ID, TEXT
from schemas.journal import CHECK_RESULTS
from schemas.queries import Check, Severity, checks

SAMPLE_ROWS = 5

_TEXTS = ("flow", "dataset", "market", "account", "symbol", "interval")
_SCHEDULES: dict[str, pa.DataType] = dict.fromkeys(_TEXTS, TEXT.arrow) | {"every_s": ID.arrow}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How often a flow promises to pull series of a dataset; None where it speaks of all symbols or intervals."""

    flow: str
    dataset: str
    market: str | None = None
    account: str | None = None
    symbol: str | None = None
    interval: str | None = None
    every_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check found; `sample` holds the first offending rows, each as JSON."""

    name: str
    severity: Severity
    promise: str
    offending_rows: int = 0
    sample: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return self.offending_rows == 0


def run_checks(
    lake: Lake, schedules: Iterable[Schedule], now: datetime, names: Sequence[str] | None = None
) -> list[CheckResult]:
    """The result of every check, or of those named, on one snapshot of the lake and at one instant."""
    chosen = _chosen(names)
    with connect(lake) as connection:
        connection.execute("SET VARIABLE checked_at = ?", [now])
        rows = [asdict(schedule) for schedule in schedules]
        connection.register("flow_schedules", pa.Table.from_pylist(rows, schema=pa.schema(_SCHEDULES)))
        return [_result(connection, check) for check in chosen]


def record(lake: Lake, results: Iterable[CheckResult], run_id: str, now: datetime) -> None:
    """Append the results to `check_results`."""
    rows = [
        {
            "run": run_id,
            "check_name": result.name,
            "severity": result.severity,
            "passed": result.passed,
            "offending_rows": result.offending_rows,
            "sample": None if result.passed else f"[{', '.join(result.sample)}]",
            "checked_at": now,
        }
        for result in results
    ]
    lake.table(CHECK_RESULTS).commit(pa.Table.from_pylist(rows, schema=CHECK_RESULTS.schema), [])


def _chosen(names: Sequence[str] | None) -> list[Check]:
    known = {check.name: check for check in checks()}
    for name in names or ():
        if name not in known:
            close = get_close_matches(name, known, n=1)
            raise UsageProblem(f"There is no check {name}.", f"Did you mean {close[0]}?" if close else "")
    return [known[name] for name in names or known]


def _result(connection: DuckDBPyConnection, check: Check) -> CheckResult:
    offending = f"FROM (\n{check.sql}\n) AS offending"
    count = run(connection, f"SELECT count(*) AS rows {offending}").to_pylist()[0]["rows"]
    first = f"SELECT to_json(offending)::VARCHAR AS row {offending} LIMIT {SAMPLE_ROWS}"
    sample = [row["row"] for row in run(connection, first).to_pylist()] if count else []
    return CheckResult(
        name=check.name, severity=check.severity, promise=check.promise, offending_rows=count, sample=tuple(sample)
    )
