"""What the checks of an account's orders and fills would name: the pull asks for exactly that, at a slow rate.

The log of the fills remembers of every traded symbol when it was last asked for (`reconciled_at`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from connectors.binance.errors import Fact
from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.concurrency import prefetch
from pipelines.pull.waves import WAVE
from pipelines.store.rows import with_instants
from pipelines.store.versions import Seen, add_versions
from pipelines.trading.account_pull import AccountPull
from pipelines.trading.cursors import stands_of
from schemas.datasets.orders import FILLS, ORDERS
from schemas.model.errors import Problem
from schemas.model.grid import HOUR_US
from schemas.model.series import Series

EVERY_US = 6 * HOUR_US  # how often what is incomplete is asked for: the exchange may have nothing more to tell

_INCOMPLETE = "SELECT account, market, symbol, order_id, received_qty > executed_qty AS stale FROM incomplete_orders"
_ORPHANS = "SELECT DISTINCT account, market, symbol, order_id FROM fills_without_order"


@dataclass(frozen=True, slots=True)
class Overdue:
    """A series to be reconciled: orders that lack something, and orders that are missing or stored in an old state."""

    series: Series
    incomplete: Collection[int] = ()
    unknown: Collection[int] = ()


def overdue(
    lake: Lake, account: str, market: str, symbols: Iterable[str], *, before: int, gone_before: int
) -> list[Overdue]:
    """Of these symbols, the traded ones that were last reconciled before an instant, with what checks would name.

    One whose orders were never compared with its fills is not among them: that is yet to be done.
    """
    filled = stands_of(lake, FILLS, account, market)
    stands = {symbol: filled.get(symbol, {}) for symbol in symbols}
    due = {
        symbol
        for symbol, stand in stands.items()
        if "matched_at" in stand and stand.get("reconciled_at", 0) < before and stand.get("gone_at", 0) < gone_before
    }
    if not due:
        return []
    incomplete, unknown = _named(lake, account, market)
    return [
        Overdue(Series.of(FILLS, account=account, market=market, symbol=symbol), incomplete[symbol], unknown[symbol])
        for symbol in sorted(due)
    ]


def _named(lake: Lake, account: str, market: str) -> tuple[defaultdict[str, set[int]], defaultdict[str, set[int]]]:
    """By symbol, the orders that lack something, and those of which another state is to be had."""
    with connect(lake) as connection:
        listed, orphans = (run(connection, query).to_pylist() for query in (_INCOMPLETE, _ORPHANS))
    incomplete, unknown = defaultdict[str, set[int]](set), defaultdict[str, set[int]](set)
    for row in [*listed, *orphans]:
        if (row["account"], row["market"]) == (account, market):
            wanted = unknown if row.get("stale", True) else incomplete
            wanted[row["symbol"]].add(row["order_id"])
    return incomplete, unknown


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
