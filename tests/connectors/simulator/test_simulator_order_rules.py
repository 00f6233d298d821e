"""The rules of the order endpoints: weights, combinations, windows, paging, retention, as the reference has them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import msgspec
import pytest

from connectors.simulator import Exchange, MovableClock, gateway
from connectors.simulator.account.account_book import Book
from connectors.simulator.endpoints.endpoint import Security
from connectors.simulator.gateway import ENDPOINTS
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.protocol.limits import Limits
from connectors.simulator.protocol.messages import Asked

SYMBOL = "BTCUSDT"
DAY_S = 86_400
Read = Callable[..., Any]
Refused = Callable[..., tuple[int, int]]


@pytest.fixture
def refused(api_key: str, signed: Callable[..., str], code: Callable[..., tuple[int, int]]) -> Refused:
    """Status and code of a refusal."""
    return lambda path, query: code(signed(f"/api/v3/{path}", query), x_mbx_apikey=api_key)


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        ("openOrders", "", 80),
        ("openOrders", "symbol=BTCUSDT", 6),
        ("order", "symbol=BTCUSDT&orderId=1", 4),
        ("allOrders", "symbol=BTCUSDT", 20),
        ("orderList", "orderListId=1", 4),
        ("allOrderList", "", 20),
        ("openOrderList", "", 6),
        ("myTrades", "symbol=BTCUSDT", 20),
        ("myTrades", "symbol=BTCUSDT&fromId=0", 20),
        ("myTrades", "symbol=BTCUSDT&orderId=1", 5),
        ("myAllocations", "symbol=BTCUSDT", 20),
        ("myPreventedMatches", "symbol=BTCUSDT&preventedMatchId=1", 2),
        ("myPreventedMatches", "symbol=BTCUSDT&orderId=1", 20),
        ("order/amendments", "symbol=BTCUSDT&orderId=1", 4),
    ],
)
def test_weights_are_the_documented_ones(
    path: str, query: str, weight: int, api_key: str, signed: Callable[..., str], ask: Callable[..., Any]
) -> None:
    """The header says what a request cost, also when it found nothing."""
    answer = ask(signed(f"/api/v3/{path}", query), x_mbx_apikey=api_key)
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("allOrders", "", -1102),
        ("myTrades", "", -1102),
        ("myAllocations", "", -1102),
        ("myPreventedMatches", "symbol=BTCUSDT", -1102),
        ("order", "symbol=BTCUSDT", -1102),
        ("orderList", "", -1102),
        ("order/amendments", "symbol=BTCUSDT", -1102),
        *((path, "symbol=NOSUCH", -1121) for path in ("openOrders", "allOrders", "myTrades", "myAllocations")),
        ("order", "symbol=NOSUCH&orderId=1", -1121),
        ("order", "symbol=BTCUSDT&orderId=1", -2013),
        ("order", "symbol=BTCUSDT&origClientOrderId=none", -2013),
        ("orderList", "orderListId=1", -2018),
        ("orderList", "origClientOrderId=none", -2018),
        ("myTrades", "symbol=BTCUSDT&fromId=-1", -1100),
        ("myTrades", "symbol=BTCUSDT&limit=0", -1130),
        ("myTrades", "symbol=BTCUSDT&page=1", -1104),
        ("myTrades", "symbol=BTCUSDT&fromId=1&startTime=1", -1128),
        ("myTrades", "symbol=BTCUSDT&fromId=1&endTime=1", -1128),
        ("myTrades", "symbol=BTCUSDT&orderId=1&startTime=1", -1128),
        ("myTrades", "symbol=BTCUSDT&orderId=1&endTime=1", -1128),
        ("myTrades", "symbol=BTCUSDT&orderId=1&fromId=1&startTime=1", -1128),
        ("allOrders", "symbol=BTCUSDT&orderId=1&startTime=1", -1128),
        ("allOrderList", "fromId=1&endTime=1", -1128),
        ("myAllocations", "symbol=BTCUSDT&fromAllocationId=1&startTime=1", -1128),
        ("myAllocations", "symbol=BTCUSDT&orderId=1&endTime=1", -1128),
        ("myPreventedMatches", "symbol=BTCUSDT&preventedMatchId=1&orderId=1", -1128),
        ("myPreventedMatches", "symbol=BTCUSDT&preventedMatchId=1&fromPreventedMatchId=1", -1128),
        ("myPreventedMatches", "symbol=BTCUSDT&orderId=1&limit=1000", -1128),
        ("myPreventedMatches", "symbol=BTCUSDT&fromPreventedMatchId=1&limit=1000", -1102),
        ("orderList", "orderListId=1&origClientOrderId=none", -1128),
        *(
            (path, f"{symbol}startTime=0&endTime={DAY_MS + 1}", -1127)
            for path, symbol in (
                ("myTrades", "symbol=BTCUSDT&"),
                ("allOrders", "symbol=BTCUSDT&"),
                ("myAllocations", "symbol=BTCUSDT&"),
                ("allOrderList", ""),
            )
        ),
    ],
)
def test_a_bad_request_is_refused_with_its_code(path: str, query: str, expected: int, refused: Refused) -> None:
    """Each mistake has the code that the reference lists for it, under status 400."""
    assert refused(path, query) == (400, expected)


VALUES = {
    "symbol": "BTCUSDT", "symbols": "%5B%22BTCUSDT%22%5D", "symbolStatus": "TRADING", "permissions": "SPOT",
    "showPermissionSets": "true", "type": "FULL", "interval": "1m", "timeZone": "0", "omitZeroBalances": "true",
    "origClientOrderId": "none", "limit": "10", "startTime": "1", "endTime": "1",
}  # fmt: skip
TIMES = ("startTime", "endTime", "startTime endTime")
LISTED = {
    "/api/v3/exchangeInfo": ("", "symbol", "symbols", "permissions", "symbolStatus", "permissions symbolStatus"),
    "/api/v3/ticker/price": ("", "symbol", "symbols", "symbolStatus", "symbol symbolStatus", "symbols symbolStatus"),
    "/api/v3/ticker/24hr": ("", "symbol", "symbols", "symbolStatus", "symbol symbolStatus", "symbols symbolStatus"),
    "/api/v3/ticker/bookTicker": ("", "symbol", "symbols", "symbolStatus", "symbol symbolStatus", "symbols symbolStatus"),
    "/api/v3/order": ("orderId", "origClientOrderId", "orderId origClientOrderId"),
    "/api/v3/allOrders": ("", "orderId", *TIMES),
    "/api/v3/orderList": ("orderListId", "origClientOrderId"),
    "/api/v3/allOrderList": ("", "fromId", *TIMES),
    "/api/v3/myTrades": ("", "orderId", "fromId", "orderId fromId", *TIMES),
    "/api/v3/myAllocations": ("", "orderId", "fromAllocationId", "orderId fromAllocationId", *TIMES),
    "/api/v3/myPreventedMatches": (
        "preventedMatchId", "orderId", "orderId fromPreventedMatchId", "orderId fromPreventedMatchId limit",
    ),
    "/sapi/v1/margin/order": ("orderId",),
    "/fapi/v1/allAlgoOrders": ("", "algoId", *TIMES),
    "/sapi/v1/margin/allOrders": ("", "orderId", *TIMES),
    "/sapi/v1/margin/myTrades": ("", "orderId", "fromId", "orderId fromId", *TIMES),
    **{f"{root}/aggTrades": ("", "fromId", *TIMES) for root in ("/api/v3", "/fapi/v1", "/dapi/v1")},
    **{
        f"/{family}/v1/{path}": listed
        for family in ("fapi", "dapi")
        for path, listed in {
            "order": ("orderId",),
            "allOrders": ("", "orderId", *TIMES),
            "userTrades": ("", "fromId", *TIMES, "orderId", *(f"{times} orderId" for times in TIMES)),
        }.items()
    },
}  # fmt: skip
FREE = {
    "/api/v3/klines",
    *(f"{root}/historicalTrades" for root in ("/api/v3", "/fapi/v1", "/dapi/v1")),
    "/api/v3/openOrders",
    "/api/v3/account",
    "/api/v3/order/amendments",
    *(path for _, path in ENDPOINTS if path.lower().endswith("klines")),
    *(
        path
        for _, path in ENDPOINTS
        if path[:5] in {"/fapi", "/dapi"}
        and any(word in path for word in ("/ticker/", "premiumIndex", "insuranceBalance"))
    ),
    *(path for _, path in ENDPOINTS if path.startswith("/futures/data/")),
    *(f"/{family}/v1/fundingRate" for family in ("fapi", "dapi")),
    "/fapi/v1/income",
    "/dapi/v1/income",
    "/fapi/v1/openOrders",
    "/fapi/v1/openAlgoOrders",
    "/dapi/v1/openOrders",
    *(path for _, path in ENDPOINTS if path.startswith("/sapi/")),
}  # any may be left out


@pytest.mark.parametrize("path", [path for method, path in ENDPOINTS if method == "GET"])
def test_only_listed_combinations_are_answered(
    path: str, exchange: Exchange, api_key: str, signed: Callable[..., str], ask: Callable[..., Any]
) -> None:
    """Of all ways to choose among the optional parameters of an endpoint, those that are not listed are refused."""
    exchange.limits = Limits(enforced=False)
    row = ENDPOINTS["GET", path]
    mandatory = [each.name for each in row.parameters if each.mandatory]
    optional = [each.name for each in row.parameters if not each.mandatory]
    assert path in LISTED or path in FREE or not optional, "the documentation says which of them stand together"
    listed = [set(names.split()) for names in LISTED.get(path, ("",))]
    for size in range(len(optional) + 1):
        for chosen in combinations(optional, size):
            query = "&".join(f"{name}={VALUES.get(name, '1')}" for name in (*mandatory, *chosen))
            target = signed(path, query) if row.security is Security.SIGNED else f"{path}?{query}"
            body = ask(target, **({"x_mbx_apikey": api_key} if row.security is Security.SIGNED else {})).body
            told = msgspec.json.decode(body)
            refused = isinstance(told, dict) and told.get("code") in {-1128, -1102}
            assert refused != (set(chosen) & set().union(*listed) in listed), (chosen, told)


@pytest.mark.parametrize("path", ["openOrders", "myTrades?symbol=BTCUSDT", "allOrderList"])
def test_only_a_key_sees_orders(path: str, code: Refused) -> None:
    """Without a key there is nothing to see."""
    assert code(f"/api/v3/{path}") == (401, -2014)


def test_nobody_trades_over_http(exchange: Exchange, api_key: str) -> None:
    """There is no way to place or cancel an order through the exchange's door."""
    for method in ("POST", "PUT", "DELETE"):
        answer = gateway.answer(exchange, Asked(method, "/api/v3/order?symbol=BTCUSDT", {"x-mbx-apikey": api_key}))
        assert answer.status == 404


