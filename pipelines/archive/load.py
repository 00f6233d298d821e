"""One window of candles out of the archive: its file, and for what that lacks daily files and the exchange.

A defective file costs nothing but time: it is set aside with its reason, and its stretch is asked for elsewhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.archive.client import Archive, Fetched
from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.archive.files import ArchiveFile, Remote, folder
from connectors.binance.errors import UnknownSymbol
from pipelines.archive.inventory import days_of
from pipelines.store.gaps import Asked, Gap
from pipelines.store.rows import instants
from schemas.datasets.archive import Reason
from schemas.model.counted import counted
from schemas.model.grid import DAY_US
from schemas.model.series import Series

MOST_HOLES = 20  # more holes than this in a stretch are asked for together
_NEVER = 2**63 - 1

Span = tuple[int, int]
Ask = Callable[[int, int], Awaitable[pa.Table]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came for a window: its candles, the files that were looked at for them, and what was asked for the rest."""

    rows: pa.Table
    asked: Asked
    files: tuple[Fetched, ...] = ()


@dataclass(frozen=True, slots=True)
class Lack:
    """A stretch that is still lacking; `gap` says of which file it should have come, where that gave no answer.

    It is `filed` once a file of its time was looked at.
    """

    since: int
    until: int
    gap: Gap | None = None
    filed: bool = False

    @property
    def span(self) -> Span:
        return self.since, self.until


@dataclass(slots=True)
class Loader:
    """Fetches stretches of a series from the archive, and what it lacks from the exchange."""

    archive: Archive
    series: Series
    ask: Ask | None  # what the exchange itself returns for a span; without it the archive is all there is
    unasked: bool = False  # the exchange may have what the archive lacks, and is not to be asked
    late_from: int = 0  # the files of days from here on may still come, or were not listed
    files: list[Fetched] = field(default_factory=list)
    parts: list[pa.Table] = field(default_factory=list)
    lacks: list[Lack] = field(default_factory=list)
    troubles: list[ArchiveTrouble] = field(default_factory=list)
    asked_exchange: bool = False  # and it knew the symbol

    async def load(self, remotes: Sequence[Remote], since: int, until: int) -> Loaded:
        """The candles of [since, until), as complete as these files, their days and the exchange together have them."""
        self.lacks = [Lack(since, until)]
        try:
            for remote in remotes:
                await self._from_file(remote)
                if remote.file.is_monthly:
                    await self._from_days(remote.file)
        except ArchiveTrouble as trouble:
            if self.ask is None:
                raise
            self.troubles.append(trouble)
        if self.ask is not None:
            await self._from_exchange(self.ask)
        rows = pa.concat_tables(self.parts) if self.parts else self.series.dataset.schema.empty_table()
        ordered = rows if len(self.parts) == 1 else rows.sort_by("open_time")
        return Loaded(ordered, self._asked(), tuple(self.files))

    async def _from_file(self, remote: Remote) -> None:
        """Take what a file holds of what is lacking."""
        wanted, others = _cut(self.lacks, (remote.file.since_us, remote.file.until_us))
        if not wanted:
            return
        fetched = await self.archive.fetch(remote)
        self.files.append(fetched)
        gap = no_answer(fetched)
        left = wanted
        if fetched.rows is not None:
            self.parts += [_between(fetched.rows, lack.span) for lack in wanted]
            left = [lack for hole in fetched.holes for lack in _cut(wanted, hole)[0]]
        self.lacks = sorted(
            [*others, *(replace(lack, gap=gap, filed=True) for lack in left)], key=lambda lack: lack.since
        )

    async def _from_days(self, month: ArchiveFile) -> None:
        """Daily files where a monthly one lacks candles: they win where the two differ."""
        wanted, _ = _cut(self.lacks, (month.since_us, month.until_us))
        if not wanted:
            return
        shelf = await days_of(self.archive, self.series, wanted[0].since, wanted[-1].until)
        for day in _days(wanted):
            remote = shelf.daily(day)
            if remote is not None:
                await self._from_file(remote)

    async def _from_exchange(self, ask: Ask) -> None:
        """Ask the exchange for what is still lacking; before the first candle that is one question."""
        joined = _joined(self.lacks)
        try:
            if len(joined) > MOST_HOLES:
                held = pa.concat_tables(self.parts) if self.parts else self.series.dataset.schema.empty_table()
                returned = await ask(joined[0][0], joined[-1][1])
                self.parts.append(returned.filter(pc.invert(pc.is_in(returned["open_time"], held["open_time"]))))
            else:
                self.parts += [await ask(*span) for span in joined]
        except UnknownSymbol:  # the exchange forgot the symbol: the archive is all there is
            return
        self.asked_exchange |= bool(joined)
        self.lacks = []

    def _asked(self) -> Asked:
        """What was asked for the candles that came last, and for what is lacking after all."""
        if self.asked_exchange:
            return Asked.of_exchange(self.series)
        read = [file.path for file in self.files if file.rows is not None]
        more = f" and {counted(len(read) - 1, 'other file')}" if len(read) > 1 else ""
        what = f"{read[0]}{more}" if read else nothing_listed(self.series)
        gaps = tuple(gap for lack in self.lacks for gap in self._unanswered(lack))
        return Asked(what, gaps, "not_in_archive") if self.unasked else Asked(what, gaps)

    def _unanswered(self, lack: Lack) -> list[Gap]:
        """What is lacking without an answer: of a file that gave none, or day by day of files that may still come."""
        if lack.gap is not None:
            return [replace(lack.gap, since=lack.since, until=lack.until)]
        if lack.filed or not self.unasked:
            return []
        late = Lack(max(lack.since, self.late_from), lack.until)
        told = {"asked": no_file(self.series)}
        return [
            Gap(since=max(day, late.since), until=min(day + DAY_US, late.until), reason="late", evidence=told)
            for day in _days([late])
        ]


