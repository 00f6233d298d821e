"""What candles will cost: the requests of each series, or the files of the archive that spare them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.endpoints import feeding
from pipelines.archive.inventory import WORTH, Source
from pipelines.candles.state import SeriesState
from pipelines.candles.windows import Window, page_rows
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
        series=state.series.full_name,
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
    if state.alone and state.shelf is None:
        return [], [], 0, ""
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


def noted(cost: Cost, state: SeriesState, source: Source, trouble: ArchiveTrouble | None) -> Cost:
    """A cost that says why history comes from the archive or over REST, where `auto` chose."""
    if source != "auto" or state.strict or not cost.rows:
        return cost
    pages = _pages(state.series, cost.rows)[0]
    if cost.files:
        why = f"archive: it spares {pages - cost.requests:,} requests"
    elif not state.worth_a_look("auto"):
        why = f"REST: {pages:,} requests, and the archive is looked at from {WORTH['auto']} on"
    elif state.shelf is not None:
        why = "REST: the archive has no file that spares requests"
    elif trouble is not None:
        why = f"REST: the archive could not be asked: {trouble.what}"
    else:
        why = "REST: the archive has no file of it"
    return replace(cost, note="; ".join(filter(None, (cost.note, why))))


def minutes_cost(series: Series, windows: int, rows: int, *, filed: bool) -> Cost:
    """What single minutes of a series take, which the exchange has or the archive alone."""
    asked = 0 if filed else windows
    return Cost(
        series=series.full_name,
        requests=asked,
        weight=asked * feeding(series).cost({}),
        rows=rows,
        files=windows - asked,
    )


def _pages(series: Series, rows: int) -> tuple[int, int]:
    """The requests that so many candles in a row take, and their weight: whole pages, and one that may be smaller."""
    endpoint = feeding(series)
    whole, rest = divmod(rows, page_rows(series))
    last = endpoint.cost({"limit": endpoint.limit_for(rest)}) if rest else 0
    return whole + (rest > 0), whole * endpoint.cost({"limit": endpoint.limit_for(page_rows(series))}) + last
