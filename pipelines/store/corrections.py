"""Stored rows that the exchange now returns differently: both versions are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Lake
from pipelines.store.journal import add_entries
from pipelines.store.rows import as_json, rows_of
from schemas.datasets.journal import CORRECTIONS
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


def both_versions(corrections: Sequence[Correction]) -> tuple[pa.Table, pa.Table]:
    """The stored rows that these are about, and the rows that take their place."""
    dataset = corrections[0].series.dataset
    return rows_of(dataset, [one.before for one in corrections]), rows_of(dataset, [one.after for one in corrections])


def write_corrections(
    lake: Lake, corrections: Sequence[Correction], revisions: Mapping[Series, int], seen_at: int
) -> None:
    """Commit corrections of one dataset that are not there yet: a crash before the rows are replaced leads here again.

    `revisions` are those that the series will have once their rows are replaced.
    """
    dataset = corrections[0].series.dataset
    oldest = min(revisions[one.series] for one in corrections)
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
    where = (pc.field("dataset") == dataset.name) & (pc.field("revision") >= oldest)
    add_entries(lake, CORRECTIONS, rows, where)
