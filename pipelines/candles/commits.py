"""What was fetched and is not committed yet: gathered by series, landed as few large commits.

Everything a commit says about a series is bound to where that series stood when it was planned. A series that
another process moved meanwhile is dropped from the commit and reported, the others go in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from connectors.binance.archive.client import Fetched
from connectors.lake import Lake, Move, Stale, Table
from pipelines.archive.provenance import note_files
from pipelines.candles.coverage import Step
from pipelines.context.receipts import Tally
from pipelines.store.corrections import Correction, both_versions, write_corrections
from pipelines.store.gaps import Gap, write_gaps
from pipelines.store.journal import Known
from schemas.model.errors import Problem
from schemas.model.series import Series

FLUSH_ROWS = 500_000  # some 90 MB of Arrow; a commit this large is dominated by encoding, not by the log
FLUSH_FILES = 12  # of the archive; a killed run asks again for those of two batches, while fewer make commits dearer


@dataclass(slots=True)
class Batch:
    """What is committed together: steps of many series, candles printed differently, files that were looked at."""

    steps: dict[Series, list[Step]] = field(default_factory=dict)
    corrections: list[Correction] = field(default_factory=list)
    files: list[Fetched] = field(default_factory=list)
    rows: int = 0

    @property
    def full(self) -> bool:
        return self.rows >= FLUSH_ROWS or len(self.files) >= FLUSH_FILES

    def add(self, series: Series, step: Step) -> None:
        self.steps.setdefault(series, []).append(step)
        self.rows += step.rows.num_rows

    def correct(self, series: Series, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Note that the exchange now prints a stored row differently."""
        self.corrections.append(Correction(series=series, before=before, after=after))

    def drop(self, lost: Collection[Series]) -> None:
        """Forget what was gathered for some series."""
        self.steps = {series: steps for series, steps in self.steps.items() if series not in lost}
        self.corrections = [one for one in self.corrections if one.series not in lost]
        self.files = [one for one in self.files if one.file.series not in lost]

    @property
    def gaps(self) -> list[tuple[Series, Gap]]:
        """The last version of each gap."""
        last = {(series, gap.since): gap for series, some in self.steps.items() for step in some for gap in step.gaps}
        return [(series, gap) for (series, _), gap in last.items()]


@dataclass(slots=True)
class Commits:
    """Lands batches one after another, from the bounds that their steps were planned from.

    A series that turned out `stale` is left out from then on: what was planned behind a step that is lost would leave
    a hole.
    """

    lake: Lake
    table: Table
    bounds: dict[str, int]
    stale: set[Series] = field(default_factory=set)
    files: Known = field(default_factory=Known)  # what was noted of files of the archive

    def land(self, batch: Batch, now: int) -> int:
        """Commit a batch: the journal first, then new rows, corrected rows and bounds in one step.

        That less is missing is said last, once its rows are there. Returns the number of rows added.
        """
        batch.drop(self.stale)
        note_files(self.lake, batch.files, now, known=self.files)
        write_gaps(self.lake, batch.gaps, now, ahead=self.bounds)
        added: int | None = None
        while added is None:
            added = self._landed(batch, now)
        write_gaps(self.lake, batch.gaps, now)
        return added

    def _landed(self, batch: Batch, now: int) -> int | None:
        """Commit rows and bounds; None when a race was lost and the rest has to be tried again."""
        saying = {series: steps for series, steps in batch.steps.items() if _says(steps)}
        corrected = {one.series for one in batch.corrections}
        if not saying and not corrected:
            return 0
        news = {series: _merged(saying.get(series, ())) for series in sorted({*saying, *corrected})}
        moves = [Move.of(series, new, self.bounds) for series, new in news.items()]
        empty = self.table.dataset.schema.empty_table()
        rows = pa.concat_tables([empty, *(step.rows for steps in saying.values() for step in steps)])
        try:
            if corrected:
                self._replace(batch.corrections, rows, moves, now)
            else:
                self.table.commit(rows, moves)
        except Stale as stale:
            lost = stale.series & {*batch.steps, *corrected}
            self.stale |= lost
            batch.drop(lost)
            return None
        for move in moves:
            self.bounds |= move.ids(self.bounds)
        return rows.num_rows

    def _replace(self, corrections: Sequence[Correction], added: pa.Table, moves: Sequence[Move], now: int) -> None:
        """Put the rows that the exchange prints differently in the place of theirs, keeping both versions."""
        revisions = {move.series: (move.expected["revision"] or 0) + 1 for move in moves}
        write_corrections(self.lake, corrections, revisions, now)
        before, after = both_versions(corrections)
        self.table.replace(before, pa.concat_tables([after, added]), moves)


def _merged(steps: Sequence[Step]) -> dict[str, int]:
    return {name: value for step in steps for name, value in step.bounds.items()}


def _says(steps: Sequence[Step]) -> bool:
    """Whether there is anything to commit: a step without rows and bounds only looked."""
    return any(step.bounds or step.rows.num_rows for step in steps)


@dataclass(slots=True)
class Landing:
    """Lands what is gathered in `batch`, in order, and counts the rows that each batch added.

    A batch that failed is kept, so that no later one lands with a hole before it. A run that is cancelled leaves a
    commit alone, and waits for it before it ends.
    """

    commits: Commits
    tally: Tally
    batch: Batch = field(default_factory=Batch)
    _before: asyncio.Future[int] | None = None

    async def flush(self, now: int) -> None:
        """Begin to commit what was gathered, once the batch before has landed."""
        await self._settle()
        batch, self.batch = self.batch, Batch()
        self._before = asyncio.get_running_loop().run_in_executor(None, self.commits.land, batch, now)

    @asynccontextmanager
    async def at_the_end(self, clock_us: Callable[[], int]) -> AsyncIterator[None]:
        """Land what a block gathered, whatever happens in it; a problem of landing never hides what ended the block."""
        try:
            yield
        except BaseException as over:
            try:
                await self._rest(clock_us())
            except Problem as problem:
                if problem is not over:
                    self.tally.fail(self.commits.table.dataset.name, problem)
            raise
        await self._rest(clock_us())

    async def _rest(self, now: int) -> None:
        await self.flush(now)
        await self._settle()

    async def _settle(self) -> None:
        if self._before is not None:
            await asyncio.wait({self._before})  # which does not cancel it
            self.tally.rows += self._before.result()
            self._before = None
