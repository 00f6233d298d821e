"""The checks about API keys, which `keys audit`, `status` and `doctor` show."""

from __future__ import annotations

from datetime import datetime

from duckdb import DuckDBPyConnection

from pipelines.quality.checks import CheckResult, chosen_checks, graded, run_queries
from pipelines.quality.expectations import key_terms
from schemas.config.flows import FlowsFile
from schemas.model.counted import counted

KEY_CHECKS = (
    "key_permissions",
    "key_failures",
    "key_unadmitted",
    "key_retired",
    "key_uid",
    "key_age",
    "key_expiry",
    "foreign_weight",
)


def told(result: CheckResult) -> str:
    """What a check about keys that does not hold comes to, in one sentence and with where to see more."""
    if result.not_checked is not None:
        return f"{result.name} could not be checked: {result.not_checked}"
    return f"{result.name}: {counted(result.offending_rows, 'row')}; `binlake keys audit` shows what was found."


def check_keys(
    connection: DuckDBPyConnection, config: FlowsFile, now: datetime, since: datetime | None = None
) -> list[CheckResult]:
    """What the checks about keys find; of their use since an instant, or else in the last seven days."""
    found = run_queries(
        connection, chosen_checks(KEY_CHECKS), (), now, key_terms=key_terms(config), watched_since=since
    )
    return graded(found, config.checks)
