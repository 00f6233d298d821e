"""The way to a host: straight, or through the proxy that HTTPS_PROXY or ALL_PROXY names and NO_PROXY does not except.

Only https goes through a proxy, in a tunnel: it learns the host and nothing else. Plain http stays on this machine.
"""

from __future__ import annotations

from typing import TypedDict
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from connectors.binance.sites import is_loopback, way_out
from schemas.model.errors import UsageProblem


class Proxied(TypedDict):
    """What a request is told about its proxy."""

    proxy: str | None
    proxy_headers: dict[str, str] | None


def proxied(url: str) -> Proxied:
    """How to ask for an address. UsageProblem when its proxy is of a kind that cannot be used."""
    proxy = _proxy(url)
    if proxy is None:
        return Proxied(proxy=None, proxy_headers=None)
    if proxy.username is None:
        return Proxied(proxy=_shown(proxy), proxy_headers=None)
    login = aiohttp.encode_basic_auth(unquote(proxy.username), unquote(proxy.password or ""))
    return Proxied(proxy=_shown(proxy), proxy_headers={"Proxy-Authorization": login})


def proxy_name(url: str) -> str | None:
    """The proxy an address is asked through, without the password in it; None when it is asked straight."""
    proxy = _proxy(url)
    return None if proxy is None else _shown(proxy)


def unanswered(url: str, error: Exception) -> tuple[str, str]:
    """Who did not answer and why, and the way out, in own words: those of aiohttp would repeat the signed URL."""
    host, proxy = urlsplit(url).hostname, proxy_name(url)
    reason = getattr(error, "strerror", None) or type(error).__name__
    if proxy is None:
        return f"{host}: {reason}.", way_out(host)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        reason = f"it answered {error.status}"
    return f"{host} through the proxy {proxy}: {reason}.", "Check the network, HTTPS_PROXY or ALL_PROXY, and NO_PROXY."


def _proxy(url: str) -> SplitResult | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or is_loopback(host):
        return None
    proxies = getproxies()  # last, since it goes through the whole environment
    told = proxies.get("https") or proxies.get("all")
    if not told or proxy_bypass(host):
        return None
    return _checked(told if "://" in told else f"http://{told}")


def _checked(told: str) -> SplitResult:
    """The address of a proxy; what is wrong with one is not repeated, since a password may stand in it."""
    try:
        proxy = urlsplit(told)
        usable = proxy.scheme in {"http", "https"} and proxy.hostname and proxy.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageProblem(
            f"HTTPS_PROXY or ALL_PROXY does not name an HTTP proxy but something of the form {told.partition('://')[0]}://.",
            "Write http://HOST:PORT, or except the exchange with NO_PROXY.",
        )
    return proxy


def _shown(proxy: SplitResult) -> str:
    return f"{proxy.scheme}://{proxy.netloc.rpartition('@')[2]}"
