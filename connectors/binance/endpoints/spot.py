"""The spot market and its account: `/api/v3`."""

from __future__ import annotations

from functools import partial
from typing import Any

from connectors.binance.endpoints.model import (
    Bound,
    ById,
    ByParams,
    BySymbols,
    Endpoint,
    Groups,
    Holds,
    OnGrid,
    Security,
    Unset,
    Whole,
)
from connectors.binance.pools import SPOT
from schemas.datasets.account import BALANCES
from schemas.datasets.market import BOOK_TICKERS, PRICES, SYMBOLS, TICKERS
from schemas.datasets.market import KLINES as KLINE_ROWS
from schemas.datasets.orders import ALLOCATIONS, FILLS, ORDER_LISTS, ORDERS, PREVENTED_MATCHES

_OF_SYMBOL = {"symbol": Holds("symbol")}
_OF_SYMBOLS = _OF_SYMBOL | {"symbols": Holds("symbol")}
_OF_ORDER = _OF_SYMBOL | {"orderId": Holds("order_id")}
_FROM = Bound.FROM
NO_TRADES = {"first_id": Unset.NEGATIVE, "last_id": Unset.NEGATIVE}
NO_BOOK = {"bid_price": Unset.NOT_POSITIVE, "ask_price": Unset.NOT_POSITIVE}

_SHOWN_UNASKED = ("SPOT", "MARGIN", "LEVERAGED")
_PERMISSIONS = (*_SHOWN_UNASKED, *(f"TRD_GRP_{number:03}" for number in range(2, 26)))


def _call(name: str, **row: Any) -> Endpoint:
    return Endpoint(name=name, path=f"/api/v3/{name}", pool=SPOT, **row)


_signed = partial(_call, security=Security.SIGNED)

TIME = _call("time")

EXCHANGE_INFO = _call(
    "exchangeInfo",
    weight=20,
    walk=Whole(
        groups=Groups(param="permissions", names=_PERMISSIONS, unasked=_SHOWN_UNASKED, column="permission_sets"),
        idle=("BREAK",),
    ),
    tells_limits=True,
    dataset=SYMBOLS,
    rows_at="symbols",
    never_empty=True,
)

KLINES = _call(
    "klines",
    weight=2,
    page_limit=1000,
    walk=OnGrid(),
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

PRICE = _call(
    "ticker/price",
    weight=BySymbols(one=2, every=4),
    walk=Whole(),
    dataset=PRICES,
    held=_OF_SYMBOLS,
    never_empty=True,
)

TICKER_24H = _call(
    "ticker/24hr",
    weight=BySymbols(one=2, listed=((20, 2), (100, 40)), every=80),
    walk=Whole(by_name=100),
    dataset=TICKERS,
    held=_OF_SYMBOLS,
    never_empty=True,
    unset=NO_TRADES,
)

BOOK_TICKER = _call(
    "ticker/bookTicker",
    weight=BySymbols(one=2, every=4),
    walk=Whole(),
    dataset=BOOK_TICKERS,
    never_empty=True,
    unset=NO_BOOK,
)

ACCOUNT = _signed(
    "account",
    weight=20,
    walk=Whole(),
    constants={"wallet": "spot"},
    dataset=BALANCES,
    rows_at="balances",
)

_IN_NO_LIST = {"order_list_id": Unset.NEGATIVE}
_ORDER: dict[str, Any] = {
    "dataset": ORDERS,
    "wire": {"cumulative_quote_qty": "cummulativeQuoteQty"},  # the exchange spells it so
    "unset": _IN_NO_LIST
    | {
        "price": Unset.NOT_POSITIVE,
        "stop_price": Unset.NOT_POSITIVE,
        "cumulative_quote_qty": Unset.NEGATIVE,  # of some very old orders
        "orig_quote_order_qty": Unset.NOT_POSITIVE,
        "iceberg_qty": Unset.NOT_POSITIVE,
        "prevented_match_id": Unset.NEGATIVE,
    },
}

OPEN_ORDERS = _signed(
    "openOrders",
    weight=ByParams(given=(("symbol", 6),), otherwise=80),
    **_ORDER,
    held=_OF_SYMBOL,
)

ORDER = _signed(
    "order",
    weight=4,
    **_ORDER,
    held=_OF_ORDER,
)

ALL_ORDERS = _signed(
    "allOrders",
    weight=20,
    page_limit=1000,
    walk=ById(id="order_id", param="orderId"),
    **_ORDER,
    held=_OF_SYMBOL | {"orderId": Holds("order_id", _FROM)},
)

ALL_ORDER_LISTS = _signed(
    "allOrderList",
    weight=20,
    page_limit=1000,
    walk=ById(id="order_list_id", param="fromId"),
    dataset=ORDER_LISTS,
    held={"fromId": Holds("order_list_id", _FROM)},
)

MY_TRADES = _signed(
    "myTrades",
    weight=ByParams(given=(("orderId", 5),), otherwise=20),
    page_limit=1000,
    walk=ById(id="trade_id", param="fromId"),
    dataset=FILLS,
    held=_OF_ORDER | {"fromId": Holds("trade_id", _FROM)},
    wire={"trade_id": "id"},
    unset=_IN_NO_LIST,
)

MY_ALLOCATIONS = _signed(
    "myAllocations",
    weight=20,
    page_limit=1000,
    walk=ById(id="allocation_id", param="fromAllocationId"),
    dataset=ALLOCATIONS,
    held=_OF_SYMBOL | {"fromAllocationId": Holds("allocation_id", _FROM)},
    unset=_IN_NO_LIST,
)

MY_PREVENTED_MATCHES = _signed(
    "myPreventedMatches",
    weight=ByParams(given=(("preventedMatchId", 2),), otherwise=20),
    dataset=PREVENTED_MATCHES,
    held=_OF_SYMBOL | {"preventedMatchId": Holds("prevented_match_id")},
)
