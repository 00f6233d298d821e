"""The windows in which a list of movements is asked for: what `plan` prices, and what the pull walks. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connectors.binance.endpoints.model import Endpoint, Windows
from pipelines.pull.sure import covered
from pipelines.pull.windows import SeriesWindow, cut, whole_s
from pipelines.store.looks import Look
from schemas.model.grid import DAY_US, SECOND_US
from schemas.model.instants import length_us, micros
from schemas.model.series import Series

BEGINNING_US = micros(datetime(2017, 7, 1, tzinfo=UTC))  # no account of the exchange is older
LAG_US = 10 * SECOND_US  # what happened since may be missing from an answer


def windows_of(
    endpoint: Endpoint,
    series: Iterable[Series],
    bounds: Mapping[str, int],
    since: int | None,
    now: int,
    quiet: Collection[Series] = (),
) -> list[SeriesWindow]:
    """All windows of these series in a run, in the order they are asked for.

    `since` is where the account's history is wanted from; None means as far back as the exchange returns it. Of those
    that are quiet, nothing is asked after what they cover.
    """
    found = (window for one in series for window in _windows(endpoint, one, bounds, since, now, rests=one in quiet))
    return sorted(found, key=lambda window: window.rank)


def _windows(
    endpoint: Endpoint, series: Series, bounds: Mapping[str, int], wanted: int | None, now: int, *, rests: bool
) -> Iterator[SeriesWindow]:
    walk, settles_us = endpoint.walked(Windows), _microseconds(endpoint.feeds.settles)
    reachable = _reachable(walk, now)
    begin = reachable if wanted is None else wanted
    end = whole_s(now - LAG_US)
    stand = covered(series, bounds, end, settles_us)
    if stand is None:
        yield from _cut(walk, series, begin, end, reachable)
        return
    if not rests and not 0 <= end - stand.until < length_us(walk.rests):
        again = whole_s(max(stand.since, stand.again))
        yield from _cut(walk, series, again, end, reachable, attached=stand.sure)
    if begin < stand.since:
        yield from _cut(walk, series, begin, stand.since, reachable, backward=True)


def look_windows(
    endpoint: Endpoint,
    series: Iterable[Series],
    bounds: Mapping[str, int],
    looks: Sequence[Look],
    asked: Iterable[SeriesWindow],
    now: int,
) -> list[SeriesWindow]:
    """The windows of what these series are asked for once more, as far as those `asked` in any case leave it out."""
    walk, found, onward = endpoint.walked(Windows), list[SeriesWindow](), dict[Series, int]()
    for window in asked:
        if not window.backward:
            onward[window.series] = min(window.ask_since, onward.get(window.series, window.ask_since))
    for one in series:
        since, until = one.bound("since", bounds), one.bound("until", bounds)
        if since is not None and until is not None:
            last = min(until, onward.get(one, until))  # of a series that rests, nothing is asked in any case
            reachable = max(since, _reachable(walk, now))
            for start, end in _united(each.stretch for each in looks if each.concerns(one.values)):
                looked_at = _cut(walk, one, whole_s(max(start, reachable)), min(end, last), reachable)
                found += (replace(each, last=False, look=True) for each in looked_at)
    return found


def _united(stretches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same instants in stretches that do not overlap."""
    waiting: tuple[int, int] | None = None
    for since, until in sorted(stretches):
        if waiting is not None and since <= waiting[1]:
            waiting = waiting[0], max(waiting[1], until)
            continue
        if waiting is not None:
            yield waiting
        waiting = since, until
    if waiting is not None:
        yield waiting


def _cut(
    walk: Windows,
    series: Series,
    since: int,
    end: int,
    reachable: int,
    *,
    attached: int | None = None,
    backward: bool = False,
) -> Iterator[SeriesWindow]:
    """[since, end) in windows. What lies before `reachable` belongs to the first one, from where coverage ends on."""
    ask = max(since, reachable)
    start = min(since if attached is None else attached, ask)
    for window in cut(series, start, end, ask, walk.days * DAY_US, backward=backward):
        yield replace(window, last=window.until == end and not backward)


def _reachable(walk: Windows, now: int) -> int:
    """From where on the exchange can be asked."""
    begins = micros(walk.begins) if walk.begins else BEGINNING_US
    return whole_s(max(begins, now - _microseconds(walk.kept) if walk.kept else 0))


def _microseconds(length: timedelta | None) -> int:
    return 0 if length is None else length_us(length)
