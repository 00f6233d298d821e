"""One call on its way to the exchange and back."""

import asyncio
import gzip
import io
import json
import pickle
import re
import traceback
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import quote, unquote

import aiohttp
import pytest
from aiohttp import web
from rich.console import Console
from rich.traceback import Traceback
from support.binance_world import API_KEY, API_SECRET, START_S

from connectors.binance import client as client_module
from connectors.binance.client import BODY_CAP
from connectors.binance.endpoints.model import Endpoint, Security
from connectors.binance.endpoints.spot import ACCOUNT, EXCHANGE_INFO, KLINES, PRICE, TICKER_24H, TIME
from connectors.binance.endpoints.wallet import API_RESTRICTIONS
from connectors.binance.errors import (
    Banned,
    BinanceError,
    ClockSkew,
    Denied,
    Firewalled,
    NoSuchCall,
    Rejected,
    Throttled,
    Transient,
    UnknownSymbol,
    Unreachable,
    Unreadable,
)
from connectors.binance.pools import SPOT
from connectors.binance.retry import TRIES
from connectors.simulator.protocol import faults
from schemas.model.errors import AccessRefused

AWKWARD = "a b&c=d/e:f~g!h*i'j(k)l,m;n@o+p%q#r?s\"[]{}\\^`|<>äé这是测试币456\uff11\uff12😀"
CANDLES = {"symbol": "BTCUSDT", "interval": "1m", "limit": 5}
OF_CANDLES = {"market": "spot", "symbol": "BTCUSDT", "interval": "1m"}


def says(body: str | bytes, **how: object):
    """Answers with this body, each time anew."""

    async def answer(_: web.Request) -> web.Response:
        raw = body if isinstance(body, bytes) else body.encode()
        return web.Response(body=raw, content_type="application/json", **how)

    return answer


@asynccontextmanager
async def scripted(answer):
    """A server that tells the time and answers all else so; yields its address and what it saw."""
    seen = []

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == TIME.path:
            date = {"Date": formatdate(START_S, usegmt=True)}
            return web.json_response({"serverTime": int(START_S * 1000)}, headers=date)
        seen.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    finally:
        await runner.cleanup()


# What goes out


async def test_the_bytes_on_the_wire_are_the_bytes_signed(world, keys):
    """Whatever characters a value holds, the server sees exactly the query that was signed, encoded once."""
    async with scripted(says("[]")) as (world.url, seen), world.client(keys) as client:
        await client.body(ACCOUNT, symbol=AWKWARD, symbols=["A,B", "这是测试币456"], limit=7, omitted=None)
    target = seen[0].raw_path
    payload, _, signature = target.partition("?")[2].partition("&signature=")
    assert signature == keys.sign(payload.encode())
    assert payload.startswith(f"symbol={quote(AWKWARD, safe='')}&symbols=%5B%22A%2CB%22%2C%22%E8%BF%99")
    assert unquote(payload.split("&")[0]) == f"symbol={AWKWARD}"
    assert "omitted" not in target
    assert payload.endswith(f"&limit=7&recvWindow=5000&timestamp={int(START_S * 1000)}")


async def test_a_signed_call_is_accepted(world, keys):
    """The simulator verifies the signature over the raw query, and knows whose key it is."""
    async with world.client(keys) as client:
        account = json.loads(await client.body(ACCOUNT))
    assert account["uid"] == 4242
    assert world.exchange.requests[-1].api_key == API_KEY


async def test_a_public_call_carries_no_key(world, keys):
    """Prices are asked for without saying who asks."""
    async with world.client(keys) as client:
        await client.body(KLINES, **CANDLES)
    assert world.exchange.requests[-1].api_key is None
    assert "signature" not in world.exchange.requests[-1].target
    assert world.asked[0].key_fingerprint is None


