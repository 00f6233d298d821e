"""Files without candles that were published anew, or are asked for again: what changed is replaced, new rows are
added, others stay.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from connectors.binance.archive.client import Fetched
from connectors.binance.archive.layouts import Layout
from connectors.lake import Lake, Move, Stale
from pipelines.archive.changed import Load
from pipelines.archive.inventory import shelf_of
from pipelines.archive.provenance import Row, last_looks, note_files
from pipelines.archive.walk import walk
from pipelines.context.reloads import reload_covered
from pipelines.pull.by_file import FilePull
from pipelines.store.corrections import Correction, both_versions, write_corrections
from pipelines.store.filters import within
from pipelines.store.gaps import load_gaps, write_gaps
from pipelines.store.holes import told_by_file
from pipelines.store.rows import Instants, instants, keys_of, with_instants
from schemas.model.errors import Problem
from schemas.model.series import Series


@dataclass(frozen=True, slots=True)
class FileReload:
    """Loads the files of the covered part of [since, until) again, whatever their listing says."""

    pull: FilePull  # of the series and the stretch
    load: Load

    async def run(self) -> None:
        """Load the files of each series; one that fails stops no other, unless the next would fail as well."""
        pull = self.pull
        series = [Series.of(pull.dataset, market=pull.market, symbol=symbol) for symbol in pull.symbols]
        await reload_covered(pull.session, pull.tally, pull.dataset, series, pull.since, pull.until, self._series)

    async def _series(self, series: Series, since: int, until: int) -> None:
        session, archive = self.pull.session, self.pull.archive
        shelf = await shelf_of(archive, series, since, only=True)
        remotes = [one.remote for one in walk(shelf, since, until) if one.remote is not None]
        session.progress.expect(files=len(remotes), size=sum(remote.size for remote in remotes))
        for remote in remotes:
            if not session.stop.is_set():
                self.pull.tally.add(await self.load(session, archive, remote))
                session.progress.advance(files=1, size=remote.size)
        looks = await asyncio.to_thread(last_looks, session.lake, series.dataset)
        for look in (looks[remote.path] for remote in remotes if remote.path in looks):
            if look["reason"] is not None and not look["rows"]:
                raise Problem(f"{look['path']} is {look['reason']}: {look['detail']}.", "What is stored stays.")


@dataclass(slots=True)
class _Difference:
    """How a file differs from what is stored of its time."""

    added: pa.Table
    removed: int
    times: Instants  # of the rows stored before and of those of the file
    corrections: list[Correction] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return {"added": self.added.num_rows, "removed": self.removed, "changed": len(self.corrections)}


def load_file_again(lake: Lake, fetched: Fetched, now: int) -> int:
    """Put a file's rows in the place of those stored for its time; one that cannot be read changes none."""
    series = fetched.file.series
    table = lake.table(series.dataset)
    bounds = table.bounds()
    since, until = series.bound("since", bounds), series.bound("until", bounds)
    if fetched.rows is None or since is None or until is None:
        note_files(lake, [fetched], now)
        return 0
    since, until = max(since, fetched.file.since_us), min(until, fetched.file.until_us)
    found = _difference(lake, fetched, since, until)
    move = Move.of(series, {}, bounds)
    try:
        if found.corrections:
            write_corrections(lake, found.corrections, {series: (move.expected["revision"] or 0) + 1}, now)
            before, after = both_versions(found.corrections)
            table.replace(before, pa.concat_tables([after, found.added]), [move])
        elif found.added.num_rows:
            table.commit(found.added, [move])
    except Stale:  # not noted as loaded, so that the next look is another try
        return 0
    gaps = load_gaps(lake, series.dataset).get(series, {})
    told = told_by_file(series.dataset, gaps, found.times, since, until, fetched.path, now)
    write_gaps(lake, [(series, gap) for gap in told], now)
    note_files(lake, [fetched], now, found.counts)
    return found.added.num_rows + len(found.corrections)


def _difference(lake: Lake, fetched: Fetched, since: int, until: int) -> _Difference:
    dataset = fetched.file.series.dataset
    assert fetched.rows is not None  # noqa: S101 - the caller has looked
    times = instants(fetched.rows, str(dataset.cursor))
    rows = fetched.rows.filter(pa.array((times >= since) & (times < until)))
    stored = lake.table(dataset).scan(dataset.schema.names, within([fetched.file.series], since, until))
    old, new = keys_of(stored, dataset), keys_of(rows, dataset)
    added = rows.take(pa.array([place for key, place in new.items() if key not in old], pa.int64()))
    both = [(old[key], place) for key, place in new.items() if key in old]
    before = stored.take(pa.array([one for one, _ in both], pa.int64()))
    after = rows.take(pa.array([one for _, one in both], pa.int64()))
    pairs = zip(with_instants(before), with_instants(after), strict=True)
    corrected = ((one, _corrected(one, other, fetched.file.layout)) for one, other in pairs)
    corrections = [
        Correction(series=fetched.file.series, before=one, after=other) for one, other in corrected if one != other
    ]
    known = np.union1d(instants(stored, str(dataset.cursor)), times)
    return _Difference(added, len(old) - len(both), known, corrections)


def _corrected(stored: Row, row: Row, layout: Layout) -> Row:
    """The row of a file in place of the stored one, with what only the exchange prints kept of fundings."""
    if layout.dataset.jitter is None:
        return row
    printed = {name: row[name] for name in layout.read if name != layout.dataset.clock}
    return {**stored, **printed}
