"""Whether what was seen can be of what is stored: an exchange that was reset gives ids out anew."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from connectors.lake import Table
from pipelines.store.filters import within
from pipelines.store.id_cursor import symbol_of
from pipelines.store.lookup import Key, ResetSeen, other_thing
from pipelines.store.rows import column
from schemas.model.dataset import Lifecycle
from schemas.model.grid import DAY_US
from schemas.model.series import Series

_Row = Mapping[str, Any]


def contradiction(
    table: Table, series: Series, rows: Sequence[_Row], stored: Mapping[Key, Sequence[_Row]], until_id: int
) -> ResetSeen | None:
    """Why these states of a series, whose ids were walked up to one, cannot be of what is stored."""
    dataset, name, life = table.dataset, table.dataset.id_column, table.dataset.life
    fresh = dict[int, int]()
    for row in rows:
        versions = stored.get((symbol_of(series), row[name]))
        if versions and _is_other(life, row, versions[-1]):
            return other_thing(series, row[name])
        if not versions and row[name] < until_id:
            fresh[row[name]] = row[str(dataset.clock)]
    return _out_of_order(table, series, fresh) if fresh and life.start else None


def _is_other(life: Lifecycle, row: _Row, before: _Row) -> bool:
    """Whether something differs that never changes, or it began long after the stored one changed last."""
    for name, pattern in life.fixed.items():
        parts = {frozenset(re.findall(pattern, state[name] or "")) for state in (row, before)}
        if len(parts - {frozenset()}) > 1:
            return True
    return life.start is not None and row[life.start] > max(before[life.start], before[life.stamp] or 0) + DAY_US


def _out_of_order(table: Table, series: Series, things: Mapping[int, int]) -> ResetSeen | None:
    """The refusal of things, given by id with the instants they began, long after stored ones with higher ids."""
    name, clock = table.dataset.id_column, str(table.dataset.clock)
    rows = table.scan([name, clock], within([series]) & (pc.field(name) > min(things)))
    later = list(zip(column(rows, name), column(rows, clock), strict=True))
    for one, placed in things.items():
        if placed > min((instant for number, instant in later if number > one), default=placed) + DAY_US:
            return ResetSeen(
                f"Id {one} of {table.dataset.name} of {series.name} is younger than higher ids that the lake holds."
            )
    return None