async def test_only_listed_calls_are_sent(world, keys):
    """An endpoint that is no row of the list is refused before anything is sent."""
    order = Endpoint(name="order", path="/api/v3/order", pool=SPOT, method="POST", security=Security.SIGNED)
    async with world.client(keys) as client:
        before = len(world.exchange.requests)
        with pytest.raises(ValueError, match="not on the list"):
            await client.body(order)
        assert len(world.exchange.requests) == before


async def test_a_signed_call_without_a_key_is_refused(world):
    """Who has no key is told so, and nothing is sent."""
    async with world.client() as client:
        with pytest.raises(AccessRefused, match="needs a key"):
            await client.body(ACCOUNT)
    assert world.asked == []


async def test_each_try_is_recorded_without_secrets(world, keys):
    """The journal learns of every try: what, by which key, at what cost, with what answer."""
    world.exchange.inject(faults.Error(code=-1000, path=ACCOUNT.path))
    async with world.client(keys) as client:
        await client.body(ACCOUNT, omitZeroBalances="true")
    failed, done = world.asked
    assert (failed.status, failed.code, done.status, done.code) == (500, -1000, 200, None)
    assert (done.path, done.params, done.weight, done.pool) == ("/api/v3/account", "omitZeroBalances=true", 20, "spot")
    assert done.key_fingerprint == keys.fingerprint
    assert done.used_weight == 42  # twice the time, twice the account
    assert START_S * 1e6 <= failed.asked_at <= failed.answered_at <= done.asked_at <= done.answered_at
    assert API_KEY not in repr(world.asked)
    assert "signature" not in repr(world.asked)


async def test_wallet_calls_go_to_the_wallet_host(world, keys):
    """Each family of calls has its own address and its own pool."""
    async with world.client(keys) as client:
        await client.body(API_RESTRICTIONS)
    assert world.asked[0].pool == "ip:/sapi/v1/account/apiRestrictions"
    assert world.asked[0].used_weight == 1


# The clock


@pytest.mark.parametrize("skew_s", [-3600.0, -2.0, 0.4, 86_400.0])
async def test_a_wrong_clock_is_corrected_for(world, keys, skew_s):
    """However far this machine's clock is off, exchange time is right and signed calls pass."""
    world.exchange.skew_s = skew_s
    async with world.client(keys) as client:
        assert abs(client.now_us() / 1e6 - world.clock() - skew_s) < 0.002
        await client.body(ACCOUNT)
    assert [request.status for request in world.asked] == [200]


async def test_a_leaping_clock_is_measured_again_once(world, keys):
    """When the exchange finds our timestamp wrong, the clock is measured again and the call signed afresh."""
    async with world.client(keys) as client:
        world.exchange.skew_s = 7200.0
        await client.body(ACCOUNT)
        assert abs(client.now_us() / 1e6 - world.clock() - 7200) < 0.002
    assert [(request.path, request.status) for request in world.asked] == [
        (ACCOUNT.path, 400),
        (TIME.path, 200),
        (TIME.path, 200),
        (ACCOUNT.path, 200),
    ]
    first, second = (seen.target for seen in world.exchange.requests.to(ACCOUNT.path))
    assert first != second


async def test_a_clock_that_stays_wrong_is_an_error(world, keys):
    """Refusals of the timestamp are told after as many tries as anything else, and not retried for ever."""
    world.exchange.inject(faults.Error(code=-1021, status=400, path=ACCOUNT.path, count=None))
    async with world.client(keys) as client:
        with pytest.raises(ClockSkew, match="clock"):
            await client.body(ACCOUNT)
    assert [request.path for request in world.asked].count(ACCOUNT.path) == TRIES


async def test_a_machine_that_stalls_more_than_once_goes_on(world, keys):
    """Requests that a busy machine sent too late are no wrong clock: each try is signed afresh, and one is in time."""
    world.exchange.inject(faults.Error(code=-1021, status=400, path=ACCOUNT.path, count=TRIES - 1))
    async with world.client(keys) as client:
        await client.body(ACCOUNT)
    assert [request.status for request in world.asked if request.path == ACCOUNT.path] == [400] * (TRIES - 1) + [200]


