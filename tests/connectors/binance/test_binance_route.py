"""How the exchange is reached where the environment names a proxy."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from connectors.binance.archive.client import Archive
from connectors.binance.archive.errors import ArchiveDown
from connectors.binance.budget import Budget
from connectors.binance.client import Client
from connectors.binance.errors import Unreachable
from connectors.binance.route import proxied, proxy_name
from connectors.binance.sites import resolve
from schemas.model.errors import UsageProblem

EXCHANGE = {"spot": "https://exchange.test", "archive": "https://files.test", "archive_list": "https://list.test"}
FAR = "https://exchange.test/api/v3/time"


@dataclass
class Proxy:
    """A proxy that answers each CONNECT alike, and notes all it is told."""

    answer: bytes = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    tunnelled: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()
        if b" 200 " in self.answer:
            self.tunnelled.append(await reader.read(4096))
        writer.close()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """A served proxy with a user and a password, that the environment names."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    proxy = Proxy()
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        proxy.url = f"http://{host}:{port}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass%21word@{host}:{port}")
        yield proxy


async def _told(budget: Budget) -> str:
    """What opening a client says that cannot reach the exchange."""
    with pytest.raises(Unreachable) as failure:
        async with Client(resolve(EXCHANGE), budget, sleep=_at_once):
            pass
    return str(failure.value)


async def _at_once(_: float) -> None: ...


@pytest.fixture
def budget(tmp_path: Path) -> Iterator[Budget]:
    with Budget(tmp_path / "budget.sqlite", "custom") as budget:
        yield budget


async def test_a_proxy_is_asked_for_a_tunnel_and_named_when_it_refuses(proxy: Proxy, budget: Budget) -> None:
    """It learns the host and its own password; the error names it, and what it answered, without that password."""
    told = await _told(budget)
    assert f"from exchange.test through the proxy {proxy.url}: it answered 407." in told
    assert "HTTPS_PROXY" in told
    assert "word" not in told
    login = base64.b64encode(b"user:pass!word").decode()
    for asked in proxy.asked:
        assert asked.startswith(b"CONNECT exchange.test:443 HTTP/1.1\r\n")
        assert f"Proxy-Authorization: Basic {login}".encode() in asked
        assert b"/api" not in asked
        assert b"X-MBX-APIKEY" not in asked


async def test_what_goes_through_a_tunnel_is_encrypted(proxy: Proxy, budget: Budget) -> None:
    """The first bytes in a tunnel are a TLS handshake, not a request."""
    proxy.answer = b"HTTP/1.1 200 Connection established\r\n\r\n"
    assert f"through the proxy {proxy.url}" in await _told(budget)
    assert proxy.tunnelled
    assert all(sent[:1] == b"\x16" for sent in proxy.tunnelled)


async def test_the_archive_goes_through_the_proxy_too(proxy: Proxy) -> None:
    """Files and listings are asked for through the proxy, and its refusal is named."""
    async with Archive(resolve(EXCHANGE), sleep=_at_once) as archive:
        with pytest.raises(ArchiveDown, match=f"through the proxy {proxy.url}: it answered 407"):
            await archive.list("data/")
    assert {asked.split()[1] for asked in proxy.asked} == {b"list.test:443"}


async def test_this_machine_is_never_asked_through_a_proxy(
    proxy: Proxy, budget: Budget, exchange_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exchange on the loopback is asked straight, whatever the environment says of proxies."""
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    async with Client(resolve({"spot": exchange_url}), budget) as client:
        assert client.now_us() > 0
    assert proxy.asked == []
    assert proxy_name("https://127.0.0.1/") is proxy_name("https://localhost/") is proxy_name(exchange_url) is None


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"https_proxy": "https://u:p@p:1"}, "https://p:1"),
        ({"HTTPS_PROXY": "p:1"}, "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "exchange.test"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".test"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other.test"}, "http://p:1"),
    ],
)
def test_the_variables_mean_what_they_mean_elsewhere(
    environment: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy for https is that of HTTPS_PROXY or ALL_PROXY, unless NO_PROXY excepts the host."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_name(FAR) == expected


@pytest.mark.parametrize("told", ["socks5://user:word@p:1", "http://", "http://user:word@p:port"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of another kind ends the run with the way out, instead of being passed over."""
    monkeypatch.setenv("HTTPS_PROXY", told)
    monkeypatch.setenv("https_proxy", told)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(UsageProblem, match="NO_PROXY") as refusal:
        proxied(FAR)
    assert "word" not in str(refusal.value)
