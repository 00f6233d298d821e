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
from schemas.orders import ALLOCATIONS, FILLS, ORDER_LISTS, ORDERS, PREVENTED_MATCHES

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ByParams:
    """A weight that depends on which of these parameters is given; the first one that is decides."""

    given: tuple[tuple[str, int], ...]
    otherwise: int

    def weight(self, params: Mapping[str, Param]) -> int:
        fitting = (weight for name, weight in self.given if params.get(name) is not None)
        return next(fitting, self.otherwise)


class Unset(StrEnum):
    """Printed values that mean that there is none."""

    NEGATIVE = "negative"
    NOT_POSITIVE = "not positive"


class Bound(StrEnum):
    """What a parameter says about a column of every row that is answered."""

    SAME = "same"  # the value asked for; one of them where a list was asked for
    FROM = "from"  # this value or a later one
    UP_TO = "up to"  # this value or an earlier one


@dataclass(frozen=True, slots=True)
class Holds:
    """Against which column of an answer a parameter is held, and how."""

    column: str
    bound: Bound = Bound.SAME


@dataclass(frozen=True, slots=True, kw_only=True)
class ById:
    """A list walked along a column of ids: `param` asks for the rows from an id on, oldest first."""

    id: str
    param: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Endpoint:
    """One call: where it goes, what it costs and what its answer becomes.

    `page_limit` is the most rows that one answer of a long list holds, and `walk` how a list is walked by id. `held`
    says which parameters every row must agree with; a list that is `never_empty` always holds something. Wire
    names are the columns' names in camelCase; `wire` holds the exceptions, or names the columns of rows that are
    arrays. `unset` names the columns where some values mean NULL. `whole_ms` are times cut to the millisecond.
    """

    name: str
    path: str
    pool: Pool
    family: str = "spot"
    method: str = "GET"
    weight: int | BySymbols | ByParams = 1
    security: Security = Security.PUBLIC
    page_limit: int = 0
    walk: ById | None = None
    tells_limits: bool = False
    dataset: Dataset | None = None
    rows_at: str | None = None
    wire: Mapping[str, str] | tuple[str, ...] = field(default_factory=dict)
    unset: Mapping[str, Unset] = field(default_factory=dict)
    held: Mapping[str, Holds] = field(default_factory=dict)
    never_empty: bool = False
    whole_ms: frozenset[str] = frozenset()

    def cost(self, params: Mapping[str, Param]) -> int:
        """The declared weight of a call with these parameters."""
        return self.weight if isinstance(self.weight, int) else self.weight.weight(params)


_OF_SYMBOL = {"symbol": Holds("symbol")}
_OF_SYMBOLS = _OF_SYMBOL | {"symbols": Holds("symbol")}
_OF_ORDER = _OF_SYMBOL | {"orderId": Holds("order_id")}
_FROM = Bound.FROM
_API_RESTRICTIONS = "/sapi/v1/account/apiRestrictions"

TIME = Endpoint(name="time", path="/api/v3/time", pool=SPOT)

EXCHANGE_INFO = Endpoint(
    name="exchangeInfo",
    path="/api/v3/exchangeInfo",
    pool=SPOT,
    weight=20,
    tells_limits=True,
    dataset=SYMBOLS,
    rows_at="symbols",
    never_empty=True,
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
    held={"startTime": Holds("open_time", _FROM), "endTime": Holds("open_time", Bound.UP_TO)},
    whole_ms=frozenset({"close_time"}),
)

PRICE = Endpoint(
    name="ticker/price",
    path="/api/v3/ticker/price",
    pool=SPOT,
    weight=BySymbols(one=2, every=4),
    dataset=PRICES,
    held=_OF_SYMBOLS,
    never_empty=True,
)

