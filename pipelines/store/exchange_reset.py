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
from schemas.datasets.orders import ORDERS
from schemas.model.grid import DAY_US
from schemas.model.series import Series

_LEG = re.compile(r'"orderId":(\d+)')

_Row = Mapping[str, Any]


def contradiction(
    table: Table, series: Series, rows: Sequence[_Row], stored: Mapping[Key, Sequence[_Row]], until_id: int
) -> ResetSeen | None:
    """Why these states of a series, whose ids were walked up to one, cannot be of what is stored."""
    dataset, name = table.dataset, table.dataset.id_column
    is_other = _is_other_order if dataset is ORDERS else _is_other_list
    fresh = dict[int, int]()
    for row in rows:
        versions = stored.get((symbol_of(series), row[name]))
        if versions and is_other(row, versions[-1]):
            return other_thing(series, row[name])
        if not versions and row[name] < until_id:
            fresh[row[name]] = row[str(dataset.clock)]
    return _out_of_order(table, series, fresh) if fresh and dataset is ORDERS else None


def _is_other_order(order: _Row, before: _Row) -> bool:
    """Whether it goes the other way, or was placed long after the stored one changed last."""
    sides = {order["side"], before["side"]} - {None}
    changed = max(before["time"], before["update_time"] or 0)
    return len(sides) > 1 or bool(order["time"] > changed + DAY_US)


def _is_other_list(row: _Row, before: _Row) -> bool:
    """Whether it is of another symbol or kind, or of other orders."""
    kinds = {row["contingency_type"], before["contingency_type"]} - {None}
    legs = {frozenset(_LEG.findall(one["orders"] or "")) for one in (row, before)} - {frozenset()}
    return row["symbol"] != before["symbol"] or len(kinds) > 1 or len(legs) > 1


def _out_of_order(table: Table, series: Series, orders: Mapping[int, int]) -> ResetSeen | None:
    """The refusal of orders, given by id with their times, placed long after stored ones with higher ids."""
    name, clock = table.dataset.id_column, str(table.dataset.clock)
    rows = table.scan([name, clock], within([series]) & (pc.field(name) > min(orders)))
    later = list(zip(column(rows, name), column(rows, clock), strict=True))
    for one, placed in orders.items():
        if placed > min((instant for number, instant in later if number > one), default=placed) + DAY_US:
            return ResetSeen(f"Order {one} of {series.name} was placed after stored orders with higher ids.")
    return None
