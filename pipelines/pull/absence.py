"""What an account or its key has nothing of: said once, remembered in the lake, and asked for again once a day."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from connectors.binance.endpoints.model import Endpoint
from connectors.binance.errors import DeniedHere, NotThere
from connectors.lake import Move, Table
from pipelines.context.session import Session
from pipelines.store.news import note
from schemas.model.grid import DAY_US
from schemas.model.series import Series

_NO_ADDRESS = 0
_LATER = "It is asked for again once a day, or with `run --again`."
_SHOWN = 3  # series by name


@dataclass(frozen=True, slots=True)
class Absence:
    """The exchange's word that there is nothing: by which code, why, and whether of all that a call reads."""

    code: int
    why: str
    of_call: bool = False

    @classmethod
    async def told(cls, answer: NotThere | DeniedHere, table: Table, series: Collection[Series]) -> Absence:
        """What an answer says of absence; it is raised where the key read these series before: that right is lost."""
        bounds = await asyncio.to_thread(table.bounds)
        lost = isinstance(answer, DeniedHere) and any(map(partial(_last_seen, bounds=bounds), series))
        if lost or answer.code is None:
            raise answer
        return cls(-answer.code, f"{answer.what} {_LATER}", of_call=isinstance(answer, DeniedHere))

    async def note(self, session: Session, table: Table, series: Collection[Series]) -> None:
        """Remember it of these series, and have a person told what is news."""
        bounds, now = await asyncio.to_thread(table.bounds), session.client.now_us()
        known = [one for one in series if absent_since(one, bounds) and one.bound("absent_code", bounds) == self.code]
        if len(known) < len(series):
            session.note(f"{table.dataset.name} of {_names(series)}: not there. {self.why}")
        if len(known) < len(series) or self.code != _NO_ADDRESS:
            new = {"absent_at": now, "absent_code": self.code}
            await asyncio.to_thread(note, table, [Move.of(one, new, bounds) for one in series])


async def without_address(session: Session, endpoint: Endpoint, series: Collection[Series]) -> bool:
    """Whether flows.yaml gives no address for a call, which then is noted of what it reads."""
    if endpoint.family in session.client.site.urls:
        return False
    absence = Absence(_NO_ADDRESS, f"flows.yaml gives no address for {endpoint.family} calls.")
    await absence.note(session, session.lake.table(endpoint.feeds), series)
    return True


async def unless_absent(
    session: Session, series: Collection[Series], endpoint: Endpoint, pull: Callable[[], Awaitable[None]]
) -> None:
    """Pull these series at once, unless there is nothing to pull; that is no failure."""
    table = session.lake.table(endpoint.feeds)
    if await without_address(session, endpoint, series):
        return
    bounds = await asyncio.to_thread(table.bounds)
    if not session.again and not due(series, bounds, session.client.now_us()):
        return
    try:
        await pull()
    except (NotThere, DeniedHere) as answer:
        absence = await Absence.told(answer, table, series)
        await absence.note(session, table, series)


def due(series: Iterable[Series], bounds: Mapping[str, int], now: int) -> bool:
    """Whether any of these series is to be asked for: not where the exchange said within a day that there is none."""
    return any(
        (said := absent_since(one, bounds)) is None or not one.bound("absent_code", bounds) or now - said >= DAY_US
        for one in series
    )


def absent_since(series: Series, bounds: Mapping[str, int]) -> int | None:
    """When it was last said that there is none; None where something was stored since, or nothing was said."""
    said, seen = series.bound("absent_at", bounds), _last_seen(series, bounds)
    return said if said is not None and said > seen else None


def _last_seen(series: Series, bounds: Mapping[str, int]) -> int:
    """Up to when something was answered of a series; 0 where nothing was."""
    return max(series.bound(name, bounds) or 0 for name in ("observed_at", "until"))


def _names(series: Collection[Series]) -> str:
    more = len(series) - _SHOWN
    names = ", ".join(one.name for one in [*series][:_SHOWN])
    return f"{names} and {more} more" if more > 0 else names
