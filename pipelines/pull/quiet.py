"""Ledgers that cost much and seldom have news: those whose last answers brought nothing new rest for some hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow.compute as pc

from connectors.binance.endpoints.model import Endpoint, Windows
from connectors.lake import Lake, Table
from pipelines.store.filters import timestamp, within
from pipelines.store.looks import Looks
from schemas.model.errors import CorruptData
from schemas.model.instants import length_us
from schemas.model.series import Series


def quiet_series(
    lake: Lake, endpoint: Endpoint, series: Iterable[Series], bounds: Mapping[str, int], looks: Looks, now: int
) -> frozenset[Series]:
    """Those of a ledger's series that rest now: their last answers brought nothing new, not long ago.

    None rests while a balance that it may have moved changed, for no known reason, after what it covers.
    """
    rests_us, table = length_us(endpoint.walked(Windows).quiet), lake.table(endpoint.feeds)
    lately = {one: until for one in series if 0 <= now - (until := one.bound("until", bounds) or 0) < rests_us}
    changed = looks.open.get(endpoint.feeds.name, ())
    return frozenset(
        one
        for one, until in lately.items()
        if not any(look.until > until and look.concerns(one.values) for look in changed)
        and _brought_nothing(table, one, until)
    )


def _brought_nothing(table: Table, series: Series, until: int) -> bool:
    """Whether no row of a series was stored since it was last asked for, which is after what it covers."""
    try:
        return not table.scan(["seen_at"], within([series]) & (pc.field("seen_at") >= timestamp(until))).num_rows
    except CorruptData:  # nobody knows
        return False
