"""What may be asked of the exchange. One row an endpoint; whatever is not a row here is never sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from connectors.binance.pools import SPOT, Pool, sapi_by_ip
from schemas.account import BALANCES
from schemas.dataset import Dataset
from schemas.market import KLINES as KLINE_ROWS
from schemas.market import PRICES, SYMBOLS, TICKERS

Param = str | int | list[str] | None


class Security(StrEnum):
    """What a call must carry."""

    PUBLIC = "public"  # nothing: a public call sends no key, even when there is one
    SIGNED = "signed"  # key, timestamp and signature


@dataclass(frozen=True, slots=True, kw_only=True)
class BySymbols:
    """A weight that depends on how many symbols are asked for: one, a list up to a size, or all."""

    one: int
    listed: tuple[tuple[int, int], ...] = ()
    every: int

    def weight(self, params: Mapping[str, Param]) -> int:
        if params.get("symbol") is not None:
            return self.one
        symbols = params.get("symbols")
        count = len(symbols) if isinstance(symbols, list) else None
        fitting = (weight for size, weight in self.listed if count is not None and count <= size)
        return next(fitting, self.every)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Endpoint:
    """One call: where it goes, what it costs and what its answer becomes.

    `page_limit` is the most rows that one answer of a long list holds. Wire names are the columns' names in
    camelCase; `wire` holds the exceptions, or names the columns of rows that are arrays. `nulls` are values that
    mean NULL. `whole_ms` are times cut to the millisecond.
    """

    name: str
    path: str
    pool: Pool
    family: str = "spot"
    method: str = "GET"
    weight: int | BySymbols = 1
    security: Security = Security.PUBLIC
    page_limit: int = 0
    tells_limits: bool = False
    dataset: Dataset | None = None
    rows_at: str | None = None
    wire: Mapping[str, str] | tuple[str, ...] = field(default_factory=dict)
    nulls: Mapping[str, frozenset[int | str]] = field(default_factory=dict)
    whole_ms: frozenset[str] = frozenset()

    def cost(self, params: Mapping[str, Param]) -> int:
        """The declared weight of a call with these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight.weight(params)


_API_RESTRICTIONS = "/sapi/v1/account/apiRestrictions"
_NO_TRADE = frozenset({-1})

TIME = Endpoint(name="time", path="/api/v3/time", pool=SPOT)

EXCHANGE_INFO = Endpoint(
    name="exchangeInfo",
    path="/api/v3/exchangeInfo",
    pool=SPOT,
    weight=20,
    tells_limits=True,
    dataset=SYMBOLS,
    rows_at="symbols",
)

KLINES = Endpoint(
    name="klines",
    path="/api/v3/klines",
    pool=SPOT,
    weight=2,
    page_limit=1000,
    dataset=KLINE_ROWS,
    wire=(
        "open_time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "close_time",
        "quote_volume",
        "trade_count",
        "taker_buy_volume",
        "taker_buy_quote_volume",
    ),
    whole_ms=frozenset({"close_time"}),
)

PRICE = Endpoint(
    name="ticker/price",
    path="/api/v3/ticker/price",
    pool=SPOT,
    weight=BySymbols(one=2, every=4),
    dataset=PRICES,
)

TICKER_24H = Endpoint(
    name="ticker/24hr",
    path="/api/v3/ticker/24hr",
    pool=SPOT,
    weight=BySymbols(one=2, listed=((20, 2), (100, 40)), every=80),
    dataset=TICKERS,
    nulls={"first_id": _NO_TRADE, "last_id": _NO_TRADE},
)

ACCOUNT = Endpoint(
    name="account",
    path="/api/v3/account",
    pool=SPOT,
    weight=20,
    security=Security.SIGNED,
    dataset=BALANCES,
    rows_at="balances",
)

API_RESTRICTIONS = Endpoint(
    name="apiRestrictions",
    path=_API_RESTRICTIONS,
    pool=sapi_by_ip(_API_RESTRICTIONS),
    family="wallet",
    security=Security.SIGNED,
)

ENDPOINTS = (TIME, EXCHANGE_INFO, KLINES, PRICE, TICKER_24H, ACCOUNT, API_RESTRICTIONS)

ALLOWED = frozenset((endpoint.method, endpoint.path) for endpoint in ENDPOINTS)
