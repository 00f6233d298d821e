"""Years of an account's money, a pure function of seed and user, planned a season at a time as its trading is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

import numpy as np

from connectors.simulator.account.accounts import Account
from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow import earn, futures, loans, margin, payments, staking, wallet
from connectors.simulator.account.cashflow.scene import MoneyScene
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.market.random_field import key_of, uniform

_SEASON_DAYS = 91
_DICE = 24  # numbers a story may use
_OPENED_MS = int(datetime(2022, 11, 1, tzinfo=UTC).timestamp()) * 1000

STORIES: dict[Callable[[MoneyScene], Story], float] = {
    **wallet.STORIES,
    **payments.STORIES,
    **earn.STORIES,
    **staking.STORIES,
    **loans.STORIES,
    **margin.STORIES,
    **futures.STORIES,
}


@dataclass(frozen=True)
class Cashflow:
    """When the first money came in, and how much goes on: `busy` times as often as usual each of the stories."""

    since_ms: int = _OPENED_MS
    busy: float = 1.0
    stories: Mapping[Callable[[MoneyScene], Story], float] = field(default_factory=lambda: STORIES)  # how many a day

    def begin(self, account: Account, seed: int) -> None:
        """Have the account live this life."""
        account.book.agenda.add(self.since_ms, _Author(self, account, seed).write())


@dataclass(frozen=True)
class _Author:
    life: Cashflow
    account: Account
    seed: int

    def write(self) -> Story:
        """Open the account, then plan season after season, each when it begins."""
        wallet.open_account(MoneyScene(self.account, self._dice("opening", 0, 1)[0]))
        for season in count():
            for story, a_day in self.life.stories.items():
                self._season(story, season, a_day * self.life.busy * _SEASON_DAYS)
            yield self._begins(season + 1)

    def _season(self, story: Callable[[MoneyScene], Story], season: int, expected: float) -> None:
        """The stories of one kind that begin in a season."""
        whole, rest = divmod(expected, 1)
        chance, *dice = self._dice(story.__name__, season, int(whole) + 2)
        for roll in dice[: int(whole) + (chance() < rest)]:
            at_ms = self._begins(season) + int(roll() * _SEASON_DAYS * DAY_MS)
            self.account.book.agenda.add(at_ms, story(MoneyScene(self.account, roll)))

    def _begins(self, season: int) -> int:
        return self.life.since_ms + season * _SEASON_DAYS * DAY_MS

    def _dice(self, kind: str, season: int, number: int) -> list[Callable[[], float]]:
        """The same for the same kind and season, however many there are."""
        key = key_of(self.seed, self.account.uid, kind, "cashflow", season)
        rolls = uniform(key, np.arange(number * _DICE, dtype=np.int64)).reshape(number, _DICE).tolist()
        return [iter(each).__next__ for each in rolls]