@pytest.fixture
def trades(book: Book, clock: MovableClock) -> list[int]:
    """Ten trades of five orders: two to an order, the orders an hour apart, so one day holds all."""
    numbers = []
    for _ in range(5):
        order = book.place(SYMBOL, "BUY", "1", "50000")
        numbers += [book.fill(SYMBOL, order, "0.4"), book.fill(SYMBOL, order)]
        clock.advance(3600)
    return numbers


def _ids(rows: Any, name: str = "id") -> list[int]:
    return [row[name] for row in rows]


def test_trades_are_paged_by_id(trades: list[int], read: Read) -> None:
    """From an id, inclusive, the oldest first; without one the newest; always ascending."""
    assert _ids(read("myTrades", symbol=SYMBOL)) == trades
    assert _ids(read("myTrades", symbol=SYMBOL, limit=3)) == trades[-3:]
    assert _ids(read("myTrades", symbol=SYMBOL, fromId=trades[2], limit=3)) == trades[2:5]
    assert _ids(read("myTrades", symbol=SYMBOL, fromId=trades[2] + 1, limit=1)) == trades[3:4]
    assert read("myTrades", symbol=SYMBOL, fromId=trades[-1] + 1) == []
    order = read("myTrades", symbol=SYMBOL)[2]["orderId"]
    assert _ids(read("myTrades", symbol=SYMBOL, orderId=order)) == trades[2:4]
    assert _ids(read("myTrades", symbol=SYMBOL, orderId=order, fromId=trades[3])) == trades[3:4]
    assert read("myTrades", symbol="ETHUSDT") == []


