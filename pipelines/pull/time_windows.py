"""The windows in which rows along instants are asked for: what `plan` prices, and what the pull walks. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from connectors.binance.endpoints.model import ByTime, Endpoint
from pipelines.pull.windows import SeriesWindow, cut, whole_s
from pipelines.store.gaps import Gap
from schemas.model.grid import HOUR_US
from schemas.model.instants import length_us
from schemas.model.series import Series

Gaps = Mapping[Series, Mapping[int, Gap]]


def windows_of(
    endpoint: Endpoint,
    series: Iterable[Series],
    bounds: Mapping[str, int],
    since: int,
    until: int | None,
    now: int,
    ended: Callable[[Series], int | None],
    gaps: Gaps,
) -> list[SeriesWindow]:
    """All windows of these series in a run, in the order they are asked for.

    What has ended is asked for until an answer reaches beyond the instant at which it was first seen to have ended.

    Gaps that are due for a second look are asked for again, with all that follows; what of them is not kept any more
    is told as that.
    """
    end = whole_s(now - length_us(endpoint.walked(ByTime).settles))
    end = end if until is None else min(end, until)
    found = (
        window
        for one in series
        for window in _windows(endpoint, one, bounds, since, end, now, ended(one), doubted(gaps.get(one, {}), now))
    )
    return sorted(found, key=lambda window: window.rank)


def _windows(
    endpoint: Endpoint,
    series: Series,
    bounds: Mapping[str, int],
    wanted: int,
    end: int,
    now: int,
    ended: int | None,
    doubts: Sequence[Gap],
) -> Iterator[SeriesWindow]:
    walk = endpoint.walked(ByTime)
    reachable, width_us = _reachable(walk, now), length_us(walk.width)
    since, until = series.bound("since", bounds), series.bound("until", bounds)
    if since is None or until is None:
        yield from cut(series, wanted, end, max(wanted, reachable), width_us)
        return
    if until < end and (ended is None or until < ended + length_us(walk.lookback)):
        again = max(since, until - length_us(walk.lookback))
        yield from cut(series, until, end, max(again, reachable), width_us)
    for gap in doubts:
        ask = max(gap.since, reachable)
        stop = min(gap.until or until, ask + width_us, until)
        if since <= gap.since < stop:
            yield SeriesWindow(series=series, since=gap.since, until=stop, ask_since=min(ask, stop), look=True)
    if wanted < since:
        yield from cut(series, wanted, since, max(wanted, reachable), width_us, backward=True)


def windows_again(
    endpoint: Endpoint, series: Iterable[Series], bounds: Mapping[str, int], since: int, until: int, now: int
) -> Iterator[SeriesWindow]:
    """What these series cover of [since, until) and the exchange still returns, to be looked at once more."""
    walk = endpoint.walked(ByTime)
    reachable = _reachable(walk, now)
    for one in series:
        covered = one.bound("since", bounds), one.bound("until", bounds)
        if covered[0] is not None and covered[1] is not None:
            begin, end = max(since, covered[0], reachable), min(until, covered[1])
            for window in cut(one, begin, end, begin, length_us(walk.width)):
                yield replace(window, look=True)


def _reachable(walk: ByTime, now: int) -> int:
    """From where on the exchange can be asked."""
    return 0 if walk.kept is None else whole_s(now - length_us(walk.kept))


def doubted(gaps: Mapping[int, Gap], now: int) -> list[Gap]:
    """The gaps that were seen once, an hour or more ago; of what is still to come, by the word of a clock, none is."""
    return [
        gap
        for gap in gaps.values()
        if gap.confirmed_at is None and now - gap.first_seen >= HOUR_US and (gap.until or 0) <= now
    ]
