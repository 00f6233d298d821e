"""Downloads from the archive: each try goes on where the last one broke off, and an archive that is down gets a rest.

No exception of aiohttp leaves this file.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Self

import aiohttp
from yarl import URL

from connectors.binance.archive.download import Download
from connectors.binance.archive.errors import ArchiveDown, ArchiveTrouble, refusal, unreachable
from connectors.binance.retry import TRIES, pause_s
from connectors.binance.route import proxied

DOWNLOADS = 6  # at once
DOWN_AFTER = 3  # troubles in a row after which the archive is left alone for a while
DOWN_S = 60
_CHUNK = 2**18
_NOT_FOUND = 404
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=20)


class Downloader:
    """Everything that is downloaded from one archive."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._troubles: list[ArchiveTrouble] = []  # since the last good answer
        self._rests_until_s = 0.0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=DOWNLOADS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=_TIMEOUT,
            headers={"Accept-Encoding": "identity", "User-Agent": "binlake"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def text(self, url: str, most: int) -> bytes | None:
        """A small answer; None where there is nothing."""
        body = BytesIO()
        return body.getvalue() if await self.download(url, Download(body), most) else None

    async def download(self, url: str, download: Download, most: int) -> bool:
        """Get all of a file, each try from where the last one broke off; False where there is none."""
        if self._clock() < self._rests_until_s:
            raise self._troubles[-1]
        try:
            found = await self._insistent(url, download, most)
        except ArchiveTrouble as trouble:
            self._troubles.append(trouble)
            if len(self._troubles) % DOWN_AFTER == 0:
                self._rests_until_s = self._clock() + DOWN_S
            raise
        self._troubles.clear()
        self._rests_until_s = 0.0
        return found

    async def _insistent(self, url: str, download: Download, most: int) -> bool:
        tries = 0
        while True:
            held = download.size
            try:
                return await self._try(url, download, most)
            except ArchiveDown as trouble:
                tries = 1 if download.size > held else tries + 1
                if tries == TRIES:
                    raise
                wait_s = max(pause_s(tries), trouble.until_ms / 1000 - self._clock())
            await self._sleep(wait_s)

    async def _try(self, url: str, download: Download, most: int) -> bool:
        try:
            async with self._session.request(
                download.method, URL(url, encoded=True), headers=download.rest, allow_redirects=False, **proxied(url)
            ) as response:
                if response.status == _NOT_FOUND:
                    return False
                if not download.begin(response.status, response.headers):
                    now_ms = int(self._clock() * 1000)
                    raise refusal(response.status, response.headers, URL(url).path, now_ms=now_ms)
                async for chunk in response.content.iter_chunked(_CHUNK):
                    download.add(chunk, most)
                return True
        except (aiohttp.ClientError, OSError) as error:  # a time-out is an OSError
            down = unreachable(url, error)
        raise down
