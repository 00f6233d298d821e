"""Ids that were missing when they were passed, asked for once more at least an hour later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.errors import NoLongerKept
from connectors.lake import Table
from pipelines.candles.coverage import Step
from pipelines.store.filters import within
from pipelines.store.gaps import CONFIRM_AFTER_US, NOT_RETAINED, Gap
from pipelines.ticks.asking import Asking, told_of
from pipelines.ticks.holes import between, ids_of, left_over, missing_ids, real
from pipelines.ticks.stand import Stand
from schemas.model.series import Series

_MOST_LOOKS = 100  # of a series in one run


@dataclass(frozen=True, slots=True)
class Late:
    """The rows of missing ids that the exchange shows by now, and whether it still returns all that they were."""

    rows: pa.Table
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Look:
    """One gap that is to be asked for again."""

    series: Series
    gap: Gap

    def found(self, rows: pa.Table) -> pa.Table:
        """Those of the rows that the gap is about."""
        parts = [between(rows, first, last + 1) for first, last in missing_ids(self.gap)]
        return pa.concat_tables(parts) if parts else rows.slice(0, 0)

    def step(self, found: pa.Table, table: Table, now: int) -> Step:
        """What follows from rows that turned up after all, and what is left of the gap."""
        kept, _ = real(found)
        return Step(_not_stored(table, self.series, kept), {}, (left_over(self.gap, ids_of(found), now),))

    def confirmed(self, late: Late, table: Table, now: int) -> Step:
        """The same where the exchange was asked once more; of what it no longer returns that is all there is to say."""
        step = self.step(late.rows, table, now)
        (gap,) = step.gaps
        if gap.filled_at is not None:
            return step
        told = {**gap.evidence, "asked_again": told_of(self.series)}
        reason = gap.reason if late.is_kept else NOT_RETAINED
        return replace(step, gaps=(replace(gap, reason=reason, evidence=told, confirmed_at=now),))


def looks(stand: Stand, now: int) -> list[Look]:
    """The gaps of a series that are due for a second look, the oldest first."""
    due = (
        gap
        for gap in stand.gaps.values()
        if gap.confirmed_at is None and missing_ids(gap) and gap.first_seen <= now - CONFIRM_AFTER_US
    )
    ordered = sorted(due, key=lambda gap: gap.since)
    return [Look(stand.series, gap) for gap in ordered[:_MOST_LOOKS]]


async def late_rows(asking: Asking, look: Look) -> Late:
    """What the exchange shows of the missing ids by now."""
    parts, is_kept = [look.series.dataset.schema.empty_table()], True
    for first, last in missing_ids(look.gap):
        try:
            parts += [page async for page in _pages(asking, look.series, first, last)]
        except NoLongerKept:
            is_kept = False
    return Late(pa.concat_tables(parts), is_kept)


async def _pages(asking: Asking, series: Series, first: int, last: int) -> AsyncIterator[pa.Table]:
    while first <= last:
        page = await asking.page(series, first, limit=min(last - first + 1, asking.page_rows(series)))
        yield between(page, first, last + 1)
        if not page.num_rows or int(ids_of(page)[-1]) >= last:
            return
        first = int(ids_of(page)[-1]) + 1


def _not_stored(table: Table, series: Series, rows: pa.Table) -> pa.Table:
    """The rows that no run before this one stored, which may have died before it said so."""
    if not rows.num_rows:
        return rows
    name = table.dataset.id_column
    stored = table.scan([name], within([series]) & pc.field(name).isin(ids_of(rows).tolist()))
    return rows.filter(pa.array(~np.isin(ids_of(rows), stored[name].to_numpy())))
