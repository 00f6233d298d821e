"""Things of an account that change: every state seen becomes a version, once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import Any

from connectors.lake import Lake, Table
from pipelines.store.id_cursor import Landed, Page, frontier, moved, symbol_of
from pipelines.store.lookup import Key, contradiction, stored_rows
from pipelines.store.news import News, commit_news
from pipelines.store.rows import tables_of, with_instants
from schemas.model.dataset import MONTH, Dataset, Lifecycle
from schemas.model.series import Series

_OF_THE_VERSION = frozenset({"version", "seen_at"})

Row = Mapping[str, Any]


def _overtakes(life: Lifecycle, row: Row, before: Row) -> bool:
    """Whether a state is no older one: an answer may lag behind what is stored."""
    now, then = row[life.stamp], before[life.stamp]
    if now is not None and then is not None and now < then:
        return False
    if life.done is not None and row[life.done] < before[life.done]:
        return False
    reopens = row[life.status] not in life.final and before[life.status] in life.final
    return not reopens or (now is not None and then is not None and now > then)


@cache
def _told_of(names: tuple[str, ...]) -> itemgetter[Any]:
    """What the exchange told of a state: all but when we saw it and as which version."""
    return itemgetter(*(name for name in names if name not in _OF_THE_VERSION))


def _is_known(life: Lifecycle, row: Row, versions: Sequence[Row]) -> bool:
    """Whether a state was stored already under its own stamp, since the exchange last did not know it.

    Two endpoints may print one state differently, and each way is stored once.
    """
    told = _told_of(tuple(row))
    for before in reversed(versions):
        if told(before) == told(row):
            return True
        if before[life.stamp] != row[life.stamp] or before.get("gone_since") is not None:
            return False
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of one series: states, the page they stood on, and what the exchange does not know (any more)."""

    series: Series
    rows: Sequence[Row] = ()
    page: Page | None = None
    unknown: Mapping[int, int] = field(default_factory=dict)  # the instant of each thing by its id
    memos: Mapping[str, int] = field(default_factory=dict)  # go into the log in any case

    @classmethod
    def of(cls, page: Page) -> Seen:
        return cls(series=page.series, rows=with_instants(page.rows), page=page)


def add_versions(lake: Lake, dataset: Dataset, seen: Sequence[Seen], now: int) -> Landed:
    """Commit a version of whatever differs from its last one. `now` is when it was seen.

    Raises ResetSeen, and commits nothing, where one state cannot be of what is stored.
    """
    table = lake.table(dataset)

    def find(bounds: Mapping[str, int]) -> list[News]:
        stored = _stored_versions(table, seen)
        _refuse_others(table, seen, stored, bounds)
        found = [news for one in seen if (news := _news(dataset, one, stored, bounds, now))]
        tables = tables_of(dataset, [rows for _, rows, _ in found])
        return [News(series, rows, new) for (series, _, new), rows in zip(found, tables, strict=True)]

    return Landed(commit_news(table, find))


def refuse_others(table: Table, seen: Sequence[Seen]) -> None:
    """Raise ResetSeen where one state cannot be of what is stored."""
    _refuse_others(table, seen, _stored_versions(table, seen), table.bounds())


def by_series(dataset: Dataset, rows: Iterable[Row]) -> dict[Series, list[Row]]:
    """States by the series they belong to."""
    found: dict[Series, list[Row]] = {}
    for row in rows:
        found.setdefault(Series.of_row(dataset, row), []).append(row)
    return found


_Stored = Mapping[Key, Sequence[Row]]


def _news(
    dataset: Dataset, seen: Seen, stored: _Stored, bounds: Mapping[str, int], now: int
) -> tuple[Series, Sequence[Row], Mapping[str, int]] | None:
    """The series, its new versions, and the bounds they leave; None where nothing of it moves."""
    series = seen.series
    seen_at = max(now, (series.bound("changed_at", bounds) or 0) + 1)
    rows = [
        {**row, "version": before["version"] + 1 if before else 1, "seen_at": seen_at}
        for row, before in _changes(dataset, seen, stored, seen_at)
    ]
    new = {**seen.memos, **(frontier(seen.page, bounds) if seen.page else {})}
    if rows:
        new["changed_at"] = seen_at
        if "open_since" in dataset.remembered:
            new |= _open_since(dataset, rows, series.bound("open_since", bounds) or 0)
        if "retained_at" in dataset.remembered:  # just shown: nothing to miss
            new.setdefault("retained_at", series.bound("retained_at", bounds) or seen_at)
    return (series, rows, new) if moved(series, new, bounds, also=bool(rows)) else None


def _refuse_others(table: Table, seen: Sequence[Seen], stored: _Stored, bounds: Mapping[str, int]) -> None:
    """Refuse states of which one cannot be of what is stored."""
    for one in seen:
        until = one.series.bound("until_id", bounds) or 0
        if problem := contradiction(table, one.series, one.rows, stored, until):
            raise problem


def _changes(dataset: Dataset, seen: Seen, stored: _Stored, now: int) -> Iterator[tuple[Row, Row | None]]:
    """Each new state with the one before it."""
    life, name, symbol = dataset.life, dataset.id_column, symbol_of(seen.series)
    for row in {row[name]: row for row in seen.rows}.values():
        versions = stored.get((symbol, row[name]), ())
        if not versions:
            yield row, None
            continue
        state = _where_stored(dataset, row, versions[-1])
        if _overtakes(life, state, versions[-1]) and not _is_known(life, state, versions):
            yield state, versions[-1]
    for one in seen.unknown:
        before = stored[symbol, one][-1]
        if before["gone_since"] is None:
            yield {**before, "gone_since": now}, before


def _where_stored(dataset: Dataset, row: Row, before: Row) -> Row:
    """A state under the instant first told of its thing, so that all its versions lie in one partition."""
    return {**row, str(dataset.clock): before[str(dataset.clock)]} if MONTH in dataset.partition else row


def _open_since(dataset: Dataset, rows: Iterable[Row], known: int) -> dict[str, int]:
    """Since when things of a series may be open, when these come to it; it is raised when they were looked through."""
    life, clock = dataset.life, str(dataset.clock)
    instants = [row[clock] for row in rows if row[life.status] not in life.final and row["gone_since"] is None]
    return {"open_since": min([*instants, *([known] if known else [])])} if instants else {}


def _stored_versions(table: Table, seen: Sequence[Seen]) -> dict[Key, list[Row]]:
    """The versions of everything that was seen, by symbol and id, the last one last."""
    dataset, name = table.dataset, table.dataset.id_column
    named = {(symbol_of(one.series), row[name]): row[str(dataset.clock)] for one in seen for row in one.rows}
    named |= {(symbol_of(one.series), each): instant for one in seen for each, instant in one.unknown.items()}
    stored = stored_rows(table, [one.series for one in seen], named).sort_by(dataset.version)
    by_symbol, found = "symbol" in dataset.series, dict[Key, list[Row]]()
    for row in with_instants(stored):
        found.setdefault((row["symbol"] if by_symbol else "", row[name]), []).append(row)
    return found
