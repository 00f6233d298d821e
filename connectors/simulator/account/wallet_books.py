"""What an account holds in each of its wallets: the sum of all that was ever moved there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from connectors.simulator.account.account_book import Amount
from connectors.simulator.account.orders import ZERO

Holdings = dict[str, tuple[Decimal, Decimal]]  # asset: free and locked

WALLETS = (
    "spot",
    "funding",
    "earn_flexible",
    "earn_locked",
    "margin",
    "margin_debt",
    "usdm",
    "coinm",
    "options",
    "portfolio_margin",
    "loan",
    "loan_debt",
)
BY_SYMBOL = ("isolated_margin", "isolated_margin_debt")  # such as isolated_margin:BTCUSDT


class Leg(NamedTuple):
    """A signed change of one asset in one wallet, of what is free and of what is locked there."""

    wallet: str
    asset: str
    free: Amount
    locked: Amount = 0


class Filed(NamedTuple):
    """A row of a ledger, such as `asset/transfer`, and the value of the parameter that it is found under."""

    path: str
    row: dict[str, Any]
    of: str | None = None


class WalletBooks:
    """The legs that were posted to the wallets of one account, and what they come to."""

    def __init__(self) -> None:
        self._posted: list[tuple[int, Leg]] = []
        self._sums: defaultdict[str, Holdings] = defaultdict(dict)

    def post(self, at_ms: int, legs: Iterable[Leg]) -> None:
        """Move amounts at an instant, all or none."""
        exact = [checked(leg) for leg in legs]
        self._posted += [(at_ms, leg) for leg in exact]
        for leg in exact:
            _add(self._sums, leg)

    def amounts(self, wallet: str, asset: str) -> tuple[Decimal, Decimal]:
        """Free and locked of one asset."""
        return self._sums[wallet].get(asset, (ZERO, ZERO))

    def held(self, wallet: str, at_ms: int | None = None) -> Holdings:
        """Free and locked of every asset that was ever moved in a wallet, now or by an instant."""
        if at_ms is None:
            return dict(self._sums[wallet])
        sums: defaultdict[str, Holdings] = defaultdict(dict)
        for posted_ms, leg in self._posted:
            if leg.wallet == wallet and posted_ms <= at_ms:
                _add(sums, leg)
        return sums[wallet]

    def all(self) -> dict[str, Holdings]:
        """The same of every wallet, now."""
        return {wallet: dict(held) for wallet, held in self._sums.items()}


def _add(sums: defaultdict[str, Holdings], leg: Leg) -> None:
    free, locked = sums[leg.wallet].get(leg.asset, (ZERO, ZERO))
    sums[leg.wallet][leg.asset] = (free + Decimal(leg.free), locked + Decimal(leg.locked))


def checked(leg: Leg) -> Leg:
    """The leg, exact. ValueError when there is no such wallet."""
    kind, _, symbol = leg.wallet.partition(":")
    if not (leg.wallet in WALLETS or (kind in BY_SYMBOL and symbol)):
        raise ValueError(f"no such wallet: {leg.wallet}; valid: {', '.join(WALLETS)}, {', '.join(BY_SYMBOL)}:SYMBOL")
    return Leg(leg.wallet, leg.asset, Decimal(leg.free), Decimal(leg.locked))
