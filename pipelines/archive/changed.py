"""Files that were published anew, mended or late: found in the listing, and loaded again.

The archive corrects files without a word, after months and after years (reference, section 8.5): a file is never
final.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.archive.files import ArchiveFile, Remote, has_archive
from connectors.lake import Lake
from pipelines.archive.provenance import Row, last_looks
from pipelines.concurrency import prefetch
from pipelines.context.session import Session
from pipelines.store.gaps import NO_ANSWER, Asked, load_gaps
from schemas.datasets.archive import Reason
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.series import Series

BESIDE = {Reason.NO_CHECKSUM, Reason.CHECKSUM_MISMATCH}  # may be mended without a change of the zip that is listed
LISTINGS = 8  # at once
_NEVER = 2**63 - 1

Span = tuple[int, int]
Load = Callable[[Session, Archive, Remote], Awaitable[int]]  # loads a file; how many rows changed or came


async def recheck(session: Session, archive: Archive, dataset: Dataset, load: Load) -> int:
    """Hold every file of a dataset that was ever looked at against its listing; returns how many rows changed or came.

    Files that may fill a gap are loaded as well. An archive that cannot be asked is told, and asked again by the next
    maintenance.
    """
    looks = await asyncio.to_thread(last_looks, session.lake, dataset)
    wanted = await asyncio.to_thread(_lacking, session.lake, dataset)
    rows = 0
    look = partial(_changed, archive, looks, wanted)
    async with prefetch(_folders(looks, wanted).items(), look, session.stop, limit=LISTINGS) as listings:
        async for _, changed in listings:
            if isinstance(changed, Problem):
                _note(session, changed)
            else:
                rows += await reload(session, archive, changed, load)
    return rows


async def reload(session: Session, archive: Archive, remotes: Iterable[Remote], load: Load) -> int:
    """Load files again, each on its own; returns how many rows changed or came."""
    rows = 0
    for remote in remotes:
        if session.stop.is_set():
            break
        try:
            rows += await load(session, archive, remote)
        except ArchiveTrouble as trouble:
            _note(session, trouble)
    return rows


def at_once(put: Callable[[Lake, Fetched, int], int]) -> Load:
    """Load a file that is read as one, which is put into the lake at an instant."""

    async def load(session: Session, archive: Archive, remote: Remote) -> int:
        fetched = await archive.fetch(remote)
        return await asyncio.to_thread(put, session.lake, fetched, session.client.now_us())

    return load


def _note(session: Session, problem: Problem) -> None:
    session.note(f"The archive was not looked at again: {problem.what}")


async def anew(
    archive: Archive, listed: Iterable[Remote], looks: Mapping[str, Row], wanted: Mapping[Series, Sequence[Span]]
) -> list[Remote]:
    """The files whose listing or CHECKSUM is not what it was at the last look, and late ones that may fill a gap."""
    found = []
    for remote in listed:
        look = looks.get(remote.path)
        if look is None:
            changed = _may_fill(remote, wanted)
        elif (remote.etag, remote.size) != (look["etag"], look["size"]):
            changed = True
        else:
            changed = look["reason"] in BESIDE and await archive.checksum(remote.path) == look["sha256"]
        if changed:
            found.append(remote)
    return found


def _may_fill(remote: Remote, wanted: Mapping[Series, Sequence[Span]]) -> bool:
    file = remote.file
    spans = wanted.get(file.series, ())
    return any(since < file.until_us and file.since_us < until for since, until in spans)


def _lacking(lake: Lake, dataset: Dataset) -> dict[Series, list[Span]]:
    """The stretches, by series, that no answer of the exchange explains and a file may fill."""
    found: dict[Series, list[Span]] = defaultdict(list)
    for series, gaps in load_gaps(lake, dataset).items():
        if has_archive(dataset.name, series["market"]):
            for gap in gaps.values():
                if gap.reason in NO_ANSWER or not gap.told_by(Asked.of_exchange(series)):
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


async def _changed(
    archive: Archive,
    looks: Mapping[str, Row],
    wanted: Mapping[Series, Sequence[Span]],
    folder: tuple[str, str],
) -> list[Remote]:
    """The files of a folder that are to be loaded again."""
    path, first = folder
    return await anew(archive, await archive.list(path, after=first.removesuffix(".zip")), looks, wanted)
