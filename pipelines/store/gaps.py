"""Stretches without rows, each with its reason and evidence, as they stand in the lake."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from connectors.lake import Lake
from pipelines.store.rows import as_json, rows_of, with_instants
from schemas.datasets.journal import GAPS
from schemas.datasets.market import KLINES
from schemas.model.grid import LENGTH_US
from schemas.model.series import Series as AnySeries

NOTHING_CAME = frozenset({"exchange_outage", "not_listed", "delisted"})  # an answer without candles
NO_ANSWER = frozenset({"unavailable", "unusable"})  # a file that did not come, or came and cannot be read


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """The candles of one symbol and interval."""

    market: str
    symbol: str
    interval: str

    @property
    def id(self) -> str:
        """The name of the series in the table's log."""
        return KLINES.series_id(self.values)

    @property
    def name(self) -> str:
        """The series as a person reads it."""
        return f"{self.market}/{self.symbol}/{self.interval}"

    @property
    def length_us(self) -> int:
        """Nominal length of a candle."""
        return LENGTH_US[self.interval]

    @property
    def values(self) -> dict[str, str]:
        return {"market": self.market, "symbol": self.symbol, "interval": self.interval}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch without rows: [since, until), with `until` None while no later row has been seen."""

    since: int
    until: int | None
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    first_seen: int = 0
    confirmed_at: int | None = None
    filled_at: int | None = None

    def same_stretch(self, other: Gap | None) -> bool:
        """Whether another version says the same about the same stretch."""
        if other is None or (self.since, self.until, self.reason) != (other.since, other.until, other.reason):
            return False
        if self.reason in NO_ANSWER:
            return self.evidence == other.evidence
        return self.evidence.get("asked") == other.evidence.get("asked")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for the candles of a page, and the stretches that got no answer that can be read."""

    what: str = "GET /api/v3/klines"
    unanswered: tuple[Gap, ...] = ()


OF_THE_EXCHANGE = Asked()


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
