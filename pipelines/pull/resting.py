"""Snapshots that cost much rest while whatever they would show comes from wallets that stand still."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.binance.endpoints.model import Endpoint, Whole
from connectors.lake import Table
from pipelines.pull.snapshot import fixed_series
from pipelines.store.standing_still import stood_still
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
        all(seen)
        and (min(seen) > taken or not looked)
        and all(stood_still(table, one, taken, taken - length_us(walk.rests)) for one in others)
    )
