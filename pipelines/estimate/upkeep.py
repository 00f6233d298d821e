"""What maintenance will request: the pages of the day's audit."""

from __future__ import annotations

from connectors.binance.endpoints import feeding
from connectors.lake import Lake
from pipelines.estimate.outlook import Cost, Outlook
from pipelines.quality.archive_audit import due_pages
from pipelines.settings.markets import by_archive_alone
from schemas.config.flows import FlowsFile

_NOTE = "The archive is asked for its listings as well; that costs no weight. What was published anew comes on top."


def upkeep_outlooks(config: FlowsFile, lake: Lake, now: int) -> list[Outlook]:
    """The candles that the audit of the day asks for over REST, of each market that is not the archive's alone."""
    pages = due_pages(lake, now, spared=by_archive_alone(config))
    endpoints = {endpoint.pool: endpoint for endpoint in map(feeding, (page.series for page in pages))}
    found = []
    for pool, endpoint in endpoints.items():
        count = sum(1 for page in pages if feeding(page.series).pool == pool)
        weight = count * endpoint.cost({"limit": endpoint.page_limit})
        cost = Cost(series="audit of candles", requests=count, weight=weight, rows=0)
        found.append(Outlook(pool=pool, costs=(cost,), steady=weight, note=_NOTE))
    return found
