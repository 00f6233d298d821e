"""What a run writes down beside its data: gaps, corrections, the requests it made, and the run itself.

Journal rows are committed before the rows they speak of, and writing them again after a crash adds nothing.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.client import Request
from connectors.lake import Lake
from pipelines.candles import Gap, Series
from pipelines.receipts import Failure, Receipt
from schemas.dataset import Dataset
from schemas.intervals import SECOND_US
from schemas.journal import API_REQUESTS, CORRECTIONS, GAPS, RUNS
from schemas.market import KLINES
from schemas.series import Series as AnySeries


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A stored row that the exchange now prints differently."""

    series: Series
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def key(self) -> str:
        return as_json({name: self.after[name] for name in KLINES.key})


@dataclass(slots=True)
class Journal:
    """The record of one run of a flow."""

    flow: str
    run: str = ""
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run = self.run or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{self.flow}-{secrets.token_hex(3)}"

    def note(self, request: Request) -> None:
        """Called by the client after each attempt."""
        self.requests.append(request)

    def write(self, lake: Lake, receipts: Sequence[tuple[Receipt, int, int]]) -> list[Failure]:
        """Commit the requests and one row a receipt, each with when it started and ended (exchange time).

        Returns why a table took no rows; what was pulled and the other table lose nothing by it.
        """
        runs = rows_of(RUNS, [self._run(*receipt) for receipt in receipts])
        failures: list[Failure] = []
        for dataset, rows in ((API_REQUESTS, self._request_rows()), (RUNS, runs)):
            if rows.num_rows:
                try:
                    lake.table(dataset).commit(rows, [])
                except Exception as error:  # noqa: BLE001 - one table's damage stops no other
                    failures.append(Failure.of(dataset.table, error))
        return failures

    def _request_rows(self) -> pa.Table:
        return rows_of(
            API_REQUESTS,
            [
                {"run": self.run, "n": n, **{name: getattr(request, name) for name in API_REQUESTS.schema.names[2:]}}
                for n, request in enumerate(self.requests, start=1)
            ],
        )

    def _run(self, receipt: Receipt, started: int, ended: int) -> dict[str, Any]:
        why = "; ".join(f"{failure.series}: {failure.why}" for failure in receipt.failures)
        return {
            "run": self.run,
            "flow": receipt.flow,
            "dataset": receipt.dataset,
            "market": receipt.market,
            "account": receipt.account,
            "started": started,
            "ended": ended,
            "outcome": receipt.outcome,
            "rows": receipt.rows,
            "requests": receipt.requests,
            "weight": receipt.weight,
            "error": why or None,
            "note": receipt.note or None,
        }


def rows_of(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Plain rows as a table of the dataset; instants are microseconds."""
    return pa.Table.from_pylist(list(rows), schema=dataset.schema)


def load_gaps(lake: Lake) -> dict[Series, dict[int, Gap]]:
    """The last version of each gap of the candles that is still missing, by series and start."""
    stored = lake.table(GAPS).scan(where=pc.field("dataset") == KLINES.name)
    found: dict[Series, dict[int, Gap]] = defaultdict(dict)
    for row in with_instants(stored.sort_by("seen_at")):
        series = Series(row["market"], row["symbol"], row["interval"])
        found[series][row["since"]] = Gap(
            since=row["since"],
            until=row["until"],
            reason=row["reason"],
            evidence=json.loads(row["evidence"]),
            first_seen=row["first_seen"],
            confirmed_at=row["confirmed_at"],
            filled_at=row["filled_at"],
        )
    return {
        series: {since: gap for since, gap in gaps.items() if gap.filled_at is None} for series, gaps in found.items()
    }


def write_gaps(lake: Lake, gaps: Iterable[tuple[Series, Gap]], seen_at: int) -> None:
    """Commit new versions of gaps."""
    rows = [
        {
            "dataset": KLINES.name,
            **series.values,
            "account": None,
            "since": gap.since,
            "until": gap.until,
            "reason": gap.reason,
            "evidence": as_json(gap.evidence),
            "first_seen": gap.first_seen,
            "confirmed_at": gap.confirmed_at,
            "filled_at": gap.filled_at,
            "seen_at": seen_at,
        }
        for series, gap in gaps
    ]
    if rows:
        lake.table(GAPS).commit(rows_of(GAPS, rows), [])


@dataclass(frozen=True, slots=True)
class Absence:
    """A stretch of a series that nobody can be asked about, with the reason."""

    series: AnySeries
    since: int
    until: int
    reason: str
    evidence: Mapping[str, Any]


def write_absences(lake: Lake, absences: Sequence[Absence], seen_at: int) -> None:
    """Commit these stretches as gaps; there is nothing a second look could find."""
    rows = [
        {
            "dataset": absence.series.dataset.name,
            **absence.series.values,
            "since": absence.since,
            "until": absence.until,
            "reason": absence.reason,
            "evidence": as_json(absence.evidence),
            "first_seen": seen_at,
            "confirmed_at": seen_at,
            "seen_at": seen_at,
        }
        for absence in absences
    ]
    if rows:
        lake.table(GAPS).commit(rows_of(GAPS, rows), [])


def write_corrections(
    lake: Lake, corrections: Sequence[Correction], revisions: Mapping[str, int], seen_at: int
) -> None:
    """Commit corrections that are not there yet: a crash before the rows are replaced leads here again.

    `revisions` are those that the series, by id, will have once their rows are replaced.
    """
    table = lake.table(CORRECTIONS)
    oldest = min(revisions[one.series.id] for one in corrections)
    stored = table.scan(
        ["market", "symbol", "interval", "row_key", "revision", "after"],
        (pc.field("dataset") == KLINES.name) & (pc.field("revision") >= oldest),
    )
    known = {tuple(row.values()) for row in stored.to_pylist()}
    rows = [
        {
            "dataset": KLINES.name,
            **correction.series.values,
            "account": None,
            "row_key": correction.key,
            "revision": revisions[correction.series.id],
            "before": as_json(correction.before),
            "after": as_json(correction.after),
            "seen_at": seen_at,
        }
        for correction in corrections
    ]
    news = [row for row in rows if (*_series_of(row), row["row_key"], row["revision"], row["after"]) not in known]
    if news:
        table.commit(rows_of(CORRECTIONS, news), [])


def _series_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["market"], row["symbol"], row["interval"]


def with_instants(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as dictionaries, instants as microseconds instead of datetimes."""
    fields = [pa.field(field.name, pa.int64()) if pa.types.is_timestamp(field.type) else field for field in rows.schema]
    listed: list[dict[str, Any]] = rows.cast(pa.schema(fields)).to_pylist()
    return listed


def column(rows: pa.Table, name: str) -> list[Any]:
    """The values of one column, instants as microseconds."""
    values = rows[name]
    return (values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values).to_pylist()


def as_json(row: Mapping[str, Any]) -> str:
    """A row as JSON: decimals as the digits they have, instants as microseconds."""
    return json.dumps(dict(row), default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> str:
    return format(value, "f")


def wall_clock() -> int:
    """The machine's time in microseconds, for what needs no exchange time."""
    return int(datetime.now(UTC).timestamp() * SECOND_US)