async def test_many_calls_measure_the_clock_once(world, keys):
    """Twenty calls that are refused for the same wrong clock lead to one measurement."""
    async with world.client(keys) as client:
        world.exchange.skew_s = 60.0
        await asyncio.gather(*(client.body(ACCOUNT) for _ in range(20)))
    assert [request.path for request in world.asked].count(TIME.path) == 2


async def test_the_clock_is_measured_every_few_minutes(world):
    """A drifting clock is noticed before the exchange refuses us for it."""
    async with world.client() as client:
        world.clock.advance(301)
        world.exchange.skew_s = 0.5
        await client.body(KLINES, **CANDLES)
        await client.body(KLINES, **CANDLES)
        assert abs(client.now_us() / 1e6 - world.clock() - 0.5) < 0.002
    assert [request.path for request in world.asked] == [TIME.path, TIME.path, KLINES.path, KLINES.path]


@pytest.mark.parametrize("factor", [1, 1000, 1_000_000])
async def test_the_unit_of_the_time_is_told_by_its_size(world, factor):
    """Seconds, milliseconds and microseconds are the same instant."""
    body = json.dumps({"serverTime": int(START_S) * factor})
    world.exchange.inject(faults.Body(text=body, path=TIME.path, count=None))
    async with world.client() as client:
        assert client.now_us() == int(START_S) * 1_000_000


@pytest.mark.parametrize("told", [0, -1, 1, 10**12, 10**17, 10**40, 5 * 10**12])
async def test_a_time_that_cannot_be_is_refused(world, told):
    """A time before the exchange opened or of another century is named in one sentence, after a second look."""
    world.exchange.inject(faults.Body(text=json.dumps({"serverTime": told}), path=TIME.path, count=None))
    with pytest.raises(Unreadable, match=f"printed {told}"[:40]):
        async with world.client():
            pass
    assert len(world.exchange.requests.to(TIME.path)) == 4


@pytest.mark.parametrize("told", ['"soon"', "1e400", "1.5", "null", "[]", "9" * 70])
async def test_a_time_that_is_no_whole_number_is_refused(world, told):
    """A time of another kind is printed as it came, with the way out."""
    world.exchange.inject(faults.Body(text=f'{{"serverTime": {told}}}', path=TIME.path, count=None))
    with pytest.raises(Unreadable, match=re.escape(f"printed {told[:60]} for its time")) as problem:
        async with world.client():
            pass
    assert "Run again" in problem.value.way_out


@pytest.mark.parametrize("off_s", [2 * 86_400, -2 * 86_400, 200, -200])
async def test_a_time_far_from_its_own_date_is_refused(world, off_s):
    """A time that looks right and stays wrong is held against the Date of the answer; both are named."""
    told = {"serverTime": int((START_S + off_s) * 1000)}
    world.exchange.inject(faults.Body(text=json.dumps(told), path=TIME.path, count=None))
    with pytest.raises(Unreadable) as problem:
        async with world.client():
            pass
    for instant in (START_S, START_S + off_s):
        assert f"{datetime.fromtimestamp(int(instant), UTC):%Y-%m-%d %H:%M:%S} UTC" in problem.value.what
    assert "check the addresses" in problem.value.way_out


async def test_a_time_that_turns_wrong_later_is_refused(world):
    """A client that is open moves its clock by no time that contradicts the Date of its answer."""
    async with world.client() as client:
        told = {"serverTime": int((START_S + 2 * 86_400) * 1000)}
        world.exchange.inject(faults.Body(text=json.dumps(told), path=TIME.path, count=None))
        world.clock.advance(301)
        with pytest.raises(Unreadable):
            await client.body(KLINES, **CANDLES)
        assert abs(client.now_us() / 1e6 - world.clock()) < 0.002


async def test_a_time_that_is_wrong_once_does_no_harm(world):
    """Two readings that contradict one another are taken again: no single answer moves the clock by years."""
    told = {"serverTime": int((START_S + 10**8) * 1000)}
    world.exchange.inject(faults.Body(text=json.dumps(told), path=TIME.path))
    async with world.client() as client:
        assert abs(client.now_us() / 1e6 - world.clock()) < 0.002


