"""One window of candles out of the archive: its file, and for what that lacks daily files and the exchange.

A defective file costs nothing but time: it is set aside with its reason, and its stretch is asked for elsewhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.archive import Archive, Fetched
from connectors.binance.archive_listing import Remote
from connectors.binance.archive_paths import KlineFile
from connectors.binance.errors import UnknownSymbol
from pipelines.candles import Series, instants
from pipelines.shelf import days_of
from schemas.intervals import DAY_US
from schemas.market import KLINES

MOST_HOLES = 20  # more holes than this in a stretch are asked for together

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came for a window: its candles, and the files that were looked at for them."""

    rows: pa.Table
    files: tuple[Fetched, ...] = ()


@dataclass(slots=True)
class Loader:
    """Fetches stretches of a series. `ask` gives what the exchange itself prints for a span."""

    archive: Archive
    series: Series
    ask: Callable[[int, int], Awaitable[pa.Table]]
    files: list[Fetched] = field(default_factory=list)
    parts: list[pa.Table] = field(default_factory=list)

    async def load(self, remote: Remote, since: int, until: int) -> Loaded:
        """The candles of [since, until), as complete as archive and exchange together have them."""
        holes = await self._from_file(remote, [(since, until)])
        if KlineFile.at(remote.path).is_monthly:
            holes = await self._from_days(holes)
        await self._from_exchange(holes)
        rows = pa.concat_tables(self.parts) if self.parts else KLINES.schema.empty_table()
        ordered = rows if len(self.parts) == 1 else rows.sort_by("open_time")
        return Loaded(ordered, tuple(self.files))

    async def _from_file(self, remote: Remote, wanted: Sequence[Span]) -> list[Span]:
        """Take what a file holds of the spans wanted; returns what it lacks of them."""
        fetched = await self.archive.fetch(remote)
        self.files.append(fetched)
        file = KlineFile.at(remote.path)
        if fetched.rows is not None:
            self.parts += [_between(fetched.rows, span) for span in wanted]
        lacking = fetched.holes if fetched.rows is not None else ((file.since_us, file.until_us),)
        return [*_overlaps(wanted, lacking), *_outside(wanted, (file.since_us, file.until_us))]

    async def _from_days(self, holes: Sequence[Span]) -> list[Span]:
        """Daily files where a monthly one lacks candles: they win where the two differ."""
        if not holes:
            return []
        left: list[Span] = []
        shelf = await days_of(self.archive, self.series, min(holes)[0], max(holes)[1])
        for day, spans in _by_day(holes).items():
            remote = shelf.daily(day)
            left += await self._from_file(remote, spans) if remote is not None else spans
        return left

    async def _from_exchange(self, holes: Sequence[Span]) -> None:
        """Ask the exchange for what is still lacking; before the first candle that is one question."""
        joined = _joined(sorted(holes))
        if len(joined) > MOST_HOLES:
            held = pa.concat_tables(self.parts) if self.parts else KLINES.schema.empty_table()
            printed = await self._asked(joined[0][0], joined[-1][1])
            self.parts.append(printed.filter(pc.invert(pc.is_in(printed["open_time"], held["open_time"]))))
            return
        for span in joined:
            self.parts.append(await self._asked(*span))

    async def _asked(self, since: int, until: int) -> pa.Table:
        try:
            return await self.ask(since, until)
        except UnknownSymbol:  # the exchange forgot the symbol: the archive is all there is
            return KLINES.schema.empty_table()


def _between(rows: pa.Table, span: Span) -> pa.Table:
    """The rows of a file, which are sorted, that open in a span."""
    first, last = np.searchsorted(instants(rows), span).tolist()
    return rows.slice(first, last - first)


def _overlaps(wanted: Sequence[Span], lacking: Sequence[Span]) -> Iterator[Span]:
    for since, until in wanted:
        for start, end in lacking:
            if max(since, start) < min(until, end):
                yield max(since, start), min(until, end)


def _outside(wanted: Sequence[Span], covered: Span) -> Iterator[Span]:
    """The parts of the spans that a file does not speak of."""
    first, last = min(since for since, _ in wanted), max(until for _, until in wanted)
    yield from _overlaps(wanted, [(first, covered[0]), (covered[1], last)])


def _by_day(spans: Sequence[Span]) -> dict[int, list[Span]]:
    """Spans cut at midnight, by the day they lie in."""
    days: dict[int, list[Span]] = {}
    for since, until in spans:
        at = since
        while at < until:
            midnight = at - at % DAY_US + DAY_US
            days.setdefault(midnight - DAY_US, []).append((at, min(until, midnight)))
            at = midnight
    return days


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Spans that touch, as one."""
    joined: list[Span] = []
    for since, until in spans:
        if joined and joined[-1][1] >= since:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((since, until))
    return joined
