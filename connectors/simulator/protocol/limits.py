"""Request weight by client address: fixed windows on the UTC minute, 429 beyond the limit, 418 for going on."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from connectors.simulator.protocol.rules import Refusal

_MINUTE_S = 60
_FIRST_BAN_S = 120
_LONGEST_BAN_S = 3 * 24 * 3600
_RAW_WINDOW_S = 300
_MINUTES_KEPT = 3000
COUNTED_BY_CALLS = ("funding", "futures_data")
OF_FUTURES = ("futures", *COUNTED_BY_CALLS)


@dataclass
class _Client:
    """What one address has spent in the current windows, and how it behaved."""

    window: dict[str, tuple[int, int]] = field(default_factory=dict)  # pool: (number of the window, weight)
    refused: tuple[int, int] = (-1, 0)  # minute, refusals in it
    banned_until_s: float = 0.0
    bans: int = 0

    def add(self, pool: str, number: int, weight: int) -> int:
        """The weight spent in this window, this request included."""
        window, used = self.window.get(pool, (number, 0))
        self.window[pool] = (number, (used if window == number else 0) + weight)
        return self.window[pool][1]

    def refusals(self, minute: int) -> int:
        """How many requests of this minute were refused, this one included."""
        self.refused = (minute, self.refused[1] + 1 if self.refused[0] == minute else 1)
        return self.refused[1]


@dataclass
class Limits:
    """The limits in force. `retry_after` says what the header holds: seconds, zero, or the header is left out."""

    enforced: bool = True
    weight: int = 6000
    raw: int = 300_000
    futures: int = 2400
    funding: int = 500  # calls in five minutes
    futures_data: int = 1000  # the same
    sapi: int = 12_000
    sapi_uid: int = 180_000
    patience: int = 10  # refusals in one minute before the address is banned
    retry_after: Literal["seconds", "zero", "absent"] = "seconds"
    spent: Counter[int] = field(default_factory=Counter)  # weight of /api/v3 by minute since 1970
    _clients: dict[str, _Client] = field(default_factory=dict)

    def charge(self, address: str, pool: str, weight: int, now_s: float) -> int:
        """Spend weight; gives what the window now holds, or refuses with 429 or 418."""
        client = self._clients.setdefault(address, _Client())
        if self.enforced and now_s < client.banned_until_s:
            raise self._banned(client, now_s)
        if pool in COUNTED_BY_CALLS:
            used = client.add(pool, int(now_s // _RAW_WINDOW_S), 1)
            self._hold(used, self.funding if pool == "funding" else self.futures_data, now_s)
            return used
        minute = int(now_s // _MINUTE_S)
        used = client.add(pool, minute, weight)
        if pool not in ("spot", "futures"):
            self._hold(used, self.sapi_uid if pool.startswith("uid:") else self.sapi, now_s)
            return used
        most, raw = (self.futures, 0) if pool == "futures" else (self.weight, self._requests(client, now_s))
        if pool == "spot":
            self._note(minute, weight)
        if self.enforced and (used > most or raw > self.raw):
            raise self._over(client, minute, now_s, most)
        return used

    @staticmethod
    def _requests(client: _Client, now_s: float) -> int:
        """How many requests of five minutes this is, whatever they weigh."""
        return client.add("raw", int(now_s // _RAW_WINDOW_S), 1)

    def used(self, address: str, pool: str, now_s: float) -> int:
        """The weight an address has spent in this minute."""
        client = self._clients.setdefault(address, _Client())
        return client.add(pool, int(now_s // (_RAW_WINDOW_S if pool in COUNTED_BY_CALLS else _MINUTE_S)), 0)

    def printed(self) -> list[dict[str, object]]:
        """The limits as `exchangeInfo` prints them."""
        return _printed(
            ("REQUEST_WEIGHT", "MINUTE", 1, self.weight),
            ("ORDERS", "SECOND", 10, 100),
            ("ORDERS", "DAY", 1, 200_000),
            ("RAW_REQUESTS", "MINUTE", 5, self.raw),
        )

    def printed_for_futures(self) -> list[dict[str, object]]:
        """The limits as `exchangeInfo` of futures prints them."""
        return _printed(
            ("REQUEST_WEIGHT", "MINUTE", 1, self.futures),
            ("ORDERS", "MINUTE", 1, 1200),
            ("ORDERS", "SECOND", 10, 300),
        )

    def _note(self, minute: int, weight: int) -> None:
        self.spent[minute] += weight
        if len(self.spent) > _MINUTES_KEPT:
            del self.spent[min(self.spent)]

    def _hold(self, used: int, most: int, now_s: float) -> None:
        """Endpoints of /sapi answer 429 and never ban."""
        if self.enforced and used > most:
            raise Refusal(-1003, f"Too much request weight used; current limit is {most}.", 429, self._retry(now_s))

    def _over(self, client: _Client, minute: int, now_s: float, most: int) -> Refusal:
        if client.refusals(minute) > self.patience:
            client.bans += 1
            client.refused = (-1, 0)
            client.banned_until_s = now_s + min(_FIRST_BAN_S * 2 ** (client.bans - 1), _LONGEST_BAN_S)
            return self._banned(client, now_s)
        text = f"Too much request weight used; current limit is {most} request weight per 1 MINUTE."
        return Refusal(-1003, text, 429, self._retry(now_s))

    def _banned(self, client: _Client, now_s: float) -> Refusal:
        until_ms = int(client.banned_until_s * 1000)
        text = f"Way too much request weight used; IP banned until {until_ms}."
        return Refusal(-1003, text, 418, self._retry(now_s, client.banned_until_s))

    def _retry(self, now_s: float, until_s: float | None = None) -> dict[str, str]:
        if self.retry_after == "absent":
            return {}
        until_s = (now_s // _MINUTE_S + 1) * _MINUTE_S if until_s is None else until_s
        return {"Retry-After": "0" if self.retry_after == "zero" else str(math.ceil(until_s - now_s))}


def _printed(*limits: tuple[str, str, int, int]) -> list[dict[str, object]]:
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    return [dict(zip(names, row, strict=True)) for row in limits]
