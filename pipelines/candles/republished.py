"""Files of the archive that were published anew, or late: found in the listing, loaded, the old rows kept beside them.

The archive corrects files without a word, after months and after years (reference, section 8.5): a file is never
final.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.archive.files import ArchiveFile, Remote
from connectors.lake import Lake
from pipelines.archive.changed import Span, anew
from pipelines.archive.load import no_answer
from pipelines.archive.provenance import Looks, last_looks, note
from pipelines.candles.renewal import renew
from pipelines.concurrency import prefetch
from pipelines.context.session import Session
from pipelines.store.gaps import Asked, load_gaps
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.series import Series

LISTINGS = 8  # at once
_NEVER = 2**63 - 1


async def recheck(session: Session, archive: Archive, dataset: Dataset) -> int:
    """Hold every file of a dataset that was ever looked at against its listing; returns how many rows changed or came.

    An archive that cannot be asked is told, and asked again by the next maintenance.
    """
    looks = await asyncio.to_thread(last_looks, session.lake, dataset)
    wanted = await asyncio.to_thread(_lacking, session.lake, dataset)
    rows = 0
    folders = _folders(looks, wanted).items()
    async with prefetch(folders, partial(_listed, archive), session.stop, limit=LISTINGS) as listings:
        async for _, listed in listings:
            if isinstance(listed, Problem):
                session.note(f"The archive was not looked at again: {listed.what}")
                continue
            rows += await reload(session, archive, await anew(archive, listed, looks, wanted))
    return rows


async def reload(session: Session, archive: Archive, remotes: Iterable[Remote]) -> int:
    """Load files again, each on its own; returns how many rows changed or came."""
    rows = 0
    for remote in remotes:
        if session.stop.is_set():
            break
        try:
            fetched = await archive.fetch(remote)
        except ArchiveTrouble as trouble:
            session.note(f"The archive was not looked at again: {trouble.what}")
            continue
        rows += await asyncio.to_thread(_reloaded, session.lake, fetched, session.client.now_us())
    return rows


def _lacking(lake: Lake, dataset: Dataset) -> dict[Series, list[Span]]:
    """The stretches, by series, that no answer of the exchange explains."""
    found: dict[Series, list[Span]] = defaultdict(list)
    for series, gaps in load_gaps(lake, dataset).items():
        for gap in gaps.values():
            if not gap.told_by(Asked.of_exchange(series)):
                found[series].append((gap.since, gap.until or _NEVER))
    return found


def _folders(looks: Iterable[str], wanted: Mapping[Series, Sequence[Span]]) -> dict[str, str]:
    """The folders to list, each with the first file that matters."""
    files = [file for path in looks if (file := ArchiveFile.at(path)) is not None]
    for series, spans in wanted.items():
        files += [made(series, min(spans)[0]) for made in (ArchiveFile.monthly, ArchiveFile.daily)]
    first: dict[str, str] = {}
    for file in files:
        first[file.folder] = min(file.path, first.get(file.folder, file.path))
    return first


async def _listed(archive: Archive, folder: tuple[str, str]) -> Sequence[Remote]:
    path, first = folder
    return await archive.list(path, after=first.removesuffix(".zip"))


def _reloaded(lake: Lake, fetched: Fetched, now: int) -> int:
    """Put a file's rows in the place of those stored for its time; one that cannot be read changes none."""
    file = fetched.file
    if fetched.rows is None:
        Looks(lake).write([fetched], now)
        return 0
    gap = no_answer(fetched)
    unanswered = tuple(replace(gap, since=since, until=until) for since, until in fetched.holes) if gap else ()
    series, asked = file.series, Asked(fetched.path, unanswered, "not_in_archive")
    renewed = renew(lake, series, fetched.rows, file.since_us, file.until_us, now, asked)
    if renewed is None:  # another process moved the series: not noted as loaded, so that the next look is another try
        return 0
    note(lake, fetched, now, asdict(renewed))
    return renewed.rows
