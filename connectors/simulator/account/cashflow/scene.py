"""What a story of an account's money has to hand: dice, ids, and the account's wallets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import accumulate
from typing import Any, TypeVar

from connectors.simulator.account.accounts import Account
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.protocol.rules import Refusal

T = TypeVar("T")
# What is usually moved of an asset at once: all are worth about the same.
USUAL = {
    "USDT": Decimal(300),
    "BTC": Decimal("0.005"),
    "ETH": Decimal("0.1"),
    "BNB": Decimal("0.5"),
    "SOL": Decimal(2),
}
UNIT = Decimal("1e-8")


@dataclass(frozen=True)
class MoneyScene:
    """Whatever acts here acts at the instant at which its story has been resumed."""

    account: Account
    roll: Callable[[], float] = float  # the next number in [0, 1); 0 for what is not left to chance

    @property
    def now_ms(self) -> int:
        return self.account.book.now_ms

    def chance(self, share: float) -> bool:
        return self.roll() < share

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.roll() * len(options))]

    def weighted(self, options: Mapping[T, int]) -> T:
        """One of them, by its weight."""
        chance = self.roll() * sum(options.values())
        return next(
            option for option, reached in zip(options, accumulate(options.values()), strict=True) if chance < reached
        )

    def id(self, kind: str) -> int:
        """The next id of a kind; each is given once."""
        return self.account.book.numbers.next("movement", kind)

    def text_id(self, kind: str) -> str:
        """An id as long as those of transactions, in hexadecimal."""
        return self.account.book.numbers.client("movement", kind, self.id(kind))

    def in_minutes(self, most: float) -> int:
        """An instant at most so many minutes from now."""
        return self.now_ms + 1 + int(self.roll() * most * 60_000)

    def usual(self, asset: str, times: float = 1) -> Decimal:
        """A usual amount, more or less."""
        return (USUAL[asset] * Decimal((0.2 + 1.6 * self.roll()) * times)).quantize(UNIT)

    def free(self, wallet: str, asset: str) -> Decimal:
        return self.account.free(asset) if wallet == "spot" else self.account.wallets.amounts(wallet, asset)[0]

    def must_have(self, wallet: str, asset: str, amount: Decimal) -> Decimal:
        """The amount, if so much is free; else the story ends, as the exchange refuses what it wants."""
        if self.free(wallet, asset) < amount:
            raise Refusal(-2010, "Account has insufficient balance for requested action.")
        return amount

    def spare(self, wallet: str, asset: str, times: float = 1) -> Decimal:
        """A usual amount that is free in a wallet."""
        return self.must_have(wallet, asset, self.usual(asset, times))

    def move(self, legs: Sequence[Leg], *rows: Filed) -> None:
        """Change balances and file the rows that tell of it."""
        self.account.move(self.now_ms, legs, rows)

    def file(self, path: str, row: dict[str, Any], of: str | None = None) -> dict[str, Any]:
        """A row of a ledger that has moved nothing yet; whatever is changed in it the ledger tells from then on."""
        self.account.move(self.now_ms, (), [Filed(path, row, of)])
        return row


def text_time(at_ms: int) -> str:
    """A time as withdrawals print it, cut to seconds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