@pytest.mark.parametrize("ahead_s", [20.0, -20.0, 300.0])
async def test_a_wrong_clock_slows_nothing_down(world, ahead_s):
    """A machine whose clock is off starts as quickly as any other."""
    world.clock.advance(30)  # so that both clocks show the same minute
    world.exchange.skew_s = -ahead_s
    async with world.client() as client:
        for _ in range(20):
            await client.body(KLINES, **CANDLES)
    assert world.slept == []


@pytest.mark.parametrize("ahead_s", [86_400.0, -86_400.0, 0.0])
@pytest.mark.parametrize("told", ["text", "header"])
async def test_a_ban_is_understood_by_a_machine_whose_clock_is_wrong(world, ahead_s, told):
    """A ban told before the clock was measured lasts as long as the exchange means, and is told in its time."""
    world.exchange.skew_s = -ahead_s
    until_s = START_S - ahead_s + 3600
    text = f"IP banned until {int(until_s * 1000)}." if told == "text" else "Too much."
    headers = {"Retry-After": "3600"} if told == "header" else {}
    world.exchange.inject(faults.Error(code=-1003, status=418, msg=text, headers=headers, path=TIME.path))
    for waited_s in (0, 3400):
        world.clock.advance(waited_s)
        with pytest.raises(Banned) as ban:
            async with world.client():
                pass
        assert ban.value.until_ms / 1000 == pytest.approx(until_s, abs=1)
    assert len(world.exchange.requests) == 1
    world.clock.advance(201)
    async with world.client() as client:
        await client.body(KLINES, **CANDLES)


# What comes back


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.Error(code=-1000, count=None), Transient),
        (faults.Error(code=-1008, status=503, count=None), Transient),
        (faults.Html(status=502, count=None), Transient),
        (faults.Html(status=200, count=None), Transient),
        (faults.Html(status=400, count=None), Transient),
        (faults.NoContent(count=None), Transient),
        (faults.ShortBody(count=None), Transient),
        (faults.CutGzip(count=None), Transient),
        (faults.Body(text="", count=None), Transient),
        (faults.Body(text='{"code":"100001","message":"try later","success":false}', count=None), Transient),
        (faults.Body(text="[NaN]", count=None), Transient),
        (faults.Body(text="[" * 100_000, count=None), Transient),
        (faults.Reset(count=None), Unreachable),
        (faults.Reset(after=10, count=None), Unreachable),
        (faults.Truncated(count=None), Unreachable),
        (faults.Redirect(to="http://evil.example/", count=None), Unreachable),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_may_pass_is_tried_again_and_then_told(world, fault, kind):
    """Five tries with growing waits; one good answer among them is enough; after that it is told."""
    async with world.client() as client:
        world.exchange.inject(fault)
        with pytest.raises(kind) as problem:
            await client.body(KLINES, **CANDLES)
        assert problem.value.path == KLINES.path
        assert problem.value.way_out
        assert len(world.asked) == TRIES
        waits = world.slept[-4:]
        assert all(0.5 <= wait / (0.5 * 2**n) <= 1.5 for n, wait in enumerate(waits))
        world.exchange.faults.clear()
        world.exchange.inject(type(fault)(**{**as_dict(fault), "count": TRIES - 1}))
        assert await client.body(KLINES, **CANDLES)


def as_dict(fault):
    return {name: getattr(fault, name) for name in fault.__struct_fields__}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.Restricted(), Denied),
        (faults.Html(status=403), Firewalled),
        (faults.Error(code=-2015, status=401), Denied),
        (faults.Error(code=-2014, status=401), Denied),
        (faults.Error(code=-1022, status=400), Denied),
        (faults.Error(code=-1100, status=400), Rejected),
        (faults.Html(status=404), NoSuchCall),
        (faults.Body(text='{"code":-1121,"msg":"Invalid symbol."}'), UnknownSymbol),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_cannot_pass_is_asked_once(world, fault, kind):
    """Credentials, place, bugs and facts are told at once; asking again could only hurt."""
    async with world.client() as client:
        world.exchange.inject(fault)
        with pytest.raises(kind):
            await client.body(KLINES, **CANDLES)
    assert len(world.asked) == 1


