"""Years of an account's trading, a pure function of seed and user: what happens, and when, as stories for its book.

Orders are planned a season at a time, so that a life needs no end; what came before does not change by going on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import accumulate, count

import numpy as np

from connectors.simulator.account.accounts import Account
from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow.scene import MoneyScene
from connectors.simulator.account.cashflow.wallet import credit
from connectors.simulator.account.scenarios import STORIES, UNFILLED
from connectors.simulator.account.scenes import USUAL, Minute, Scene
from connectors.simulator.market.candles import Candles
from connectors.simulator.market.intervals import DAY_MS, HOUR_MS, MINUTE_MS
from connectors.simulator.market.listings import Listing
from connectors.simulator.market.minutes import Market
from connectors.simulator.market.random_field import Ints, key_of, uniform

_SEASON_DAYS = 91
_DICE = 24  # numbers a story may use
_LONGEST_WAIT = 11  # until something comes of an order, at most 2 ** 11 minutes
_PURSE = 500  # usual orders' worth of each quote asset, at the beginning
_OPENED_MS = int(datetime(2024, 11, 1, tzinfo=UTC).timestamp()) * 1000

# The symbols an account trades, with how often: two that are delisted, two with names that are not ASCII.
TRADED = {
    "BTCUSDT": 20,
    "ETHUSDT": 12,
    "BNBUSDT": 8,
    "SOLUSDT": 8,
    "ETHBTC": 6,
    "BNBBTC": 5,
    "EURUSDT": 4,
    "SHIBUSDT": 4,
    "1000SATSUSDT": 4,
    "币安人生USDT": 6,
    "这是测试币456": 4,
    "ON": 4,
    "XNOUSDT": 3,
    "XRPUSDT": 5,
    "LTCUSDT": 4,
    "BTCZAR": 4,
    "ADAUSDT": 4,
    "TRXUSDT": 4,
    "DOTUSDT": 4,
    "MATICUSDT": 5,
    "WAVESUSDT": 4,
}
WATCHED = {"DOGEUSDT": 2, "LINKBTC": 2}  # here it never gets more than orders that it cancels again


@dataclass(frozen=True)
class Life:
    """When an account began to trade, how often, and what: symbols with how often it turns to each."""

    since_ms: int = _OPENED_MS
    stories_a_day: float = 9.0
    traded: Mapping[str, int] = field(default_factory=lambda: TRADED)
    watched: Mapping[str, int] = field(default_factory=lambda: WATCHED)

    def opening(self, listings: Mapping[str, Listing]) -> dict[str, Decimal]:
        """What the account begins with."""
        quotes = {listings[symbol].quote for symbol in self.traded if symbol in listings}
        worth = {quote: USUAL.get(quote, USUAL["USDT"]) * _PURSE for quote in quotes}
        return {"BNB": Decimal(20), **worth}

    def begin(self, account: Account, seed: int, market: Market, listings: Mapping[str, Listing]) -> None:
        """Have the account's book live this life."""
        account.book.agenda.add(self.since_ms, _deposited(account, self.opening(listings)))
        account.book.agenda.add(self.since_ms, _Author(self, account, seed, market, listings).write())


def _deposited(account: Account, amounts: Mapping[str, Decimal]) -> Story:
    for asset, amount in amounts.items():
        credit(MoneyScene(account), asset, amount)
    yield from ()


@dataclass(frozen=True)
class _Author:
    life: Life
    account: Account
    seed: int
    market: Market
    listings: Mapping[str, Listing]

    def write(self) -> Story:
        """Plan season after season, each when it begins."""
        for season in count():
            for symbol, share in {**self.life.traded, **self.life.watched}.items():
                if (listing := self.listings.get(symbol)) is not None:
                    self._season(listing, season, share)
            yield self.life.since_ms + (season + 1) * _SEASON_DAYS * DAY_MS

    def _season(self, listing: Listing, season: int, share: int) -> None:
        """The stories of one symbol that begin in a season, where the symbol trades in both of their minutes."""
        everything = sum(self.life.traded.values()) + sum(self.life.watched.values())
        number = round(self.life.stories_a_day * _SEASON_DAYS * share / everything)
        key = key_of(self.seed, self.account.uid, listing.symbol, "life", season)
        dice = uniform(key, np.arange(number * _DICE, dtype=np.int64)).reshape(number, _DICE)
        first = self.life.since_ms // MINUTE_MS + season * _SEASON_DAYS * (DAY_MS // MINUTE_MS)
        now = first + (dice[:, 0] * _SEASON_DAYS * (DAY_MS // MINUTE_MS)).astype(np.int64)
        later = now + 1 + (2 ** (dice[:, 1] * _LONGEST_WAIT)).astype(np.int64)
        minutes = self._minutes(listing, np.unique(np.r_[now, later]))
        for place in range(number):
            if (begins := minutes.get(int(now[place]))) and (comes := minutes.get(int(later[place]))):
                self._tell(listing, begins, comes, dice[place, 2:].tolist())

    def _minutes(self, listing: Listing, minutes: Ints) -> dict[int, Minute]:
        """Those in which the symbol traded."""
        candles = self.market.scattered(listing, minutes)
        candles = candles.pick(candles.trades > 0)
        columns = (candles.opened, candles.low, candles.high, candles.close)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return {opened // MINUTE_MS: Minute(opened, low, high, close) for opened, low, high, close in rows}

    def _tell(self, listing: Listing, begins: Minute, comes: Minute, dice: list[float]) -> None:
        roll = iter(dice).__next__

        def hours(number: int) -> Candles:
            minute = begins.opened_ms // MINUTE_MS
            return self.market.minutes(listing, minute, minute + number * (HOUR_MS // MINUTE_MS))

        stories = UNFILLED if listing.symbol in self.life.watched else STORIES
        story = _chosen(stories, roll())
        scene = Scene(self.account, listing, begins, comes, roll, hours)
        self.account.book.agenda.add(scene.within(begins), story(scene))


def _chosen(stories: Mapping[Callable[[Scene], Story], int], chance: float) -> Callable[[Scene], Story]:
    """One of the stories, by its weight."""
    reached = list(accumulate(stories.values()))
    return list(stories)[bisect_right(reached, chance * reached[-1])]
