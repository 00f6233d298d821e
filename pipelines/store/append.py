"""Immutable rows of an account, such as fills: added once each, whatever is asked for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

import pyarrow as pa

from connectors.lake import Lake, Table
from pipelines.store.id_cursor import Landed, Page, frontier, moved, symbol_of
from pipelines.store.lookup import Key, other_thing, stored_rows
from pipelines.store.news import News, commit_news
from pipelines.store.rows import column
from schemas.model.dataset import Dataset
from schemas.model.series import Series

# What makes a row the one it is, beside its id; of these, what its dataset has.
_IDENTITY = ("order_id", "taker_order_id", "maker_order_id", "price", "qty", "is_buyer")

_Stored = Mapping[Key, tuple[Any, ...]]  # the identity of each stored row


def add_rows(lake: Lake, dataset: Dataset, pages: Sequence[Page]) -> Landed:
    """Commit the rows that are not stored yet, with how far their series were walked.

    Raises ResetSeen, and commits nothing, where one page has another row under a stored id.
    """
    table, beyond = lake.table(dataset), set[Series]()

    def find(bounds: Mapping[str, int]) -> list[News]:
        stored = _stored(table, pages, bounds)
        _refuse_others(dataset, pages, stored)
        beyond.clear()
        beyond.update(page.series for page in pages if not page.in_turn and _reaches_beyond(page, bounds))
        return _news(pages, stored, bounds)

    return Landed(commit_news(table, find), beyond)


def _news(pages: Sequence[Page], stored: _Stored, bounds: Mapping[str, int]) -> list[News]:
    found = []
    for page in pages:
        until = _until(page.series, bounds)
        rows = page.rows.take(pa.array(_places_of_new(page, stored, until), pa.int64()))
        new = frontier(page, bounds)
        if moved(page.series, new, bounds, also=rows.num_rows > 0):
            found.append(News(page.series, rows, new))
    return found


def _places_of_new(page: Page, stored: _Stored, until: float) -> list[int]:
    """Where the rows stand that are not stored; those of a page out of turn only where the walk has been."""
    symbol = symbol_of(page.series)
    news = ((place, one) for place, one in enumerate(page.ids) if (symbol, one) not in stored)
    return [place for place, one in news if page.in_turn or one < until]


def _until(series: Series, bounds: Mapping[str, int]) -> float:
    """No row of a series is stored from this id on; ids say nothing where it is walked by time."""
    if not series.dataset.cursor or series.bound("until", bounds) is not None:
        return inf
    return series.bound("until_id", bounds) or 0


def _reaches_beyond(page: Page, bounds: Mapping[str, int]) -> bool:
    until = _until(page.series, bounds)
    return any(one >= until for one in page.ids)


def _stored(table: Table, pages: Sequence[Page], bounds: Mapping[str, int]) -> _Stored:
    """Which of the ids of the pages are stored."""
    untils = {page.series: _until(page.series, bounds) for page in pages}
    named = {
        (symbol_of(page.series), one): instant
        for page in pages
        for one, instant in page.instants.items()
        if one < untils[page.series]
    }
    rows = stored_rows(table, untils, named, ["symbol", table.dataset.id_column, *_identity(table.dataset)])
    symbols, ids, *values = (column(rows, name) for name in rows.column_names)
    return dict(zip(zip(symbols, ids, strict=True), zip(*values, strict=True), strict=True))


def _identity(dataset: Dataset) -> list[str]:
    return [name for name in _IDENTITY if name in dataset.schema.names]


def _refuse_others(dataset: Dataset, pages: Sequence[Page], stored: _Stored) -> None:
    """Refuse pages of which one has another row under a stored id."""
    for page in pages:
        symbol, rows = (
            symbol_of(page.series),
            zip(page.ids, *(column(page.rows, name) for name in _identity(dataset)), strict=True),
        )
        for one, *values in rows:
            if stored.get((symbol, one), tuple(values)) != tuple(values):
                raise other_thing(page.series, one)
