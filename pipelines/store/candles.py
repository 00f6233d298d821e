"""The candles of one series that the lake holds already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from connectors.lake import Table
from pipelines.store.filters import within
from schemas.model.dataset import Dataset
from schemas.model.series import Series


def series_of(dataset: Dataset, market: str, symbols: Iterable[str], intervals: Sequence[str]) -> list[Series]:
    """The series of these symbols and intervals."""
    return [
        Series.of(dataset, market=market, symbol=one, interval=interval) for one in symbols for interval in intervals
    ]


def held(table: Table, series: Series, since: int, until: int, columns: Sequence[str] | None = None) -> pa.Table:
    """The candles that open in [since, until), in order."""
    return table.scan(columns or series.dataset.schema.names, within([series], since, until)).sort_by("open_time")