def test_trades_are_found_by_time(trades: list[int], read: Read) -> None:
    """From a start the oldest, up to an end the newest; both are inclusive, and a day exactly is allowed."""
    times = [row["time"] for row in read("myTrades", symbol=SYMBOL)]
    assert _ids(read("myTrades", symbol=SYMBOL, startTime=times[2], limit=3)) == trades[2:5]
    assert _ids(read("myTrades", symbol=SYMBOL, endTime=times[5], limit=3)) == trades[3:6]
    assert _ids(read("myTrades", symbol=SYMBOL, startTime=times[2], endTime=times[4])) == trades[2:6]
    assert _ids(read("myTrades", symbol=SYMBOL, startTime=times[0], endTime=times[0] + DAY_MS)) == trades
    assert _ids(read("myTrades", symbol=SYMBOL, startTime=times[2], endTime=times[2])) == trades[2:4]
    assert read("myTrades", symbol=SYMBOL, startTime=times[-1] + 1) == []


def test_from_id_zero_may_mean_either(exchange: Exchange, trades: list[int], read: Read) -> None:
    """From the very first trade, or as if it had not been sent."""
    assert _ids(read("myTrades", symbol=SYMBOL, fromId=0, limit=3)) == trades[:3]
    exchange.from_id_zero = "absent"
    assert _ids(read("myTrades", symbol=SYMBOL, fromId=0, limit=3)) == trades[-3:]
    assert _ids(read("myTrades", symbol=SYMBOL, fromId=1, limit=3)) == trades[:3]


