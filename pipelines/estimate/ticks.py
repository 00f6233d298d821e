"""What a run of trades will take: the exchange is asked for the first and the newest id of each series, as the run is.

The pages in between are the very ones that the run will walk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from connectors.binance.archive.client import Archive
from connectors.binance.archive.files import Remote
from connectors.binance.endpoints import feeding
from connectors.binance.endpoints.model import Endpoint
from pipelines.archive.inventory import Source, shelf_of, shelf_of_days
from pipelines.context.session import Session
from pipelines.estimate.outlook import Cost, Outlook
from pipelines.store.gaps import load_gaps
from pipelines.ticks.asking import Asking, oldest_asked, walk_of, windows
from pipelines.ticks.bulk import NEVER, files_of, is_worth
from pipelines.ticks.earlier import asked_from, back, is_earlier
from pipelines.ticks.second_looks import looks
from pipelines.ticks.stand import Stand
from schemas.model.grid import DAY_US
from schemas.model.series import Series

_UNREAD = "how many rows its files have shows when they are read"


@dataclass(slots=True)
class Asked:
    """The weight of each call, and how many rows come of them."""

    calls: list[int] = field(default_factory=list)
    rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPlan:
    """The plan of the trades of some symbols: of [since, until), or up to now."""

    session: Session
    endpoint: Endpoint
    source: Source
    forgotten: Collection[str]
    now: int
    since: int
    until: int | None = None

    async def outlook(self, series: Sequence[Series]) -> Outlook:
        """What a run will request, and what each later one will."""
        stands = await asyncio.to_thread(self._stands, series)
        costs = [await self._cost(stand) for stand in stands]
        asked = [one for one in stands if self._asks(one.series)]
        return Outlook(pool=self.endpoint.pool, costs=tuple(costs), steady=len(asked) * self._weight)

    def _stands(self, series: Sequence[Series]) -> list[Stand]:
        lake = self.session.lake
        bounds, gaps = lake.table(self.endpoint.feeds).bounds(), load_gaps(lake, self.endpoint.feeds)
        return [Stand.of(one, self.since, bounds, gaps.get(one, {})) for one in series]

    @property
    def _weight(self) -> int:
        return self.endpoint.cost({})

    @property
    def _archive(self) -> Archive | None:
        return self.session.archive if self.source != "rest" else None

    def _asks(self, series: Series) -> bool:
        """Whether the run will ask the exchange."""
        known = self.source != "archive" and series["symbol"] not in self.forgotten
        return known and Asking(self.session).can(series)

    async def _cost(self, stand: Stand) -> Cost:
        asked = Asked([self._weight] * len(looks(stand, self.now))) if self._asks(stand.series) else Asked()
        remotes = await self._forward_files(stand)
        reached = max([stand.until, *(one.file.until_us for one in remotes)])
        if self._asks(stand.series):
            await self._forward(stand, reached, asked)
        if is_earlier(stand, self.since):
            remotes += await self._backward(stand, asked)
        return Cost(
            series=stand.series.full_name,
            requests=len(asked.calls),
            weight=sum(asked.calls),
            rows=asked.rows,
            files=len(remotes),
            download_bytes=sum(one.size for one in remotes),
            note="; ".join(filter(None, (self._why(stand, remotes), _UNREAD if remotes else ""))),
        )

    def _why(self, stand: Stand, remotes: Sequence[Remote]) -> str:
        """Why history comes from the archive or over REST where `auto` chose."""
        if self.source == "archive" or Asking(self.session).can(stand.series):
            by_rest = ""
        else:
            by_rest = "archive alone: the exchange returns these trades only to those who have a key"
        if self.source != "auto" or by_rest:
            return by_rest
        if stand.series["symbol"] in self.forgotten:
            return "archive: the exchange does not know the symbol any more"
        if remotes:
            return "archive: for days that are over"
        if self._archive is None:
            return "REST: this exchange has no archive"
        return "REST: no day that is over lacks" if stand.until > self.now - DAY_US else "REST: the archive has no file"

    async def _forward_files(self, stand: Stand) -> list[Remote]:
        archive, end = self._archive, NEVER if self.until is None else self.until
        alone = self.source == "archive" or stand.series["symbol"] in self.forgotten
        if archive is None or not is_worth(stand.until, min(self.now, end), alone=alone):
            return []
        shelf = await shelf_of(archive, stand.series, stand.until)
        alone |= not self._asks(stand.series) or walk_of(stand.series).kept is not None
        return list(files_of(shelf, stand.until, end, self.now, alone=alone))

    async def _forward(self, stand: Stand, reached: int, asked: Asked) -> None:
        """The calls that follow the files, which reach up to an instant."""
        asking, by_file = Asking(self.session), reached > stand.until
        first: int | None = stand.until_id
        if stand.is_new or by_file:
            first = await asking.first_id(stand.series, max(reached, oldest_asked(stand.series, self.now)))
        if stand.is_new and not (by_file and walk_of(stand.series).kept is not None):
            asked.calls.append(self._locating(stand.series))
        if first is None or (self.until is not None and reached >= self.until):
            return
        at, end = max(first - (not stand.is_new or by_file), 0), None
        newest = await asking.newest(stand.series)
        asked.calls.append(self._weight)
        if newest - at >= self.endpoint.page_limit:
            asked.calls.append(self._weight)
        if self.until is not None:
            end = await asking.first_id(stand.series, self.until)
            asked.calls.append(self._locating(stand.series))
        newest = newest if end is None else min(newest, end)
        asked.calls += [self._weight] * len(windows(stand.series, at + self.endpoint.page_limit, newest))
        asked.rows += max(newest - first, 0)

    async def _backward(self, stand: Stand, asked: Asked) -> list[Remote]:
        """The files before what is covered, and the calls for what they leave to the exchange."""
        series, shelf = stand.series, None
        if self._archive is not None:
            shelf = await shelf_of_days(self._archive, series, self.since, stand.since)
        begin = asked_from(shelf, series, self.since, self.now)
        if begin < stand.since and self._asks(series):
            await self._pages(series, begin, stand.since_id, asked)
        stretches = list(back(shelf, self.since, min(begin, stand.since))) if shelf is not None else []
        if stretches and stretches[-1].remote is None and self._asks(series) and walk_of(series).kept is None:
            end = await Asking(self.session).first_id(series, stretches[-1].until)
            await self._pages(series, self.since, stand.since_id if end is None else end, asked)
        return [one.remote for one in stretches if one.remote is not None]

    async def _pages(self, series: Series, since: int, end: int, asked: Asked) -> None:
        first = await Asking(self.session).first_id(series, since)
        asked.calls.append(self._locating(series))
        if first is not None:
            asked.calls += [self._weight] * len(windows(series, first, end))
            asked.rows += max(end - first, 0)

    @staticmethod
    def _locating(series: Series) -> int:
        """The weight of asking which id comes first at an instant."""
        located = walk_of(series).located
        other = located.by if located is not None else None
        return (other or feeding(series)).cost({})