async def test_an_unknown_symbol_is_named(world):
    """The error of a symbol that the exchange does not know says which."""
    async with world.client() as client:
        with pytest.raises(UnknownSymbol, match="symbol=NOSUCH"):
            await client.body(KLINES, symbol="NOSUCH", interval="1m")


async def test_a_redirect_is_not_followed(world, keys):
    """The key header never goes to another host, wherever an answer points."""
    async with scripted(says("{}")) as (elsewhere, seen), world.client(keys) as client:
        world.exchange.inject(faults.Redirect(to=elsewhere + "/api/v3/account", path=ACCOUNT.path, count=None))
        with pytest.raises(Unreachable, match="redirects"):
            await client.body(ACCOUNT)
    assert seen == []


@pytest.mark.parametrize("packed", [False, True])
async def test_a_bomb_is_cut_off(world, packed):
    """An answer that unpacks to more than the cap is refused while it comes in, and not asked for again."""
    size = BODY_CAP + 2**20
    body = gzip.compress(b" " * size, 1) if packed else b" " * size
    headers = {"Content-Encoding": "gzip"} if packed else {}
    async with scripted(says(body, headers=headers)) as (world.url, seen), world.client() as client:
        with pytest.raises(Unreadable, match="64 MB"):
            await client.body(KLINES)
    assert len(seen) == len(world.asked) == 1


async def test_no_network_is_told_without_a_riddle(world):
    """A dead address gives one sentence that names host and cause, and the exit code for `later`."""
    world.url = "http://127.0.0.1:9"
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1.*`binlake simulator` starts one") as problem:
        async with world.client():
            pass
    assert problem.value.exit_code == 75


async def test_whoever_waits_is_told_at_once_that_nobody_answers(world, caplog):
    """The first try that finds no answer is named before the others are made, once however many there are."""
    world.url = "http://127.0.0.1:9"
    with pytest.raises(Unreachable):
        async with world.client():
            pass
    (record,) = caplog.records
    assert "No answer" in record.getMessage()
    assert "127.0.0.1" in record.getMessage()


async def test_a_silent_server_is_given_up(world, monkeypatch):
    """A server that accepts and never answers does not hold a call for ever."""
    never = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    monkeypatch.setattr(client_module, "TIMEOUT", aiohttp.ClientTimeout(sock_read=0.3))
    async with scripted(silent) as (world.url, _), world.client() as client:
        with pytest.raises(Unreachable, match="TimeoutError"):
            await client.body(KLINES)
        never.set()


async def test_time_that_is_no_time_is_told(world):
    """A server that does not speak the protocol is refused while opening."""
    async with scripted(says("{}")) as (url, _):
        world.url = f"{url}/elsewhere"
        with pytest.raises(Unreadable, match="does not tell the time"):
            async with world.client():
                pass


# Limits


async def test_a_throttle_is_waited_out(world):
    """A 429 closes the pool until the header's deadline; then the call passes."""
    world.exchange.inject(faults.Error(code=-1003, status=429, headers={"Retry-After": "17"}, path=KLINES.path))
    async with world.client() as client:
        before = world.clock()
        await client.body(KLINES, **CANDLES)
        assert world.clock() - before == pytest.approx(17, abs=1)
    assert [request.status for request in world.asked] == [429, 200]


async def test_a_throttle_without_a_deadline_lasts_to_the_next_minute(world):
    """Retry-After 0 means unknown, and the next minute is safe."""
    world.exchange.inject(faults.Error(code=-1003, status=429, headers={"Retry-After": "0"}, path=KLINES.path))
    async with world.client() as client:
        await client.body(KLINES, **CANDLES)
    assert world.clock() == pytest.approx(START_S + 50, abs=1)


