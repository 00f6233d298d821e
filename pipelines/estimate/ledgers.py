"""What a run will request of an account's ledgers: the very windows that the pull walks, counted."""

from __future__ import annotations

from connectors.binance.endpoints.model import Endpoint, Inside, Windows
from connectors.lake import Lake
from pipelines.estimate.outlook import Cost, Outlook
from pipelines.pull.ledger_series import questions_of
from pipelines.pull.ledger_windows import windows_of
from schemas.config.flows import AccountFlow
from schemas.model.instants import micros

_ON_TOP = {
    Inside.SPLIT: "a window with more rows than an answer holds is asked for in halves",
    Inside.OFFSET: "a window with rows takes one more request for each page",
    Inside.PAGES: "a window with rows takes one more request for each page",
}


def ledger_outlook(lake: Lake, endpoint: Endpoint, flow: AccountFlow, now: int) -> Outlook:
    """The requests for one ledger, to a pool of its own."""
    bounds, weight = lake.table(endpoint.feeds).bounds(), endpoint.cost({})
    since = micros(flow.since) if flow.since else None
    series = questions_of(lake, endpoint, flow.account)
    asked = sum(window.asks for window in windows_of(endpoint, series, bounds, since, now))
    cost = Cost(
        series=f"{flow.account}/{endpoint.feeds.name}",
        requests=asked,
        weight=asked * weight,
        rows=0,
        note=_ON_TOP[endpoint.walked(Windows).inside],
    )
    return Outlook(pool=endpoint.pool, costs=(cost,) if series else (), steady=len(series) * weight)
