"""The public archive: what it holds, and its files, downloaded, verified and read. No key ever goes there.

What is wrong with a file is told as a reason beside it, so that the rest goes on; only an archive that cannot be asked
is raised, as ArchiveTrouble.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Self, TypeVar
from urllib.parse import quote

import pyarrow as pa
from yarl import URL

from connectors.binance.archive import candles, rows
from connectors.binance.archive import listing as archive_listing
from connectors.binance.archive.candles import Content, Stretch
from connectors.binance.archive.download import Download, TooLongError
from connectors.binance.archive.downloader import DOWNLOADS, Downloader
from connectors.binance.archive.errors import ArchiveDown, ArchiveRefused, ArchiveTrouble, refusal, unreadable
from connectors.binance.archive.files import ArchiveFile, Remote, is_symbol
from connectors.binance.archive.files import folder as folder_of
from connectors.binance.archive.layouts import LAYOUTS
from connectors.binance.archive.listing import Page
from connectors.binance.archive.zip import Defect
from connectors.binance.clock import Reading, steady_clock
from connectors.binance.sites import Site
from schemas.datasets.archive import Reason
from schemas.model.dataset import Dataset
from schemas.model.grid import SECOND_US

# Whole files read at once. Of two processors the other one packs rows: two readers would wait for the interpreter.
READERS = min(2, max(1, (os.cpu_count() or 1) // 2))
_ASIDE = 2  # blocks of large files, of which one is unpacked while another is parsed
IN_MEMORY = 8 * 2**20  # a larger file waits on disk, in the folder for temporary files
PACKED_CAP = 512 * 2**20
LISTING_CAP = 4 * 2**20  # a page of a thousand files has some 400 KB
MOST_PAGES = 500  # of one listing; the longest of today has some 10
CHECKSUM_CAP = 4096
CHECKSUM = ".CHECKSUM"
_NOT_FOUND = 404
_CHECKSUM = re.compile(r"([0-9a-fA-F]{64})\s+\*?(\S.*?)\s*")


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file of the archive: its rows, or the reason why it is set aside; with rows, the reason says what they lack."""

    file: ArchiveFile
    size: int = 0
    sha256: str | None = None
    etag: str | None = None
    modified_us: int | None = None
    rows: pa.Table | None = None
    streamed: int = 0  # rows that were handed out one table after another
    is_whole: bool = True  # of one that is handed out so: all was read that can be
    dropped_duplicates: int = 0
    holes: tuple[Stretch, ...] = ()
    reason: Reason | None = None
    detail: str | None = None

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def count(self) -> int:
        """How many rows it gave."""
        return self.streamed if self.rows is None else self.rows.num_rows


