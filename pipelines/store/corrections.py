"""Stored rows that the exchange now returns differently: both versions are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from connectors.lake import Lake
from pipelines.store.rows import as_json, rows_of
from schemas.datasets.journal import CORRECTIONS
from schemas.model.dataset import Dataset
from schemas.model.series import Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A stored row that the exchange now prints differently."""

    series: Series
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def key(self) -> str:
        return as_json({name: self.after[name] for name in self.series.dataset.key})


def write_corrections(
    lake: Lake, corrections: Sequence[Correction], revisions: Mapping[Series, int], seen_at: int
) -> None:
    """Commit corrections of one dataset that are not there yet: a crash before the rows are replaced leads here again.

    `revisions` are those that the series will have once their rows are replaced.
    """
    table, dataset = lake.table(CORRECTIONS), corrections[0].series.dataset
    oldest = min(revisions[one.series] for one in corrections)
    stored = table.scan(
        [*dataset.series, "row_key", "revision", "after"],
        (pc.field("dataset") == dataset.name) & (pc.field("revision") >= oldest),
    )
    known = {_told(dataset, row) for row in stored.to_pylist()}
    rows = [
        {
            "dataset": dataset.name,
            **correction.series.values,
            "row_key": correction.key,
            "revision": revisions[correction.series],
            "before": as_json(correction.before),
            "after": as_json(correction.after),
            "seen_at": seen_at,
        }
        for correction in corrections
    ]
    news = [row for row in rows if _told(dataset, row) not in known]
    if news:
        table.commit(rows_of(CORRECTIONS, news), [])


def _told(dataset: Dataset, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a stored correction the same as another."""
    return Series.of_row(dataset, row), row["row_key"], row["revision"], row["after"]