TICKER_24H = Endpoint(
    name="ticker/24hr",
    path="/api/v3/ticker/24hr",
    pool=SPOT,
    weight=BySymbols(one=2, listed=((20, 2), (100, 40)), every=80),
    dataset=TICKERS,
    held=_OF_SYMBOLS,
    never_empty=True,
    unset={"first_id": Unset.NEGATIVE, "last_id": Unset.NEGATIVE},
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

_IN_NO_LIST = {"order_list_id": Unset.NEGATIVE}
_ORDER_WIRE = {"cumulative_quote_qty": "cummulativeQuoteQty"}  # the exchange spells it so
_ORDER_UNSET = _IN_NO_LIST | {
    "price": Unset.NOT_POSITIVE,
    "stop_price": Unset.NOT_POSITIVE,
    "cumulative_quote_qty": Unset.NEGATIVE,  # of some very old orders
    "orig_quote_order_qty": Unset.NOT_POSITIVE,
    "iceberg_qty": Unset.NOT_POSITIVE,
}

OPEN_ORDERS = Endpoint(
    name="openOrders",
    path="/api/v3/openOrders",
    pool=SPOT,
    weight=ByParams(given=(("symbol", 6),), otherwise=80),
    security=Security.SIGNED,
    dataset=ORDERS,
    held=_OF_SYMBOL,
    wire=_ORDER_WIRE,
    unset=_ORDER_UNSET,
)

ORDER = Endpoint(
    name="order",
    path="/api/v3/order",
    pool=SPOT,
    weight=4,
    security=Security.SIGNED,
    dataset=ORDERS,
    held=_OF_ORDER,
    wire=_ORDER_WIRE,
    unset=_ORDER_UNSET,
)

ALL_ORDERS = Endpoint(
    name="allOrders",
    path="/api/v3/allOrders",
    pool=SPOT,
    weight=20,
    security=Security.SIGNED,
    page_limit=1000,
    walk=ById(id="order_id", param="orderId"),
    dataset=ORDERS,
    held=_OF_SYMBOL | {"orderId": Holds("order_id", _FROM)},
    wire=_ORDER_WIRE,
    unset=_ORDER_UNSET,
)

ALL_ORDER_LISTS = Endpoint(
    name="allOrderList",
    path="/api/v3/allOrderList",
    pool=SPOT,
    weight=20,
    security=Security.SIGNED,
    page_limit=1000,
    walk=ById(id="order_list_id", param="fromId"),
    dataset=ORDER_LISTS,
    held={"fromId": Holds("order_list_id", _FROM)},
)

MY_TRADES = Endpoint(
    name="myTrades",
    path="/api/v3/myTrades",
    pool=SPOT,
    weight=ByParams(given=(("orderId", 5),), otherwise=20),
    security=Security.SIGNED,
    page_limit=1000,
    walk=ById(id="trade_id", param="fromId"),
    dataset=FILLS,
    held=_OF_ORDER | {"fromId": Holds("trade_id", _FROM)},
    wire={"trade_id": "id"},
    unset=_IN_NO_LIST,
)

MY_ALLOCATIONS = Endpoint(
    name="myAllocations",
    path="/api/v3/myAllocations",
    pool=SPOT,
    weight=20,
    security=Security.SIGNED,
    page_limit=1000,
    walk=ById(id="allocation_id", param="fromAllocationId"),
    dataset=ALLOCATIONS,
    held=_OF_SYMBOL | {"fromAllocationId": Holds("allocation_id", _FROM)},
    unset=_IN_NO_LIST,
)

MY_PREVENTED_MATCHES = Endpoint(
    name="myPreventedMatches",
    path="/api/v3/myPreventedMatches",
    pool=SPOT,
    weight=ByParams(given=(("preventedMatchId", 2),), otherwise=20),
    security=Security.SIGNED,
    dataset=PREVENTED_MATCHES,
    held=_OF_SYMBOL | {"preventedMatchId": Holds("prevented_match_id")},
)

ENDPOINTS = (
    TIME,
    EXCHANGE_INFO,
    KLINES,
    PRICE,
    TICKER_24H,
    ACCOUNT,
    API_RESTRICTIONS,
    OPEN_ORDERS,
    ORDER,
    ALL_ORDERS,
    ALL_ORDER_LISTS,
    MY_TRADES,
    MY_ALLOCATIONS,
    MY_PREVENTED_MATCHES,
)

ALLOWED = frozenset((endpoint.method, endpoint.path) for endpoint in ENDPOINTS)
