"""What is missing, what to request for it, and what that costs. Pure.

A plan is a list of windows. Windows of existing series come first, so that a long backfill delays no one; within a
phase they are ordered by time across series, so that a commit touches few months.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from connectors.binance.archive.files import Remote
from connectors.binance.endpoints import feeding
from pipelines.archive.inventory import PUBLISHED_US, WORTH, Shelf, Source
from pipelines.candles.coverage import CONFIRM_AFTER_US, Walk
from schemas.model.grid import Grid
from schemas.model.instants import iso_text
from schemas.model.series import Series

OVERLAP = 2  # candles asked for again before the frontier, to see whether the exchange changed them


class Phase(IntEnum):
    """The order in which windows are worked on."""

    FORWARD = 0  # on from the end of coverage
    CONFIRM = 1  # a second look at a gap
    FIRST = 2  # the opening page of a series without coverage
    REST = 3  # what follows an opening page
    LISTING = 4  # where history begins: the first candle at or after the start that was asked for
    BACKWARD = 5  # history before the start of coverage


OPENING = (Phase.FIRST, Phase.LISTING)  # one page, whatever it holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One stretch of one series, a page or a file long: candles that open in [since, until).

    `ask_since` lies earlier where candles are asked for again. With `remote`, the candles lie in a file of the archive.
    """

    phase: Phase
    series: Series
    since: int
    until: int
    ask_since: int
    remote: Remote | None = None

    @property
    def limit(self) -> int:
        """The limit to send: one for the first candle alone, else what costs no more than the candles of the window."""
        if self.phase is Phase.LISTING:
            return 1
        return limit_for(self.series, self.ask_since, self.until)

    @property
    def rank(self) -> tuple[Phase, int, Series]:
        """Forward windows ascend in time, backward ones descend."""
        return self.phase, -self.until if self.phase is Phase.BACKWARD else self.since, self.series


def page_rows(series: Series) -> int:
    """How many candles one answer of the exchange holds at most."""
    return feeding(series).page_limit


def limit_for(series: Series, since: int, until: int) -> int:
    """The limit to send for the candles of [since, until)."""
    return feeding(series).limit_for(Grid.of(series["interval"]).count(since, until))


def forward(walk: Walk, end: int, *, phase: Phase = Phase.FORWARD, overlap: int = OVERLAP) -> Iterator[Window]:
    """The windows from the end of coverage to the last candle that closed by `end`; none when nothing can be new."""
    assert walk.until is not None  # noqa: S101 - a series without coverage starts with `first`
    grid, page = walk.grid, page_rows(walk.series)
    frontier = grid.floor(end)
    since, ask_since = walk.until, max(grid.step(grid.floor(walk.until), -overlap), walk.since or 0)
    while since < frontier:
        until = min(grid.step(grid.floor(ask_since), page), frontier)
        yield Window(phase=phase, series=walk.series, since=since, until=until, ask_since=ask_since)
        since = ask_since = until


def shelved(walk: Walk, since: int, until: int, shelf: Shelf, phase: Phase) -> Iterator[Window]:
    """The windows of [since, until) in order: files of the archive where they are worth it, pages elsewhere.

    What lies before the archive is asked for together with its first window.
    """
    begins = max(since, min(shelf.first_us or since, until))
    for stretch in shelf.stretches(begins, until, page_rows(walk.series)):
        if stretch.remote is None:
            yield from _pages(walk, since, stretch.until, phase)
        else:
            yield Window(
                phase=phase,
                series=walk.series,
                since=since,
                until=stretch.until,
                ask_since=since,
                remote=stretch.remote,
            )
        since = stretch.until


def _pages(walk: Walk, since: int, until: int, phase: Phase) -> Iterator[Window]:
    grid, page = walk.grid, page_rows(walk.series)
    while since < until:
        end = min(grid.step(grid.floor(since), page), until)
        yield Window(phase=phase, series=walk.series, since=since, until=end, ask_since=since)
        since = end


def first(series: Series, since: int, end: int) -> Window:
    """The window that opens a series: whatever comes first at or after `since`, which shows when it was listed."""
    frontier = Grid.of(series["interval"]).floor(end)
    return Window(phase=Phase.FIRST, series=series, since=since, until=max(frontier, since), ask_since=since)


def listing(walk: Walk, since: int) -> Window:
    """The question where history begins: the first candle at or after `since` and before coverage."""
    until = walk.since or since
    return Window(phase=Phase.LISTING, series=walk.series, since=since, until=until, ask_since=since)


def backward(walk: Walk, since: int, listed: int, shelf: Shelf | None = None) -> list[Window]:
    """The windows from the start of coverage back to `since`, newest first, so that coverage stays one interval.

    What lies before `listed`, the first candle there is, makes one empty window that asks for nothing.
    """
    assert walk.since is not None  # noqa: S101 - a series without coverage starts with `first`
    listed = min(max(listed, since), walk.since)
    if shelf is not None:
        windows = list(shelved(walk, listed, walk.since, shelf, Phase.BACKWARD))
    else:
        windows = list(_pages(walk, listed, walk.since, Phase.BACKWARD))
    if since < listed:
        windows.insert(0, Window(phase=Phase.BACKWARD, series=walk.series, since=since, until=listed, ask_since=listed))
    return windows[::-1]


