"""Run the checks of schemas/checks and those derived from declarations, and record what they found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

import pyarrow as pa
from duckdb import DuckDBPyConnection

from connectors.binance.endpoints import ENDPOINTS
from connectors.binance.endpoints.model import Whole
from connectors.lake import Lake
from connectors.lake.files.intact import GOOD_FOR
from connectors.lake.sql.session import connect, holding, prepare, run
from schemas.datasets import DATASETS
from schemas.datasets.journal import CHECK_RESULTS
from schemas.derived.queries import FILES_INTACT, Check, Severity, checks
from schemas.model.errors import Problem, UsageProblem
from schemas.model.fields import ID, TEXT
from schemas.model.instants import length_us
from schemas.model.nearest import did_you_mean

SAMPLE_ROWS = 5
READ_BYTES = 2 * 2**30  # of data files a run, some seconds' worth
WATCHED = timedelta(days=7)  # how far back the use of keys is looked at

_TEXTS = ("flow", "dataset", "market", "account", "symbol", "interval")
_SCHEDULES: dict[str, pa.DataType] = dict.fromkeys(_TEXTS, TEXT.arrow) | {"every_s": ID.arrow}
_RESTING = {"dataset": TEXT.arrow, "wallet": TEXT.arrow, "rests_us": ID.arrow}
_ALL = "`binlake check --all` shows all of them."
_KEY_TERMS = {"account": TEXT.arrow, "max_age_s": ID.arrow, "notice_s": ID.arrow}


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
class KeyTerms:
    """How old the key of an account may grow, and how long before its end its owner is to be told."""

    account: str
    max_age_s: int
    notice_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check found; `sample` holds the first offending rows, each as JSON.

    `not_checked` says why all or a part of what it asks for could not be read: then nobody knows that it holds.
    """

    name: str
    severity: Severity
    promise: str
    offending_rows: int = 0
    sample: tuple[str, ...] = ()
    not_checked: str | None = None

    @property
    def passed(self) -> bool:
        return self.offending_rows == 0 and self.not_checked is None

    def breaks(self, fail_on: Severity = "error") -> bool:
        """Whether a promise of this severity or a graver one does not hold, or nobody can say whether any does."""
        return self.not_checked is not None or (not self.passed and (fail_on == "warn" or self.severity == "error"))


def run_checks(
    lake: Lake,
    schedules: Iterable[Schedule],
    now: datetime,
    names: Sequence[str] | None = None,
    severities: Mapping[str, Severity] = MappingProxyType({}),
    key_terms: Iterable[KeyTerms] = (),
) -> list[CheckResult]:
    """The result of every check, or of those named, on one snapshot of the lake and at one instant.

    `severities` has those that flows.yaml sets.
    """
    chosen = chosen_checks(names)
    results = [_files_result(lake, now)] if not names or FILES_INTACT in names else []
    if chosen:
        with connect(lake) as connection:
            results = run_queries(connection, chosen, schedules, now, key_terms=key_terms) + results
    return graded(results, severities)


def graded(results: Iterable[CheckResult], severities: Mapping[str, Severity]) -> list[CheckResult]:
    """The results, each with the severity that flows.yaml sets for its check, if it does."""
    return [replace(one, severity=severities.get(one.name, one.severity)) for one in results]


def run_queries(
    connection: DuckDBPyConnection,
    chosen: Iterable[Check],
    schedules: Iterable[Schedule],
    now: datetime,
    *,
    key_terms: Iterable[KeyTerms] = (),
    watched_since: datetime | None = None,
) -> list[CheckResult]:
    """The results of these checks over the views of a session, at one instant; the use of keys since another one."""
    connection.execute("SET VARIABLE checked_at = ?", [now])
    connection.execute("SET VARIABLE watched_since = ?", [watched_since or now - WATCHED])
    connection.register("flow_schedules", _rows(schedules, _SCHEDULES))
    connection.register("resting_wallets", _resting())
    connection.register("key_terms", _rows(key_terms, _KEY_TERMS))
    held = holding(connection)
    results = {check: _unasked(check) for check in chosen}
    asked = [check for check in results if check.dataset is None or check.dataset in held]
    prepare(connection, map(_counted, asked))
    return list((results | {check: _result(connection, check) for check in asked}).values())


