"""Upkeep: every table tidied on its schedule, crowded ones after a run, and the archive looked at again."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from connectors.binance.endpoints.model import OnGrid
from connectors.lake import Lake
from pipelines.archive.changed import recheck
from pipelines.context.receipts import Failure
from pipelines.context.session import Session
from pipelines.quality.archive_audit import audit, due_pages, filed_markets
from pipelines.runs.reloading import FILED, WALKS, load_of
from schemas.datasets import DATASETS
from schemas.model.errors import AccessRefused, TryLater

CROWDED_FILES = 32  # files worth merging above which a run tidies up without being asked; commits stay quick


async def keep_up(session: Session, dataset: str, spared: Collection[str] = ()) -> int:
    """Tidy a table; of what the archive has, then look there again. Only the latter needs a network, and can wait.

    The exchange is asked for a sample of the archive's candles, but of no market that is `spared`.
    """
    table = session.lake.table(DATASETS[dataset])
    await asyncio.to_thread(table.maintain)
    if session.archive is None or dataset not in FILED or await asyncio.to_thread(table.version) < 0:
        return 0
    rows = await recheck(session, session.archive, DATASETS[dataset], load_of(dataset))
    if not isinstance(WALKS.get(dataset), OnGrid):
        return rows
    if await asyncio.to_thread(filed_markets, session.lake) <= {*spared}:
        return rows
    try:
        async with session.client:
            pages = await asyncio.to_thread(due_pages, session.lake, session.client.now_us(), spared=spared)
            await audit(session, pages)
    except (TryLater, AccessRefused) as problem:  # files are read where the exchange serves nobody
        session.note(f"The archive was not audited: {problem}")
    return rows


def tidy(lake: Lake, datasets: Collection[str]) -> list[Failure]:
    """Merge small files of tables that have become crowded, also when no maintenance flow is scheduled.

    Returns why a table could not be tidied; the others are.
    """
    failures: list[Failure] = []
    for name in sorted({*datasets, "runs", "api_requests"}):
        table = lake.table(DATASETS[name])
        try:
            if table.crowd() > CROWDED_FILES:
                table.maintain()
        except Exception as error:  # noqa: BLE001 - what was pulled is pulled
            failures.append(Failure.of(table.dataset.table, error))
    return failures
