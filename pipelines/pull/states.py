"""Full states kept as versions: a row for whatever changed since the last look, and a last one for what vanished."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from connectors.binance.endpoints.model import Endpoint, Groups, Whole
from connectors.binance.errors import Rejected
from connectors.lake import Lake
from pipelines.context.session import Session
from pipelines.store.filters import within
from pipelines.store.news import commit_snapshot
from pipelines.store.rows import last_by_identity, rows_of, with_instants
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.series import Series

Row = Mapping[str, Any]
Key = tuple[Any, ...]


async def pull_states(session: Session, endpoint: Endpoint, of: Mapping[str, str]) -> int:
    """Store a version of everything that changed since the last look, and a last one of what vanished.

    That most vanishes at once is asked for again, and then refused: no exchange takes half of a list away.
    """
    series = Series.of(endpoint.feeds, **{**endpoint.constants, **of})
    before = await asyncio.to_thread(last_states, session.lake, series)
    look = await _look(session, endpoint, series)
    if look.loses_most_of(before):
        look = await _look(session, endpoint, series)
    if look.loses_most_of(before):
        raise Problem(
            f"{endpoint.name} lacks {len(look.lost(before)):,} of the {len(look.steady(before)):,} "
            f"{endpoint.feeds.name} of {series.id} that were listed before.",
            "None was marked as gone; run again. An exchange that was wiped, as testnets are, needs a new lake.",
        )
    table, news = session.lake.table(series.dataset), partial(_news, session.lake, series, look)
    return await asyncio.to_thread(commit_snapshot, table, series, look.at, session.client.now_us(), news)


def last_states(lake: Lake, series: Series) -> dict[Key, Row]:
    """The last version of everything that was ever listed to us, also of what vanished since."""
    return last_by_identity(series.dataset, lake.table(series.dataset).scan(where=within([series])))


@dataclass(frozen=True, slots=True)
class _Look:
    """What was listed at an instant: everything, or what the exchange shows unless asked for more groups."""

    at: int
    walk: Whole
    printed: Mapping[Key, Row]
    everything: bool = True

    def gone(self, before: Mapping[Key, Row]) -> list[Key]:
        """What would be listed if it still existed."""
        return [
            key
            for key, row in before.items()
            if key not in self.printed
            and row["gone_since"] is None
            and (self.everything or self.walk.groups is None or _shown_unasked(self.walk.groups, row))
        ]

    def steady(self, before: Mapping[Key, Row]) -> set[Key]:
        """What does not vanish in large numbers."""
        return {
            key
            for key, row in before.items()
            if row["gone_since"] is None and not (self.walk.idle and row["status"] in self.walk.idle)
        }

    def lost(self, before: Mapping[Key, Row]) -> set[Key]:
        return self.steady(before).intersection(self.gone(before))

    def loses_most_of(self, before: Mapping[Key, Row]) -> bool:
        return 2 * len(self.lost(before)) > len(self.steady(before))


def _shown_unasked(groups: Groups, row: Row) -> bool:
    """Whether a row is shown without naming its groups; old answers do not say."""
    sets = row[groups.column]
    return sets is None or any(group in groups.unasked for inner in json.loads(sets) for group in inner)


async def _look(session: Session, endpoint: Endpoint, series: Series) -> _Look:
    """What is listed, all groups of it: without naming them, some are left out."""
    walk, dataset, now = endpoint.walked(Whole), endpoint.feeds, session.client.now_us()
    ask = partial(session.client.rows, endpoint, {**series.values, dataset.version: now})
    session.progress.expect(requests=1, rows=0)
    everything, named = True, {walk.groups.param: list(walk.groups.names)} if walk.groups else {}
    try:
        rows = await ask(**named)
    except Rejected:
        if walk.groups is None:
            raise
        rows, everything = await ask(), False  # it knows one of the groups no more; some is better than nothing
    session.progress.advance(requests=1)
    return _Look(now, walk, {dataset.identity_of(row): row for row in with_instants(rows)}, everything)


def _news(lake: Lake, series: Series, look: _Look) -> pa.Table:
    """A version of everything that differs from its last one, and a last one of what vanished."""
    dataset, before = series.dataset, last_states(lake, series)
    changed = [row for key, row in look.printed.items() if _differs(dataset, row, before.get(key))]
    gone = [{**before[key], "gone_since": look.at, dataset.version: look.at} for key in look.gone(before)]
    return rows_of(dataset, [*changed, *gone])


def _differs(dataset: Dataset, row: Row, before: Row | None) -> bool:
    return before is None or any(before[name] != value for name, value in row.items() if name != dataset.version)
