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
SELECT dataset, coalesce(account, market) AS of, min(since) AS since, min(coalesce(until, observed_at)) AS until,
    coalesce(sum(open_gaps), 0)::BIGINT AS open_gaps
FROM (FROM series_reached UNION ALL BY NAME FROM series_gaps) GROUP BY ALL
"""
_CORRECTED = "SELECT dataset, coalesce(account, market) AS of, count(*) AS corrections FROM corrections GROUP BY ALL"
_FAILED = """
SELECT check_name FROM check_results GROUP BY check_name HAVING NOT max_by(passed, checked_at) ORDER BY check_name
"""
_LAST_CHECK = "SELECT max(checked_at) AS checked_at FROM check_results"

_Place = tuple[str, str | None]


def summary(lake: Lake, receipts: Sequence[Receipt], now: datetime) -> tuple[list[dict[str, Any]], str]:
    """One row for each dataset of a run, what changed and how far it reaches now; and a sentence about checks."""
    try:
        with connect(lake) as connection:
            reached = _by_place(run(connection, _REACHED).to_pylist())
            corrected = _by_place(run(connection, _CORRECTED).to_pylist())
            (last,) = run(connection, _LAST_CHECK).to_pylist()
            failed = [row["check_name"] for row in run(connection, _FAILED).to_pylist()]
    except Problem as problem:  # a damaged table costs the summary, and no run
        return [_row(receipt, {}, {}, now) for receipt in receipts], f"The lake cannot be summed up: {problem}"
    rows = [
        _row(receipt, reached.get(_place(receipt), {}), corrected.get(_place(receipt), {}), now) for receipt in receipts
    ]
    return rows, _of_checks(failed, last["checked_at"])


def _by_place(rows: Sequence[dict[str, Any]]) -> dict[_Place, dict[str, Any]]:
    return {(row["dataset"], row["of"]): row for row in rows}


def _place(receipt: Receipt) -> _Place:
    return receipt.dataset, receipt.where


def _row(receipt: Receipt, reached: Mapping[str, Any], corrected: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    until = reached.get("until")
    return {
        "dataset": receipt.dataset,
        "of": receipt.where,
        "outcome": receipt.outcome,
        "new rows": receipt.rows,
        "covered since": _instant(reached.get("since")),
        "covered until": _instant(until),
        "lag s": None if until is None else max(0, round((now - until).total_seconds())),
        "open gaps": reached.get("open_gaps"),
        "corrections": corrected.get("corrections", 0),
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
