"""The public archive: folders, files and CHECKSUMs, made from the same market that `klines` shows.

Nothing is kept on disk. What a listing says of a file (name, size, ETag) does not need its content: a zip is padded
to a size that follows from its time alone, between its member and its directory, where no reader looks.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

import msgspec

from connectors.simulator.archive import names
from connectors.simulator.archive.faults import ArchiveFault, ChecksumFault, Members, NoFile, Unlisted
from connectors.simulator.archive.kinds import KINDS, MARKETS, Kind, Span
from connectors.simulator.archive.listing import Entry, parameters, rendered
from connectors.simulator.archive.names import DAILY, MONTHLY, File, Place, Publication
from connectors.simulator.archive.replies import NO_SUCH_KEY, file_answer
from connectors.simulator.market.history import Kept
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.market.kline_pages import Charts, Wanted
from connectors.simulator.market.listings import Listing
from connectors.simulator.protocol.messages import Answer, Asked

CHECKSUM = ".CHECKSUM"
_ABOVE = {"": ("data/",), "data": ("futures/", "option/", "spot/"), "data/futures": ("cm/", "um/")}
_FUTURES = ("data", "futures")
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


@dataclass(frozen=True, slots=True)
class Source:
    """What a market's files are made of: its candles, and every symbol that it ever listed."""

    charts: Charts
    listings: Callable[[], Iterable[Listing]]


