"""What an account or its key has nothing of: said once, remembered in the lake, and asked for again once a day."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from connectors.binance.endpoints.model import Endpoint
from connectors.binance.errors import Denied, NotThere
from connectors.lake import Move, Table
from pipelines.context.session import Session
from pipelines.store.news import note
from schemas.model.grid import DAY_US
from schemas.model.series import Series

_FORBIDDEN = {-1002, -2015}  # of this call alone, where the key is still accepted
_NO_ADDRESS = 0
_LATER = "It is asked for again once a day, or with `run --again`."


async def unless_absent(
    session: Session, series: Sequence[Series], endpoint: Endpoint, pull: Callable[[], Awaitable[None]]
) -> None:
    """Pull these series, unless there is nothing to pull; that is no failure."""
    table = session.lake.table(endpoint.feeds)
    if endpoint.family not in session.client.site.urls:
        await _note(session, table, series, _NO_ADDRESS, f"flows.yaml gives no address for {endpoint.family} calls.")
        return
    bounds = await asyncio.to_thread(table.bounds)
    if not session.again and not due(series, bounds, session.client.now_us()):
        return
    try:
        await pull()
    except NotThere as answer:
        await _note(session, table, series, -(answer.code or 0), f"{answer.what} {_LATER}")
    except Denied as answer:
        watch = session.client.key_watch
        if answer.code not in _FORBIDDEN or watch is None:
            raise
        await watch.look_again()  # else it is the key itself that is refused
        await _note(session, table, series, -answer.code, f"{answer.what} {_LATER}")


def due(series: Iterable[Series], bounds: Mapping[str, int], now: int) -> bool:
    """Whether any of these series is to be asked for: not where the exchange said within a day that there is none."""
    return any(
        (said := absent_since(one, bounds)) is None or not one.bound("absent_code", bounds) or now - said >= DAY_US
        for one in series
    )


def absent_since(series: Series, bounds: Mapping[str, int]) -> int | None:
    """When it was last said that there is none; None where something was stored since, or nothing was said."""
    said = series.bound("absent_at", bounds)
    seen = max(series.bound(name, bounds) or 0 for name in ("observed_at", "until"))
    return said if said is not None and said > seen else None


async def _note(session: Session, table: Table, series: Sequence[Series], code: int, why: str) -> None:
    bounds, now = await asyncio.to_thread(table.bounds), session.client.now_us()
    known = [one for one in series if absent_since(one, bounds) and one.bound("absent_code", bounds) == code]
    if len(known) < len(series):
        session.note(f"{', '.join(one.name for one in series)}: not there. {why}")
    if len(known) < len(series) or code != _NO_ADDRESS:
        new = {"absent_at": now, "absent_code": code}
        await asyncio.to_thread(note, table, [Move.of(one, new, bounds) for one in series])
