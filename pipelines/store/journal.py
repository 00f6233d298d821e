"""What is written down in a journal: each thing once, however many processes find it out at the same time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from connectors.lake import Lake, Table
from pipelines.store.rows import last_by_identity, rows_of
from schemas.model.dataset import Dataset

Row = Mapping[str, Any]  # instants are microseconds


@dataclass(slots=True)
class Known:
    """The last version of each thing of a journal, as its table was at a version of its own."""

    version: int | None = None
    last: dict[tuple[Any, ...], Row] = field(default_factory=dict)

    def read(self, table: Table) -> dict[tuple[Any, ...], Row]:
        """Read what there is, unless nothing was added since."""
        if self.version != table.version():
            self.version, self.last = table.version(), last_by_identity(table.dataset, table.scan())
        return self.last


def add_versions(
    lake: Lake,
    journal: Dataset,
    rows: Sequence[Row],
    says: Callable[[Row], Hashable],
    where: pc.Expression,
    known: Known | None = None,
    waits: Callable[[Row, Row | None], bool] = lambda _row, _before: False,
) -> None:
    """Commit the rows that say something else than the last version of their thing, which is among the rows `where`.

    A version is never as old as the one before, from which its instant tells it. With `known`, which the caller keeps,
    the journal is read once for many calls. A row that `waits`, held against the version before, is left out.
    """
    if not rows:
        return
    with lake.alone(journal.table):
        table = lake.table(journal)
        last = last_by_identity(journal, table.scan(where=where)) if known is None else known.read(table)
        news = []
        for row in rows:
            thing = tuple(row.get(name) for name in journal.identity)
            before = last.get(thing)
            if (before is None or says(before) != says(row)) and not waits(row, before):
                at = row[journal.version] if before is None else max(row[journal.version], before[journal.version] + 1)
                last[thing] = {**row, journal.version: at}
                news.append(last[thing])
        if news:
            version = table.commit(rows_of(journal, news), []).version
            if known is not None:
                known.version = version


def add_entries(lake: Lake, journal: Dataset, rows: Sequence[Row], where: pc.Expression) -> None:
    """Commit the rows whose key no row has yet; those that could have it are among the rows `where`."""
    if not rows:
        return
    with lake.alone(journal.table):
        stored = lake.table(journal).scan(journal.key, where)
        known = set(zip(*(stored[name].to_pylist() for name in journal.key), strict=True))
        news = [row for row in rows if tuple(row.get(name) for name in journal.key) not in known]
        if news:
            lake.table(journal).commit(rows_of(journal, news), [])
