"""Symbols: what the exchange lists, kept as versions; and which of them a flow means."""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow.compute as pc

from connectors.binance.endpoints import spot
from connectors.binance.errors import Rejected
from connectors.lake import Lake, Move, Stale
from pipelines.context.receipts import Failure
from pipelines.context.session import Session
from pipelines.store.rows import rows_of, with_instants
from schemas.datasets.market import KLINES, SYMBOLS
from schemas.model.errors import Problem
from schemas.model.grid import HOUR_US, MINUTE_US

FRESH_US = HOUR_US  # how long a listing is good for
BRAND_NEW_US = MINUTE_US  # how long it is good for when a name is missing from it
TRADING = "TRADING"
NOT_TRADING = "BREAK"  # delisted, or not yet listed
UNASKED = ("SPOT", "MARGIN", "LEVERAGED")  # the groups whose symbols are listed when none is named
PERMISSIONS = (*UNASKED, *(f"TRD_GRP_{number:03}" for number in range(2, 26)))


@dataclass(frozen=True, slots=True)
class Listing:
    """The last version of every symbol of a market."""

    rows: Mapping[str, Mapping[str, Any]]

    @property
    def delisted(self) -> frozenset[str]:
        return frozenset(
            symbol for symbol, row in self.rows.items() if row["status"] == NOT_TRADING or row["gone_since"] is not None
        )

    def forgotten(self, names: Iterable[str]) -> frozenset[str]:
        """Those of these symbols that the exchange does not list (any more), or never did to us."""
        return frozenset(one for one in names if one not in self.rows or self.rows[one]["gone_since"] is not None)

    def quoted_in(self, quote: str) -> set[str]:
        return {symbol for symbol, row in self.rows.items() if row["quote_asset"] == quote}

    def trading(self) -> set[str]:
        return set(self.rows) - self.delisted

    def trades(self, symbol: str) -> bool:
        """Whether a symbol is listed and neither delisted nor paused."""
        row = self.rows.get(symbol)
        return row is not None and row["status"] == TRADING and row["gone_since"] is None

    def nearest(self, symbol: str) -> str | None:
        """The symbol that was probably meant."""
        close = difflib.get_close_matches(symbol.upper(), self.rows, n=1)
        return close[0] if close else None

    def unknown(self, market: str, symbol: str) -> Failure:
        """What to say of a name that nobody lists."""
        nearest = self.nearest(symbol)
        hint = f"did you mean {nearest}?" if nearest else "see `binlake query 'select symbol from symbols'`."
        return Failure(f"{market}/{symbol}", f"The exchange lists no symbol {symbol}; {hint}")


async def listing(session: Session, market: str, wanted: Collection[str] = ()) -> Listing:
    """The symbols of a market: from the lake while fresh, else from the exchange, stored on the way."""
    stored, seen_at = await asyncio.to_thread(_stored, session.lake, market)
    good_for = FRESH_US if stored.rows.keys() >= set(wanted) else BRAND_NEW_US
    if seen_at is not None and session.client.now_us() - seen_at < good_for:
        return stored
    await pull_symbols(session, market)
    return (await asyncio.to_thread(_stored, session.lake, market))[0]


async def pull_symbols(session: Session, market: str) -> int:
    """Store a version of every symbol that changed since the last look, and a last one of those that vanished.

    That most of them vanish at once is asked for again, and then refused: no exchange delists half of its market.
    """
    before = await asyncio.to_thread(known, session.lake, market)
    look = await _look(session, market)
    if look.loses_most_of(before):
        look = await _look(session, market)
    if look.loses_most_of(before):
        raise Problem(
            f"exchangeInfo lacks {len(look.lost(before)):,} of the {len(before.trading()):,} symbols of {market} "
            "that were listed before.",
            "None was marked as gone; run again. An exchange that was wiped, as testnets are, needs a new lake.",
        )
    return await asyncio.to_thread(_store, session.lake, market, look)