def test_pages_hold_at_most_a_thousand(book: Book, read: Read) -> None:
    """Five hundred unless more is asked for, a thousand at most whatever is asked for."""
    order = book.place(SYMBOL, "BUY", "1001", "50000")
    trades = [book.fill(SYMBOL, order, "1") for _ in range(1001)]
    assert _ids(read("myTrades", symbol=SYMBOL, fromId=0)) == trades[:500]
    assert _ids(read("myTrades", symbol=SYMBOL, fromId=0, limit=5000)) == trades[:1000]
    assert _ids(read("myTrades", symbol=SYMBOL, limit=1000)) == trades[1:]


def test_orders_are_paged_by_id_and_found_by_creation(book: Book, read: Read, clock: MovableClock) -> None:
    """An order's own creation time counts, not when it changed."""
    numbers = []
    for _ in range(4):
        numbers.append(book.place(SYMBOL, "BUY", "1", "50000"))
        clock.advance(3600)
    book.fill(SYMBOL, numbers[0])
    rows = read("allOrders", symbol=SYMBOL)
    assert _ids(rows, "orderId") == numbers
    assert _ids(read("allOrders", symbol=SYMBOL, orderId=numbers[1], limit=2), "orderId") == numbers[1:3]
    assert _ids(read("allOrders", symbol=SYMBOL, orderId=0, limit=2), "orderId") == numbers[:2]
    assert _ids(read("allOrders", symbol=SYMBOL, limit=2), "orderId") == numbers[2:]
    assert _ids(read("allOrders", symbol=SYMBOL, startTime=rows[1]["time"], limit=2), "orderId") == numbers[1:3]
    assert _ids(read("allOrders", symbol=SYMBOL, endTime=rows[1]["time"]), "orderId") == numbers[:2]
    assert rows[0]["updateTime"] > rows[3]["time"]


