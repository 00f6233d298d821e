"""Which symbols a market flow means: those it names, the most traded ones, or all there are or ever were."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from connectors.binance.archive.client import Archive
from connectors.binance.archive.errors import ArchiveTrouble
from connectors.binance.endpoints import serving
from connectors.binance.endpoints.model import ByTime, Endpoint, Named
from connectors.lake import Lake
from pipelines.context.receipts import Failure
from pipelines.context.session import Session
from pipelines.pull.symbols import Listing, chosen_before, covered, followed, known, listing, listing_due, top
from pipelines.store.account_symbols import needed
from schemas.config.flows import AccountSymbols, MarketFlow, TopSymbols
from schemas.datasets import DATASETS, with_role
from schemas.model.dataset import Role
from schemas.model.nearest import did_you_mean
from schemas.model.series import Series

_LISTED = "Its folders are named as the exchange names symbols."
Wanted = tuple[str, ...] | TopSymbols | AccountSymbols | Literal["all"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The symbols meant, the listing they were chosen from, and the names that nobody lists.

    Of symbols that were looked up in the archive alone nobody knows whether the exchange lists them; `folders` are the
    names that it has of each dataset.
    """

    names: tuple[str, ...]
    book: Listing
    everything: bool = False
    unknown: tuple[Failure, ...] = ()
    folders: Mapping[str, Collection[str]] | None = None
    since: int | None = None  # the first instant that is needed, where the choice says so

    @property
    def alone(self) -> bool:
        """Whether only the archive was asked."""
        return self.folders is not None

    @property
    def forgotten(self) -> frozenset[str]:
        """Those that only the archive knows."""
        return frozenset() if self.alone else self.book.forgotten(self.names)

    @property
    def delisted(self) -> frozenset[str]:
        """All symbols, chosen or not, of which nothing new comes."""
        return self.book.delisted | self.forgotten

    def ended_at(self, series: Series) -> int | None:
        """When the exchange was first seen to list the symbol of a series as it does now, if that is as ended."""
        symbol = series["symbol"]
        return int(self.book.rows[symbol]["valid_from"]) if symbol in self.book.delisted else None

    @property
    def traded(self) -> Collection[str]:
        """Those of the symbols that trade, so that an answer without them lacks something."""
        return [one for one in self.names if self.book.trades(one)]

    @property
    def listed(self) -> Sequence[str] | None:
        """Those that the exchange can be asked for; None for all it has."""
        return None if self.everything else [one for one in self.names if one not in self.forgotten]

    def named_for(self, endpoint: Endpoint) -> Chosen:
        """The same choice by the names of an endpoint's series, such as the pairs of these symbols.

        A pair is delisted once all of its contracts are, as the last of them was. A symbol that is not listed is taken
        for such a name itself.
        """
        walk = endpoint.walk
        if self.alone:
            return self.filed(endpoint.feeds.name)
        if not isinstance(walk, Named) or walk.by_symbol:
            return self
        rows: dict[str, Mapping[str, Any]] = {}
        delisted = self.book.delisted
        for symbol in sorted(self.book.rows, key=lambda one: (one in delisted, -self.book.rows[one]["valid_from"])):
            if (name := walk.name_of(self.book.rows[symbol])) is not None:
                rows.setdefault(name, self.book.rows[symbol])
        listed = self.book.rows
        found = (walk.name_of(listed[symbol]) if symbol in listed else symbol for symbol in self.names)
        return replace(self, names=tuple(sorted({*filter(None, found)})), book=replace(self.book, rows=rows))

    def filed(self, dataset: str) -> Chosen:
        """The same choice by the names that the archive has of a dataset, where only the archive was asked.

        A contract without a folder stands for its pair, as those of index prices are named.
        """
        if self.folders is None:
            return self
        there = self.folders[dataset]
        if self.everything:
            return replace(self, names=tuple(sorted(there)))
        found = {one if one in there or _pair_of(one) not in there else _pair_of(one) for one in self.names}
        return replace(self, names=tuple(sorted(found)))

    def having_rows(self, endpoint: Endpoint) -> Chosen:
        """The same choice by the names of an endpoint's series, without contracts that have none of its rows."""
        walk, rows = endpoint.walked(ByTime), self.book.rows
        having = {walk.name_of(row) for row in rows.values() if row["contract_type"] not in walk.not_of}
        has = (one for one in self.names if one in rows and walk.name_of(rows[one]) in having)
        return replace(self, names=tuple(has)).named_for(endpoint)

    def series_of(self, endpoint: Endpoint) -> list[Series]:
        """The series of an endpoint that are meant; what the exchange no longer knows is none."""
        of = {"market": endpoint.market, **endpoint.constants}
        return [Series.of(endpoint.feeds, **of, symbol=one) for one in self.names if one not in self.forgotten]


