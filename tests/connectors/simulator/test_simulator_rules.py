"""The rules of a request: parameters, weights, keys, time and signatures, as the reference has them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from connectors.simulator import Cycle, Exchange, Leg, MovableClock
from connectors.simulator.account.accounts import by_public_key, by_secret
from connectors.simulator.account.signatures import signed_bytes
from connectors.simulator.market.listings import plain
from connectors.simulator.protocol.messages import Answer

Get = Callable[..., Any]
Code = Callable[..., tuple[int, int]]
Signed = Callable[..., str]
KLINES = "/api/v3/klines?symbol=BTCUSDT&interval=1m"
ACCOUNT = "/api/v3/account"
OTHER = "k" * 64


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/api/v3/klines", -1102),
        ("/api/v3/klines?symbol=BTCUSDT", -1102),
        ("/api/v3/klines?symbol=BTCUSDT&interval=", -1105),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", -1120),
        ("/api/v3/klines?symbol=BTCUSDT&interval=1D", -1120),
        ("/api/v3/klines?symbol=NOSUCH&interval=1m", -1121),
        ("/api/v3/klines?symbol=btcusdt&interval=1m", -1100),
        ("/api/v3/klines?symbol=BTC/USDT&interval=1m", -1100),
        ("/api/v3/klines?symbol=%FF&interval=1m", -1100),
        (f"{KLINES}&limit=ten", -1100),
        (f"{KLINES}&limit=-1", -1100),
        (f"{KLINES}&limit=0", -1130),
        (f"{KLINES}&startTime=2026-01-01", -1100),
        (f"{KLINES}&symbol=ETHUSDT", -1101),
        (f"{KLINES}&nonsense=1", -1104),
        (f"{KLINES}&timeZone=8", -1020),
        ("/api/v3/time?x=1", -1101),
        ("/api/v3/ticker/price?symbol=BTCUSDT&symbols=%5B%22BTCUSDT%22%5D", -1128),
        ("/api/v3/ticker/price?symbols=BTCUSDT", -1135),
        ("/api/v3/ticker/price?symbols=%5B%22BTCUSDT%22,%22NOSUCH%22%5D", -1121),
        ("/api/v3/ticker/price?symbols=%5B%22BTCUSDT%22,%22BTCUSDT%22%5D", -1151),
        ("/api/v3/ticker/price?symbol=BTCUSDT&symbolStatus=BREAK", -1220),
        ("/api/v3/ticker/price?symbolStatus=SLEEPING", -1122),
        ("/api/v3/ticker/24hr?type=HUGE", -1139),
        ("/api/v3/exchangeInfo?symbol=BTCUSDT&permissions=SPOT", -1128),
        ("/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22,%22NOSUCH%22%5D", -1121),
        ("/api/v3/exchangeInfo?showPermissionSets=perhaps", -1100),
    ],
)
def test_a_bad_request_is_refused_with_its_code(target: str, expected: int, code: Code) -> None:
    """Each mistake has the code that the reference lists for it, under status 400."""
    assert code(target) == (400, expected)


def test_what_does_not_exist_is_a_page_not_json(ask: Callable[..., Answer]) -> None:
    """Retired and unknown paths answer 404 with HTML."""
    answer = ask("/api/v1/ping")
    assert (answer.status, answer.content_type) == (404, "text/html")


def test_a_wrong_time_unit_is_refused(code: Code) -> None:
    """The header takes two units in two spellings."""
    assert code("/api/v3/time", x_mbx_time_unit="NANOSECOND") == (400, -1194)


def _symbols(count: int) -> str:
    return "%5B" + "%2C".join(f"%22Z{number}%22" for number in range(count)) + "%5D"


@pytest.mark.parametrize(
    ("target", "weight"),
    [
        ("/api/v3/ping", 1),
        ("/api/v3/time", 1),
        ("/api/v3/exchangeInfo", 20),
        (KLINES, 2),
        (f"{KLINES}&limit=1000", 2),
        ("/api/v3/klines?symbol=NOSUCH&interval=1m", 2),
        ("/api/v3/ticker/price?symbol=BTCUSDT", 2),
        ("/api/v3/ticker/price", 4),
        (f"/api/v3/ticker/price?symbols={_symbols(1)}", 4),
        ("/api/v3/ticker/24hr?symbol=BTCUSDT", 2),
        (f"/api/v3/ticker/24hr?symbols={_symbols(20)}", 2),
        (f"/api/v3/ticker/24hr?symbols={_symbols(21)}", 40),
        (f"/api/v3/ticker/24hr?symbols={_symbols(100)}", 40),
        (f"/api/v3/ticker/24hr?symbols={_symbols(101)}", 80),
        ("/api/v3/ticker/24hr", 80),
        (ACCOUNT, 20),
    ],
)
def test_weights_are_the_documented_ones(target: str, weight: int, ask: Callable[..., Answer]) -> None:
    """The header says what a request cost, also when it was refused."""
    headers = ask(target).headers
    assert headers["X-MBX-USED-WEIGHT-1M"] == headers["X-MBX-USED-WEIGHT"] == str(weight)


def test_sapi_counts_for_itself(api_key: str, signed: Signed, ask: Callable[..., Answer]) -> None:
    """An endpoint of /sapi has a header and a pool of its own."""
    ask("/api/v3/exchangeInfo")
    answer = ask(signed("/sapi/v1/account/apiRestrictions"), x_mbx_apikey=api_key)
    assert answer.headers == {"X-SAPI-USED-IP-WEIGHT-1M": "1"}


def test_the_account(api_key: str, signed: Signed, get: Get) -> None:
    """A signed call shows uid and balances; every asset of the exchange unless zeros are left out."""
    everything = get(signed(ACCOUNT), x_mbx_apikey=api_key)
    held = get(signed(ACCOUNT, "omitZeroBalances=true"), x_mbx_apikey=api_key)
    assert {"asset": "SHIB", "free": "0.00000000", "locked": "0.00000000"} in everything["balances"]
    assert held["uid"] == everything["uid"] == 7
    assert held["balances"] == [
        {"asset": "BTC", "free": "1.50000000", "locked": "0.25000000"},
        {"asset": "USDT", "free": "100.00000000", "locked": "0.00000000"},
        {"asset": "LDBNB", "free": "0.123456789012", "locked": "0.00000000"},
    ]


def test_balances_change(exchange: Exchange, api_key: str, signed: Signed, get: Get, clock: MovableClock) -> None:
    """A balance set later, and a movement whose time has come, show in the next answer."""
    exchange.set_balance(7, "BTC", "2")
    exchange.move(7, exchange.now_ms + 7_000, [Leg("spot", "ETH", 37)])
    clock.advance(7)
    held = get(signed(ACCOUNT, "omitZeroBalances=true"), x_mbx_apikey=api_key)["balances"]
    assert {each["asset"]: each["free"] for each in held}.items() >= {"BTC": "2.00000000", "ETH": "37.00000000"}.items()


def test_the_key_says_what_it_may_do(exchange: Exchange, api_key: str, signed: Signed, get: Get) -> None:
    """A key reads unless more is asked for; the list has every field of the reference."""
    target = "/sapi/v1/account/apiRestrictions"
    rights = get(signed(target), x_mbx_apikey=api_key)
    assert len(rights) == 13
    assert [name for name, value in rights.items() if value is True] == ["enableReading"]
    with pytest.raises(ValueError, match="enableFlying"):
        exchange.add_account(7, OTHER, secret=OTHER, permissions={"enableFlying"})


def test_keys_are_checked(exchange: Exchange, api_key: str, signed: Signed, code: Code) -> None:
    """No key, a malformed, an unknown and a key that may not read are refused with 401."""
    assert code(signed(ACCOUNT)) == (401, -2014)
    assert code(signed(ACCOUNT), x_mbx_apikey="short") == (401, -2014)
    assert code(signed(ACCOUNT), x_mbx_apikey="x" * 64) == (401, -2015)
    exchange.add_account(8, OTHER, secret=OTHER, permissions=())
    assert code(signed(ACCOUNT), x_mbx_apikey=OTHER) == (401, -2015)
    assert code(f"{ACCOUNT}?signature=1", x_mbx_apikey=api_key) == (400, -1102)
    assert code(f"{ACCOUNT}?timestamp=1", x_mbx_apikey=api_key) == (400, -1102)


@pytest.mark.parametrize(
    ("off_ms", "window", "good"),
    [
        (0, "", True),
        (999, "", True),
        (1000, "", False),
        (-5000, "", True),
        (-5001, "", False),
        (-60_000, "recvWindow=60000", True),
        (-6001, "recvWindow=6000.9", False),
        (-6000, "recvWindow=6000.346", True),
        (-40_000_000_000_000, "", False),
    ],
)
def test_the_timestamp_rule(
    off_ms: int, window: str, good: bool, exchange: Exchange, api_key: str, signed: Signed, ask: Callable[..., Answer]
) -> None:
    """Accepted when timestamp < serverTime + 1000 and serverTime - timestamp <= recvWindow, else -1021."""
    answer = ask(signed(ACCOUNT, window, abs(exchange.now_ms + off_ms)), x_mbx_apikey=api_key)
    assert (answer.status == 200) == good
    assert good or b"-1021" in answer.body


def test_timestamps_may_be_microseconds(exchange: Exchange, api_key: str, signed: Signed, get: Get) -> None:
    """Spot tells the unit by magnitude; recvWindow stays in ms."""
    assert get(signed(ACCOUNT, "", exchange.now_us - 4_999_000), x_mbx_apikey=api_key)["uid"] == 7


@pytest.mark.parametrize(("window", "expected"), [("60001", -1131), ("1.2345", -1100), ("soon", -1100)])
def test_recv_window_is_bounded(window: str, expected: int, api_key: str, signed: Signed, code: Code) -> None:
    """At most a minute, with at most three decimals."""
    assert code(signed(ACCOUNT, f"recvWindow={window}"), x_mbx_apikey=api_key) == (400, expected)


def test_a_changed_query_breaks_the_signature(api_key: str, signed: Signed, code: Code) -> None:
    """One byte more, one escape written differently: -1022."""
    good = signed(ACCOUNT, "omitZeroBalances=true")
    assert code(good.replace("=true", "=false"), x_mbx_apikey=api_key) == (400, -1022)
    assert code(good.replace("=true", "=%74rue"), x_mbx_apikey=api_key) == (400, -1022)
    assert code(good[:-1] + "g", x_mbx_apikey=api_key) == (400, -1022)


def test_the_signature_may_stand_anywhere_and_in_either_case(api_key: str, signed: Signed, get: Get) -> None:
    """It is taken out of the query, and what is left is what was signed; hexadecimal has no case."""
    path, _, query = signed(ACCOUNT, "omitZeroBalances=true").partition("?")
    payload, _, signature = query.rpartition("&signature=")
    assert get(f"{path}?signature={signature.upper()}&{payload}", x_mbx_apikey=api_key)["uid"] == 7


HMAC_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published
ORDER = "side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
WIDE = "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"


@pytest.mark.parametrize(
    ("payload", "signature"),
    [
        (f"symbol=LTCBTC&{ORDER}", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (f"symbol={WIDE}&{ORDER}", "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"),
        ("timestamp=1578963600000", "d84e6641b1e328e7b418fff030caed655c266299c9355e36ce801ed14631eed4"),
    ],
)
def test_published_hmac_vectors_verify(payload: str, signature: str) -> None:
    """The exchange's own examples pass, over the bytes as they stand in the query."""
    bytes_, sent = signed_bytes(f"{payload}&signature={signature}")
    assert by_secret(HMAC_SECRET)(bytes_, sent or "")
    assert not by_secret(HMAC_SECRET)(bytes_ + b"0", sent or "")


