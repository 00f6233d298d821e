"""What the lake holds of an account, found by id: an instant may be printed differently from answer to answer.

Answers are held against it. Fills never vanish, and neither do orders, except those that ended unfilled long ago.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Table
from pipelines.store.filters import near_instants, with_ids, within
from pipelines.store.id_cursor import symbol_of
from pipelines.store.rows import column, last_of, with_instants
from schemas.model.dataset import MONTH, Dataset, Lifecycle
from schemas.model.errors import Problem
from schemas.model.grid import DAY_US, MINUTE_US
from schemas.model.series import Series

LAG_US = 10 * MINUTE_US  # how far an answer may lie behind what happened

_GONE = "gone_since"  # the column that tells that the exchange does not know a thing any more
_SHOWN_IDS = 3

Key = tuple[str, int]  # symbol and id

_RESET = (
    "Nothing more of the account's trading was stored. Run again; if it stays so, the exchange was reset, as a testnet "
    "is every month: start a new lake for it."
)


class ResetSeen(Problem):
    """The exchange does not show what the lake holds of an account: what it shows instead may be of another history.

    A reset concerns every symbol and every list at once, so nothing more of the account's trading may be stored.
    """

    fatal = True

    def __init__(self, what: str, way_out: str = _RESET) -> None:
        super().__init__(what, way_out)


def stored_rows(
    table: Table, series: Collection[Series], instants: Mapping[Key, int], columns: Sequence[str] | None = None
) -> pa.Table:
    """The stored rows with these keys, and maybe others; the instants say where to look first, not where to stop."""
    if not instants:
        return table.scan(columns, pc.scalar(False))
    near = table.scan(columns, near_instants(series, {one for _, one in instants}, instants.values()))
    missing = instants.keys() - keys_of(table.dataset, near)
    if not missing or MONTH not in table.dataset.partition:  # without months, instants were no condition
        return near
    elsewhere = _instants(table, series, missing)
    if not elsewhere:
        return near
    ids = {one for _, one in elsewhere}
    return pa.concat_tables([near, table.scan(columns, near_instants(series, ids, elsewhere.values()))])


def keys_of(dataset: Dataset, rows: pa.Table) -> set[Key]:
    """Symbol and id of each row; of what spans symbols, no symbol."""
    ids = column(rows, dataset.id_column)
    return set(zip(column(rows, "symbol") if "symbol" in dataset.series else [""] * len(ids), ids, strict=True))


def held_ids(table: Table, since: Mapping[Series, int]) -> dict[Series, list[int]]:
    """The ids from one on that are stored of each series and that an answer has to show, ascending."""
    dataset, name = table.dataset, table.dataset.id_column
    if not since or not dataset.lasting:
        return {}
    gone = [_GONE] if _GONE in dataset.schema.names else []
    rows = table.scan(["symbol", name, *gone], within(since) & (pc.field(name) >= min(since.values())))
    left = keys_of(dataset, rows)
    if gone:
        left -= keys_of(dataset, rows.filter(pc.is_valid(rows[_GONE])))
    found = defaultdict[Series, list[int]](list)
    by_symbol = {symbol_of(one): one for one in since}
    for symbol, one in sorted(left):
        if one >= since[by_symbol[symbol]]:
            found[by_symbol[symbol]].append(one)
    return dict(found)


def must_show(table: Table, series: Series, ids: Collection[int], now: int) -> dict[int, int]:
    """Which of these stored ids an answer that covers them has to show, with their instants."""
    dataset, name = table.dataset, table.dataset.id_column
    rows = table.scan(where=with_ids([series], ids))
    listed = with_instants(last_of(dataset, rows) if dataset.lifecycle else rows)
    return {row[name]: row[str(dataset.clock)] for row in listed if not _may_be_absent(dataset, row, now)}


def _may_be_absent(dataset: Dataset, row: Mapping[str, Any], now: int) -> bool:
    life = dataset.lifecycle
    return life is not None and (row.get(_GONE) is not None or life.may_vanish(row, now))


def lacks_rows(what: str, series: Series, ids: Collection[int]) -> ResetSeen:
    """The refusal of an answer that lacks what the lake holds."""
    shown = ", ".join(map(str, sorted(ids)[:_SHOWN_IDS])) + (", ..." if len(ids) > _SHOWN_IDS else "")
    return ResetSeen(f"The answer of {what} for {series.name} lacks {len(ids):,} that the lake holds (ids {shown}).")


def other_thing(series: Series, one: int) -> ResetSeen:
    """The refusal of an answer that has another thing under an id that the lake holds."""
    return ResetSeen(f"Id {one} of {series.dataset.name} of {series.name} is not what the lake holds under that id.")


def _instants(table: Table, series: Collection[Series], keys: Collection[Key]) -> dict[Key, int]:
    """The instants under which these keys are stored, where they are."""
    name, clock = table.dataset.id_column, str(table.dataset.clock)
    symbols = {symbol for symbol, _ in keys}
    where = with_ids([one for one in series if symbol_of(one) in symbols], {one for _, one in keys})
    rows = table.scan(["symbol", name, clock], where)
    stored = zip(column(rows, "symbol"), column(rows, name), column(rows, clock), strict=True)
    return {(symbol, one): instant for symbol, one, instant in stored if (symbol, one) in keys}


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