@dataclass(frozen=True, slots=True)
class _Look:
    """What was listed at an instant: of all symbols, or of those that the exchange shows unless asked for more."""

    at: int
    printed: Mapping[str, Mapping[str, Any]]
    everything: bool

    def gone(self, before: Listing) -> list[str]:
        """The symbols that would be listed if they still existed."""
        return [
            symbol
            for symbol, row in before.rows.items()
            if symbol not in self.printed and row["gone_since"] is None and (self.everything or _shown_unasked(row))
        ]

    def lost(self, before: Listing) -> set[str]:
        """The symbols that traded and are gone."""
        return before.trading().intersection(self.gone(before))

    def loses_most_of(self, before: Listing) -> bool:
        return 2 * len(self.lost(before)) > len(before.trading())


def _shown_unasked(row: Mapping[str, Any]) -> bool:
    """Whether a symbol is listed without naming its groups; old answers do not say."""
    sets = row["permission_sets"]
    return sets is None or any(group in UNASKED for groups in json.loads(sets) for group in groups)


async def _look(session: Session, market: str) -> _Look:
    """What is listed, whoever may trade it: without naming the groups, regional symbols are left out."""
    now = session.client.now_us()
    ask = partial(session.client.rows, spot.EXCHANGE_INFO, {"market": market, "valid_from": now})
    session.progress.expect(requests=1, rows=0)
    try:
        rows, everything = await ask(permissions=list(PERMISSIONS)), True
    except Rejected:  # it knows one of the groups no more; what it lists by default is better than nothing
        rows, everything = await ask(), False
    session.progress.advance(requests=1)
    return _Look(now, {row["symbol"]: row for row in with_instants(rows)}, everything)


def _store(lake: Lake, market: str, look: _Look) -> int:
    table, now = lake.table(SYMBOLS), look.at
    series = SYMBOLS.series_id({"market": market})
    previous = table.bounds().get(f"{series}#observed_at")
    if previous is not None and previous >= now:
        return 0  # a newer look was stored meanwhile
    before = known(lake, market)
    changed = [row for symbol, row in look.printed.items() if _differs(row, before.rows.get(symbol))]
    gone = [{**before.rows[symbol], "gone_since": now, "valid_from": now} for symbol in look.gone(before)]
    news = rows_of(SYMBOLS, [*changed, *gone])
    try:
        table.commit(news, [Move(series, {"observed_at": previous}, {"observed_at": now})])
    except Stale:
        return 0
    return news.num_rows


def _differs(row: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    return before is None or any(before[name] != value for name, value in row.items() if name != "valid_from")


def _stored(lake: Lake, market: str) -> tuple[Listing, int | None]:
    seen_at = lake.table(SYMBOLS).bounds().get(f"{SYMBOLS.series_id({'market': market})}#observed_at")
    return known(lake, market), seen_at


def known(lake: Lake, market: str) -> Listing:
    """Every symbol that was ever listed to us, also those that vanished since."""
    return Listing(_last_versions(lake, market))


def _last_versions(lake: Lake, market: str) -> dict[str, dict[str, Any]]:
    rows = lake.table(SYMBOLS).scan(where=pc.field("market") == market)
    return {row["symbol"]: row for row in with_instants(rows.sort_by("valid_from"))}


def covered(lake: Lake, market: str) -> set[str]:
    """The symbols of which the lake holds candles."""
    return {series["symbol"] for series, _ in lake.table(KLINES).series() if series["market"] == market}


async def top(session: Session, market: str, book: Listing, quote: str, count: int) -> list[str]:
    """The most traded symbols of a quote asset. Once chosen they are kept: what the lake holds comes first."""
    candidates = book.quoted_in(quote)
    kept = sorted(await asyncio.to_thread(covered, session.lake, market) & candidates)
    if len(kept) >= count:
        return kept
    constants: dict[str, str | int] = {"market": market, "observed_at": session.client.now_us()}
    rows = await session.client.rows(spot.TICKER_24H, constants)
    ranked = [str(symbol) for symbol in rows.sort_by([("quote_volume", "descending")])["symbol"].to_pylist()]
    return [*kept, *_first(ranked, candidates & book.trading() - set(kept), count - len(kept))]


def _first(ranked: Iterable[str], among: Collection[str], count: int) -> list[str]:
    return [symbol for symbol in ranked if symbol in among][:count]
