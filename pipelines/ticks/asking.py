"""What the exchange is asked for trades: the rows from an id on, the first id of an instant, the newest row."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.endpoints import feeding
from connectors.binance.endpoints.model import ById, Endpoint, Located, Security
from pipelines.context.session import Session
from pipelines.ticks.holes import between, ids_of, next_id, ordered
from schemas.model.errors import Problem
from schemas.model.grid import HOUR_US
from schemas.model.instants import length_us
from schemas.model.series import Series

_SAFELY_US = HOUR_US  # rows are asked for so much before the exchange forgets them


@dataclass(frozen=True, slots=True)
class IdWindow:
    """The ids [first, end) of a series, a page long at most."""

    series: Series
    first: int
    end: int


def windows(series: Series, first: int, end: int) -> list[IdWindow]:
    """[first, end) in pages."""
    page = feeding(series).page_limit
    return [IdWindow(series, at, min(at + page, end)) for at in range(first, end, page)]


def walk_of(series: Series) -> ById:
    return feeding(series).walked(ById)


def told_of(series: Series) -> str:
    """The call that brings a series, as evidence names it."""
    endpoint = feeding(series)
    return f"{endpoint.method} {endpoint.path}"


def oldest_asked(series: Series, now: int) -> int:
    """From which instant on the exchange returns rows of a series, and can be asked which one comes first."""
    walk = walk_of(series)
    by = walk.located.by if walk.located is not None else None
    kept = [one for one in (walk.kept, by.walked(ById).kept if by is not None else None) if one is not None]
    return max((now - length_us(one) + _SAFELY_US for one in kept), default=0)


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks the exchange for the trades of one series after another."""

    session: Session

    def can(self, series: Series) -> bool:
        """Whether the exchange may be asked: some lists are for those who have a key."""
        return feeding(series).security is Security.PUBLIC or self.session.client.has_key

    @staticmethod
    def page_rows(series: Series) -> int:
        """How many rows one answer holds at most."""
        return feeding(series).page_limit

    async def page(self, series: Series, first: int | None, limit: int | None = None) -> pa.Table:
        """The rows from an id on, in order; without one the newest."""
        endpoint = feeding(series)
        return await self._rows(endpoint, series, limit=limit or endpoint.page_limit, **{walk_of(series).param: first})

    async def newest(self, series: Series) -> int:
        """The id after the newest row; 0 where nothing was ever traded."""
        return next_id(await self.page(series, None, limit=1), 0)

    async def window(self, window: IdWindow) -> pa.Table:
        """All rows of a window. A page that ends inside of it is no end: it is asked again behind it."""
        parts, at = [feeding(window.series).feeds.schema.empty_table()], window.first
        while at < window.end:
            page = await self.page(window.series, at)
            if not page.num_rows:
                raise Problem(
                    f"{feeding(window.series).name} returned nothing from id {at} on, where it has newer rows.",
                    "Run again.",
                )
            parts.append(between(page, window.first, window.end))
            at = next_id(page, at)
        return pa.concat_tables(parts)

    async def first_id(self, series: Series, instant_us: int) -> int | None:
        """The first id at or after an instant; None where nothing was traded since."""
        located = walk_of(series).located
        if located is None:
            raise AssertionError(f"{feeding(series).name} does not say how an instant is found")
        other = feeding(series) if located.by is None else located.by
        rows = await self._rows(other, series, limit=1, **{located.param: -(-instant_us // 1000)})
        if rows.num_rows and _first(rows, located) < 0:
            rows = await self._behind(other, series, located, rows)
        return _first(rows, located) if rows.num_rows else None

    async def _behind(self, other: Endpoint, series: Series, located: Located, placeholder: pa.Table) -> pa.Table:
        """The first row behind a placeholder that names what is looked for."""
        param = other.walked(ById).param
        rows = await self._rows(other, series, limit=other.page_limit, **{param: int(ids_of(placeholder)[0])})
        return rows.filter(pc.greater_equal(rows[located.column], 0)).slice(0, 1)

    async def _rows(self, endpoint: Endpoint, series: Series, **params: int | None) -> pa.Table:
        rows = await self.session.client.rows(endpoint, series.values, symbol=series["symbol"], **params)
        self.session.progress.advance(requests=1)
        return ordered(rows)


def _first(rows: pa.Table, located: Located) -> int:
    return int(rows[located.column].to_numpy()[0])
