"""What a run of trades will take: the exchange is asked for the first and the newest id of each series, as the run is.

The pages in between are the very ones that the run will walk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from connectors.binance.endpoints import feeding
from connectors.binance.endpoints.model import Endpoint
from pipelines.archive.inventory import Source, shelf_of
from pipelines.context.session import Session
from pipelines.estimate.outlook import Cost, Outlook
from pipelines.store.gaps import load_gaps
from pipelines.ticks.asking import Asking, oldest_asked, walk_of, windows
from pipelines.ticks.bulk import files_of, is_worth
from pipelines.ticks.second_looks import looks
from pipelines.ticks.stand import Stand
from schemas.model.series import Series


@dataclass(frozen=True, slots=True)
class TickPlan:
    """The plan of the trades of some symbols."""

    session: Session
    endpoint: Endpoint
    source: Source
    forgotten: Collection[str]
    now: int

    async def outlook(self, series: Sequence[Series], since: int) -> Outlook:
        """What a run will request, and what each later one will."""
        stands = await asyncio.to_thread(self._stands, series, since)
        costs = [await self._cost(stand) for stand in stands]
        asked = [one for one in stands if self._asks(one.series)]
        return Outlook(pool=self.endpoint.pool, costs=tuple(costs), steady=len(asked) * self.endpoint.cost({}))

    def _stands(self, series: Sequence[Series], since: int) -> list[Stand]:
        lake = self.session.lake
        bounds, gaps = lake.table(self.endpoint.feeds).bounds(), load_gaps(lake, self.endpoint.feeds)
        return [Stand.of(one, since, bounds, gaps.get(one, {})) for one in series]

    def _asks(self, series: Series) -> bool:
        """Whether the run will ask the exchange."""
        known = self.source != "archive" and series["symbol"] not in self.forgotten
        return known and Asking(self.session).can(series)

    async def _cost(self, stand: Stand) -> Cost:
        name, archive = stand.series.name, self.session.archive
        remotes, reached = [], stand.until
        if archive is not None and self.source != "rest" and is_worth(stand.until, self.now):
            shelf = await shelf_of(archive, stand.series, stand.until)
            alone = not self._asks(stand.series) or walk_of(stand.series).kept is not None
            remotes = list(files_of(shelf, stand.until, self.now, alone=alone))
            reached = max([reached, *(one.file.until_us for one in remotes)])
        calls, rows = await self._calls(stand, reached) if self._asks(stand.series) else ([], 0)
        return Cost(
            series=name,
            requests=len(calls),
            weight=sum(calls),
            rows=rows,
            files=len(remotes),
            download_bytes=sum(one.size for one in remotes),
            note="how many rows its files have shows when they are read" if remotes else "",
        )

    async def _calls(self, stand: Stand, reached: int) -> tuple[list[int], int]:
        """The weight of each call that follows the files, which reach up to an instant, and how many rows come."""
        asking, weight = Asking(self.session), self.endpoint.cost({})
        calls, by_file = [weight] * len(looks(stand, self.now)), reached > stand.until
        first: int | None = stand.until_id
        if stand.is_new or by_file:
            first = await asking.first_id(stand.series, max(reached, oldest_asked(stand.series, self.now)))
        if stand.is_new and not (by_file and walk_of(stand.series).kept is not None):
            located = walk_of(stand.series).located
            other = located.by if located is not None else None
            calls.append((other or feeding(stand.series)).cost({}))
        if first is None:
            return calls, 0
        at = max(first - (not stand.is_new or by_file), 0)
        newest = await asking.newest(stand.series)
        calls.append(weight)
        if newest - at >= self.endpoint.page_limit:
            calls += [weight] * (1 + len(windows(stand.series, at + self.endpoint.page_limit, newest)))
        return calls, max(newest - first, 0)
