"""The summary of a run: what changed, how far each dataset reaches now, its gaps, and the checks that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.context.receipts import Receipt
from schemas.model.errors import Problem

# No file is read but those of gaps, corrections and check results: the log knows how far each series reaches.
_REACHED = """
SELECT dataset, account, market, min(since) AS since, min(coalesce(until, observed_at)) AS until,
    coalesce(sum(open_gaps), 0)::BIGINT AS open_gaps
FROM (FROM series_reached UNION ALL BY NAME FROM series_gaps) GROUP BY ALL
"""
_CORRECTED = "SELECT dataset, account, market, count(*) AS corrections FROM corrections GROUP BY ALL"
_FAILED = """
SELECT check_name FROM check_results GROUP BY check_name HAVING NOT max_by(passed, checked_at) ORDER BY check_name
"""
_LAST_CHECK = "SELECT max(checked_at) AS checked_at FROM check_results"

_Rows = Sequence[Mapping[str, Any]]


def summary(lake: Lake, receipts: Sequence[Receipt], now: datetime) -> tuple[list[dict[str, Any]], str]:
    """One row for each dataset of a run, what changed and how far it reaches now; and a sentence about checks."""
    try:
        with connect(lake) as connection:
            reached = run(connection, _REACHED).to_pylist()
            corrected = run(connection, _CORRECTED).to_pylist()
            (last,) = run(connection, _LAST_CHECK).to_pylist()
            failed = [row["check_name"] for row in run(connection, _FAILED).to_pylist()]
    except Problem as problem:  # a damaged table costs the summary, and no run
        return [_row(receipt, (), (), now) for receipt in receipts], f"The lake cannot be summed up: {problem}"
    return [_row(receipt, reached, corrected, now) for receipt in receipts], _of_checks(failed, last["checked_at"])


def _concerning(receipt: Receipt, rows: _Rows) -> list[Mapping[str, Any]]:
    """The rows about what a receipt is about: of an account, those of all its markets unless the receipt names one."""
    of = {"dataset": receipt.dataset, "account": receipt.account, "market": receipt.market}
    return [row for row in rows if all(value is None or row[name] == value for name, value in of.items())]


def _earliest(rows: _Rows, name: str) -> datetime | None:
    return min((row[name] for row in rows if row[name] is not None), default=None)


def _row(receipt: Receipt, reached: _Rows, corrected: _Rows, now: datetime) -> dict[str, Any]:
    reached, corrected = _concerning(receipt, reached), _concerning(receipt, corrected)
    until = _earliest(reached, "until")
    return {
        "dataset": receipt.dataset,
        "of": " ".join(filter(None, (receipt.account, receipt.market))),
        "outcome": receipt.outcome,
        "new rows": receipt.rows,
        "covered since": _instant(_earliest(reached, "since")),
        "covered until": _instant(until),
        "lag s": None if until is None else max(0, round((now - until).total_seconds())),
        "open gaps": sum(row["open_gaps"] for row in reached) if reached else None,
        "corrections": sum(row["corrections"] for row in corrected),
        "requests": receipt.requests,
        "weight": receipt.weight,
        "seconds": receipt.seconds,
        "failed": receipt.why(),
        "note": receipt.note,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _of_checks(failed: Sequence[str], checked_at: datetime | None) -> str:
    if checked_at is None:
        return "No check was run yet; `binlake check` runs them."
    found = f"failed: {', '.join(failed)}" if failed else "none failed"
    return f"Checks as of {_instant(checked_at)}, the last time each was run: {found}."
