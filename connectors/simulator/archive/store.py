"""The public archive: folders, files and CHECKSUMs, made from the same market that `klines` shows.

Nothing is kept on disk. What a listing says of a file (name, size, ETag) does not need its content: a zip is padded
to a size that follows from its time alone, between its member and its directory, where no reader looks.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

from connectors.simulator.archive import names
from connectors.simulator.archive.faults import ArchiveFault, ChecksumFault, Members, NoFile
from connectors.simulator.archive.listing import Entry, parameters, rendered
from connectors.simulator.archive.names import DAILY, MONTHLY, File, Publication
from connectors.simulator.archive.replies import NO_SUCH_KEY, file_answer
from connectors.simulator.market.history import Kept
from connectors.simulator.market.intervals import Interval
from connectors.simulator.market.kline_pages import Charts, Wanted
from connectors.simulator.market.listings import Listing
from connectors.simulator.protocol.messages import Answer, Asked

CHECKSUM = ".CHECKSUM"
HEADER = (
    b"open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
_ABOVE = {
    "": ("data/",),
    "data": ("spot/",),
    "data/spot": (f"{DAILY}/", f"{MONTHLY}/"),
    **dict.fromkeys((f"data/spot/{DAILY}", f"data/spot/{MONTHLY}"), ("klines/",)),
}
_SERIES = ("symbol", "interval")  # the folders below these
_zips = Kept(32)  # of all exchanges: those of one market publish the same
_ALL = 10**9
_BYTES_A_ROW, _BYTES_A_ZIP = 96, 1024  # what every zip fits into
_AT, _AT_END = -6, -2  # where the end record says at which byte the directory begins


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as the listing shows it; `body` makes its content."""

    etag: str
    modified_ms: int
    size: Callable[[], int]
    body: Callable[[], bytes]


