"""Where one series stands in a pull, and the windows it needs next: what `plan` prices is what a run asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from connectors.binance.archive.client import Archive
from connectors.binance.archive.files import Remote, has_archive
from pipelines.archive.inventory import PUBLISHED_US, WORTH, Shelf, Source, Span, shelf_of, with_unlisted
from pipelines.archive.load import Loaded
from pipelines.candles.answer import Answer
from pipelines.candles.coverage import Coverage
from pipelines.candles.windows import Phase, Window, page_rows
from pipelines.store.gaps import CONFIRM_AFTER_US, NO_ANSWER, NOTHING_CAME, Asked, Gap
from pipelines.store.rows import Instants, instants
from schemas.model.grid import DAY_US
from schemas.model.series import Series

OVERLAP = 2  # candles asked for again before the frontier, to see whether the exchange changed them


@dataclass(slots=True)
class SeriesState:
    """All that is known of one series on the way: its coverage, which is wanted from `since` to `end`, and what came.

    With a `shelf`, what is worth it comes from the files of the archive; all of it where that is `alone`.
    """

    coverage: Coverage
    since: int
    end: int
    alone: bool = False
    shelf: Shelf | None = None
    listed: int | None = None  # where its history begins, once that is known
    going: bool = False  # the last opening page held candles
    failed: bool = False
    stored: pa.Table | None = None  # candles that are asked for again, in order
    late: Instants = field(default_factory=lambda: np.empty(0, np.int64))  # candles on their way into covered time

    @classmethod
    def of(
        cls, coverage: Coverage, since: int, end: int, now: int, source: Source = "auto", *, archived: bool = True
    ) -> SeriesState:
        """Wanted up to `end` as far as it can be had: what is forgotten comes with files alone, days later.

        Without an archive nobody has it, which is said at once.
        """
        alone = source == "archive"
        if coverage.at_rest:
            return cls(coverage, since, min(end, coverage.until), alone)
        return cls(coverage, since, min(end, now - PUBLISHED_US) if coverage.forgotten and archived else end, alone)

    @property
    def series(self) -> Series:
        return self.coverage.series

    @property
    def wants_history(self) -> bool:
        """Whether it is wanted from before its coverage."""
        return self.since < self.coverage.since

    @property
    def strict(self) -> bool:
        """Whether nothing but the archive may be asked."""
        return self.alone or self.coverage.forgotten

    @property
    def begins(self) -> int:
        """Where the archive begins; the start of coverage where it has nothing before that."""
        first_us = self.shelf.first_us if self.shelf is not None else None
        return self.coverage.since if first_us is None else first_us

    def worth_a_look(self, source: Source) -> bool:
        """Whether it pays to see what the archive holds of the series, for what it lacks."""
        if not has_archive(self.series.dataset.name, self.series["market"]):
            return False
        if self.strict:
            over = self.end - self.end % DAY_US if self.alone else self.end  # today has no file
            wants_more = not self.coverage.at_rest and self.coverage.until < over
            return wants_more or bool(self._doubts()) or self.wants_history
        spans = (self.since, self.coverage.since), (self.coverage.until, self.end)
        pages = (-(-self.coverage.grid.count(*span) // page_rows(self.series)) for span in spans)
        return sum(pages) >= WORTH[source]

    async def look_at(self, archive: Archive) -> None:
        """Take what the archive holds of the series from there; a delisted symbol goes on behind it from page to page.

        What the archive alone may know is looked at again, however long ago it was.
        """
        since = min([self.since, *((gap.since for gap in self._doubts()) if self.strict else ())])
        shelf = await shelf_of(archive, self.series, since, only=self.strict)
        if self.strict:
            shelf = await with_unlisted(archive, shelf, self._wanted(shelf.first_us or 0, shelf.last_us or 0))
        if not shelf.files and not shelf.only:
            return
        self.shelf, self.going = shelf, self.coverage.delisted and not self.coverage.at_rest
        if self.strict:
            self.listed = self.begins
            self.coverage = replace(self.coverage, earlier=self.begins < self.since)
        if self.alone:  # nothing is known of what lies before its files and behind them
            if self.coverage.is_new:
                begin = max(self.since, self.begins)
                self.coverage = replace(self.coverage, since=begin, until=begin)
            self.end = min(self.end, shelf.last_us or 0)

    def _wanted(self, first: int, last: int) -> list[Span]:
        """What is wanted and what is in doubt of the time from the first file to the last one."""
        spans = [(gap.since, gap.until or last) for gap in self._doubts()]
        spans += [(self.since, self.coverage.since), (self.coverage.until, self.end)]
        return [(max(since, first), min(until, last)) for since, until in spans]

    def opening(self, now: int) -> list[Window]:
        """What is new, with a second look at gaps that are due; of a new series the first page."""
        looks, coverage = self.second_looks(now), self.coverage
        if coverage.at_rest or (self.alone and self.shelf is None):
            return looks
        if self.shelf is not None:
            windows = list(self.windows(coverage.until, coverage.grid.floor(self.end), Phase.REST))
            while coverage.delisted and windows and windows[-1].remote is None:
                windows.pop()  # `ending` goes on there
            return [*looks, *windows]
        if coverage.is_new or coverage.delisted:
            return [*looks, *(window for window in [self._first()] if window.since < window.until)]
        return [*looks, *self.forward()]

    def rest(self) -> list[Window]:
        """What follows the opening page."""
        going = self.going and not self.coverage.delisted
        return list(self.forward(phase=Phase.REST, overlap=0)) if going else []

    def ending(self) -> list[Window]:
        """A delisted symbol goes on from candle to candle, since a page for each stretch of nothing could be years."""
        return [self._first()] if self.going and self.coverage.delisted else []

    def listing(self) -> list[Window]:
        """The question where history begins that is wanted: the first candle at or after `since`, before coverage."""
        known = not self.wants_history or self.listed is not None
        return [] if known else [self._window(Phase.LISTING, self.since, self.coverage.since)]

    def history(self) -> list[Window]:
        """What is wanted from before coverage, newest first, so that coverage stays one interval.

        What lies before `listed`, the first candle there is, makes one empty window that asks for nothing; before the
        files of the archive alone there is nothing to say.
        """
        if self.listed is None or not self.wants_history:
            return []
        listed = min(max(self.listed, self.since), self.coverage.since)
        windows = list(self.windows(listed, self.coverage.since, Phase.BACKWARD))
        if self.since < listed and not self.alone:
            windows.insert(0, self._window(Phase.BACKWARD, self.since, listed, ask_since=listed))
        return windows[::-1]

    def forward(self, *, phase: Phase = Phase.FORWARD, overlap: int = OVERLAP) -> Iterator[Window]:
        """The windows from the end of coverage to the last candle that closed by `end`."""
        coverage, grid = self.coverage, self.coverage.grid
        since, frontier = coverage.until, grid.floor(self.end)
        ask_since = max(grid.step(grid.floor(since), -overlap), coverage.since)
        while since < frontier:
            until = min(grid.step(grid.floor(ask_since), page_rows(self.series)), frontier)
            yield self._window(phase, since, until, ask_since=ask_since)
            since = ask_since = until

    def second_looks(self, now: int) -> list[Window]:
        """One page at the start of each covered gap that was seen only once, an hour or more ago."""
        since, until = self.coverage.since, self.coverage.until
        return [
            self._window(Phase.CONFIRM, gap.since, min(gap.until or now, until))
            for gap in self._doubts()
            if now - gap.first_seen >= CONFIRM_AFTER_US and since <= gap.since < until
        ]

    def _doubts(self) -> list[Gap]:
        """The gaps that another look may explain or fill.

        The archive alone says nothing to what the exchange said; the exchange is asked about what the archive said.
        """
        gaps, exchange = self.coverage.gaps.values(), Asked.of_exchange(self.series)
        if self.alone:
            return [gap for gap in gaps if gap.confirmed_at is None and not gap.told_by(exchange)]
        if self.strict:
            return [gap for gap in gaps if gap.confirmed_at is None]
        return [
            gap
            for gap in gaps
            if gap.confirmed_at is None
            or gap.reason in NO_ANSWER
            or (gap.reason in NOTHING_CAME and not gap.told_by(exchange))
        ]

    def windows(self, since: int, until: int, phase: Phase = Phase.REST) -> Iterator[Window]:
        """The windows of [since, until) in order: files of the archive where they are worth it, pages elsewhere.

        What lies before the archive is asked for together with its first window.
        """
        if self.shelf is None:
            yield from self._pages(since, until, phase)
            return
        begins = max(since, min(self.shelf.first_us or since, until))
        for stretch in self.shelf.stretches(begins, until, page_rows(self.series)):
            if stretch.remote is None and not self.alone:
                yield from self._pages(since, stretch.until, phase)
            else:
                yield self._window(phase, since, stretch.until, remote=stretch.remote)
            since = stretch.until

    def expected_rows(self, window: Window) -> int:
        """How many new candles a window brings, if every one is there."""
        if window.phase in {Phase.CONFIRM, Phase.LISTING}:
            return 0
        grid = self.coverage.grid
        if window.remote is not None:
            return grid.count(max(window.since, window.remote.file.since_us), window.until)
        return min(window.limit, grid.count(max(window.since, window.ask_since), window.until))

    def answer(self, window: Window, loaded: Loaded, now: int) -> Answer:
        """What came for a window, as far as it speaks: an opening page to its last candle, an empty one to the end."""
        until = window.until
        if window.phase is Phase.FIRST and loaded.rows.num_rows:
            grid = self.coverage.grid
            until = min(grid.step(grid.floor(int(instants(loaded.rows).max())), 1), until)
        return Answer(loaded.rows, window.since, until, now, loaded.asked, listed=window.ask_since < window.until)

    def _pages(self, since: int, until: int, phase: Phase) -> Iterator[Window]:
        grid = self.coverage.grid
        while since < until:
            end = min(grid.step(grid.floor(since), page_rows(self.series)), until)
            yield self._window(phase, since, end)
            since = end

    def _first(self) -> Window:
        """The window that opens a series, or goes on behind silence: whatever comes first at or after its coverage."""
        since = self.coverage.until
        return self._window(Phase.FIRST, since, max(self.coverage.grid.floor(self.end), since))

    def _window(
        self, phase: Phase, since: int, until: int, *, ask_since: int | None = None, remote: Remote | None = None
    ) -> Window:
        asked = since if ask_since is None else ask_since
        return Window(phase=phase, series=self.series, since=since, until=until, ask_since=asked, remote=remote)
