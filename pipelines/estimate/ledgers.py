"""What a run will request of an account's ledgers: the very windows that the pull walks, counted."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.binance.endpoints.model import Endpoint, Inside, Windows
from connectors.lake import Lake
from pipelines.estimate.outlook import Cost, Outlook
from pipelines.pull.absence import due
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
    asked = sum(
        window.asks
        for one in series
        if due([one], bounds, now)
        for window in windows_of(endpoint, [one], bounds, since, now)
    )
    cost = Cost(
        series=f"{flow.account}/{endpoint.feeds.name}",
        requests=asked,
        weight=asked * weight,
        rows=0,
        note=_ON_TOP[endpoint.walked(Windows).inside],
    )
    steady = round(_share(endpoint, flow) * len(series) * weight)
    return Outlook(pool=endpoint.pool, costs=(cost,) if series else (), steady=steady)


def _share(endpoint: Endpoint, flow: AccountFlow) -> float:
    """Of how many runs one asks for the ledger."""
    period, rests = flow.period(datetime.now(UTC)), endpoint.walked(Windows).rests
    return min(1.0, period / rests) if period and rests else 1.0