class Archive:
    """Every file of every symbol that was ever listed."""

    def __init__(self, charts: Charts, listings: Callable[[], Iterable[Listing]]) -> None:
        self.rules = Publication()
        self._charts = charts
        self._listings = listings
        self._spoiled: dict[str, list[ArchiveFault]] = {}
        self._touched_ms: dict[str, int] = {}
        self._replayed: dict[str, Path] = {}

    def replay(self, folder: Path) -> None:
        """Serve the files below `folder/data` as they are."""
        self._replayed |= {str(path.relative_to(folder)): path for path in folder.glob("data/**/*.*") if path.is_file()}

    def spoil(self, fault: ArchiveFault, now_ms: int) -> None:
        self._spoiled.setdefault(fault.file, []).append(fault)
        self._touch([fault], now_ms)

    def heal(self, now_ms: int) -> None:
        """Publish every spoiled file anew, as it should have been."""
        self._touch(chain.from_iterable(self._spoiled.values()), now_ms)
        self._spoiled.clear()

    def _touch(self, faults: Iterable[ArchiveFault], now_ms: int) -> None:
        """Note when the files were put there whose content these faults change."""
        for fault in faults:
            self._touched_ms[fault.file + CHECKSUM if isinstance(fault, ChecksumFault) else fault.file] = now_ms

    @staticmethod
    def serves(asked: Asked) -> bool:
        return asked.path.startswith("/data/") or (asked.path == "/" and "prefix=" in asked.query)

    def answer(self, asked: Asked, now_ms: int) -> Answer:
        if asked.path == "/":
            return self._listed(asked, now_ms)
        stored = self._stored(unquote(asked.path[1:]), now_ms)
        return NO_SUCH_KEY if stored is None else file_answer(asked, stored.body(), stored.etag, stored.modified_ms)

    # Listing

    def _listed(self, asked: Asked, now_ms: int) -> Answer:
        given = parameters(asked.query)
        keys = self._below(given.prefix, now_ms) if given.delimiter else self._deep(given.prefix, now_ms)
        return rendered(given, keys, lambda path: self._entry(path, now_ms))

    def _entry(self, path: str, now_ms: int) -> Entry:
        stored = self._stored(path, now_ms)
        if stored is None:
            raise LookupError(path)
        return Entry(path, stored.modified_ms, stored.etag, stored.size())

    def _deep(self, prefix: str, now_ms: int) -> Iterator[str]:
        """All files whose path begins so, folder by folder."""
        for path in self._below(prefix, now_ms):
            if path.endswith("/"):
                yield from self._deep(path, now_ms)
            else:
                yield path

    def _below(self, prefix: str, now_ms: int) -> list[str]:
        """What lies right in the folder a prefix names, of which the prefix may be the beginning of a name."""
        folder = prefix[: prefix.rfind("/") + 1]
        begun = prefix.removeprefix(folder)
        made = {folder + name for name in self._names(folder.split("/")[:-1], now_ms) if name.startswith(begun)}
        shown = {path for path in self._replayed if path.startswith(folder)}
        found = made | {folder + _first(path.removeprefix(folder)) for path in shown}
        return sorted(path for path in found if path.startswith(prefix))

    def _names(self, parts: list[str], now_ms: int) -> Iterable[str]:
        """What lies in the folder that these parts name; folders end in a slash."""
        match parts:
            case ["data", "spot", "daily" | "monthly" as cadence, "klines", *series] if len(series) < len(_SERIES):
                return self._series_names(cadence == MONTHLY, series, now_ms)
            case ["data", "spot", "daily" | "monthly" as cadence, "klines", symbol, spelt]:
                return self._file_names(cadence == MONTHLY, symbol, spelt, now_ms)
        return _ABOVE.get("/".join(parts), ())

    def _series_names(self, monthly: bool, series: list[str], now_ms: int) -> list[str]:
        """The folders of all symbols, or those of the intervals of one."""
        if not series:
            return [f"{one.symbol}/" for one in self._listings() if self._has_files(one, monthly, now_ms)]
        known = self._listing(series[0]) is not None
        return [f"{names.interval_folder(one)}/" for one in names.intervals(monthly) if known]

    def _has_files(self, listing: Listing, monthly: bool, now_ms: int) -> bool:
        return any(True for _ in names.files(listing, "1m", monthly, now_ms, self.rules))

    def _file_names(self, monthly: bool, symbol: str, spelt: str, now_ms: int) -> Iterator[str]:
        listing = self._listing(symbol)
        interval = next((one for one in names.intervals(monthly) if names.interval_folder(one) == spelt), None)
        if listing is None or interval is None:
            return
        folder = names.folder(monthly, symbol, interval)
        for stem in names.stems(listing, interval, monthly, now_ms, self.rules):
            name = f"{stem}.zip"
            faults = self._spoiled.get(folder + name)
            if not faults:
                yield from (name, name + CHECKSUM)
            elif not any(isinstance(fault, NoFile) for fault in faults):
                yield name
                if _checksum(faults, b"", stem) is not None:
                    yield name + CHECKSUM

    def _listing(self, symbol: str) -> Listing | None:
        return next((listing for listing in self._listings() if listing.symbol == symbol), None)

    # Files

    def _stored(self, path: str, now_ms: int) -> Stored | None:
        """What lies at a path by now."""
        if path in self._replayed:
            return _on_disk(self._replayed[path])
        zip_path = path.removesuffix(CHECKSUM)
        file = names.parse(zip_path)
        listing = self._listing(file.symbol) if file else None
        if file is None or listing is None or not self._published(listing, file, now_ms):
            return None
        made = self._zip(listing, file, now_ms)
        return made if path == zip_path else self._checksum_of(made, file)

    def _published(self, listing: Listing, file: File, now_ms: int) -> bool:
        grid, period = Interval.of(file.interval, listing.listed_ms), file.period
        lived = period.until_ms > listing.listed_ms and period.since_ms <= listing.ends_ms(now_ms)
        gone = any(isinstance(fault, NoFile) for fault in self._spoiled.get(file.path, []))
        there = file.interval in names.intervals(period.monthly)
        return there and lived and not gone and period.published_ms(grid, self.rules) <= now_ms

    def _zip(self, listing: Listing, file: File, now_ms: int) -> Stored:
        faults = tuple(one for one in self._spoiled.get(file.path, ()) if not isinstance(one, ChecksumFault))
        grid = Interval.of(file.interval, listing.listed_ms)
        modified_ms = self._touched_ms.get(file.path, file.period.published_ms(grid, self.rules))
        size = _BYTES_A_ZIP + _BYTES_A_ROW * names.slots(grid, file.period)
        etag = hashlib.md5(f"{file.path}{faults}{self.rules}".encode()).hexdigest()  # noqa: S324 - as S3 does

        def body() -> bytes:
            market = self._charts.market(file.symbol, file.interval)
            return _zips.get((market, listing, etag), lambda: self._made(listing, file, faults, size, now_ms))

        return Stored(f'"{etag}"', modified_ms, (lambda: len(body())) if faults else (lambda: size), body)

    def _made(self, listing: Listing, file: File, faults: tuple[ArchiveFault, ...], size: int, now_ms: int) -> bytes:
        lines = self._csv(listing, file, now_ms)
        for fault in faults:
            lines = fault.lines(lines)
        members: Members = [(f"{file.stem}.csv", b"".join(line + b"\n" for line in lines))]
        for fault in faults:
            members = fault.members(members)
        packed = _padded(_packed(members, file), size) if not faults else _packed(members, file)
        for fault in faults:
            packed = fault.packed(packed)
        return packed

    def _csv(self, listing: Listing, file: File, now_ms: int) -> list[bytes]:
        """The rows that `klines` shows of a period, without what only JSON needs."""
        period = file.period
        wanted = Wanted(period.since_ms, period.until_ms - 1, _ALL, now_ms, period.first >= self.rules.micro_from)
        page = self._charts.page(listing, file.interval, wanted)
        rows = page.translate(None, b'["').removesuffix(b"]").removesuffix(b"]").split(b"],")
        headed = self.rules.header_from is not None and period.first >= self.rules.header_from
        return [HEADER] * headed + [row for row in rows if row]

    def _checksum_of(self, made: Stored, file: File) -> Stored | None:
        faults = self._spoiled.get(file.path, [])
        if _checksum(faults, b"", file.stem) is None:
            return None

        def body() -> bytes:
            return _checksum(faults, made.body(), file.stem) or b""

        etag = hashlib.md5(f"{made.etag}{faults}".encode()).hexdigest()  # noqa: S324 - as S3 does
        modified_ms = max(made.modified_ms, self._touched_ms.get(file.path + CHECKSUM, 0))
        size = 64 + 2 + len(f"{file.stem}.zip".encode())
        return Stored(f'"{etag}"', modified_ms, (lambda: len(body())) if faults else (lambda: size), body)


