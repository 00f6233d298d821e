"""Stored rows that the exchange now returns differently: both versions are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from connectors.lake import Lake
from pipelines.store.gaps import Series
from pipelines.store.rows import as_json, rows_of
from schemas.datasets.journal import CORRECTIONS
from schemas.datasets.market import KLINES


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A stored row that the exchange now prints differently."""

    series: Series
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def key(self) -> str:
        return as_json({name: self.after[name] for name in KLINES.key})


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