def test_the_published_ed25519_vector_verifies() -> None:
    """Base64 in the query is percent-encoded; the exchange decodes it before it verifies."""
    public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGUIKv9dSpWXBViXp2m6vAIb8QMFJYBgyFEQsFJlqgA0=\n-----END PUBLIC KEY-----"
    payload = b"\x01".join([b"A", b"EXAMPLE", b"SPOT", b"1", b"20240627-11:17:25.223"])
    signature = "4MHXelVVcpkdwuLbl6n73HQUXUf1dse2PCgT1DYqW9w8AVZ1RACFGM+5UdlGPrQHrgtS3CvsRURC1oj73j8gCA=="
    verify = by_public_key(public)
    assert verify(payload, quote(signature, safe=""))
    assert not verify(payload, quote(signature.swapcase(), safe=""))
    assert not verify(payload, "not base64")


def test_the_private_key_of_that_vector_matches() -> None:
    """The vector's key pair is one pair, so the test above proves what it says."""
    der = base64.b64decode("MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u")
    raw = load_der_private_key(der, None).public_key().public_bytes_raw()  # type: ignore[union-attr]
    assert base64.b64encode(raw) == b"GUIKv9dSpWXBViXp2m6vAIb8QMFJYBgyFEQsFJlqgA0="


def test_exchange_info_lists_what_the_account_may_see(get: Get) -> None:
    """A regional group shows only when asked for; statuses filter; permissions are always an empty list."""
    names = {each["symbol"]: each for each in get("/api/v3/exchangeInfo")["symbols"]}
    assert "BTCZAR" not in names
    assert "币安人生USDT" in names
    assert names["NANOUSDT"]["status"] == "BREAK"
    assert all(each["permissions"] == [] and each["permissionSets"] for each in names.values())
    regional = get("/api/v3/exchangeInfo?permissions=TRD_GRP_004")["symbols"]
    both = get("/api/v3/exchangeInfo?permissions=%5B%22TRD_GRP_004%22%2C%22SPOT%22%5D")["symbols"]
    assert [each["symbol"] for each in regional] == ["BTCZAR"]
    assert len(both) == len(names) + 1
    delisted = get("/api/v3/exchangeInfo?symbolStatus=BREAK")["symbols"]
    assert {each["symbol"] for each in delisted} == {"MATICUSDT", "NANOUSDT", "WAVESUSDT"}
    assert "permissionSets" not in get("/api/v3/exchangeInfo?showPermissionSets=false")["symbols"][0]


