"""The ids an account comes across: they begin anywhere, leave gaps, and are unique only within kind and symbol."""

from __future__ import annotations

from hashlib import blake2b

from connectors.simulator.market.random_field import key_of

_FIRST_BELOW = 4_000_000_000
_GAPS = {
    "order": 40_000,
    "trade": 3_000,
    "list": 900,
    "allocation": 5,
    "prevented": 40,
    "execution": 2_000,
    "movement": 900,
}
_MULTIPLIER, _BITS = 6_364_136_223_846_793_005, (1 << 64) - 1


class Numbers:
    """The next id of every kind; the same seed and user give the same ids."""

    def __init__(self, seed: int, uid: int) -> None:
        self._seed, self._uid = seed, uid
        self._last: dict[tuple[str, str], int] = {}

    def next(self, kind: str, symbol: str) -> int:
        last = self._last.get((kind, symbol))
        self._last[kind, symbol] = self._first(kind, symbol) if last is None else last + self._gap(kind, last)
        return self._last[kind, symbol]

    def client(self, kind: str, symbol: str, number: int) -> str:
        """A client order id such as the exchange makes up."""
        text = f"{self._seed}/{self._uid}/{kind}/{symbol}/{number}"
        return blake2b(text.encode(), digest_size=11).hexdigest()

    def _first(self, kind: str, symbol: str) -> int:
        """One symbol in four begins at the very first ids, where trades, unlike orders, count from 0."""
        key = int(key_of(self._seed, self._uid, kind, symbol))
        lowest = 0 if kind == "trade" else 1
        return lowest + (key >> 8) % (3 if key % 4 == 0 else _FIRST_BELOW)

    def _gap(self, kind: str, last: int) -> int:
        return 1 + ((last * _MULTIPLIER + self._seed) & _BITS) % 2**40 * _GAPS[kind] // 2**40