def expected_rows(walk: Walk, window: Window) -> int:
    """How many new candles a window brings, if every one is there."""
    if window.phase in {Phase.CONFIRM, Phase.LISTING}:
        return 0
    if window.remote is not None:
        return walk.grid.count(max(window.since, window.remote.file.since_us), window.until)
    return min(window.limit, walk.grid.count(max(window.since, window.ask_since), window.until))


def second_looks(walk: Walk, now: int) -> list[Window]:
    """One page at the start of each gap that was seen only once, an hour or more ago."""
    due = [
        gap
        for gap in walk.gaps.values()
        if gap.confirmed_at is None and now - gap.first_seen >= CONFIRM_AFTER_US and gap.since < (walk.until or 0)
    ]
    return [
        Window(
            phase=Phase.CONFIRM,
            series=walk.series,
            since=gap.since,
            until=min(gap.until or now, walk.until or 0),
            ask_since=gap.since,
        )
        for gap in due
    ]


def in_order(windows: Iterable[Window]) -> list[Window]:
    return sorted(windows, key=lambda window: window.rank)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a series will take: requests and rows are exact where the exchange holds every candle."""

    series: str
    requests: int
    weight: int
    rows: int
    files: int = 0
    download_bytes: int = 0
    note: str = ""


BYTES_PER_CANDLE = 60  # as committed, rounded up from simulated and real minutes; upkeep leaves two thirds of it


def cost(walk: Walk, since: int, end: int, now: int, shelf: Shelf | None = None) -> Cost:
    """The cost of bringing one series up to `end`, and back to `since` where that lies before its coverage."""
    found, (looks, weight) = _cost(walk, since, end, shelf), _asked(second_looks(walk, now))
    return replace(found, requests=found.requests + looks, weight=found.weight + weight)


def _cost(walk: Walk, since: int, end: int, shelf: Shelf | None) -> Cost:
    name, grid = walk.series.name, walk.grid
    if walk.at_rest and (walk.since or 0) <= since:
        return Cost(series=name, requests=0, weight=0, rows=0, note="delisted and complete")
    if shelf is not None:
        return _shelved_cost(walk, since, grid.floor(end), shelf)
    if walk.until is None or walk.since is None:
        rows = grid.count(since, grid.floor(end))
        requests, weight = _asking(walk.series, max(rows, 1))
        note = "new series; fewer when it was listed later"
        return Cost(series=name, requests=requests, weight=weight, rows=rows, note=note)
    older = grid.count(since, walk.since) if since < walk.since else 0
    windows = [*forward(walk, end), *([listing(walk, since)] if older else [])]
    requests, weight = map(sum, zip(_asked(windows), _asking(walk.series, older), strict=True))
    return Cost(series=name, requests=requests, weight=weight, rows=older + grid.count(walk.until, grid.floor(end)))


def _shelved_cost(walk: Walk, since: int, frontier: int, shelf: Shelf) -> Cost:
    begins = max(since, shelf.first_us or since)
    spans = (
        [(begins, frontier)]
        if walk.since is None or walk.until is None
        else [(begins, walk.since), (walk.until, frontier)]
    )
    windows = [one for span in spans if span[0] < span[1] for one in shelved(walk, *span, shelf, Phase.REST)]
    requests, weight = _asked(one for one in windows if one.remote is None)
    return Cost(
        series=walk.series.name,
        requests=requests,
        weight=weight,
        rows=sum(walk.grid.count(one.since, one.until) for one in windows),
        files=sum(1 for one in windows if one.remote is not None),
        download_bytes=sum(one.remote.size for one in windows if one.remote is not None),
        note=f"the archive begins {iso_text(begins)[:10]}" if since < begins else "",
    )


def _asked(windows: Iterable[Window]) -> tuple[int, int]:
    """The requests of these windows, one each, and their weight."""
    weights = [feeding(one.series).cost({"limit": one.limit}) for one in windows]
    return len(weights), sum(weights)


def _asking(series: Series, rows: int) -> tuple[int, int]:
    """The requests that so many candles in a row take, and their weight: whole pages, and one that may be smaller."""
    endpoint = feeding(series)
    whole, rest = divmod(rows, endpoint.page_limit)
    last = endpoint.cost({"limit": endpoint.limit_for(rest)}) if rest else 0
    return pages(series, rows), whole * endpoint.cost({"limit": endpoint.page_limit}) + last


def pages(series: Series, rows: int) -> int:
    """How many requests so many candles take."""
    return -(-rows // page_rows(series))


def reach(walk: Walk, end: int, now: int) -> int:
    """How far a series can be had by now: what is forgotten comes with the files of the archive alone, days later."""
    if walk.at_rest and walk.until is not None:
        return min(end, walk.until)
    return min(end, now - PUBLISHED_US) if walk.forgotten else end


def worth_a_look(walk: Walk, since: int, end: int, source: Source) -> bool:
    """Whether it pays to see what the archive holds of a series, for what it lacks of [since, end)."""
    if walk.forgotten:
        unsure = any(gap.confirmed_at is None for gap in walk.gaps.values())
        return not walk.at_rest or unsure or since < (walk.since or 0)
    return pages_lacking(walk, since, end) >= WORTH[source]


def pages_lacking(walk: Walk, since: int, end: int) -> int:
    """How many pages of the exchange a series lacks of [since, end)."""
    if walk.since is None or walk.until is None:
        return pages(walk.series, walk.grid.count(since, end))
    spans = (since, walk.since), (walk.until, end)
    return sum(pages(walk.series, walk.grid.count(*span)) for span in spans)
