"""The candles of one series that the lake holds already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from connectors.lake import Table
from pipelines.store.filters import within
from schemas.datasets.market import KLINES
from schemas.model.series import Series


def series_of(market: str, symbols: Iterable[str], intervals: Sequence[str]) -> list[Series]:
    """The series of these symbols and intervals."""
    return [
        Series.of(KLINES, market=market, symbol=one, interval=interval) for one in symbols for interval in intervals
    ]


def held(
    table: Table, series: Series, since: int, until: int, columns: Sequence[str] = KLINES.schema.names
) -> pa.Table:
    """The candles that open in [since, until), in order."""
    return table.scan(columns, within([series], since, until)).sort_by("open_time")