def test_exchange_info_prints_the_limits_in_force(exchange: Exchange, get: Get) -> None:
    """The weight a minute is the one that is enforced."""
    exchange.limits.weight = 1234
    limits = {each["rateLimitType"]: each["limit"] for each in get("/api/v3/exchangeInfo")["rateLimits"]}
    assert limits["REQUEST_WEIGHT"] == 1234


def test_a_symbol_is_unknown_until_it_is_listed(clock: MovableClock, code: Code, get: Get) -> None:
    """Before its listing a symbol is neither shown nor known."""
    clock.now_s = 1_791_279_000 - 1
    assert code("/api/v3/ticker/price?symbol=XNOUSDT") == (400, -1121)
    assert "XNOUSDT" not in {each["symbol"] for each in get("/api/v3/ticker/price")}
    clock.advance(2)
    assert get("/api/v3/ticker/price?symbol=XNOUSDT")["symbol"] == "XNOUSDT"


def test_a_symbol_delisted_mid_run(exchange: Exchange, clock: MovableClock, get: Get, code: Code) -> None:
    """Its candles stop, its status turns, its history stays; when it is forgotten it is unknown."""
    exchange.delist("SOLUSDT")
    clock.advance(3600)
    last = get("/api/v3/klines?symbol=SOLUSDT&interval=1m&limit=1")[0]
    assert last[0] == 1_793_620_800_000
    assert get("/api/v3/exchangeInfo?symbol=SOLUSDT")["symbols"][0]["status"] == "BREAK"
    exchange.remove("SOLUSDT")
    assert code("/api/v3/klines?symbol=SOLUSDT&interval=1m") == (400, -1121)


