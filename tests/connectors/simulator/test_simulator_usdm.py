"""USD-M futures as the reference has them: contracts, candles, rules, weights, and a clock of their own."""

import json

import pytest

from connectors.simulator import Exchange, Limits, gateway
from connectors.simulator.protocol.messages import Asked

KLINES = "/fapi/v1/klines?symbol=BTCUSDT&interval=1m"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/fapi/v1/klines", -1102),
        ("/fapi/v1/klines?symbol=BTCUSDT&interval=1s", -1120),
        ("/fapi/v1/klines?symbol=NANOUSDT&interval=1m", -1121),
        (f"{KLINES}&limit=1501", -1130),
        (f"{KLINES}&startTime=2&endTime=1", -1023),
        (f"{KLINES}&timeZone=0", -1104),
        ("/fapi/v1/exchangeInfo?permissions=SPOT", -1101),
        ("/fapi/v1/exchangeInfo?symbol=BTCUSDT", -1101),
        ("/fapi/v1/time?x=1", -1101),
    ],
)
def test_a_bad_request_is_refused_with_its_code(target, expected, code):
    """What the documentation of futures does not list is refused, also where spot would take it."""
    assert code(target) == (400, expected)


@pytest.mark.parametrize(
    ("limit", "weight"),
    [("", 5), ("&limit=99", 1), ("&limit=100", 2), ("&limit=499", 2), ("&limit=500", 5), ("&limit=1000", 5),
     ("&limit=1001", 10), ("&limit=1500", 10)],
)  # fmt: skip
def test_candles_cost_by_the_limit_that_is_sent(exchange, get, limit, weight):
    """The documented weight of each size of a page is charged to the pool of futures, and to no other."""
    get(KLINES + limit)
    assert exchange.requests[-1].weight == weight == exchange.requests[-1].used
    get("/api/v3/time")
    assert exchange.requests[-1].used == 1


def test_the_limit_of_futures_is_its_own(clock):
    """More than the weight of futures is answered with 429, while spot still answers."""
    exchange = Exchange(clock=clock, limits=Limits(futures=3))
    for _ in range(3):
        assert gateway.answer(exchange, Asked("GET", "/fapi/v1/time", {})).status == 200
    over = gateway.answer(exchange, Asked("GET", "/fapi/v1/time", {}))
    assert (over.status, over.headers["X-MBX-USED-WEIGHT-1M"]) == (429, "4")
    assert gateway.answer(exchange, Asked("GET", "/api/v3/time", {})).status == 200


def test_candles_are_not_those_of_spot(get):
    """A contract has prices of its own, printed with its own decimals."""
    spot, usdm = get("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=3"), get(f"{KLINES}&limit=3")
    assert [row[0] for row in spot] == [row[0] for row in usdm]
    assert [row[1] for row in spot] != [row[1] for row in usdm]
    assert len(usdm[0][1].partition(".")[2]) == 1


def test_the_clock_is_another(exchange, get):
    """Time, candles and Date of futures follow the clock of their own host."""
    exchange.futures.skew_s = 3600.0
    assert get("/fapi/v1/time")["serverTime"] - get("/api/v3/time")["serverTime"] == 3_600_000
    assert get(f"{KLINES}&limit=1")[0][0] - get("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1")[0][0] == 3_600_000
    assert (
        gateway.answer(exchange, Asked("GET", "/fapi/v1/time", {})).headers["Date"] == "Mon, 02 Nov 2026 13:00:30 GMT"
    )


def test_a_contract_is_settled(exchange, get):
    """A delisted contract stays listed as SETTLING, and its last candle is the one it ended in."""
    exchange.futures.delist("ETHUSDT")
    exchange.clock.advance(3600)
    listed = {row["symbol"]: row["status"] for row in get("/fapi/v1/exchangeInfo")["symbols"]}
    assert (listed["ETHUSDT"], listed["BTCUSDT"]) == ("SETTLING", "TRADING")
    assert get("/fapi/v1/klines?symbol=ETHUSDT&interval=1m&limit=1")[0][6] < exchange.futures.now_us // 1000 - 3_500_000


def test_exchange_info_has_the_recorded_fields(recorded, get):
    """A contract is printed with the fields of a recorded one, but for those that came and went since."""
    whole = json.loads((recorded / "exchange-info" / "um_2023-12-16.json").read_text())
    printed = get("/fapi/v1/exchangeInfo")
    assert printed.keys() == whole.keys()
    assert printed["symbols"][0].keys() == whole["symbols"][0].keys() - {"maxMoveOrderLimit"}
    assert printed["rateLimits"] == whole["rateLimits"]