def no_answer(fetched: Fetched) -> Gap | None:
    """What a file says of the candles it should have: nothing, where it was read whole.

    One that lost a few rows may have lost those of any stretch that it lacks.
    """
    if fetched.reason in {None, Reason.INCOMPLETE}:
        return None
    reason = "unavailable" if fetched.reason in {Reason.MISSING, Reason.REFUSED} else "unusable"
    told = {"asked": fetched.path, "reason": str(fetched.reason), "detail": fetched.detail}
    return Gap(since=0, until=None, reason=reason, evidence=told)


def no_file(series: Series) -> str:
    """What was asked for a stretch of which the archive has no file between others."""
    return f"{nothing_listed(series)}, and its files by their names"


def nothing_listed(series: Series) -> str:
    """What was asked where the archive lists no file: its two folders of the series."""
    folders = (folder(series.dataset, **series.values, monthly=monthly) for monthly in (True, False))
    return f"the listing of {' and '.join(folders)}"


def _between(rows: pa.Table, span: Span) -> pa.Table:
    """The rows of a file, which are sorted, that open in a span."""
    first, last = np.searchsorted(instants(rows), span).tolist()
    return rows.slice(first, last - first)


def _cut(lacks: Sequence[Lack], span: Span) -> tuple[list[Lack], list[Lack]]:
    """The parts of what is lacking inside a span, and the others."""
    inside = _clipped(lacks, *span)
    return inside, [*_clipped(lacks, 0, span[0]), *_clipped(lacks, span[1], _NEVER)]


def _clipped(lacks: Sequence[Lack], first: int, last: int) -> list[Lack]:
    clipped = (replace(lack, since=max(lack.since, first), until=min(lack.until, last)) for lack in lacks)
    return [lack for lack in clipped if lack.since < lack.until]


def _days(lacks: Sequence[Lack]) -> list[int]:
    """The days that stretches lie in."""
    return sorted({day for one in lacks for day in range(one.since - one.since % DAY_US, one.until, DAY_US)})


def _joined(lacks: Sequence[Lack]) -> list[Span]:
    """Stretches that touch, as one."""
    joined: list[Span] = []
    for lack in lacks:
        if joined and joined[-1][1] >= lack.since:
            joined[-1] = (joined[-1][0], max(joined[-1][1], lack.until))
        else:
            joined.append(lack.span)
    return joined