def test_a_symbol_of_ones_own(exchange: Exchange, get: Get) -> None:
    """A test may list what it needs, with its own outage."""
    hour = 1_793_613_600_000 // 60_000
    exchange.add_symbol(plain("MINEUSDT", "MINE", "USDT", 2, 3, outage=Cycle(hour, 60)))
    hours = get("/api/v3/klines?symbol=MINEUSDT&interval=1h&limit=3")
    assert hours[1][0] - hours[0][0] == 7_200_000


def test_prices_and_tickers_agree_with_the_candles(get: Get) -> None:
    """The last price is the close of the running minute, and the day's sums are those of its minutes."""
    minutes = get("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1000")
    earlier = get(f"/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=440&endTime={minutes[0][0] - 1}")
    day = get("/api/v3/ticker/24hr?symbol=BTCUSDT")
    assert get("/api/v3/ticker/price?symbol=BTCUSDT")["price"] == minutes[-1][4] == day["lastPrice"]
    assert day["count"] == sum(row[8] for row in earlier + minutes)
    assert day["openPrice"] == earlier[0][1]
    assert day["lastId"] - day["firstId"] + 1 == day["count"]
    assert day["closeTime"] - day["openTime"] == 86_400_000


def test_a_day_without_trades_has_no_ids(get: Get) -> None:
    """A delisted symbol still has a ticker: zeros, and -1 for the ids of trades there were none of."""
    day = get("/api/v3/ticker/24hr?symbol=NANOUSDT")
    assert (day["count"], day["firstId"], day["lastId"], day["volume"]) == (0, -1, -1, "0.00000000")
    assert get("/api/v3/ticker/price?symbol=NANOUSDT")["price"] != "0.00000000"


def test_the_small_ticker(get: Get) -> None:
    """MINI leaves out what the full one adds; lists drop symbols of another status."""
    small = get("/api/v3/ticker/24hr?type=MINI&symbols=%5B%22BTCUSDT%22%2C%22NANOUSDT%22%5D&symbolStatus=TRADING")
    assert [each["symbol"] for each in small] == ["BTCUSDT"]
    assert len(small[0]) == 12


def test_a_recorded_exchange_info_is_served_as_recorded(exchange: Exchange, get: Get) -> None:
    """Each symbol comes back field by field; candles of it are made up on its own tick and step."""
    symbol = {
        "symbol": "OLDCOIN",
        "status": "BREAK",
        "baseAsset": "OLD",
        "quoteAsset": "COIN",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.00100000"},
            {"filterType": "LOT_SIZE", "stepSize": "1.00000000"},
        ],
        "permissions": ["SPOT"],
        "fieldOfTomorrow": {"x": 1},
    }
    exchange.replay_exchange_info({"symbols": [symbol]})
    assert get("/api/v3/exchangeInfo")["symbols"] == [symbol]
    row = get("/api/v3/klines?symbol=OLDCOIN&interval=1h&limit=1")[0]
    assert (row[1][-5:], row[5][-9:]) == ("00000", ".00000000")
