"""Candles that are asked for again, and those that come late: held against what the lake has already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Table
from pipelines.candles.state import SeriesState
from pipelines.candles.windows import Window
from pipelines.store.candles import held
from pipelines.store.filters import between
from pipelines.store.rows import instants
from schemas.model.grid import DAY_US
from schemas.model.series import Series


def read_stored(table: Table, windows: Iterable[Window], states: Mapping[Series, SeriesState]) -> None:
    """Put into the states of their series the stored candles that these windows ask for again."""
    groups = defaultdict[tuple[str, str, int], list[Window]](list)
    for one in windows:
        if one.ask_since < one.since:
            groups[one.series["market"], one.series["interval"], one.ask_since // DAY_US].append(one)
    for (market, interval, _), some in groups.items():
        where = (
            (pc.field("market") == market)
            & (pc.field("interval") == interval)
            & between("open_time", min(one.ask_since for one in some), max(one.since for one in some))
        )
        for series, rows in _by_series(table, where):
            if (state := states.get(series)) is not None:
                state.stored = rows if state.stored is None else pa.concat_tables([state.stored, rows])


def _by_series(table: Table, where: pc.Expression) -> Iterator[tuple[Series, pa.Table]]:
    """The stored candles of a market and interval, each series as a piece of one table."""
    rows = table.scan(table.dataset.schema.names, where).sort_by([("symbol", "ascending"), ("open_time", "ascending")])
    if not rows.num_rows:
        return
    runs: Any = pc.run_end_encode(rows["symbol"].combine_chunks(), run_end_type=pa.int64())
    ends = [0, *runs.run_ends.to_pylist()]
    firsts = rows.select(table.dataset.series).take(ends[:-1]).to_pylist()
    for first, (start, end) in zip(firsts, pairwise(ends), strict=True):
        yield Series.of_row(table.dataset, first), rows.slice(start, end - start)


def not_stored(table: Table, state: SeriesState, rows: pa.Table) -> pa.Table:
    """Late candles that are neither stored nor on their way.

    Two windows may bring the same ones, and a run that died before it said that a gap is filled left them behind.
    """
    if not rows.num_rows:
        return rows
    times = instants(rows)
    stored = held(table, state.series, int(times.min()), int(times.max()) + 1, ["open_time"])
    known = np.union1d(instants(stored), state.late)
    state.late = np.union1d(known, times)
    return rows.filter(pa.array(~np.isin(times, known)))
