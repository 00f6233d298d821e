"""What a run will request of an account's ledgers: the very windows that the pull walks, counted."""

from __future__ import annotations

from math import ceil

from connectors.binance.endpoints.model import Endpoint, Inside, Windows
from connectors.lake import Lake, Table
from pipelines.estimate.outlook import Cost, Outlook, share_asking
from pipelines.pull.absence import due
from pipelines.pull.ledger_series import questions_of
from pipelines.pull.ledger_windows import look_windows, windows_of
from pipelines.pull.quiet import quiet_series
from pipelines.pull.windows import SeriesWindow
from pipelines.store.filters import within
from pipelines.store.looks import Looks
from pipelines.store.rows import last_by_identity
from schemas.config.flows import AccountFlow
from schemas.model.errors import CorruptData
from schemas.model.instants import micros

_ON_TOP = {
    Inside.SPLIT: "a window with more rows than an answer holds is asked for in halves",
    Inside.OFFSET: "a window with new rows takes one more request for each page",
    Inside.PAGES: "a window with more rows than an answer holds takes one more request for each page",
}
_PAIRS = "Pairs of isolated margin that the ledgers name for the first time come on top, with windows of their own."


def ledger_outlook(lake: Lake, endpoint: Endpoint, flow: AccountFlow, looks: Looks, now: int) -> Outlook:
    """The requests for one ledger, to a pool of its own; `looks` say what is asked for once more."""
    bounds, weight = lake.table(endpoint.feeds).bounds(), endpoint.cost({})
    since = micros(flow.since) if flow.since else None
    series = questions_of(lake, endpoint, flow.account, flow.mining)
    asked_of = [one for one in series if due([one], bounds, now)]
    quiet = quiet_series(lake, endpoint, asked_of, bounds, looks, now)
    windows = windows_of(endpoint, asked_of, bounds, since, now, quiet)
    windows += look_windows(endpoint, asked_of, bounds, looks.due.get(endpoint.feeds.name, ()), windows, now)
    asked = sum(_requests(lake, endpoint, window) for window in windows if window.asks)
    cost = Cost(
        series=f"{flow.account}/{endpoint.feeds.name}",
        requests=asked,
        weight=asked * weight,
        rows=0,
        note=_ON_TOP[endpoint.walked(Windows).inside],
    )
    walk = endpoint.walked(Windows)
    steady = round(share_asking(max(walk.rests, walk.quiet), flow) * len(series) * weight)
    by_pair = any(fan_out.of_pair is not None for fan_out in walk.fan_out)
    note = _PAIRS if by_pair and not any(one.bound("until", bounds) for one in series) else ""
    return Outlook(pool=endpoint.pool, costs=(cost,) if series else (), steady=steady, note=note)


def _requests(lake: Lake, endpoint: Endpoint, window: SeriesWindow) -> int:
    """How many requests a window takes that has no other rows than those stored: a list ends as `all_pages` says."""
    if endpoint.walked(Windows).inside is Inside.SPLIT:
        return 1
    stored = _stored(lake.table(endpoint.feeds), window)
    pages = ceil(stored / endpoint.page_limit)
    ended = pages if endpoint.total is None else stored // endpoint.page_limit  # what comes before the last request
    return ended + 1 + (pages > 1)  # the first of several is read twice


def _stored(table: Table, window: SeriesWindow) -> int:
    try:
        versions = table.scan(where=within([window.series], window.ask_since, window.until))
    except CorruptData:  # its own pull and the checks tell of it
        return 0
    return sum(row["gone_since"] is None for row in last_by_identity(table.dataset, versions).values())
