"""The candles of one series that the lake holds already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Table
from schemas.datasets.market import KLINES
from schemas.model.fields import TIME
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
    where = (
        (pc.field("market") == series["market"])
        & (pc.field("symbol") == series["symbol"])
        & (pc.field("interval") == series["interval"])
        & (pc.field("open_time") >= pa.scalar(since, TIME.arrow))
        & (pc.field("open_time") < pa.scalar(until, TIME.arrow))
    )
    return table.scan(columns, where).sort_by("open_time")
