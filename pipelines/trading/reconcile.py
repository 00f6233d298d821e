"""What the checks of an account's orders and fills would name: the pull asks for exactly that, at a slow rate.

The log of the fills remembers of every traded symbol when it was last asked for (`reconciled_at`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connectors.binance.errors import Fact
from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.concurrency import prefetch
from pipelines.pull.waves import WAVE
from pipelines.store.filters import among, within
from pipelines.store.id_cursor import Page
from pipelines.store.rows import column, with_instants
from pipelines.store.versions import Seen, add_versions
from pipelines.trading.account_pull import AccountPull
from pipelines.trading.cursors import stands_of
from schemas.datasets.orders import FILLS, ORDERS
from schemas.model.errors import Problem
from schemas.model.grid import HOUR_US, MINUTE_US
from schemas.model.series import Series

MOST_SPANS = 50  # of a series asked for in one run
EVERY_US = 6 * HOUR_US  # how often what is incomplete is asked for: the exchange may have nothing more to tell

_INCOMPLETE = "SELECT account, market, symbol, order_id, received_qty > executed_qty AS stale FROM incomplete_orders"
_ORPHANS = "SELECT DISTINCT account, market, symbol, order_id FROM fills_without_order"
_BOOKED = "SELECT account, market, symbol, epoch_us(time) AS booked FROM income_without_fills"


@dataclass(frozen=True, slots=True)
class Overdue:
    """A series to be reconciled: orders that lack something, and orders that are missing or stored in an old state.

    `booked` are the instants, cut to the second, at which income tells of fills that are not stored.
    """

    series: Series
    incomplete: Collection[int] = ()
    unknown: Collection[int] = ()
    booked: Collection[int] = ()


def overdue(
    lake: Lake, account: str, market: str, symbols: Iterable[str], *, before: int, gone_before: int
) -> list[Overdue]:
    """Of these symbols, the traded ones that were last reconciled before an instant, with what checks would name.

    One whose fills were never looked for is not among them: that is yet to be done.
    """
    filled = stands_of(lake, FILLS, account, market)
    stands = {symbol: filled.get(symbol, {}) for symbol in symbols}
    due = {
        symbol
        for symbol, stand in stands.items()
        if "probed_at" in stand and stand.get("reconciled_at", 0) < before and stand.get("gone_at", 0) < gone_before
    }
    if not due:
        return []
    found = _named(lake, account, market)
    return [
        Overdue(Series.of(FILLS, account=account, market=market, symbol=symbol), *(named[symbol] for named in found))
        for symbol in sorted(due)
    ]


def _named(lake: Lake, account: str, market: str) -> tuple[defaultdict[str, set[int]], ...]:
    """By symbol, the orders that lack something, those of which another state is to be had, and what was booked."""
    with connect(lake) as connection:
        listed, orphans, booked = (run(connection, one).to_pylist() for one in (_INCOMPLETE, _ORPHANS, _BOOKED))
    stale = [row for row in listed if row["stale"]]
    short = [row for row in listed if not row["stale"]]
    return (
        _of(short, "order_id", account, market),
        _of([*stale, *orphans], "order_id", account, market),
        _of(booked, "booked", account, market),
    )


def _of(rows: Iterable[Mapping[str, Any]], name: str, account: str, market: str) -> defaultdict[str, set[int]]:
    """One column of the rows of a market of an account, by symbol."""
    found = defaultdict[str, set[int]](set)
    for row in rows:
        if (row["account"], row["market"]) == (account, market):
            found[row["symbol"]].add(row[name])
    return found


def spans(booked: Collection[int], now: int) -> list[tuple[int, int]]:
    """The stretches of time around what was booked, as few as may be asked for at once; of many, each in its turn."""
    found = list[tuple[int, int]]()
    for at in sorted(booked):
        since = found.pop()[0] if found and at - found[-1][1] < HOUR_US else at - MINUTE_US
        found.append((since, at + MINUTE_US))
    first = now // EVERY_US * MOST_SPANS % max(len(found), 1)
    return [*found[first:], *found[:first]][:MOST_SPANS]


def without_order(lake: Lake, pages: Iterable[Page]) -> list[Overdue]:
    """The orders of these fills that are not stored."""
    ids = defaultdict[Series, set[int]](set)
    for page in pages:
        ids[page.series].update(column(page.rows, "order_id"))
    table, found = lake.table(ORDERS), list[Overdue]()
    for series, wanted in ids.items():
        if wanted:
            rows = table.scan(["order_id"], within([series.in_dataset(ORDERS)]) & among("order_id", wanted))
            found.append(Overdue(series, unknown=wanted.difference(column(rows, "order_id"))))
    return found


@dataclass(slots=True, kw_only=True)
class OrderLook(AccountPull):
    """Asks for single orders by their ids."""

    async def run(self, found: Sequence[Overdue]) -> set[Series]:
        """Store what the exchange says of the unknown orders; return the series of which one was not answered."""
        asked = [(one.series, order_id) for one in found for order_id in sorted(one.unknown)]
        unanswered = set(asked)
        self.session.progress.expect(requests=len(asked), rows=0)
        async with prefetch(asked, self._order, self.session.stop, limit=WAVE) as answers:
            async for (series, order_id), answer in answers:
                self.session.progress.advance(requests=1)
                match answer:
                    case Fact():
                        unanswered.discard((series, order_id))  # it is not to be had, which the check goes on to say
                    case Problem():
                        self.tally.fail(f"{series.name}, order {order_id}", answer)
                    case _:
                        await self._add(series, answer)
                        unanswered.discard((series, order_id))
        return {series for series, _ in unanswered}

    async def _order(self, asked: tuple[Series, int]) -> pa.Table:
        return await self.ask_order(*asked)

    async def _add(self, series: Series, rows: pa.Table) -> None:
        seen = [Seen(series=series.in_dataset(ORDERS), rows=with_instants(rows))]
        landed = await asyncio.to_thread(add_versions, self.session.lake, ORDERS, seen, self.session.client.now_us())
        self.session.progress.advance(rows=landed.rows)