def _checksum(faults: Iterable[ArchiveFault], body: bytes, stem: str) -> bytes | None:
    text: bytes | None = f"{hashlib.sha256(body).hexdigest()}  {stem}.zip".encode()
    for fault in faults:
        text = fault.checksum(text)
    return text


def _packed(members: Members, file: File) -> bytes:
    buffer = io.BytesIO()
    made = (file.period.first.year, file.period.first.month, file.period.first.day, 0, 0, 0)
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            entry = zipfile.ZipInfo(name, made)
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=1)  # which it takes from no archive
    return buffer.getvalue()


def _padded(packed: bytes, size: int) -> bytes:
    """The zip made this long by a gap before its directory."""
    if len(packed) > size:
        raise ValueError(f"a zip of {len(packed)} bytes does not fit into {size}")
    directory = int.from_bytes(packed[_AT:_AT_END], "little")
    moved = (directory + size - len(packed)).to_bytes(4, "little")
    return packed[:directory] + bytes(size - len(packed)) + packed[directory:_AT] + moved + packed[_AT_END:]


def _on_disk(path: Path) -> Stored:
    found = path.stat()
    return Stored(_etag(path, found.st_mtime_ns), int(found.st_mtime * 1000), lambda: found.st_size, path.read_bytes)


@cache
def _etag(path: Path, _changed_ns: int) -> str:
    return f'"{hashlib.md5(path.read_bytes()).hexdigest()}"'  # noqa: S324 - as S3 does


def _first(path: str) -> str:
    """The first part of a path, with its slash when it is a folder."""
    name, slash, _ = path.partition("/")
    return name + slash
