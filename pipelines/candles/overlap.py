"""Candles that are asked for again, and those that come late: held against what the lake has already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Table
from pipelines.candles.state import SeriesState
from pipelines.candles.windows import Window
from pipelines.store.candles import held
from pipelines.store.filters import between
from pipelines.store.rows import instants, with_instants
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
        for row in with_instants(table.scan(table.dataset.schema.names, where)):
            if (state := states.get(Series.of_row(table.dataset, row))) is not None:
                state.stored[row["open_time"]] = row


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
