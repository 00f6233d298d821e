"""Files that the exchange links to: fetched without a key, from hosts on a list. A link is signed, and never shown."""

from __future__ import annotations

import re
from typing import IO
from urllib.parse import SplitResult, urlsplit

import aiohttp
import msgspec
from yarl import URL

from connectors.binance.errors import Unreachable, Unreadable
from connectors.binance.keys import Secret
from connectors.binance.route import proxied, unanswered
from connectors.binance.sites import Site, is_loopback
from schemas.model.errors import AccessRefused

MOST_BYTES = 512 * 2**20
_CHUNK = 2**18
_OK = 200
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
_LIVE_HOSTS = re.compile(
    r"bin-prod-user-rebate-bucket\.s3(?:[.-][a-z]{2}-[a-z]+-\d)?\.amazonaws\.com|www\.binance\.com"
)
_BY_HAND = "Download the file on the exchange's web page, and import it with `binlake import`."


class _Given(msgspec.Struct, rename="camel"):
    download_id: str


class Link(msgspec.Struct, rename="camel"):
    """What the exchange says of a file that was asked for. `expiration_timestamp` is in ms, -1 without a link."""

    download_id: str
    status: str
    url: str | None = None
    expiration_timestamp: int = -1
    is_expired: bool | None = None

    def ready(self, now_ms: int) -> bool:
        """Whether there is a link that can be followed."""
        return self.status == "completed" and bool(self.url) and not self.expired(now_ms)

    def expired(self, now_ms: int) -> bool:
        """Whether there was a link, and it leads nowhere any more."""
        over = 0 <= self.expiration_timestamp <= now_ms
        return self.is_expired is True or (self.status == "completed" and over)


def given_id(body: bytes) -> str:
    """The id by which a file is asked after; Unreadable where the answer has none."""
    try:
        told = msgspec.json.decode(body, type=_Given).download_id
    except msgspec.MsgspecError:
        told = ""
    if not told:
        raise Unreadable("The exchange took the question for a file and told no id for it.")
    return told


def link_in(body: bytes, download_id: str) -> Link:
    """The link in an answer about this file; Unreadable where it is about another, or says too little."""
    try:
        link = msgspec.json.decode(body, type=Link)
    except msgspec.MsgspecError:
        raise Unreadable(f"The exchange's answer about the file {download_id} says too little.") from None
    if link.download_id != download_id:
        raise Unreadable(f"The exchange was asked about the file {download_id} and answered about another.")
    return link


async def fetch(site: Site, market: str, url: Secret, into: IO[bytes]) -> None:
    """Write the file behind a link; AccessRefused for a host that is not on the list."""
    parts = urlsplit(url.reveal())
    _check(site, market, parts)
    plain = f"{parts.scheme}://{parts.hostname}"
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(URL(url.reveal(), encoded=True), allow_redirects=False, **proxied(plain)) as response,
        ):
            problem = await _written(response, into)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        who, way_out = unanswered(plain, error)
        problem = Unreachable(f"No file from {who}", way_out)
    if problem is not None:
        raise problem


async def _written(response: aiohttp.ClientResponse, into: IO[bytes]) -> Unreachable | Unreadable | None:
    """What is wrong with the file, if anything. Raised here it would carry the link along."""
    host = response.url.host
    if response.status != _OK:
        return Unreachable(f"{host} answered {response.status} instead of the file.", "Run again.")
    size = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > MOST_BYTES:
            return Unreadable(f"The file of {host} has more than {MOST_BYTES >> 20} MB.", _BY_HAND)
        into.write(chunk)
    return None


def _check(site: Site, market: str, parts: SplitResult) -> None:
    host = parts.hostname or ""
    own = urlsplit(site.url(market))
    if (parts.scheme, parts.netloc) == (own.scheme, own.netloc) and site.environment != "live":
        return
    if parts.scheme == "https" and not is_loopback(host) and _LIVE_HOSTS.fullmatch(host) and not parts.username:
        return
    shown = host if re.fullmatch(r"[a-z0-9.-]{1,80}", host) else "a host without a plain name"
    raise AccessRefused(f"The exchange links to {shown}, from which binlake downloads nothing.", _BY_HAND)