class Archive:
    """The archive of one site."""

    def __init__(
        self,
        site: Site,
        clock: Callable[[], float] = steady_clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._files = site.url("archive")
        self._contents = site.url("archive_list")
        self._clock = clock
        self._downloader = Downloader(clock, sleep)
        self._slots = asyncio.Semaphore(DOWNLOADS)
        self._readers = ThreadPoolExecutor(READERS)
        self._aside = ThreadPoolExecutor(_ASIDE)
        self.foreign: set[str] = set()  # objects seen in listings that are no files of datasets

    async def __aenter__(self) -> Self:
        await self._downloader.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._downloader.__aexit__()
        finally:
            for pool in (self._readers, self._aside):
                await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def time(self) -> Sequence[Reading]:
        """Two looks at the clock that the archive shows in the Date of its answers, in whole seconds."""
        return [await self._reading(), await self._reading()]

    async def _reading(self) -> Reading:
        download, asked_s = Download(BytesIO()), self._clock()
        await self._downloader.download(f"{self._contents}?{archive_listing.query('data/', '')}", download, LISTING_CAP)
        if download.answered_us is None:
            raise unreadable("its answers have no Date that can be read")
        return Reading(asked_s, self._clock(), download.answered_us)

    async def list(self, prefix: str, after: str = "", until: str | None = None) -> Sequence[Remote]:
        """The files of rows in a folder, in order: those after a path and before another, where they are given.

        Whatever else lies there is left out, and remembered as `foreign`.
        """
        found: list[Remote] = []
        async for page in self._pages(prefix, after):
            for entry in page.files:
                file = ArchiveFile.at(entry.path) if entry.path.startswith(prefix) else None
                if file is None:
                    self.foreign |= set() if entry.path.endswith(CHECKSUM) else {entry.path}
                elif until is None or entry.path < until:
                    found.append(Remote(file, entry.size, entry.etag, entry.modified_us))
            if until is not None and page.marker is not None and page.marker >= until:
                break
        return found

    async def looked_up(self, file: ArchiveFile) -> Remote | None:
        """A file that no listing shows, as its own address tells of it; None where nothing is there.

        One that is refused may be there, as may all where such questions are.
        """
        download = Download(BytesIO(), told_alone=True)
        try:
            async with self._slots:
                found = await self._downloader.download(self._file_url(file.path), download, 0)
        except ArchiveDown:
            raise
        except ArchiveTrouble:
            return Remote(file)
        return Remote(file, download.told_size, download.etag, download.modified_us) if found else None

    async def folders(self, prefix: str) -> Sequence[str]:
        """The names of the folders in a folder: the symbols, or the intervals of a symbol."""
        found = [folder async for page in self._pages(prefix, "") for folder in page.folders]
        return [folder.removeprefix(prefix).rstrip("/") for folder in found if folder.startswith(prefix)]

    async def symbols(self, dataset: Dataset, market: str) -> set[str]:
        """Every symbol that the archive has a folder for; other folders are remembered as `foreign`."""
        found = set[str]()
        for prefix in self._all_symbols(dataset, market):
            names = await self.folders(prefix)
            self.foreign |= {f"{prefix}{name}/" for name in names if not is_symbol(name)}
            found |= set(filter(is_symbol, names))
        return found

    async def has_symbol(self, dataset: Dataset, market: str, symbol: str) -> bool:
        """Whether anything lies in a folder of the symbol."""
        for prefix in self._all_symbols(dataset, market):
            async for page in self._pages(f"{prefix}{symbol}/", ""):
                if page.files or page.folders:
                    return True
        return False

    @staticmethod
    def _all_symbols(dataset: Dataset, market: str) -> Sequence[str]:
        """The folders of all symbols; a new symbol has files of days before it has one of a month."""
        layout = LAYOUTS[dataset.name, market]
        cadences = [monthly for monthly, there in ((True, layout.monthly), (False, layout.daily)) if there]
        return [folder_of(dataset, market, monthly=monthly) for monthly in cadences]

    async def fetch(self, remote: Remote) -> Fetched:
        """A file, verified and read. Raises ArchiveTrouble only when the archive cannot be asked."""
        with SpooledTemporaryFile(IN_MEMORY) as body:
            download = Download(body)
            fetched = await self._downloaded(remote, download, PACKED_CAP)
            if fetched.reason is not None:
                return fetched
            try:
                read = candles.read if "interval" in remote.file.series.dataset.series else rows.read
                reading = asyncio.get_running_loop().run_in_executor
                content = await reading(self._readers, read, body, remote.file, download.made_us)
            except Defect as defect:
                return replace(fetched, reason=defect.reason, detail=defect.detail)
        return _loaded(fetched, content)

    async def verified(self, remote: Remote, body: IO[bytes], most: int) -> Fetched:
        """Put a file into `body`, verified and no larger than `most`; it has a reason where it is to be set aside."""
        return await self._downloaded(remote, Download(body), most)

    async def _downloaded(self, remote: Remote, download: Download, most: int) -> Fetched:
        try:
            async with self._slots:
                await self._verified(remote.path, download, most)
        except Defect as defect:
            return replace(_fetched(remote.file, download), reason=defect.reason, detail=defect.detail)
        except ArchiveRefused as refused:
            return replace(_fetched(remote.file, download), reason=Reason.REFUSED, detail=refused.what)
        return _fetched(remote.file, download)

    async def aside(self, work: Callable[..., Result], *told: Any) -> Result:
        """Do what takes a processor in one of few threads: each keeps the memory that it used before."""
        return await asyncio.get_running_loop().run_in_executor(self._aside, work, *told)

    async def _verified(self, path: str, download: Download, most: int) -> None:
        """Download a file until it is what its CHECKSUM names; twice, since it may be published anew meanwhile."""
        for _ in range(2):
            download.restart()
            expected = await self.checksum(path)
            try:
                found = await self._downloader.download(self._file_url(path), download, most)
            except TooLongError as error:
                raise Defect(Reason.ZIP_BOMB, f"{error} packed") from None
            if not found:
                raise Defect(Reason.MISSING, "is not in the archive")
            download.sha256 = download.hashed.hexdigest()
            if expected is None:
                raise Defect(Reason.NO_CHECKSUM, "has no CHECKSUM, or one that cannot be read")
            if download.sha256 == expected:
                return
        raise Defect(Reason.CHECKSUM_MISMATCH, f"its CHECKSUM names {expected}")

    async def checksum(self, path: str) -> str | None:
        """The SHA-256 that a file should have; None where its CHECKSUM is not there, or cannot be read."""
        try:
            told = await self._downloader.text(self._file_url(f"{path}{CHECKSUM}"), CHECKSUM_CAP)
        except TooLongError:
            return None
        parts = _CHECKSUM.fullmatch((told or b"").decode("utf-8", "replace"))
        return parts[1].lower() if parts is not None and parts[2] == path.rpartition("/")[2] else None

    async def _pages(self, prefix: str, after: str) -> AsyncIterator[Page]:
        marker = after
        for _ in range(MOST_PAGES):
            page = await self._page(prefix, marker)
            if page.marker is not None and page.marker <= marker:
                raise unreadable(f"that of {prefix} turns in a circle")
            yield page
            if page.marker is None:
                return
            marker = page.marker
        raise unreadable(f"that of {prefix} has more than {MOST_PAGES} pages")

    async def _page(self, prefix: str, marker: str) -> Page:
        url = f"{self._contents}?{archive_listing.query(prefix, marker)}"
        try:
            body = await self._downloader.text(url, LISTING_CAP)
        except TooLongError as error:
            raise unreadable(f"a page of it {error}") from None
        if body is None:
            raise refusal(_NOT_FOUND, {}, URL(url).path, now_ms=0)
        return archive_listing.parse(body, prefix)

    def _file_url(self, path: str) -> str:
        return f"{self._files}/{quote(path)}"


def _fetched(file: ArchiveFile, download: Download) -> Fetched:
    return Fetched(
        file=file,
        size=download.size,
        sha256=download.sha256,
        etag=download.etag,
        modified_us=download.modified_us,
    )


def _loaded(fetched: Fetched, content: Content) -> Fetched:
    """A file that was read; what it lacks is told beside its rows."""
    told = [f"left out {defect.detail}" for defect in content.left_out]
    if content.holes:
        lacks_s = sum(until - since for since, until in content.holes) / SECOND_US
        told.append(f"lacks {lacks_s:,.0f} s in {len(content.holes):,} stretch{'es' if len(content.holes) > 1 else ''}")
    reasons = [*(defect.reason for defect in content.left_out), *([Reason.INCOMPLETE] if content.holes else [])]
    return replace(
        fetched,
        rows=content.rows,
        dropped_duplicates=content.dropped_duplicates,
        holes=content.holes,
        reason=reasons[0] if reasons else None,
        detail="; ".join(told) or None,
    )