async def choose(session: Session, flow: MarketFlow, wanted: Wanted) -> Chosen:
    """Ask the exchange, and the archive where it may know more, which symbols are meant by `wanted`."""
    if flow.source == "archive":
        assert session.archive is not None  # noqa: S101 - a flow of the archive alone has one
        return await choose_from_archive(session.archive, flow, wanted)
    named = wanted if isinstance(wanted, tuple) else ()
    book = await listing(session, flow.market, named)
    if isinstance(wanted, TopSymbols):
        return Chosen(tuple(await top(session, flow, book, wanted)), book)
    if isinstance(wanted, AccountSymbols):
        archived, now = session.archive is not None, session.client.now_us()
        chosen = await asyncio.to_thread(
            partial(valuing, session.lake, wanted, book, now, archived=archived, keep=True)
        )
        if not chosen.names and session.journal.account != wanted.account:
            lacking = f"no asset of {wanted.account} to value in {wanted.quote}"
            session.note(f"The lake knows of {lacking}: run its flow first.")
        return chosen
    if not isinstance(wanted, tuple):
        ends = await asyncio.to_thread(followed, session.lake, flow.market, flow.datasets)
        names = book.trading() | ends.keys() - book.over(ends)
        names |= await asyncio.to_thread(covered, session.lake, flow.market)
        if flow.delisted and session.archive is not None:
            names |= await in_archive(session, session.archive, flow.market)
        return Chosen(tuple(sorted(names)), book, everything=True)
    nowhere = {
        symbol: failure
        for symbol in wanted
        if symbol not in book.rows and (failure := await _unlisted(session, flow, book, symbol)) is not None
    }
    return Chosen(tuple(one for one in wanted if one not in nowhere), book, unknown=tuple(nowhere.values()))


def valuing(
    lake: Lake, wanted: AccountSymbols, book: Listing, now: int, *, archived: bool, keep: bool = False
) -> Chosen:
    """The symbols that value what an account holds and moved; of those that the exchange forgot, what is `archived`."""
    found = needed(lake, wanted, now, keep=keep)
    gone = frozenset[str]() if archived else book.forgotten(found.symbols)
    names = tuple(one for one in found.symbols if one not in gone)
    return Chosen(names, book, since=now if found.since is None else found.since)


async def choose_from_archive(archive: Archive, flow: MarketFlow, wanted: Wanted) -> Chosen:
    """Which symbols are meant by `wanted`, by the folders of the archive alone."""
    folders = {name: await archive.symbols(DATASETS[name], flow.market) for name in flow.datasets}
    listed = set[str]().union(*folders.values())
    if not isinstance(wanted, tuple):
        return Chosen(tuple(sorted(listed)), Listing({}), everything=True, folders=folders)
    unknown = tuple(
        Failure(f"{flow.market}/{one}", f"The archive has no folder of {one}. {did_you_mean(one, listed, _LISTED)}")
        for one in wanted
        if not _is_filed(one, listed)
    )
    known = tuple(one for one in wanted if _is_filed(one, listed))
    return Chosen(known, Listing({}), unknown=unknown, folders=folders)


def _is_filed(symbol: str, listed: Collection[str]) -> bool:
    return symbol in listed or _pair_of(symbol) in listed


def _pair_of(symbol: str) -> str:
    """The pair of a contract: its name up to the `_`, behind which the kind or the day of delivery follows."""
    return symbol.partition("_")[0]


def asked_to_choose(
    lake: Lake | None, market: str, wanted: Wanted, now: int, *, datasets: Iterable[str] = (), listed: bool = False
) -> list[Endpoint]:
    """What `choose` will ask the exchange for; with `listed`, its symbols are pulled right before."""
    named = wanted if isinstance(wanted, tuple) else ()
    fresh = listed or (lake is not None and not listing_due(lake, market, named, now))
    asked = [] if fresh else [serving(Role.LISTING, market)]
    if isinstance(wanted, TopSymbols):
        quoted = known(lake, market).quoted_in(wanted.quote) if lake else ()
        if lake is None or len(chosen_before(lake, market, quoted, datasets)) < wanted.top:
            asked.append(serving(Role.RANKING, market))
    return asked


async def in_archive(session: Session, archive: Archive, market: str) -> set[str]:
    """The symbols that the archive has; when it cannot be asked they are left to the next run, and that is told."""
    try:
        return await archive.symbols(with_role(Role.CANDLES), market)
    except ArchiveTrouble as trouble:
        session.note(f"Symbols that only the archive knows were not looked for: {trouble.what}")
        return set()


async def _unlisted(session: Session, flow: MarketFlow, book: Listing, symbol: str) -> Failure | None:
    """Why a symbol that the exchange does not list cannot be pulled; None where the archive is seen to have it."""
    if session.archive is None:
        return book.unknown(flow.market, symbol)
    try:
        archived = await session.archive.has_symbol(with_role(Role.CANDLES), flow.market, symbol)
    except ArchiveTrouble as trouble:
        name = f"{flow.market}/{symbol}"
        return Failure(name, f"The exchange lists no symbol {symbol}, and the archive could not be asked: {trouble}")
    return None if archived else book.unknown(flow.market, symbol)