class Archive:
    """Every file of every symbol that was ever listed."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.rules = Publication()
        self._sources = sources
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
        keys = self._below(given.prefix, now_ms, given.marker) if given.delimiter else self._deep(given.prefix, now_ms)
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

    def _below(self, prefix: str, now_ms: int, marker: str = "") -> list[str]:
        """What lies behind a marker in the folder a prefix names, which may be the beginning of a name in there."""
        folder = prefix[: prefix.rfind("/") + 1]
        begun = prefix.removeprefix(folder)
        made = {folder + name for name in self._names(folder.split("/")[:-1], now_ms) if name.startswith(begun)}
        shown = {path for path in self._replayed if path.startswith(folder)}
        found = made | {folder + _first(path.removeprefix(folder)) for path in shown}
        return sorted(path for path in found if path.startswith(prefix) and path > marker)

    def _names(self, parts: list[str], now_ms: int) -> Iterable[str]:
        """What lies in the folder that these parts name; folders end in a slash."""
        if parts[:2] == ["data", "futures"]:
            parts = ["data", "/".join(parts[1:3]), *parts[3:]] if len(parts) > len(_FUTURES) else parts
        markets = {folder: market for market, folder in MARKETS.items()}
        match parts:
            case ["data", folder, "daily" | "monthly" as cadence, *below] if folder in markets:
                return self._below_cadence(markets[folder], cadence == MONTHLY, below, now_ms)
            case ["data", folder] if folder in markets:
                return (f"{DAILY}/", f"{MONTHLY}/")
        return _ABOVE.get("/".join(parts), ())

    def _below_cadence(self, market: str, monthly: bool, below: list[str], now_ms: int) -> Iterable[str]:
        """The kinds of a market, the symbols of a kind, the intervals of a symbol, or the files."""
        if not below:
            return [f"{one.folder}/" for one in KINDS.values() if market in one.markets and _has(one, monthly)]
        name, *series = below
        kind = KINDS.get(name)
        if kind is None or market not in kind.markets or not _has(kind, monthly):
            return ()
        match series:
            case []:
                place = partial(Place, market, kind, monthly, interval="1m" if kind.by_interval else "")
                return [
                    f"{name}/"
                    for name, one in self._named(market, kind).items()
                    if self._appeared(one, partial(place, symbol=name), now_ms)
                ]
            case [symbol] if kind.by_interval:
                known = symbol in self._named(market, kind)
                return [f"{names.interval_folder(one)}/" for one in names.intervals(monthly, market) if known]
            case [symbol] | [symbol, _] as found if (len(found) > 1) == kind.by_interval:
                spelt = found[-1] if kind.by_interval else ""
                there = names.intervals(monthly, market) if kind.by_interval else [""]
                interval = next((one for one in there if not one or names.interval_folder(one) == spelt), None)
                listing = self._named(market, kind).get(symbol)
                if listing is not None and interval is not None:
                    return self._file_names(listing, Place(market, kind, monthly, symbol, interval), now_ms)
        return ()

    def _appeared(self, listing: Listing, place: Callable[..., Place], now_ms: int) -> bool:
        return any(True for _ in names.periods(listing, place(), now_ms, self.rules))

    def _file_names(self, listing: Listing, place: Place, now_ms: int) -> Iterator[str]:
        folder = place.folder
        for stem in names.stems(listing, place, now_ms, self.rules):
            name = f"{stem}.zip"
            faults = self._spoiled.get(folder + name)
            if not faults:
                yield from (name, name + CHECKSUM)
            elif not any(isinstance(fault, NoFile | Unlisted) for fault in faults):
                yield name
                if _checksum(faults, b"", stem) is not None:
                    yield name + CHECKSUM

    def _named(self, market: str, kind: Kind) -> dict[str, Listing]:
        """The symbols of a kind, which of some are the pairs of perpetual contracts, each with what it is made of."""
        listings = self._sources[market].listings()
        if not kind.by_pair:
            return {one.symbol: one for one in listings}
        return {f"{one.base}{one.quote}": one for one in listings if "_" not in one.symbol.removesuffix("_PERP")}

    # Files

    def _stored(self, path: str, now_ms: int) -> Stored | None:
        """What lies at a path by now."""
        if path in self._replayed:
            return _on_disk(self._replayed[path])
        zip_path = path.removesuffix(CHECKSUM)
        file = names.parse(zip_path)
        listing = self._named(file.place.market, file.place.kind).get(file.symbol) if file else None
        if file is None or listing is None or not self._published(listing, file, now_ms):
            return None
        made = self._zip(listing, file, now_ms)
        return made if path == zip_path else self._checksum_of(made, file)

    def _published(self, listing: Listing, file: File, now_ms: int) -> bool:
        place, period = file.place, file.period
        grid = place.grid(listing)
        lived = period.until_ms > listing.listed_ms and period.since_ms <= listing.ends_ms(now_ms)
        gone = any(isinstance(fault, NoFile) for fault in self._spoiled.get(file.path, []))
        there = place.kind.lived(period.first) and _has(place.kind, period.monthly)
        there &= not place.interval or place.interval in names.intervals(period.monthly, place.market)
        return there and lived and not gone and period.published_ms(grid, self.rules) <= now_ms

    def _zip(self, listing: Listing, file: File, now_ms: int) -> Stored:
        faults = tuple(one for one in self._spoiled.get(file.path, ()) if not isinstance(one, ChecksumFault))
        grid = file.place.grid(listing)
        modified_ms = self._touched_ms.get(file.path, file.period.published_ms(grid, self.rules))
        days = (file.period.until_ms - file.period.since_ms) // DAY_MS
        rows_size = (
            _BYTES_A_ROW * names.slots(grid, file.period) if file.interval else file.place.kind.bytes_a_day * days
        )
        if file.place.kind.sized is not None:
            rows_size = file.place.kind.sized(self._span(listing, file, now_ms))
        size = _BYTES_A_ZIP + rows_size
        etag = hashlib.md5(f"{file.path}{faults}{self.rules}".encode()).hexdigest()  # noqa: S324 - as S3 does

        def body() -> bytes:
            market = self._sources[file.place.market].charts.market(file.symbol, file.interval)
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
        """The header, where files of the time have one, and the rows."""
        source, period, kind = self._sources[file.place.market], file.period, file.place.kind
        futures = file.place.market != "spot"
        begins = self.rules.futures_header_from if futures else self.rules.header_from
        headed = begins is not None and period.first >= begins
        if kind.lines is not None:
            header = [kind.headed(file.place.market)] * (headed or kind.always_headed)
            return header + kind.lines(self._span(listing, file, now_ms))
        return [kind.header] * headed + self._candles(source.charts, listing, file, now_ms)

    def _span(self, listing: Listing, file: File, now_ms: int) -> Span:
        """What of its period a file that is not of candles has lines of."""
        market, period = file.place.market, file.period
        until_ms = min(period.until_ms, listing.ends_ms(now_ms) + 1)
        since_ms = max(period.since_ms, listing.listed_ms)
        return Span(market, listing, since_ms, until_ms, self._sources[market].charts.seed)

    def _candles(self, charts: Charts, listing: Listing, file: File, now_ms: int) -> list[bytes]:
        """The rows that `klines` shows of a period, without what only JSON needs."""
        period, futures = file.period, file.place.market != "spot"
        micro = not futures and period.first >= self.rules.micro_from
        wanted = Wanted(period.since_ms, period.until_ms - 1, _ALL, now_ms, micro)
        page = charts.page(listing, file.interval, wanted)
        if file.place.kind.shown is not None:
            shown = file.place.kind.shown(listing, msgspec.json.decode(page))
            return [",".join(map(str, row)).encode() for row in shown]
        rows = page.translate(None, b'["').removesuffix(b"]").removesuffix(b"]").split(b"],")
        return [row for row in rows if row]

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


def _has(kind: Kind, monthly: bool) -> bool:
    return kind.monthly if monthly else kind.daily


def _first(path: str) -> str:
    """The first part of a path, with its slash when it is a folder."""
    name, slash, _ = path.partition("/")
    return name + slash
