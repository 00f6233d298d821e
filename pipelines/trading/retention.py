"""Orders that ended unfilled: the exchange drops them in time, and the lake notes since when and keeps them.

The log remembers of every symbol when its orders were last held against what the exchange still shows (`retained_at`);
until a symbol is due again, nothing of it is read or asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.errors import Fact, UnknownSymbol
from connectors.lake import Lake
from pipelines.concurrency import prefetch
from pipelines.store.filters import within
from pipelines.store.id_cursor import symbol_of
from pipelines.store.lookup import ResetSeen, held_ids, lacks_rows, must_show
from pipelines.store.rows import column, last_of, with_instants
from pipelines.store.versions import Seen
from pipelines.trading.account_pull import AccountPull
from pipelines.trading.cursors import stands_of
from schemas.datasets.orders import ORDER_LIFE, ORDERS
from schemas.model.errors import Problem
from schemas.model.fields import MONEY
from schemas.model.grid import DAY_US
from schemas.model.instants import length_us
from schemas.model.series import Series

LOOK_AGAIN_US = 7 * DAY_US  # how often a symbol is looked at
AT_ONCE = 10  # symbols asked for in one run, lest an idle run becomes dear whenever all of them are due


@dataclass(frozen=True, slots=True)
class Doubt:
    """A symbol that is due, and the instants, by id, of its orders that the exchange may have dropped."""

    series: Series
    orders: Mapping[int, int]


def doubts(lake: Lake, account: str, market: str, symbols: Collection[str] | None, now: int) -> list[Doubt]:
    """What is due of these symbols (of all when None), longest not looked at first; of those to be asked for, a few."""
    stands = stands_of(lake, ORDERS, account, market)
    due = {
        symbol: stand.get("retained_at", 0)
        for symbol, stand in stands.items()
        if (symbols is None or symbol in symbols)
        and not stand.get("gone_at")
        and stand.get("retained_at", 0) < now - LOOK_AGAIN_US
    }
    ordered = sorted(due, key=lambda one: (due[one], one))
    series = [Series.of(ORDERS, account=account, market=market, symbol=symbol) for symbol in ordered]
    orders = _ended_unfilled(lake, series, now) if series else {}
    asked = islice((one for one in series if one in orders), AT_ONCE)
    return [Doubt(one, orders[one]) for one in asked] + [Doubt(one, {}) for one in series if one not in orders]


@dataclass(slots=True, kw_only=True)
class Retention(AccountPull):
    """One look at what the exchange dropped; of some symbols of an account, or of all it has orders of."""

    symbols: Collection[str] | None = None

    async def run(self) -> None:
        """Mark what is due and not shown any more, and remember the look; what was learned is kept also on failure."""
        lake, now = self.session.lake, self.session.client.now_us()
        found = await asyncio.to_thread(doubts, lake, self.account, self.market, self.symbols, now)
        seen = [self._looked_at(one, {}) for one in found if not one.orders]
        asked = [one for one in found if one.orders]
        self.session.progress.expect(requests=len(asked), rows=0)
        try:
            async with prefetch(asked, self._dropped, self.session.stop, limit=AT_ONCE) as answers:
                async for doubt, answer in answers:
                    match answer:
                        case UnknownSymbol():
                            pass  # removed since it was walked, which the next walk notes
                        case Problem():
                            self.tally.fail(doubt.series.name, answer)
                        case _:
                            seen.append(self._looked_at(doubt, answer))
        except ResetSeen:
            seen.clear()
            raise
        finally:
            await self.add(ORDERS, seen)

    def _looked_at(self, doubt: Doubt, dropped: Mapping[int, int]) -> Seen:
        return Seen(series=doubt.series, unknown=dropped, memos={"retained_at": self.session.client.now_us()})

    async def _dropped(self, doubt: Doubt) -> dict[int, int]:
        """The orders that are missing where they would be listed. A page speaks of the ids up to its last one."""
        left, dropped = sorted(doubt.orders), dict[int, int]()
        table = self.session.lake.table(ORDERS)
        held = (await asyncio.to_thread(held_ids, table, {doubt.series: left[0]})).get(doubt.series, [])
        while left:
            shown = await self._shown(doubt.series, left[0])
            told = [one for one in left if one <= max(shown)] if shown else left
            covered = [one for one in held if left[0] <= one <= max(shown, default=inf) and one not in shown]
            await self._refuse_lack(doubt, covered)
            if not shown and await self._exists(doubt.series, left[0]):
                raise lacks_rows(self.calls.orders.name, doubt.series, left[:1])
            dropped |= {one: doubt.orders[one] for one in told if one not in shown}
            left = left[len(told) :]
            self.session.progress.expect(requests=1 if left else 0, rows=0)
        return dropped

    async def _refuse_lack(self, doubt: Doubt, lacking: Sequence[int]) -> None:
        """Refuse an answer that lacks more than what may be dropped."""
        rest = [one for one in lacking if one not in doubt.orders]
        now, table = self.session.client.now_us(), self.session.lake.table(ORDERS)
        if rest and (missing := await asyncio.to_thread(must_show, table, doubt.series, rest, now)):
            raise lacks_rows(self.calls.orders.name, doubt.series, missing)

    async def _exists(self, series: Series, order_id: int) -> bool:
        """Whether the exchange still knows an order that it lists no more."""
        self.session.progress.expect(requests=1, rows=0)
        try:
            await self.ask_order(series, order_id)
        except Fact:
            return False
        finally:
            self.session.progress.advance(requests=1)
        return True

    async def _shown(self, series: Series, since: int) -> set[int]:
        """The ids of one page of orders."""
        known = self.order_constants(series.values)
        rows, refused = await self.session.client.readable_rows(
            self.calls.orders, known, symbol=series["symbol"], orderId=since, limit=self.calls.orders.page_limit
        )
        self.session.progress.advance(requests=1)
        ids = {*column(rows, "order_id"), *(one.id for one in refused if one.id is not None)}
        if ids and min(ids) < since:
            raise Problem(
                f"{self.calls.orders.name} answered ids from {since} on with {min(ids)}: nothing can be told from it.",
                "No order was marked as gone; run again.",
            )
        return ids


def _ended_unfilled(lake: Lake, series: Sequence[Series], now: int) -> dict[Series, dict[int, int]]:
    """The instants, by series and id, of orders that ended unfilled and the exchange may have dropped."""
    kept = ORDER_LIFE.kept.get(series[0]["market"])
    if kept is None:
        return {}
    nothing: Any = pa.scalar(0, MONEY.arrow)
    ended = (pc.field("executed_qty") == nothing) & pc.field("status").isin(ORDER_LIFE.final)
    where = within(series, until=now - length_us(kept.undone)) & ended
    columns = ["market", "symbol", "order_id", "version", "executed_qty", "time", "update_time", "gone_since"]
    rows = last_of(ORDERS, lake.table(ORDERS).scan(columns, where))
    rows = rows.filter(pc.is_null(rows["gone_since"]))
    by_symbol = {symbol_of(one): one for one in series}
    found: dict[Series, dict[int, int]] = {}
    for row in with_instants(rows):
        if ORDER_LIFE.may_vanish(row, now):
            found.setdefault(by_symbol[row["symbol"]], {})[row["order_id"]] = row["time"]
    return found
