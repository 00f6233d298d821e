"""Which symbols a market flow means: those it names, the most traded ones, or all there are or ever were."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from connectors.binance.archive_paths import folder
from pipelines.listing import Listing, covered, listing, top
from pipelines.receipts import Failure
from pipelines.session import Session
from schemas.config import MarketFlow, TopSymbols
from schemas.errors import TryLater

Wanted = tuple[str, ...] | TopSymbols | Literal["all"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The symbols meant, the listing they were chosen from, and the names that nobody lists."""

    names: tuple[str, ...]
    book: Listing
    everything: bool = False
    unknown: tuple[Failure, ...] = ()

    @property
    def forgotten(self) -> frozenset[str]:
        """Those that only the archive knows."""
        return self.book.forgotten(self.names)

    @property
    def delisted(self) -> frozenset[str]:
        """All symbols, chosen or not, of which nothing new comes."""
        return self.book.delisted | self.forgotten

    @property
    def listed(self) -> Sequence[str] | None:
        """Those that the exchange can be asked for; None for all it has."""
        return None if self.everything else [one for one in self.names if one not in self.forgotten]


async def choose(session: Session, flow: MarketFlow, wanted: Wanted) -> Chosen:
    """Ask the exchange, and the archive where it may know more, which symbols are meant by `wanted`."""
    named = wanted if isinstance(wanted, tuple) else ()
    book = await listing(session, flow.market, named)
    if isinstance(wanted, TopSymbols):
        return Chosen(tuple(await top(session, flow.market, book, wanted.quote, wanted.top)), book)
    if not isinstance(wanted, tuple):
        names = book.trading() | await asyncio.to_thread(covered, session.lake, flow.market)
        if flow.delisted and session.archive is not None:
            names |= set(await session.archive.folders(folder(flow.market, monthly=True)))
        return Chosen(tuple(sorted(names)), book, everything=True)
    nowhere = {symbol for symbol in wanted if symbol not in book.rows and not await _archived(session, flow, symbol)}
    unknown = tuple(book.unknown(flow.market, symbol) for symbol in wanted if symbol in nowhere)
    return Chosen(tuple(symbol for symbol in wanted if symbol not in nowhere), book, unknown=unknown)


async def _archived(session: Session, flow: MarketFlow, symbol: str) -> bool:
    """Whether the archive is seen to have candles of a symbol that the exchange does not list."""
    if session.archive is None:
        return False
    with suppress(TryLater):  # without the archive it is a name that nobody lists
        return bool(await session.archive.folders(folder(flow.market, symbol, monthly=True)))
    return False
