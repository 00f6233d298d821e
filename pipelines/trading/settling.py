"""What became of what was open: all that is open is asked for at once, and what is not among it one by one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import pyarrow as pa

from connectors.binance.endpoints.model import Endpoint
from connectors.binance.errors import Fact, UnknownSymbol
from pipelines.concurrency import prefetch
from pipelines.context.receipts import Failure
from pipelines.pull.waves import WAVE
from pipelines.store.id_cursor import constants
from pipelines.store.lookup import LAG_US, lacks_rows
from pipelines.store.rows import with_instants
from pipelines.store.versions import Row, Seen, by_series
from pipelines.trading.account_pull import AccountPull
from pipelines.trading.cursors import OpenOrder, open_orders, raise_open_since
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.series import Series

NO_SUCH_ORDER = -2013  # said of an order never heard of; of one that was dropped, -2026


@dataclass(slots=True, kw_only=True)
class Settling(AccountPull):
    """One look at what is open of the orders of a market."""

    open: Endpoint  # shows what is open
    ask: Callable[[OpenOrder], Awaitable[pa.Table]]  # asks for one alone
    wants: Callable[[str], bool]  # which symbols are meant
    by_symbol: Sequence[str | None] = (None,)  # what is open is asked for symbol by symbol; None: of all at once
    unsettled: set[OpenOrder] = field(default_factory=set)  # those of which nothing was told

    @property
    def dataset(self) -> Dataset:
        return self.open.feeds

    async def run(self) -> None:
        """Store what is told of everything that was open."""
        stored = await asyncio.to_thread(open_orders, self.session.lake, self.account, self.market, self.dataset)
        self.unsettled |= {one for one in stored if self.wants(one.series["symbol"])}
        await self._settle_open()
        await self._settle_closed()

    async def _settle_open(self) -> None:
        """Take out what the exchange shows as open."""
        shown = by_series(self.dataset, (row for row in await self._shown() if self.wants(row["symbol"])))
        await self.add(self.dataset, [Seen(series=series, rows=rows) for series, rows in shown.items()])
        still = {(series, row[self.dataset.id_column]) for series, rows in shown.items() for row in rows}
        self.unsettled -= {one for one in self.unsettled if (one.series, one.order_id) in still}

    async def _settle_closed(self) -> None:
        """Take out those whose end is told."""
        self.session.progress.expect(requests=len(self.unsettled), rows=0)
        closed = sorted(self.unsettled)
        waiting = iter(closed)
        while not self.session.stop.is_set() and (wave := list(islice(waiting, WAVE))):
            outcomes = await self._outcomes(wave)
            await self.add(self.dataset, outcomes)
            told = {(seen.series, row[self.dataset.id_column]) for seen in outcomes for row in seen.rows}
            told |= {(seen.series, order_id) for seen in outcomes for order_id in seen.unknown}
            self.unsettled -= {one for one in wave if (one.series, one.order_id) in told}
        if closed:
            await asyncio.to_thread(raise_open_since, self.session.lake, self.account, self.market, self.dataset)

    async def _shown(self) -> Sequence[Row]:
        self.session.progress.expect(requests=len(self.by_symbol), rows=0)
        found = list[Row]()
        values = {"account": self.account, "market": self.market}
        for symbol in self.by_symbol:
            known = constants(self.dataset, values, self.session.client.now_us())
            rows, refused = await self.session.client.readable_rows(self.open, known, symbol=symbol)
            where = f"{self.account}/{self.market}, {self.dataset.id_column}"
            self.tally.failures += [Failure(f"{where} {one.id}", one.why) for one in refused]
            self.session.progress.advance(requests=1)
            found += with_instants(rows)
        return found

    async def _outcomes(self, orders: Sequence[OpenOrder]) -> list[Seen]:
        """What became of these orders; one that the exchange does not know any more keeps its last state."""
        rows: defaultdict[Series, list[Row]] = defaultdict(list)
        unknown: defaultdict[Series, dict[int, int]] = defaultdict(dict)
        now = self.session.client.now_us()
        async with prefetch(orders, self.ask, self.session.stop, limit=WAVE) as answers:
            async for order, answer in answers:
                self.session.progress.advance(requests=1)
                match answer:
                    case Fact() if order.time > now - LAG_US and not isinstance(answer, UnknownSymbol):
                        pass  # the answer lags behind its placing; the next run asks again
                    case Fact() if answer.code == NO_SUCH_ORDER and not self.dataset.life.may_vanish(order.state, now):
                        raise lacks_rows(answer.path, order.series, [order.order_id])
                    case Fact():
                        unknown[order.series][order.order_id] = order.time
                    case Problem():
                        self.tally.fail(f"{order.series.name}, order {order.order_id}", answer)
                    case _:
                        rows[order.series] += with_instants(answer)
        return [Seen(series=one, rows=rows[one], unknown=unknown[one]) for one in {*rows, *unknown}]