def _rows(promised: Iterable[Schedule] | Iterable[KeyTerms], schema: Mapping[str, pa.DataType]) -> pa.Table:
    return pa.Table.from_pylist([asdict(each) for each in promised], schema=pa.schema(list(schema.items())))


def _resting() -> pa.Table:
    """For how long after a snapshot of a wallet none need be taken."""
    found = [
        {"dataset": row.feeds.name, "wallet": row.constants["wallet"], "rests_us": length_us(row.walk.rests)}
        for row in ENDPOINTS
        if isinstance(row.walk, Whole) and row.walk.rests
    ]
    return pa.Table.from_pylist(found, schema=pa.schema(list(_RESTING.items())))


def record(lake: Lake, results: Iterable[CheckResult], run_id: str, now: datetime) -> None:
    """Append the results to `check_results`."""
    rows = [
        asdict(result)
        | {"run": run_id, "check_name": result.name, "passed": result.passed, "checked_at": now}
        | {"sample": None if result.passed else _recorded(result)}
        for result in results
    ]
    lake.table(CHECK_RESULTS).commit(pa.Table.from_pylist(rows, schema=CHECK_RESULTS.schema), [])


def _recorded(result: CheckResult) -> str:
    reason = [] if result.not_checked is None else [json.dumps({"not_checked": result.not_checked}, ensure_ascii=False)]
    return f"[{', '.join([*reason, *result.sample])}]"


def chosen_checks(names: Sequence[str] | None) -> list[Check]:
    """The checks by these names, or all; UsageProblem for a name that no check has."""
    known = {check.name: check for check in checks()}
    for name in names or ():
        if name not in known and name != FILES_INTACT:
            raise UsageProblem(f"There is no check {name}.", did_you_mean(name, [*known, FILES_INTACT], _ALL))
    return [known[name] for name in names or known if name in known]


def _unasked(check: Check) -> CheckResult:
    """The result of a check of a dataset that holds no row: none breaks its promise."""
    return CheckResult(name=check.name, severity=check.severity, promise=check.promise)


def _counted(check: Check) -> str:
    return f"SELECT count(*) AS rows {_offending(check)}"


def _offending(check: Check) -> str:
    return f"FROM (\n{check.sql}\n) AS offending"


def _result(connection: DuckDBPyConnection, check: Check) -> CheckResult:
    """What a check found; data that it needs and cannot read leaves it unanswered, and stops no other check."""
    result = _unasked(check)
    first = f"SELECT to_json(offending)::VARCHAR AS row {_offending(check)} LIMIT {SAMPLE_ROWS}"
    try:
        count = run(connection, _counted(check)).to_pylist()[0]["rows"]
        sample = [row["row"] for row in run(connection, first).to_pylist()] if count else []
    except Problem as problem:  # damage, or a disk that does not give the file
        return replace(result, not_checked=str(problem))
    return replace(result, offending_rows=count, sample=tuple(sample))


def _files_result(lake: Lake, now: datetime) -> CheckResult:
    """Hold data files against what was written: all for being there, some, in turn, for every byte."""
    files, fresh, left, offences, unread = 0, 0, READ_BYTES, list[str](), list[str]()
    for dataset in DATASETS.values():
        try:
            found = lake.table(dataset).inspect(now, left)
        except Problem as problem:
            unread.append(str(problem))
            continue
        files, fresh, left = files + found.files, fresh + found.fresh, max(0, left - found.read_bytes)
        offences += [
            json.dumps({"file": path, "what": what}, ensure_ascii=False) for path, what in found.defects.items()
        ]
        unread += found.unread
    return CheckResult(
        name=FILES_INTACT,
        severity="error",
        promise=f"Every data file is there, and as written: {fresh:,} of {files:,} were read in {GOOD_FOR.days} days.",
        offending_rows=len(offences),
        sample=tuple(offences[:SAMPLE_ROWS]),
        not_checked=" ".join(unread[:SAMPLE_ROWS]) or None,
    )
