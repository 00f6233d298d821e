"""What the exchange lists in a market, as the lake knows it; asked for again when that is no longer fresh."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.binance.endpoints import FEEDING, serving
from connectors.binance.endpoints.model import ById, ByTime, Named, Whole
from connectors.lake import Lake
from pipelines.context.receipts import Failure
from pipelines.context.session import Session
from pipelines.pull.states import last_states, pull_states
from schemas.config.flows import MarketFlow, TopSymbols
from schemas.datasets import DATASETS, playing, with_role
from schemas.model.dataset import Role
from schemas.model.grid import DAY_US, HOUR_US, MINUTE_US
from schemas.model.nearest import did_you_mean
from schemas.model.series import Series

FRESH_US = HOUR_US  # how long a listing is good for
BRAND_NEW_US = MINUTE_US  # how long it is good for when a name is missing from it
TRADING = "TRADING"


@dataclass(frozen=True, slots=True)
class Listing:
    """The last version of every symbol of a market; with a status among the `idle`, a symbol does not trade."""

    rows: Mapping[str, Mapping[str, Any]]
    idle: Collection[str] = ()

    @property
    def delisted(self) -> frozenset[str]:
        return frozenset(
            symbol for symbol, row in self.rows.items() if row["status"] in self.idle or row["gone_since"] is not None
        )

    @property
    def gone(self) -> frozenset[str]:
        """Those that the exchange listed once, and does not any more."""
        return frozenset(symbol for symbol, row in self.rows.items() if row["gone_since"] is not None)

    def forgotten(self, names: Iterable[str]) -> frozenset[str]:
        """Those of these symbols that the exchange does not list (any more), or never did to us."""
        return frozenset(one for one in names if one not in self.rows or self.rows[one]["gone_since"] is not None)

    def over(self, ends: Mapping[str, int]) -> set[str]:
        """Those of these symbols that ended, each a day or longer before the instant up to which it is covered."""
        return {one for one in self.delisted & ends.keys() if ends[one] >= self.rows[one]["valid_from"] + DAY_US}

    def quoted_in(self, quote: str) -> set[str]:
        return {symbol for symbol, row in self.rows.items() if row["quote_asset"] == quote}

    def trading(self) -> set[str]:
        return set(self.rows) - self.delisted

    def trades(self, symbol: str) -> bool:
        """Whether a symbol is listed and neither delisted nor paused."""
        row = self.rows.get(symbol)
        return row is not None and row["status"] == TRADING and row["gone_since"] is None

    def unknown(self, market: str, symbol: str) -> Failure:
        """What to say of a name that nobody lists."""
        hint = did_you_mean(symbol, self.rows, "See `binlake query 'select symbol from symbols'`.")
        return Failure(f"{market}/{symbol}", f"The exchange lists no symbol {symbol}. {hint}")


async def listing(session: Session, market: str, wanted: Collection[str] = ()) -> Listing:
    """The symbols of a market: from the lake while fresh, else from the exchange, stored on the way."""
    stored, seen_at = await asyncio.to_thread(_stored, session.lake, market)
    if _is_fresh(stored, seen_at, wanted, session.client.now_us()):
        return stored
    await pull_states(session, serving(Role.LISTING, market), {"market": market})
    return (await asyncio.to_thread(_stored, session.lake, market))[0]


def listing_due(lake: Lake, market: str, wanted: Collection[str], now: int) -> bool:
    """Whether the exchange will be asked for its symbols by who wants these of them."""
    return not _is_fresh(*_stored(lake, market), wanted, now)


def _is_fresh(stored: Listing, seen_at: int | None, wanted: Collection[str], now: int) -> bool:
    good_for = FRESH_US if stored.rows.keys() >= set(wanted) else BRAND_NEW_US
    return seen_at is not None and now - seen_at < good_for


def _stored(lake: Lake, market: str) -> tuple[Listing, int | None]:
    series = _series(market)
    # First how fresh, then what: rows that another process commits in between may be newer than that, never lacking.
    seen_at = series.bound("observed_at", lake.table(series.dataset).bounds())
    return known(lake, market), seen_at


def _series(market: str) -> Series:
    return Series.of(with_role(Role.LISTING), market=market)


def known(lake: Lake, market: str) -> Listing:
    """Every symbol that was ever listed to us, also those that vanished since."""
    states = last_states(lake, _series(market))
    asked = FEEDING.get((with_role(Role.LISTING).name, market), ())
    idle = asked[0].walked(Whole).idle if asked else ()  # a market may have nothing but an archive
    return Listing({symbol: row for (_, symbol), row in states.items()}, idle)


def covered(lake: Lake, market: str) -> set[str]:
    """The symbols of which the lake holds candles."""
    kinds = [dataset for dataset in playing(Role.CANDLES) if by_symbol(dataset.name, market)]
    return {series["symbol"] for kind in kinds for series, _ in lake.table(kind).series() if series["market"] == market}


def followed(lake: Lake, market: str, datasets: Iterable[str]) -> dict[str, int]:
    """The symbols that the lake holds trades of, or rows along time, by those datasets; and how far all are covered."""
    ends: dict[str, int] = {}
    for name in datasets:
        walks = [row.walk for row in FEEDING.get((name, market), ())]
        if any(isinstance(walk, ById) or (isinstance(walk, ByTime) and walk.by_symbol) for walk in walks):
            for series, bounds in lake.table(DATASETS[name]).series():
                if series["market"] == market:
                    symbol, until = series["symbol"], bounds.get("until", 0)
                    ends[symbol] = min(until, ends.get(symbol, until))
    return ends


def by_symbol(dataset: str, market: str) -> bool:
    """Whether the series of a dataset are named by the symbols of a market, and not by their pairs."""
    return any(isinstance(row.walk, Named) and row.walk.by_symbol for row in FEEDING.get((dataset, market), ()))


def chosen_before(lake: Lake, market: str, candidates: Collection[str], datasets: Iterable[str]) -> list[str]:
    """Those of the symbols whose candles the lake holds, or rows of these datasets."""
    return sorted({*covered(lake, market), *followed(lake, market, datasets)}.intersection(candidates))


def _worth(row: Mapping[str, Any], book: Listing) -> Decimal:
    """What was traded of a symbol in the quote asset; where only contracts are counted, what they are worth."""
    if row["quote_volume"] is not None:
        return Decimal(row["quote_volume"])
    size = book.rows[row["symbol"]]["contract_size"] if row["symbol"] in book.rows else None
    return Decimal(row["volume"]) * (size or 1)


async def top(session: Session, flow: MarketFlow, book: Listing, wanted: TopSymbols) -> list[str]:
    """The most traded symbols of a quote asset. Once chosen they are kept: what the lake holds comes first."""
    market, count, candidates = flow.market, wanted.top, book.quoted_in(wanted.quote)
    kept = await asyncio.to_thread(chosen_before, session.lake, market, candidates, flow.datasets)
    if len(kept) >= count:
        return kept
    constants: dict[str, str | int] = {"market": market, "observed_at": session.client.now_us()}
    rows = await session.client.rows(serving(Role.RANKING, market), constants)
    worth = {str(row["symbol"]): _worth(row, book) for row in rows.to_pylist()}
    ranked = sorted(worth, key=lambda symbol: (-worth[symbol], symbol))
    among = candidates & book.trading() - set(kept)
    return [*kept, *[symbol for symbol in ranked if symbol in among][: count - len(kept)]]
