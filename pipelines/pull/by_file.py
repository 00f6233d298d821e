"""What comes out of the archive alone, file by file: each one once, verified, its rows and coverage in one commit.

A day without a file is a gap: late for a week, then not_in_archive, as is a slot of a grid that a file lacks. Nothing
is claimed before the first file and behind the last. Files are committed in batches of bounded size; one that may be
larger than the memory by itself, as it is unpacked. A series that another process moved meanwhile is left to the next
run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import IO

import numpy as np
import pyarrow as pa

from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.files import Remote
from connectors.binance.archive.streamed import Streamed
from connectors.binance.archive.zip import Defect
from connectors.lake import Move, Stale
from pipelines.archive.downloads import Bodies, at_once
from pipelines.archive.inventory import Shelf, shelf_of, with_unlisted
from pipelines.archive.load import no_answer, no_file
from pipelines.archive.provenance import note_files
from pipelines.archive.walk import Standing, Stretch, is_late
from pipelines.concurrency import prefetch
from pipelines.context.receipts import Tally
from pipelines.context.session import Session
from pipelines.store.filters import within
from pipelines.store.gaps import ASKED_AGAIN, CONFIRM_AFTER_US, Gap, load_gaps, write_gaps
from pipelines.store.holes import told_by_file
from pipelines.store.rows import Instants, each_key, instants, keys_of
from schemas.datasets.archive import Reason
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.series import Series

LISTINGS = 8  # at once
FILES_AHEAD = 8
FLUSH_ROWS = 500_000
FLUSH_FILES = 62


_Came = tuple[Fetched | None, IO[bytes] | None]


@dataclass(slots=True)
class _Batch:
    """What is committed together of many series."""

    rows: list[tuple[Series, pa.Table]] = field(default_factory=list)
    bounds: dict[Series, dict[str, int]] = field(default_factory=dict)
    gaps: list[tuple[Series, Gap]] = field(default_factory=list)
    files: list[Fetched] = field(default_factory=list)
    streamed: Iterable[pa.Table] = ()  # rows that come while they are written

    @property
    def full(self) -> bool:
        return sum(rows.num_rows for _, rows in self.rows) >= FLUSH_ROWS or len(self.files) >= FLUSH_FILES

    def without(self, lost: Collection[Series]) -> _Batch:
        """The same but for what was gathered of some series."""
        bounds = {series: new for series, new in self.bounds.items() if series not in lost}
        rows = [one for one in self.rows if one[0] not in lost]
        gaps = [one for one in self.gaps if one[0] not in lost]
        files = [one for one in self.files if one.file.series not in lost]
        return _Batch(rows, bounds, gaps, files, self.streamed if bounds else ())

    def moves(self, bounds: Mapping[str, int]) -> list[Move]:
        """What a commit does to each series."""
        bringing = {series for series, rows in self.rows if rows.num_rows} | {*(self.bounds if self.streamed else ())}
        return [Move.of(series, new, bounds) for series, new in self.bounds.items() if new or series in bringing]


@dataclass(slots=True, kw_only=True)
class FilePull:
    """One pull of a dataset whose rows come from files alone, of [since, until) as far as the archive has them."""

    session: Session
    archive: Archive
    tally: Tally
    dataset: Dataset
    market: str
    symbols: Sequence[str]
    since: int
    until: int
    standings: dict[Series, Standing] = field(default_factory=dict)
    bounds: dict[str, int] = field(default_factory=dict)
    batch: _Batch = field(default_factory=_Batch)
    failed: set[Series] = field(default_factory=set)

    async def run(self) -> None:
        """Bring every series up to its last file; one that fails stops no other."""
        await asyncio.to_thread(self._load)
        stretches = await self._wanted()
        files = [one.remote for one in stretches if one.remote is not None]
        self.session.progress.expect(files=len(files), size=sum(remote.size for remote in files))
        ahead = min(FILES_AHEAD, at_once(files)) if any(map(_is_streamed, stretches)) else FILES_AHEAD
        with Bodies() as bodies:
            fetch = partial(self._fetch, bodies)
            async with prefetch(stretches, fetch, self.session.stop, limit=ahead) as fetched:
                async for stretch, came in fetched:
                    await self._came(stretch, came)
        await asyncio.to_thread(self._land)

    async def _came(self, stretch: Stretch, came: _Came | Problem) -> None:
        """Take what came for a stretch; behind what failed of a series nothing is taken."""
        file, body = (None, None) if isinstance(came, Problem) else came
        with body or nullcontext():
            if stretch.series in self.failed:
                return
            if isinstance(came, Problem):
                self._fail(stretch.series, came)
            elif file is not None and body is not None:
                await self._streamed(stretch, file, body)
            else:
                self._take(stretch, file)
        if self.batch.full:
            await asyncio.to_thread(self._land)

    def _load(self) -> None:
        table, gaps = self.session.lake.table(self.dataset), load_gaps(self.session.lake, self.dataset)
        self.bounds = table.bounds()
        named = (Series.of(self.dataset, market=self.market, symbol=symbol) for symbol in self.symbols)
        self.standings = {one: Standing.of(one, self.bounds, gaps) for one in named}

    async def _wanted(self) -> list[Stretch]:
        """See which files there are of each series; what is wanted of them, series by series."""
        found, parts = list[Stretch](), list[tuple[Series, Gap]]()
        async with prefetch(self.standings.values(), self._shelf, self.session.stop, limit=LISTINGS) as shelves:
            async for standing, shelf in shelves:
                if isinstance(shelf, Problem):
                    self._fail(standing.series, shelf)
                else:
                    wanted = standing.wanted(shelf, self.since, self.until)
                    found += wanted
                    parts += [(standing.series, part) for part in standing.parts(wanted)]
        await asyncio.to_thread(write_gaps, self.session.lake, parts, self.session.client.now_us())
        for series, part in parts:
            self.standings[series] = self.standings[series].naming(part)
        return found

    async def _shelf(self, standing: Standing) -> Shelf:
        shelf = await shelf_of(self.archive, standing.series, standing.listed_from(self.since), only=True)
        wanted = standing.wanted(shelf, self.since, self.until)
        lacking = [(one.since, one.until) for one in wanted if one.remote is None]
        return await with_unlisted(self.archive, shelf, lacking)

    async def _fetch(self, bodies: Bodies, stretch: Stretch) -> _Came:
        """A file that was read, or one whose bytes wait to be read; nothing where there is none."""
        remote = stretch.remote
        if remote is None or stretch.series in self.failed:
            return None, None
        came = await bodies.verified(self.archive, remote) if _is_streamed(stretch) else await self._read(remote)
        self.session.progress.advance(files=1, size=remote.size)
        return came

    async def _read(self, remote: Remote) -> _Came:
        return await self.archive.fetch(remote), None

    def _fail(self, series: Series, problem: Problem) -> None:
        if problem.fatal:
            raise problem
        self.failed.add(series)
        self.tally.fail(series.name, problem)

    async def _streamed(self, stretch: Stretch, file: Fetched, body: IO[bytes]) -> None:
        """Commit a file by itself, whose rows are written as they are unpacked."""
        await asyncio.to_thread(self._land)
        try:
            if file.reason is None:
                file = await asyncio.to_thread(self._stored, stretch, file, Streamed(body, file.file))
        except Problem as problem:
            self._fail(stretch.series, problem)
            return
        if not file.streamed:
            self._take(stretch, file)

    def _stored(self, stretch: Stretch, file: Fetched, content: Streamed) -> Fetched:
        """The file once its rows are committed, or with the reason why none of them was."""

        def rows() -> Iterator[pa.Table]:
            for part in content:
                yield self._new(part, stretch)
            note_files(self.session.lake, [told()], self.session.client.now_us())  # before the rows are there

        def told() -> Fetched:
            return replace(
                file,
                streamed=content.rows,
                dropped_duplicates=content.dropped_duplicates,
                reason=Reason.BAD_ROW if content.left_out else None,
                detail=content.told,
            )

        standing = self.standings[stretch.series]
        self._settle(stretch, self._told(standing, stretch, file.path, np.empty(0, np.int64)))  # they have no grid
        self.batch.streamed = rows()
        try:
            self._land()
        except Defect as defect:
            self.standings[stretch.series] = standing
            return replace(file, reason=defect.reason, detail=defect.detail)
        return told()

    def _take(self, stretch: Stretch, file: Fetched | None) -> None:
        """Gather what a file, or its absence, says of a stretch."""
        if file is not None:
            self.batch.files.append(file)
            if file.rows is not None:
                self.batch.rows.append((stretch.series, self._new(file.rows, stretch)))
        self._settle(stretch, self._gaps(self.standings[stretch.series], stretch, file))

    def _settle(self, stretch: Stretch, gaps: Iterable[Gap]) -> None:
        """Gather what becomes of the gaps of a stretch, and move the coverage over it."""
        self.batch.gaps += [(stretch.series, gap) for gap in gaps]
        self._move(self.standings[stretch.series], stretch)

    def _told(self, standing: Standing, stretch: Stretch, path: str, times: Instants) -> list[Gap]:
        """What a file with rows at these instants says of the gaps of a stretch."""
        now = self.session.client.now_us()
        return told_by_file(self.dataset, standing.gaps, times, stretch.since, stretch.until, path, now)

    def _gaps(self, standing: Standing, stretch: Stretch, file: Fetched | None) -> Iterable[Gap]:
        """The gap that a stretch leaves, and what becomes of the one that was there."""
        now, before = self.session.client.now_us(), standing.gaps.get(stretch.since)
        if file is not None and file.rows is not None:
            return self._told(standing, stretch, file.path, instants(file.rows, str(self.dataset.cursor)))
        if file is None:
            asked = {"asked": no_file(stretch.series)}
            gap = stretch.gap("late" if is_late(stretch, now) else "not_in_archive", asked)
        else:
            told = no_answer(file)
            assert told is not None  # noqa: S101 - a file without rows gave no answer
            gap = replace(told, since=stretch.since, until=stretch.until)
        if before is None or not gap.same_stretch(before):
            return [replace(gap, first_seen=before.first_seen if before is not None else now)]
        waits = before.confirmed_at is None and now - before.first_seen >= CONFIRM_AFTER_US
        return [replace(before, confirmed_at=now)] if gap.reason not in ASKED_AGAIN and waits else []

    def _new(self, rows: pa.Table, stretch: Stretch) -> pa.Table:
        """The rows of a file that lie in a stretch; inside of what is covered, a killed run may have stored some."""
        times: Instants = instants(rows, str(self.dataset.cursor))
        inside = (times >= stretch.since) & (times < stretch.until)
        rows = rows if inside.all() else rows.filter(pa.array(inside))
        if not stretch.again or not rows.num_rows:
            return rows
        times = instants(rows, str(self.dataset.cursor))
        where = within([stretch.series], int(times.min()), int(times.max()) + 1)
        stored = keys_of(self.session.lake.table(self.dataset).scan(self.dataset.key, where), self.dataset)
        return rows.filter(pa.array([key not in stored for key in each_key(rows, self.dataset)]))

    def _move(self, standing: Standing, stretch: Stretch) -> None:
        """Move the coverage of a series over a stretch."""
        moved = self.batch.bounds.setdefault(stretch.series, {})
        if stretch.again:
            return
        if standing.since is None or standing.until is None:
            standing = replace(standing, since=stretch.since, until=stretch.since)
            moved["since"] = stretch.since
        if stretch.since == standing.until:
            moved["until"], standing = stretch.until, replace(standing, until=stretch.until)
        elif stretch.until == standing.since:
            moved["since"], standing = stretch.since, replace(standing, since=stretch.since)
        self.standings[stretch.series] = standing

    def _land(self) -> None:
        """Commit the batch: the journal first, then rows and bounds; that less is missing is said last."""
        batch, self.batch, now = self.batch, _Batch(), self.session.client.now_us()
        note_files(self.session.lake, batch.files, now)
        write_gaps(self.session.lake, batch.gaps, now, ahead=self.bounds)
        table = self.session.lake.table(self.dataset)
        while moves := batch.moves(self.bounds):
            rows = pa.concat_tables([self.dataset.schema.empty_table(), *(some for _, some in batch.rows)])
            try:
                self.tally.add(table.commit(chain([rows], batch.streamed), moves).rows)
                break
            except Stale as stale:
                for series in stale.series:
                    self._fail(series, Problem("Another process moved this series first; run again."))
                batch = batch.without(stale.series)
        for move in moves:
            self.bounds |= move.ids(self.bounds)
        write_gaps(self.session.lake, batch.gaps, now)


def _is_streamed(stretch: Stretch) -> bool:
    """Whether its file may be larger than the memory."""
    return stretch.remote is not None and stretch.remote.file.layout.streamed
