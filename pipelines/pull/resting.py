"""Snapshots that cost much rest while whatever they would show comes from wallets that stand still."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from connectors.binance.endpoints.model import Endpoint, Whole
from connectors.lake import Table
from pipelines.pull.snapshot import fixed_series
from pipelines.store.filters import within
from pipelines.store.rows import with_instants
from schemas.model.errors import CorruptData
from schemas.model.instants import length_us
from schemas.model.series import Series


def rests(table: Table, endpoint: Endpoint, of: Mapping[str, str], now: int, *, looked: bool = True) -> bool:
    """Whether a snapshot is left out at an instant, in microseconds.

    One was taken not long before, and each wallet beside it was seen since and held all the time what it held then.
    Where nobody has `looked` yet, as before a run, what was seen last counts.
    """
    walk, bounds = endpoint.walked(Whole), table.bounds()
    (series, *_) = fixed_series(endpoint, of)
    taken = series.bound("observed_at", bounds)
    if taken is None or not 0 <= now - taken < length_us(walk.rests):
        return False
    others = [Series.of(endpoint.feeds, **{**of, endpoint.feeds.series[-1]: one}) for one in walk.beside]
    seen = [one.bound("observed_at", bounds) or 0 for one in others]
    return (
        all(seen) and (min(seen) > taken or not looked) and all(_stood_still(table, one, taken, walk) for one in others)
    )


def _stood_still(table: Table, series: Series, taken: int, walk: Whole) -> bool:
    """Whether what came after an instant shows what was held then.

    The snapshots of an empty wallet have no rows: where one has some, and none came before it, nobody knows.
    """
    try:
        rows = table.scan(where=within([series], taken - length_us(walk.rests)))
    except CorruptData:  # nobody knows
        return False
    shown = defaultdict[int, set[tuple[Any, ...]]](set)
    for row in with_instants(rows):
        held, amounts = shown[row["observed_at"]], [row[name] for name in table.dataset.amounts]
        held.update([(row["asset"], *amounts)] if any(amounts) else [])
    before = max((at for at in shown if at <= taken), default=None)
    return all(before is not None and held == shown[before] for at, held in shown.items() if at > taken)
