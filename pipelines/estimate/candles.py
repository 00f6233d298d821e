"""What a run will request for candles: the very windows that the pull plans, counted."""

from __future__ import annotations

from connectors.binance.endpoints import feeding
from pipelines.candles.state import SeriesState
from pipelines.candles.windows import Window
from pipelines.estimate.outlook import Cost
from schemas.model.instants import iso_text
from schemas.model.series import Series

BYTES_PER_CANDLE = 60  # as committed, rounded up from simulated and real minutes; upkeep leaves two thirds of it


def cost(state: SeriesState, now: int) -> Cost:
    """The cost of bringing one series up to its end, and back to its start where that lies before its coverage."""
    windows, in_a_row, rows, note = _wanted(state)
    asked = [one for one in (*state.second_looks(now), *windows) if one.remote is None]
    remotes = [one.remote for one in windows if one.remote is not None]
    requests, weight = _pages(state.series, in_a_row)
    return Cost(
        series=state.series.name,
        requests=requests + len(asked),
        weight=weight + sum(one.weight for one in asked),
        rows=rows,
        files=len(remotes),
        download_bytes=sum(remote.size for remote in remotes),
        note=note,
    )


def _wanted(state: SeriesState) -> tuple[list[Window], int, int, str]:
    """The windows that are planned, how many candles come in a row beside them, how many in all, and what to say."""
    coverage, grid = state.coverage, state.coverage.grid
    frontier, older = grid.floor(state.end), grid.count(state.since, coverage.since)
    ahead = grid.count(coverage.until, frontier)
    if coverage.at_rest and not state.wants_history:
        return [], 0, 0, "delisted and complete"
    if state.shelf is not None:
        begins = max(state.since, state.shelf.first_us or state.since)
        spans = (begins, coverage.since), (begins if coverage.is_new else coverage.until, frontier)
        windows = [one for span in spans for one in state.windows(*span)]
        note = f"the archive begins {iso_text(begins)[:10]}" if state.since < begins else ""
        return windows, 0, sum(grid.count(one.since, one.until) for one in windows), note
    if coverage.is_new:
        return [], max(ahead, 1), ahead, "new series; fewer when it was listed later"
    return [*state.forward(), *(state.listing() if older else ())], older, older + ahead, ""


def _pages(series: Series, rows: int) -> tuple[int, int]:
    """The requests that so many candles in a row take, and their weight: whole pages, and one that may be smaller."""
    endpoint = feeding(series)
    whole, rest = divmod(rows, endpoint.page_limit)
    last = endpoint.cost({"limit": endpoint.limit_for(rest)}) if rest else 0
    return whole + (rest > 0), whole * endpoint.cost({"limit": endpoint.page_limit}) + last