@pytest.mark.parametrize("end", ["cancel", "expire", "prevent"])
def test_what_ended_unfilled_vanishes_after_90_days(
    end: str, book: Book, read: Read, refused: Refused, clock: MovableClock
) -> None:
    """Lists omit it, the single query says archived; an order that traded stays for ever."""
    number, kept = (book.place(SYMBOL, "SELL", "1", "50000") for _ in range(2))
    book.fill(SYMBOL, kept, "0.1")
    clock.advance(200 * DAY_S)
    book.cancel(SYMBOL, kept)
    if end == "prevent":
        book.prevent(SYMBOL, book.place(SYMBOL, "BUY", "1", "50000", stp_mode="EXPIRE_BOTH"), number)
    else:
        getattr(book, end)(SYMBOL, number)
    clock.advance(90 * DAY_S)
    assert _ids(read("allOrders", symbol=SYMBOL), "orderId")[:2] == [number, kept]
    assert read("order", symbol=SYMBOL, orderId=number)["executedQty"] == "0.00000000"
    clock.advance(1)
    assert _ids(read("allOrders", symbol=SYMBOL), "orderId") == [kept]
    assert refused("order", f"symbol={SYMBOL}&orderId={number}") == (400, -2026)
    assert read("order", symbol=SYMBOL, orderId=kept)["status"] == "CANCELED"


def test_an_order_is_found_by_its_client_id(book: Book, read: Read, refused: Refused) -> None:
    """By the one it bears now; both ids must agree when both are sent."""
    number = book.place(SYMBOL, "BUY", "2", "50000", client_order_id="mine-1")
    other = book.place(SYMBOL, "BUY", "2", "50000")
    book.amend(SYMBOL, number, "1", client_order_id="mine-2")
    assert read("order", symbol=SYMBOL, origClientOrderId="mine-2")["orderId"] == number
    assert read("order", symbol=SYMBOL, origClientOrderId="mine-2", orderId=number)["orderId"] == number
    assert refused("order", f"symbol={SYMBOL}&origClientOrderId=mine-2&orderId={other}") == (400, -2039)
    assert refused("order", f"symbol={SYMBOL}&origClientOrderId=mine-1&orderId={number}") == (400, -2039)
    assert refused("order", f"symbol={SYMBOL}&origClientOrderId=mine-1") == (400, -2013)


def test_a_removed_symbol_takes_its_history_with_it(
    exchange: Exchange, book: Book, trades: list[int], read: Read, refused: Refused
) -> None:
    """Delisted, a symbol still answers, its open orders expired; removed, it is unknown."""
    number = book.place(SYMBOL, "BUY", "1", "50000")
    exchange.delist(SYMBOL)
    order = read("order", symbol=SYMBOL, orderId=number)
    assert (order["status"], order["expiryReason"]) == ("EXPIRED", "EXCHANGE_CANCELED")
    assert _ids(read("myTrades", symbol=SYMBOL)) == trades
    exchange.remove(SYMBOL)
    for path in ("myTrades", "allOrders", "openOrders"):
        assert refused(path, f"symbol={SYMBOL}") == (400, -1121)
    assert read("openOrders") == []


def test_times_come_in_the_unit_asked_for(
    book: Book, api_key: str, signed: Callable[..., str], ask: Callable[..., Any]
) -> None:
    """Microseconds on request; what is no time stays -1."""
    number = book.place(SYMBOL, "SELL", "1", "40000", type="STOP_LOSS_LIMIT", stop_price="41000")
    target = signed("/api/v3/order", f"symbol={SYMBOL}&orderId={number}")
    rows = [
        msgspec.json.decode(ask(target, x_mbx_apikey=api_key, x_mbx_time_unit=u).body)
        for u in ("MILLISECOND", "MICROSECOND")
    ]
    assert [row["time"] * factor for row, factor in zip(rows, (1000, 1), strict=True)] == [rows[1]["time"]] * 2
    assert [row["workingTime"] for row in rows] == [-1, -1]


def test_every_asset_group_is_shown_when_all_permissions_are_asked_for(
    get: Callable[..., Any], exchange: Exchange
) -> None:
    """Symbols of regional groups come with an explicit list of permissions."""
    groups = [f"TRD_GRP_{number:03}" for number in range(2, 26)]
    wanted = "%5B" + "%2C".join(f"%22{group}%22" for group in ("SPOT", "MARGIN", "LEVERAGED", *groups)) + "%5D"
    names = {each["symbol"] for each in get(f"/api/v3/exchangeInfo?permissions={wanted}")["symbols"]}
    assert names == {listing.symbol for listing in exchange.listed(exchange.now_ms)}
