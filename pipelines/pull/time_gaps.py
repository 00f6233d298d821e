"""What an answer of rows along time says of gaps: those it shows, those it looks at again, and those it fills."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from connectors.binance.endpoints.model import ByTime, Endpoint
from pipelines.pull.windows import SeriesWindow
from pipelines.store.gaps import NOT_RETAINED, Gap
from pipelines.store.holes import holes, is_named
from pipelines.store.rows import Instants, instants
from schemas.model.grid import HOUR_US, Grid


def gaps_told(
    endpoint: Endpoint, window: SeriesWindow, rows: pa.Table, gaps: Mapping[int, Gap], now: int
) -> Iterator[Gap]:
    """What an answer says of slots without a row: what is no longer kept, is lacking, or lacks once more."""
    if (lost := _lost(endpoint, window, now)) is not None:
        yield lost
    if not window.asks:
        return
    times = np.unique(instants(rows, str(endpoint.feeds.clock)))
    told = {"asked": f"{endpoint.method} {endpoint.path}"}
    if endpoint.feeds.grid is not None:
        yield from _by_grid(Grid.of(endpoint.feeds.grid), window, times, gaps, told, now)
    elif window.look:
        yield from _looked_at(window, times, gaps, told, now)


def _lost(endpoint: Endpoint, window: SeriesWindow, now: int) -> Gap | None:
    """What the exchange can no longer be asked for; there is nothing that a second look could find."""
    if window.forgotten is None:
        return None
    kept = endpoint.walked(ByTime).kept
    told = {"asked": f"{endpoint.method} {endpoint.path}", "kept_days": kept.days if kept else None}
    since, until = window.forgotten
    return Gap(since=since, until=until, reason=NOT_RETAINED, evidence=told, first_seen=now, confirmed_at=now)


def _by_grid(
    grid: Grid, window: SeriesWindow, times: Instants, gaps: Mapping[int, Gap], told: Mapping[str, Any], now: int
) -> Iterator[Gap]:
    """What an answer lacks of a grid, and what becomes of the gaps that it looks at again."""
    since = window.until if window.look else max(window.since, window.ask_since)
    for start, stop in holes(grid, times, since, window.until):
        yield Gap(since=start, until=stop, reason="exchange_outage", evidence=told, first_seen=now)
    for gap, rest in _parts(gaps, grid.ceil(window.ask_since), since):
        yield from _again(gap, holes(grid, times, gap.since, gap.until or since), window, now)
        yield from rest


def _looked_at(
    window: SeriesWindow, times: Instants, gaps: Mapping[int, Gap], told: Mapping[str, Any], now: int
) -> Iterator[Gap]:
    """What becomes of the gaps of a stretch that lies on no grid; what is left of one that is filled is named anew."""
    for gap, rest in _parts(gaps, window.ask_since, window.until):
        until = gap.until or window.until
        came = bool(np.count_nonzero((times >= gap.since) & (times < until)))
        if is_named(gap):
            yield from _again(gap, [] if came else [(gap.since, until)], window, now)
            yield from rest
        elif not came:
            yield replace(gap, evidence=told, first_seen=now)


def _parts(gaps: Mapping[int, Gap], since: int, until: int) -> Iterator[tuple[Gap, list[Gap]]]:
    """What an answer about [since, until) speaks of, of gaps, and what of them lies after it, which stays as it is."""
    for gap in gaps.values():
        end = min(gap.until or until, until)
        if max(gap.since, since) < end:
            rest = [replace(gap, since=end)] if end < (gap.until or until) else []
            yield replace(gap, since=max(gap.since, since), until=end), rest


def _again(gap: Gap, holes: Iterable[tuple[int, int]], window: SeriesWindow, now: int) -> Iterator[Gap]:
    """What becomes of a gap of which these stretches are lacking still; a second look confirms them."""
    left = list(holes)
    if left == [(gap.since, gap.until)] and not window.look:
        return
    for since, until in left:
        confirmed_at = now if now - gap.first_seen >= HOUR_US else gap.confirmed_at
        yield replace(gap, since=since, until=until, confirmed_at=confirmed_at if window.look else None)
    if gap.since not in {since for since, _ in left}:
        yield replace(gap, filled_at=now)
