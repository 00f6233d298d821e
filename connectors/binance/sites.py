"""Which exchange is meant: where each family of calls lives, and which environment that is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from schemas.model.errors import UsageProblem

FAMILIES = ("spot", "wallet", "usdm", "coinm", "archive", "archive_list")
DEFAULT_SIMULATOR = "http://127.0.0.1:8390"

_LIVE = {
    "spot": "https://api.binance.com",
    "wallet": "https://api.binance.com",
    "usdm": "https://fapi.binance.com",
    "coinm": "https://dapi.binance.com",
    "archive": "https://data.binance.vision",
    "archive_list": "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision",
}
_TESTNET = {
    "spot": "https://testnet.binance.vision",  # serves no wallet calls
    "usdm": "https://demo-fapi.binance.com",
    "coinm": "https://demo-dapi.binance.com",
}
_NAMED = {"live": _LIVE, "testnet": _TESTNET, "simulator": dict.fromkeys(FAMILIES, DEFAULT_SIMULATOR)}

_LIVE_HOSTS = frozenset(
    {f"{host}.binance.com" for host in ("api", "api1", "api2", "api3", "api4", "api-gcp", "fapi", "dapi")}
    | {"data-api.binance.vision", "data.binance.vision", "s3-ap-northeast-1.amazonaws.com"}
)
_TESTNET_HOSTS = frozenset(
    {
        "testnet.binance.vision",
        "api1.testnet.binance.vision",
        "demo-fapi.binance.com",
        "demo-dapi.binance.com",
        "testnet.binancefuture.com",
    }
)
_PLAIN_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:.]+")  # the latter in brackets: IPv6


@dataclass(frozen=True)
class Site:
    """One exchange: its environment, and the base URL of each family of calls that it serves."""

    environment: str
    urls: Mapping[str, str]

    def url(self, family: str) -> str:
        """The base URL of a family, without a final slash."""
        if family not in self.urls:
            raise UsageProblem(
                f"The exchange `{self.environment}` has no address for {family} calls.",
                f"Give one in flows.yaml: exchange: {{{family}: URL, ...}}.",
            )
        return self.urls[family]


def resolve(exchange: str | Mapping[str, str]) -> Site:
    """The site that flows.yaml names: `live`, `testnet`, `simulator`, or a URL for each family."""
    if isinstance(exchange, str):
        if exchange not in _NAMED:
            raise UsageProblem(
                f"No exchange is called `{exchange}`.", f"Take one of {', '.join(_NAMED)}, or a mapping of URLs."
            )
        return Site(exchange, MappingProxyType(_NAMED[exchange]))
    return _custom(dict(exchange))


def _custom(urls: dict[str, str]) -> Site:
    name = urls.pop("name", "")
    unknown = sorted(urls.keys() - set(FAMILIES))
    if unknown or not urls:
        raise UsageProblem(
            f"`exchange` names no family of calls: {', '.join(unknown) or 'it is empty'}.",
            f"Families are {', '.join(FAMILIES)}.",
        )
    parts = {family: _checked(family, url) for family, url in urls.items()}
    environment = _one_environment(parts, name)
    bases = {family: url.geturl().rstrip("/") for family, url in parts.items()}
    if "spot" in bases and environment != "testnet":
        bases.setdefault("wallet", bases["spot"])  # wallet calls live on the spot host
    return Site(environment, MappingProxyType(bases))


def _checked(family: str, url: str) -> SplitResult:
    try:
        parts = _without_final_dot(urlsplit(url))
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment or parts.username:
        raise UsageProblem(f"`exchange.{family}` is not a plain web address.", "Write it as https://HOST[:PORT].")
    if not _PLAIN_HOST.fullmatch(host):
        raise UsageProblem(
            f"The host of `exchange.{family}` has characters that a client would turn into others.",
            "Write it in plain lower-case ASCII.",
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageProblem(
            f"`exchange.{family}` would send keys and answers unencrypted to {host}.",
            "Use https; plain http is only for this machine.",
        )
    return parts._replace(netloc=parts.netloc.lower())


def _without_final_dot(parts: SplitResult) -> SplitResult:
    """The address without the dot that may end a host name: it names the same host."""
    return parts._replace(netloc=re.sub(r"(?<=[^.])\.(?=:\d+$|$)", "", parts.netloc))


def _one_environment(parts: Mapping[str, SplitResult], name: str) -> str:
    found = {_environment(url.hostname or "", name): family for family, url in parts.items()}
    if len(found) > 1:
        raise UsageProblem(
            f"`exchange` mixes environments: {', '.join(f'{family} is {env}' for env, family in found.items())}.",
            "A lake holds one environment; give addresses of one.",
        )
    return next(iter(found))


def _environment(host: str, name: str) -> str:
    if host in _LIVE_HOSTS:
        return "live"
    if host in _TESTNET_HOSTS:
        return "testnet"
    if is_loopback(host):
        return "simulator"
    return f"custom:{name}" if name else "custom"


def way_out(host: str | None) -> str:
    """What to do when nobody answers at a host."""
    here = host is not None and is_loopback(host)
    return "Is it running? `binlake simulator` starts one." if here else "Check the network."


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
