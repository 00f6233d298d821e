"""Files of the archive that were published anew: found, loaded again, their rows replaced, the old ones kept.

The archive corrects files for months after their time (reference, section 8.5), without a word.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.archive import Archive, Fetched
from connectors.binance.archive_listing import Remote
from connectors.binance.archive_paths import KlineFile
from connectors.lake import Lake
from pipelines.batch import Batch, Commits
from pipelines.candles import Gap, Instants, Series, Step, Walk, instants
from pipelines.held import held
from pipelines.journal import load_gaps, rows_of, with_instants
from pipelines.provenance import last_looks, row_of
from schemas.archive import ARCHIVE_FILES, Reason
from schemas.intervals import DAY_US
from schemas.market import KLINES

LOOK_BACK_US = 100 * DAY_US  # files whose time ended longer ago are taken to be final
BESIDE = {Reason.NO_CHECKSUM, Reason.CHECKSUM_MISMATCH}  # may be mended without a change of the zip that is listed


async def recheck(lake: Lake, archive: Archive, now: int) -> int:
    """Look again at every file of the last months, loaded or set aside; returns how many rows changed or came."""
    looks = await asyncio.to_thread(last_looks, lake)
    recent = [row for row in looks.values() if now - row["until"] < LOOK_BACK_US]
    rows = 0
    for remote in [remote async for remote in _changed(archive, recent)]:
        fetched = await archive.fetch(remote)
        rows += await asyncio.to_thread(_reload, lake, fetched, now)
    return rows


async def _changed(archive: Archive, looks: Iterable[Mapping[str, Any]]) -> AsyncIterator[Remote]:
    """The files whose listing is not what it was when they were loaded, and those whose CHECKSUM fits by now."""
    by_folder: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for look in looks:
        by_folder[KlineFile.at(look["path"]).folder].append(look)
    for folder, some in by_folder.items():
        first = min(look["path"] for look in some).removesuffix(".zip")
        listed = {remote.path: remote for remote in await archive.list(folder, after=first)}
        for look in some:
            remote = listed.get(look["path"])
            if remote is None:
                continue
            anew = (remote.etag, remote.size) != (look["etag"], look["size"])
            if anew or (look["reason"] in BESIDE and await archive.checksum(remote.path) == look["sha256"]):
                yield remote


def _reload(lake: Lake, fetched: Fetched, now: int) -> int:
    """Put a file's rows in the place of those stored for its time; a defective one is noted and changes nothing."""
    if fetched.rows is None:
        _note(lake, row_of(fetched, now))
        return 0
    file = KlineFile.at(fetched.path)
    series = Series(file.market, file.symbol, file.interval)
    table = lake.table(KLINES)
    bounds = table.bounds()
    since = max(file.since_us, bounds.get(f"{series.id}#since") or file.since_us)
    until = min(file.until_us, bounds.get(f"{series.id}#until") or since)
    old, new = held(table, series, since, until), _between(fetched.rows, since, until)
    added, removed, before, after = difference(old, new)
    batch = Batch()
    for old_row, new_row in zip(with_instants(before), with_instants(after), strict=True):
        batch.correct(series, old_row, new_row)
    if added.num_rows:
        there = np.union1d(instants(old), instants(new))
        walk = Walk(series, since, bounds.get(f"{series.id}#until"), gaps=load_gaps(lake).get(series, {}))
        batch.add(series, Step(added, {}, tuple(_filled(walk, there, instants(added), now))))
    commits = Commits(lake, table, bounds)
    commits.land(batch, now)
    if commits.stale:  # not noted as loaded, so that the next upkeep looks again
        return 0
    counts = {"added": added.num_rows, "removed": removed, "changed": before.num_rows}
    _note(lake, row_of(fetched, now, counts))
    return added.num_rows + before.num_rows


def _filled(walk: Walk, held: Instants, added: Instants, now: int) -> Iterator[Gap]:
    """What becomes of the gaps that candles were added to."""
    for gap in list(walk.gaps.values()):
        end = gap.until or walk.until or gap.since
        if ((added >= gap.since) & (added < end)).any():
            yield from walk.filled(held[(held >= gap.since) & (held < end)], gap.since, end, now)


def difference(old: pa.Table, new: pa.Table) -> tuple[pa.Table, int, pa.Table, pa.Table]:
    """What `new` adds, how many rows of `old` it lacks, and the rows of both that differ, in the same order.

    Rows that the new file lacks stay: what was printed once is not forgotten.
    """
    times = instants(old), instants(new)
    _, in_old, in_new = np.intersect1d(*times, assume_unique=True, return_indices=True)
    both_old, both_new = old.take(pa.array(in_old)), new.take(pa.array(in_new))
    differ = pa.array(_differ(both_old, both_new))
    added = new.filter(pa.array(~np.isin(times[1], times[0])))
    return added, len(times[0]) - len(in_old), both_old.filter(differ), both_new.filter(differ)


def _differ(old: pa.Table, new: pa.Table) -> npt.NDArray[np.bool_]:
    unequal = np.zeros(old.num_rows, dtype=bool)
    for name in KLINES.schema.names:
        unequal |= pc.not_equal(old[name], new[name]).to_numpy()
    return unequal


def _between(rows: pa.Table, since: int, until: int) -> pa.Table:
    times = instants(rows)
    return rows.filter(pa.array((times >= since) & (times < until)))


def _note(lake: Lake, row: Mapping[str, Any]) -> None:
    lake.table(ARCHIVE_FILES).commit(rows_of(ARCHIVE_FILES, [row]), [])