async def test_a_ban_stops_everything_and_is_remembered(world, keys):
    """After a 418 nothing is sent in any pool, by any client, before the deadline in the message."""
    until_ms = int((START_S + 3600) * 1000)
    text = f"Way too much request weight used; IP banned until {until_ms}. Please use the websocket."
    world.exchange.inject(faults.Error(code=-1003, status=418, msg=text, path=KLINES.path))
    async with world.client(keys) as client:
        for endpoint in (KLINES, API_RESTRICTIONS):
            with pytest.raises(Banned) as problem:
                await client.body(endpoint, **(CANDLES if endpoint is KLINES else {}))
            assert problem.value.until_ms == until_ms
    assert [request.status for request in world.asked] == [418]
    with pytest.raises(Banned):
        async with world.client():
            pass
    world.clock.advance(3600)
    async with world.client() as client:
        await client.body(KLINES, **CANDLES)


async def test_the_firewall_stops_everything_and_is_remembered(world, keys):
    """After the firewall's 403 nothing is sent in any pool, by any client, for some minutes; it stays access refused."""
    world.exchange.inject(faults.Html(status=403, path=KLINES.path))
    async with world.client(keys) as client:
        for endpoint in (KLINES, API_RESTRICTIONS):
            with pytest.raises(Firewalled, match="firewall") as problem:
                await client.body(endpoint, **(CANDLES if endpoint is KLINES else {}))
            assert problem.value.exit_code == 4
    assert [request.status for request in world.asked] == [403]
    with pytest.raises(Firewalled, match="UTC"):
        async with world.client():
            pass
    world.clock.advance(300)
    async with world.client() as client:
        await client.body(KLINES, **CANDLES)


async def test_headers_without_end_are_no_answer(world):
    """A server that never stops sending headers is given up like one that does not answer."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b"X-More: and more\r\n" * 1000)
                await writer.drain()

    async with await asyncio.start_server(endless, "127.0.0.1", 0) as server:
        world.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(Unreachable):
            async with world.client():
                pass


@pytest.mark.parametrize("used", ["9" * 5000, "9" * 18, "-1", "1e9", "0x10", ""])
async def test_a_hostile_header_is_no_number(world, used):
    """A used weight that no minute can hold is ignored, however long it is."""
    headers = {"X-MBX-USED-WEIGHT-1M": used, "Retry-After": used}
    world.exchange.inject(faults.Error(code=-1121, status=400, headers=headers, path=KLINES.path))
    async with world.client() as client:
        with pytest.raises(UnknownSymbol):
            await client.body(KLINES, **CANDLES)
        await client.body(KLINES, **CANDLES)
    assert world.slept == []


async def test_endless_throttling_is_told(world):
    """A server that always answers 429 is asked five times, once a deadline."""
    world.exchange.inject(
        faults.Error(code=-1003, status=429, headers={"Retry-After": "1"}, path=KLINES.path, count=None)
    )
    async with world.client() as client:
        with pytest.raises(Throttled):
            await client.body(KLINES, **CANDLES)
    assert len(world.asked) == TRIES


async def test_the_header_of_others_counts(world):
    """What another program on this address spends is counted as spent."""
    async with world.client() as client:
        world.exchange.spend(3000)
        await client.body(KLINES, **CANDLES)
        assert world.budget.state(SPOT).used == 3004
        await client.body(KLINES, **CANDLES)
        assert world.budget.state(SPOT).used == 3006


async def test_limits_are_learned(world):
    """The answer of exchangeInfo says how much weight a minute holds."""
    world.exchange.limits.weight = 1234
    async with world.client() as client:
        await client.body(EXCHANGE_INFO)
    assert world.budget.state(SPOT).limit == 1234


async def test_at_most_twenty_at_once(world):
    """However many calls wait, at most twenty are under way."""
    under_way = most = 0

    async def slow(_: web.Request) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(20):
            await asyncio.sleep(0)
        under_way -= 1
        return web.json_response([])

    async with scripted(slow) as (world.url, seen), world.client() as client:
        await asyncio.gather(*(client.body(KLINES) for _ in range(100)))
    assert len(seen) == 100
    assert 2 <= most <= 20


# Rows


async def test_rows_are_what_the_exchange_printed(world):
    """Every public endpoint answers with rows of its dataset's schema."""
    snapshot = {"market": "spot", "observed_at": int(START_S * 1e6)}
    async with world.client() as client:
        candles = await client.rows(KLINES, OF_CANDLES, **CANDLES)
        prices = await client.rows(PRICE, snapshot, symbols=["BTCUSDT", "ETHUSDT"])
        tickers = await client.rows(TICKER_24H, snapshot, symbol="BTCUSDT")
        symbols = await client.rows(EXCHANGE_INFO, {"market": "spot", "valid_from": int(START_S * 1e6)})
    assert (candles.num_rows, prices.num_rows, tickers.num_rows) == (5, 2, 1)
    assert symbols.num_rows >= 12
    assert [request.weight for request in world.asked] == [2, 4, 2, 20]


