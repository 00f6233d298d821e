"""Immutable rows of an account, such as fills: added once each, whatever is asked for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import pyarrow as pa

from connectors.lake import Lake, Stale, Table
from pipelines.idpages import AccountSeries, Page, frontier, id_column, move_of, moved, with_ids
from pipelines.journal import column
from schemas.dataset import Dataset
from schemas.errors import Problem

ROUNDS = 20  # each lost race means another process got further

_Keys = set[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class _News:
    """What a page adds to what is stored: rows, and the bounds it leaves."""

    series: AccountSeries
    rows: pa.Table
    bounds: Mapping[str, int]


def add_rows(lake: Lake, dataset: Dataset, pages: Sequence[Page]) -> int:
    """Commit the rows that are not stored yet, with how far their series were walked; how many were new."""
    table = lake.table(dataset)
    for _ in range(ROUNDS):
        bounds = table.bounds()
        found = _news(dataset, pages, _stored(table, pages), bounds)
        if not found:
            return 0
        moves = [move_of(dataset, one.series, one.bounds, bounds) for one in found]
        try:
            return table.commit(pa.concat_tables(one.rows for one in found), moves).rows
        except Stale:
            continue
    raise Problem(f"Other processes kept moving {dataset.name} first.", "Run again.")


def _news(dataset: Dataset, pages: Sequence[Page], stored: _Keys, bounds: Mapping[str, int]) -> list[_News]:
    found = []
    for page in pages:
        series_id = dataset.series_id(page.series.values)
        until = bounds.get(f"{series_id}#until_id", 0) if dataset.cursor else inf
        rows = page.rows.take(pa.array(_places_of_new(page, stored, until), pa.int64()))
        new = frontier(page, bounds, series_id)
        if moved(new, bounds, series_id, also=rows.num_rows > 0):
            found.append(_News(page.series, rows, new))
    return found


def _places_of_new(page: Page, stored: _Keys, until: float) -> list[int]:
    """Where the rows stand that are not stored; those of a page out of turn only where the walk has been."""
    news = ((place, one) for place, one in enumerate(page.ids) if (page.series.symbol, one) not in stored)
    return [place for place, one in news if page.tail or one < until]


def _stored(table: Table, pages: Sequence[Page]) -> _Keys:
    """Which of the ids of the pages are stored."""
    ids = {one for page in pages for one in page.instants}
    if not ids:
        return set()
    instants = {instant for page in pages for instant in page.instants.values()}
    name = id_column(table.dataset)
    rows = table.scan(["symbol", name], with_ids(table.dataset, [page.series for page in pages], ids, instants))
    return set(zip(column(rows, "symbol"), column(rows, name), strict=True))
