"""Accounts, their balances and their keys; signatures are verified over the bytes that came in."""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from connectors.simulator.account.account_book import Amount, Book
from connectors.simulator.account.orders import ZERO
from connectors.simulator.account.wallet_books import Filed, Holdings, Leg, WalletBooks

Balances = Mapping[str, tuple[Amount, Amount]]  # asset: free and locked
Verify = Callable[[bytes, str], bool]

READING = frozenset({"enableReading"})
RIGHTS = (
    "enableReading",
    "enableWithdrawals",
    "enableInternalTransfer",
    "enableMargin",
    "enableFutures",
    "permitsUniversalTransfer",
    "enableVanillaOptions",
    "enableFixApiTrade",
    "enableFixReadOnly",
    "enableSpotAndMarginTrading",
    "enablePortfolioMarginTrading",
)
_TRADING = frozenset({"enableSpotAndMarginTrading", "enableMargin"})


@dataclass
class Account:
    """What the exchange knows of one user: `wallets` hold what was moved, and what the orders of `book` moved in spot
    comes on top. `movements` are the rows of each ledger, as returned, by its path, each with the value of the
    parameter it is found under.
    """

    uid: int
    updated_ms: int
    book: Book
    wallets: WalletBooks = field(default_factory=WalletBooks)
    movements: defaultdict[str, list[tuple[str | None, dict[str, Any]]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def move(self, at_ms: int, legs: Iterable[Leg], rows: Iterable[Filed] = ()) -> None:
        """Change balances at an instant that is not to come, and file what the ledgers tell of it."""
        self.wallets.post(at_ms, legs)
        for path, row, of in rows:
            self.movements[whole_path(path)].append((of, row))

    def held(self) -> Holdings:
        """Free and locked by asset, in the spot wallet."""
        held = self.wallets.held("spot")
        for asset in self.book.assets():
            (free, locked), (more_free, more_locked) = held.get(asset, (ZERO, ZERO)), self._through_orders(asset)
            held[asset] = (free + more_free, locked + more_locked)
        return held

    def free(self, asset: str) -> Decimal:
        """What of an asset the spot wallet could give away."""
        return self.wallets.amounts("spot", asset)[0] + self._through_orders(asset)[0]

    def set(self, asset: str, free: Decimal, locked: Decimal, at_ms: int) -> None:
        """Have the spot wallet show this much, whatever its orders moved and hold back; no ledger tells of it."""
        (was_free, was_locked), (more_free, more_locked) = (
            self.wallets.amounts("spot", asset),
            self._through_orders(asset),
        )
        change = Leg("spot", asset, free - more_free - was_free, locked - more_locked - was_locked)
        self.wallets.post(at_ms, [change])

    def _through_orders(self, asset: str) -> tuple[Decimal, Decimal]:
        on_hold = self.book.reserved(asset)
        return self.book.moved.get(asset, ZERO) - on_hold, on_hold


@dataclass(frozen=True)
class Key:
    """One key of an account, what it may do, and from where: `addresses` is empty for a key without an IP list."""

    account: Account
    verify: Verify = field(repr=False)
    rights: frozenset[str] = READING
    created_ms: int = 0
    addresses: frozenset[str] = frozenset()
    trading_until_ms: int | None = None

    def rights_at(self, now_ms: int) -> frozenset[str]:
        """What it may do at an instant: the right to trade may end by itself."""
        ended = self.trading_until_ms is not None and now_ms >= self.trading_until_ms
        return self.rights - _TRADING if ended else self.rights

    def restrictions(self, now_ms: int) -> dict[str, bool | int]:
        """The key as `apiRestrictions` prints it."""
        held = self.rights_at(now_ms)
        until = {} if self.trading_until_ms is None else {"tradingAuthorityExpirationTime": self.trading_until_ms}
        rights = {right: right in held for right in RIGHTS}
        return {"ipRestrict": bool(self.addresses), "createTime": self.created_ms, **until, **rights}


def whole_path(path: str) -> str:
    """Of a ledger that is named shortly, such as `asset/transfer`."""
    return path if path.startswith("/") else f"/sapi/v1/{path}"


def rights_of(names: Collection[str]) -> frozenset[str]:
    unknown = set(names) - set(RIGHTS)
    if unknown:
        raise ValueError(f"no such permission: {', '.join(sorted(unknown))}; valid: {', '.join(RIGHTS)}")
    return frozenset(names)


def by_secret(secret: str) -> Verify:
    """HMAC-SHA256 in hexadecimal of either case."""

    def verify(payload: bytes, signature: str) -> bool:
        expected = hmac.new(secret.encode(), payload, "sha256").hexdigest()
        return hmac.compare_digest(expected, unquote(signature).lower())

    return verify


def by_public_key(pem: str | bytes) -> Verify:
    """RSA (PKCS #1 v1.5 with SHA-256) or Ed25519, in base64."""
    key = load_pem_public_key(pem if isinstance(pem, bytes) else pem.encode())

    def verify(payload: bytes, signature: str) -> bool:
        try:
            raw = b64decode(unquote(signature), validate=True)
            if isinstance(key, RSAPublicKey):
                key.verify(raw, payload, PKCS1v15(), SHA256())
            elif isinstance(key, Ed25519PublicKey):
                key.verify(raw, payload)
            else:
                return False
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    return verify