async def test_declared_weights_are_the_charged_ones(world, keys):
    """For every endpoint and way of asking, the used-weight header grows by what we declare."""
    many = [name for name in world_symbols(world) if name.isascii()]
    asked = [
        (TIME, {}),
        (EXCHANGE_INFO, {}),
        (KLINES, CANDLES),
        (PRICE, {}),
        (PRICE, {"symbol": "BTCUSDT"}),
        (PRICE, {"symbols": ["BTCUSDT"]}),
        (TICKER_24H, {}),
        (TICKER_24H, {"symbol": "BTCUSDT"}),
        (TICKER_24H, {"symbols": many[:2]}),
        (ACCOUNT, {}),
    ]
    async with world.client(keys) as client:
        used = 2  # the time, twice
        for endpoint, params in asked:
            await client.body(endpoint, **params)
            request = world.asked[-1]
            assert request.used_weight == used + request.weight
            used = request.used_weight


def world_symbols(world):
    return [listing.symbol for listing in world.exchange.listed(int(START_S * 1000))]


# Secrets


@pytest.mark.parametrize("echo", ["error", "html", "reset", "cut", "json"])
async def test_no_error_holds_key_or_signature(world, keys, echo):
    """Neither text, repr, arguments, cause, pickle nor a traceback with locals of any error holds a secret."""

    async def answer(request: web.Request) -> web.StreamResponse:
        mirror = f"{request.raw_path} {dict(request.headers)}"
        match echo:
            case "error":
                return web.json_response({"code": -1100, "msg": f"Illegal {mirror}"}, status=400)
            case "html":
                return web.Response(text=f"<html>{mirror}</html>", status=403, content_type="text/html")
            case "json":
                return web.json_response({"code": -2015, "msg": mirror}, status=401)
            case "cut":
                return web.Response(text=f'["{mirror}', content_type="application/json")
        request.transport.abort()
        return web.Response()

    async with scripted(answer) as (world.url, seen), world.client(keys) as client:
        with pytest.raises(BinanceError) as caught:
            await client.body(ACCOUNT)
    problem = caught.value
    assert problem.__cause__ is problem.__context__ is None
    signatures = [request.query["signature"] for request in seen]
    shown = io.StringIO()
    trace = Traceback.from_exception(type(problem), problem, caught.tb, show_locals=True, locals_max_string=None)
    Console(file=shown, width=500).print(trace)
    texts = [
        str(problem),
        repr(problem),
        repr(problem.args),
        repr(vars(problem)),
        pickle.dumps(problem).decode("latin1"),
        "".join(traceback.format_exception(problem)),
        shown.getvalue().split("_answer", 1)[1],  # from our own first frame on: this test's locals hold the keys
    ]
    for secret in (API_KEY, API_SECRET, *signatures):
        assert not [text for text in texts if secret in text]
    assert API_KEY not in repr(world.asked)
