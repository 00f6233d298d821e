"""The last stored row of each series, asked for again: an exchange that was reset shows another under its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Table
from pipelines.store.rows import with_instants
from pipelines.ticks.holes import ids_of
from pipelines.ticks.stand import Stand
from schemas.model.errors import Problem
from schemas.model.grid import DAY_US
from schemas.model.instants import moment
from schemas.model.series import Series

_LOOKED_BACK_US = 3 * DAY_US  # a longer look back would read more files than it is worth
_UNIT_US = 1000  # an answer may print milliseconds where another printed microseconds
_WAY_OUT = "Nothing of it was stored. If it stays so, the exchange was reset: start a new lake for it."


@dataclass(frozen=True, slots=True)
class LastRows:
    """The last stored row of each series that was pulled of late."""

    rows: dict[Series, Mapping[str, Any]]

    @classmethod
    def read(cls, table: Table, stands: Iterable[Stand], now: int) -> LastRows:
        """Read them out of the files of the last days."""
        recent = {one.series: one for one in stands if not one.is_new and one.until > now - _LOOKED_BACK_US}
        if not recent:
            return cls({})
        oldest = moment(min(one.until for one in recent.values()) - DAY_US)
        ids = sorted({one.until_id - 1 for one in recent.values()})
        where = (pc.field("date") >= f"{oldest:%Y-%m-%d}") & pc.field(table.dataset.id_column).isin(ids)
        found: dict[Series, Mapping[str, Any]] = {}
        for row in with_instants(table.scan(where=where)):
            series = Series.of_row(table.dataset, row)
            if series in recent and row[table.dataset.id_column] == recent[series].until_id - 1:
                found[series] = row
        return cls(found)

    def note(self, series: Series, rows: pa.Table) -> None:
        """These rows, in order, are to be stored."""
        if rows.num_rows:
            [self.rows[series]] = with_instants(rows.slice(rows.num_rows - 1))

    def hold(self, stand: Stand, page: pa.Table) -> None:
        """Refuse a page that begins with another row than the stored one, or that lacks it."""
        stored, one = self.rows.get(stand.series), stand.until_id - 1
        if stored is None or stored[stand.series.dataset.id_column] != one:
            return
        if not page.num_rows or int(ids_of(page)[0]) != one:
            raise Problem(f"The answer for {stand.series.name} lacks id {one}, which the lake holds.", _WAY_OUT)
        if _coarse(with_instants(page.slice(0, 1))[0]) != _coarse(stored):
            raise Problem(f"Id {one} of {stand.series.name} is not what the lake holds under that id.", _WAY_OUT)


def _coarse(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "time": row["time"] // _UNIT_US}
