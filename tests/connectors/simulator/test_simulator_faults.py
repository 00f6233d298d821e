"""What goes wrong on request, seen by a real client over a real socket."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from yarl import URL

from connectors.simulator import Exchange
from connectors.simulator.protocol import faults
from connectors.simulator.protocol.faults import AnyFault

TIME = "/api/v3/time"
KLINES = "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=5&startTime=1793600000000"
FIRST = 1_793_600_040_000


@pytest.fixture
async def client(exchange_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A session on the served exchange that follows no redirect and unpacks nothing."""
    async with aiohttp.ClientSession(exchange_url, auto_decompress=False) as session:
        yield session


async def _rows(client: aiohttp.ClientSession) -> list[Any]:
    async with client.get(URL(KLINES, encoded=True)) as response:
        return msgspec.json.decode(await response.read(), type=list[Any])


async def test_the_target_is_recorded_byte_for_byte(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """What the exchange notes is the request line itself, escapes and their case included."""
    target = "/api/v3/ticker/price?symbols=%5b%22%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT%22%2c%22BTCUSDT%22%5D"
    async with client.get(URL(target, encoded=True)) as response:
        assert [each["symbol"] for each in await response.json()] == ["币安人生USDT", "BTCUSDT"]
    assert exchange.requests[-1].target == target


async def test_a_reset_before_the_answer(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """The connection dies before the status line; aiohttp quietly asks a second time, so that dies too."""
    exchange.inject(faults.Reset(count=2))
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.get(TIME)


@pytest.mark.parametrize("fault", [faults.Reset(after=3), faults.Truncated(), faults.Truncated(share=0)])
async def test_a_body_that_breaks_off(fault: AnyFault, client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """Status 200 comes, then fewer bytes than announced, by a reset or by an orderly close."""
    exchange.inject(fault)
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        async with client.get(TIME) as response:
            await response.read()


async def test_bodies_that_lie(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """Cut text and cut gzip arrive as a plain 200 of the announced length."""
    exchange.inject(faults.ShortBody())
    exchange.inject(faults.CutGzip(skip=1))
    async with client.get(TIME) as response:
        assert (response.status, await response.read()) == (200, b'{"serverTime":')
    async with client.get(TIME) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        with pytest.raises(EOFError):
            gzip.decompress(await response.read())


@pytest.mark.parametrize(
    ("fault", "status", "kind", "part"),
    [
        (faults.Html(), 403, "text/html", b"<html>"),
        (faults.Html(status=502), 502, "text/html", b"<html>"),
        (faults.Error(code=-1000), 500, "application/json", b"-1000"),
        (faults.Error(code=-1001, status=503), 503, "application/json", b"-1001"),
        (faults.Error(code=-1003, status=200), 200, "application/json", b"-1003"),
        (faults.Error(code=-1021, status=400), 400, "application/json", b"-1021"),
        (faults.Restricted(), 451, "application/json", b'"code":0'),
        (faults.Body(text="null"), 200, "application/json", b"null"),
    ],
)
async def test_wrong_answers(
    fault: AnyFault, status: int, kind: str, part: bytes, client: aiohttp.ClientSession, exchange: Exchange
) -> None:
    """The fault's status and body come once, then the right answer again."""
    exchange.inject(fault)
    async with client.get(TIME) as response:
        assert (response.status, response.content_type) == (status, kind)
        assert part in await response.read()
    async with client.get(TIME) as response:
        assert b"serverTime" in await response.read()


async def test_a_redirect_to_another_host(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """The answer points elsewhere."""
    exchange.inject(faults.Redirect(to="http://127.0.0.1:1/api/v3/time"))
    async with client.get(TIME, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "http://127.0.0.1:1/api/v3/time")


async def test_latency_delays_one_answer_alone(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """A slow answer holds up nobody else: one that came later overtakes it."""
    exchange.inject(faults.Latency(seconds=60, symbol="BTCUSDT"))
    slow = asyncio.ensure_future(_rows(client))
    async with client.get(TIME) as response:
        assert response.status == 200
    assert not slow.done()
    slow.cancel()
    await asyncio.wait([slow])


async def test_a_moment_is_before_its_answer(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """What is to happen at a request happens before that is answered, once, and not behind the block."""
    answered, happened = list[int](), list[int]()
    with exchange.requests.when(TIME, 2, lambda: happened.append(len(answered))):
        for path in (TIME, "/api/v3/ping", TIME, TIME):
            async with client.get(path) as response:
                answered.append(response.status)
    assert happened == [2]
    with exchange.requests.when(TIME, 1, happened.clear):
        pass
    async with client.get(TIME):
        assert happened == [2]


async def test_weight_headers_may_be_missing_or_drift(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """A request may cost more than documented, and the header may not say anything."""
    exchange.inject(faults.Drift(extra=8, path="/api/v3/klines"))
    exchange.inject(faults.NoWeight(path=TIME))
    async with client.get(URL(KLINES, encoded=True)) as response:
        assert response.headers["X-MBX-USED-WEIGHT-1M"] == "10"
    async with client.get(TIME) as response:
        assert not [name for name in response.headers if "WEIGHT" in name]


async def test_rows_that_are_not_as_they_should_be(client: aiohttp.ClientSession, exchange: Exchange) -> None:
    """Duplicated, missing, late, reversed and wrong rows, each once, on the way to the right ones."""
    right = await _rows(client)
    wrong = faults.Wrong(open_ms=FIRST, values={4: "1.00000000"}, skip=4)
    late = faults.Late(since_ms=FIRST, until_ms=FIRST + 60_000, skip=2)
    hole = faults.Hole(place=3, skip=5)
    for fault in (faults.Duplicated(), faults.ShortPage(keep=2, skip=1), late, faults.Shuffled(skip=3), wrong, hole):
        exchange.inject(fault)
    assert await _rows(client) == [*right, right[-1]]
    assert await _rows(client) == right[:2]
    assert await _rows(client) == right[1:]
    assert await _rows(client) == right[::-1]
    assert (await _rows(client))[0][:5] == [*right[0][:4], "1.00000000"]
    assert await _rows(client) == [*right[:-3], *right[-2:]]
    assert await _rows(client) == right


def test_scopes(exchange: Exchange) -> None:
    """A fault applies to its path and symbol only, after so many matching requests, for so many."""
    fault = faults.Html(path=TIME, skip=1, count=2)
    exchange.inject(fault)
    matched = [bool(exchange.faults.matching(path, None)) for path in (TIME, "/api/v3/ping", TIME, TIME, TIME)]
    assert matched == [False, False, True, True, False]
    exchange.inject(faults.Html(symbol="BTCUSDT", count=None))
    assert [bool(exchange.faults.matching("/x", symbol)) for symbol in ("BTCUSDT", "ETHUSDT")] == [True, False]
    exchange.faults.clear()
    assert not exchange.faults.matching("/x", "BTCUSDT")


def test_the_clock_may_be_off(exchange: Exchange) -> None:
    """A skew moves the exchange's time away from the client's."""
    before = exchange.now_ms
    exchange.skew_s = -2.5
    assert exchange.now_ms == before - 2500
