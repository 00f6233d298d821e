"""A call to the exchange: what is asked of which host, what comes back, and what the journal keeps of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import msgspec

from connectors.binance.clock import ExchangeClock
from connectors.binance.endpoints.model import Endpoint, Param
from connectors.binance.errors import BinanceError
from connectors.binance.keys import KeyPair

_SHOWN = 100  # of a query, in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one try asked and got, for the journal. Instants in microseconds of the exchange's clock."""

    asked_at: int
    answered_at: int | None
    method: str
    path: str
    params: str
    key_fingerprint: str | None
    status: int | None
    code: int | None
    pool: str
    weight: int
    used_weight: int | None
    latency_ms: int | None
    own_weight: int | None


@dataclass(slots=True)
class Host:
    """The clock of one host of the exchange, and the call that shows it."""

    shows_time: Endpoint
    clock: ExchangeClock
    syncing: asyncio.Lock = field(default_factory=asyncio.Lock)
    known_silent: bool = False  # people have been told that it does not answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: who makes it, what it costs, and its query as it goes on the wire, not yet signed."""

    endpoint: Endpoint
    host: Host
    url: str
    query: str
    weight: int
    keys: KeyPair | None  # None when the call is public

    @property
    def shown_query(self) -> str:
        """As much of the query as an error shows."""
        return unquote(self.query)[:_SHOWN]

    @property
    def shown(self) -> str:
        """The call as an error names it."""
        return f"{self.endpoint.name} {self.shown_query}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one try: the whole answer, or the problem. Instants in seconds of our own clock."""

    asked_s: float
    answered_s: float = float("inf")
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)  # a server may echo what it was sent
    problem: BinanceError | None = None


def query_of(params: Mapping[str, Param]) -> str:
    """The query, percent-encoded once and for good; parameters that are None are left out, lists are JSON."""
    pairs = ((name, _text(value)) for name, value in params.items() if value is not None)
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def _text(value: str | int | list[str]) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
