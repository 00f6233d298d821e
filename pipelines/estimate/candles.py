"""What a run will request for candles: the windows that the pull plans, and how many pages are asked in a row."""

from __future__ import annotations

from itertools import islice

from connectors.binance.endpoints import feeding
from pipelines.candles.state import SeriesState
from pipelines.candles.windows import Window
from pipelines.estimate.outlook import Cost
from schemas.model.instants import iso_text
from schemas.model.series import Series

BYTES_PER_CANDLE = 60  # as committed, rounded up from simulated and real minutes; upkeep leaves two thirds of it


def cost(state: SeriesState, now: int) -> Cost:
    """The cost of bringing one series up to its end, and back to its start where that lies before its coverage."""
    windows, runs, rows, note = _wanted(state)
    asked = [one for one in (*state.second_looks(now), *windows) if one.remote is None]
    remotes = [one.remote for one in windows if one.remote is not None]
    pages = [_pages(state.series, run) for run in runs]
    return Cost(
        series=state.series.name,
        requests=sum(requests for requests, _ in pages) + len(asked),
        weight=sum(weight for _, weight in pages) + sum(one.weight for one in asked),
        rows=rows,
        files=len(remotes),
        download_bytes=sum(remote.size for remote in remotes),
        note=note,
    )


def _wanted(state: SeriesState) -> tuple[list[Window], list[int], int, str]:
    """The windows that are planned, the candles of each run of pages beside them, how many in all, and what to say."""
    coverage, grid = state.coverage, state.coverage.grid
    frontier, older = grid.floor(state.end), grid.count(state.since, coverage.since)
    ahead = grid.count(coverage.until, frontier)
    if coverage.at_rest and not state.wants_history:
        return [], [], 0, "delisted and complete"
    if state.shelf is not None:
        begins = max(state.since, state.shelf.first_us or state.since)
        spans = (begins, coverage.since), (begins if coverage.is_new else coverage.until, frontier)
        windows = [one for span in spans for one in state.windows(*span)]
        note = f"the archive begins {iso_text(begins)[:10]}" if state.since < begins else ""
        return windows, [], sum(grid.count(one.since, one.until) for one in windows), note
    if coverage.is_new:
        return [], [max(ahead, 1)], ahead, "new series; fewer when it was listed later"
    newer = [grid.count(grid.floor(first.ask_since), frontier) for first in islice(state.forward(), 1)]
    return state.listing() if older else [], [older, *newer], older + ahead, ""


def _pages(series: Series, rows: int) -> tuple[int, int]:
    """The requests that so many candles in a row take, and their weight: whole pages, and one that may be smaller."""
    endpoint = feeding(series)
    whole, rest = divmod(rows, endpoint.page_limit)
    last = endpoint.cost({"limit": endpoint.limit_for(rest)}) if rest else 0
    return whole + (rest > 0), whole * endpoint.cost({"limit": endpoint.page_limit}) + last
