"""Whether a wallet held all the time what it held at a snapshot."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from connectors.lake import Table
from pipelines.store.filters import within
from pipelines.store.rows import with_instants
from schemas.model.errors import CorruptData
from schemas.model.series import Series


def stood_still(table: Table, series: Series, taken: int, since: int) -> bool:
    """Whether all snapshots after the one that was taken then show what was held then.

    The snapshots of an empty wallet have no rows: where one after it has some, and none up to it, `since` an instant,
    nobody knows.
    """
    try:
        rows = table.scan(where=within([series], since))
    except CorruptData:  # nobody knows
        return False
    shown = defaultdict[int, set[tuple[Any, ...]]](set)
    for row in with_instants(rows):
        held, amounts = shown[row["observed_at"]], [row[name] for name in table.dataset.amounts]
        held.update([(row["asset"], *amounts)] if any(amounts) else [])
    before = max((at for at in shown if at <= taken), default=None)
    return all(before is not None and held == shown[before] for at, held in shown.items() if at > taken)
