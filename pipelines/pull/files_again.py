"""Files without candles that were published anew: what changed is replaced, new rows are added, others stay."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from connectors.binance.archive.client import Fetched
from connectors.binance.archive.layouts import Layout
from connectors.lake import Lake, Move, Stale
from pipelines.archive.provenance import Row, note_files
from pipelines.store.corrections import Correction, both_versions, write_corrections
from pipelines.store.filters import within
from pipelines.store.gaps import load_gaps, write_gaps
from pipelines.store.holes import told_by_file
from pipelines.store.rows import Instants, instants, keys_of, with_instants


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
