"""Stretches without rows, each with its reason and evidence, as they stand in the lake."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import pyarrow.compute as pc

from connectors.binance.endpoints import feeding
from connectors.lake import Lake
from pipelines.store.filters import timestamp
from pipelines.store.journal import add_versions
from pipelines.store.rows import as_json, with_instants
from schemas.datasets.journal import GAPS
from schemas.model.dataset import Dataset
from schemas.model.grid import HOUR_US
from schemas.model.series import Series

NOTHING_CAME = frozenset({"exchange_outage", "not_listed", "delisted"})  # an answer without candles
# A file did not come, came and cannot be read, may still come, or lacks these rows: no word of the exchange.
NO_ANSWER = frozenset({"unavailable", "unusable", "late", "not_in_archive"})
CONFIRM_AFTER_US = HOUR_US  # what did not come is looked at again so long after it was first missed
NOT_RETAINED = "not_retained"  # the exchange no longer returned it when it was asked
OFF_GRID = "off_grid"  # a candle came, beside the start of its slot
IDS = "ids"  # in the evidence: the first and the last id of each stretch that is missing
ASKED_AGAIN = frozenset({"unavailable", "late"})  # at each run, until there is an answer


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

    def told_by(self, asked: Asked) -> bool:
        """Whether an answer to that is its evidence."""
        return str(self.evidence.get("asked")).startswith(asked.what)

    def same_stretch(self, other: Gap | None) -> bool:
        """Whether another version says the same about the same stretch."""
        if other is None or (self.since, self.until, self.reason) != (other.since, other.until, other.reason):
            return False
        if self.reason in NO_ANSWER and self.reason != "not_in_archive":
            return self.evidence == other.evidence
        return self.evidence.get("asked") == other.evidence.get("asked")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for the candles of a page, and the stretches that got no answer that can be read.

    `silence` is the reason of a stretch that was answered and of which nothing came.
    """

    what: str
    unanswered: tuple[Gap, ...] = ()
    silence: str = "exchange_outage"

    @classmethod
    def of_exchange(cls, series: Series) -> Asked:
        """The call that the exchange answers for a series."""
        endpoint = feeding(series)
        return cls(f"{endpoint.method} {endpoint.path}")


def load_gaps(lake: Lake, dataset: Dataset) -> dict[Series, dict[int, Gap]]:
    """The last version of each gap of a dataset that is still missing, by series and start."""
    stored = lake.table(GAPS).scan(where=pc.field("dataset") == dataset.name)
    found: dict[Series, dict[int, Gap]] = defaultdict(dict)
    for row in with_instants(stored.sort_by("seen_at")):
        told = {each.name: row[each.name] for each in fields(Gap)} | {"evidence": json.loads(row["evidence"])}
        found[Series.of_row(dataset, row)][row["since"]] = Gap(**told)
    return {
        series: {since: gap for since, gap in gaps.items() if gap.filled_at is None} for series, gaps in found.items()
    }


def write_gaps(
    lake: Lake, gaps: Sequence[tuple[Series, Gap]], seen_at: int, *, ahead: Mapping[str, int] | None = None
) -> None:
    """Commit versions of gaps that say what no version before them says.

    `ahead` of the rows that come with them, the log has these bounds: whatever is less than was missing of what they
    cover waits until the rows are there, since a run may end in between.
    """
    rows = [
        {
            "dataset": series.dataset.name,
            **series.values,
            **asdict(gap),
            "evidence": as_json(gap.evidence),
            "seen_at": seen_at,
        }
        for series, gap in gaps
    ]
    datasets = {series.dataset.name: series.dataset for series, _ in gaps}
    begins = [timestamp(at) for at in sorted({row["since"] for row in rows})]
    where = pc.field("dataset").isin(sorted(datasets)) & pc.field("since").isin(begins)

    def waits(row: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
        series = Series.of_row(datasets[row["dataset"]], row)
        return ahead is not None and _says_less(row, before, series.bound("until", ahead) or 0)

    add_versions(lake, GAPS, rows, _says, where, waits=waits)


def _says_less(row: Mapping[str, Any], before: Mapping[str, Any] | None, covered: int) -> bool:
    """Whether rows, or ids, are to be there of which the version before says that they are missing."""
    if row["filled_at"] is not None or before is None or before["filled_at"] is not None:
        return row["filled_at"] is not None
    ends = [covered if one["until"] is None else one["until"] for one in (row, before)]
    return ends[0] < min(ends[1], covered) or _ids(row) < _ids(before)


def _ids(row: Mapping[str, Any]) -> int:
    return sum(last - first + 1 for first, last in json.loads(row["evidence"]).get(IDS, ()))


def _says(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells a version of a gap from the one before, beside when it was seen."""
    states = row["confirmed_at"] is not None, row["filled_at"] is not None
    return row["until"], row["reason"], row["evidence"], *states
