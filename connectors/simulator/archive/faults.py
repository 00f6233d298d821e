"""What can be wrong with a file of the archive. Listing and CHECKSUM agree with the spoiled file unless said otherwise.

A fault stays until it is healed; then the file is published anew as it should have been.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any

import msgspec

Members = list[tuple[str, bytes]]
_OPEN, _CLOSE = 0, 6
_DAY_MS = 86_400_000
_MICRO = 10**14


class ArchiveFault(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag=str.lower
):
    """Its scope is one zip: `file` is its path. Each kind changes one step of how the zip is made."""

    file: str

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        """The rows of the CSV."""
        return lines

    def members(self, members: Members, /) -> Members:
        """The files in the zip."""
        return members

    def packed(self, packed: bytes, /) -> bytes:
        """The zip."""
        return packed

    def checksum(self, text: bytes | None, /) -> bytes | None:
        """Its CHECKSUM; None when there is none."""
        return text


class NoFile(ArchiveFault, frozen=True):
    """The file is not there, and is not listed."""


class Unlisted(ArchiveFault, frozen=True):
    """The file is there, and is not listed."""


class ChecksumFault(ArchiveFault, frozen=True):
    """The CHECKSUM is not right; the zip is as it should be, and keeps its ETag."""


class NoChecksum(ChecksumFault, frozen=True):
    """The file is there, its CHECKSUM is not."""

    def checksum(self, _text: bytes | None, /) -> bytes | None:
        return None


class WrongChecksum(ChecksumFault, frozen=True):
    """The CHECKSUM names another digest."""

    def checksum(self, text: bytes | None, /) -> bytes | None:
        return hashlib.sha256(b"another file").hexdigest().encode() + (text or b"")[64:]


class OddChecksum(ChecksumFault, frozen=True):
    """The CHECKSUM says something else altogether."""

    text: str

    def checksum(self, _text: bytes | None, /) -> bytes | None:
        return self.text.encode()


class CutZip(ArchiveFault, frozen=True):
    """The end of the zip is missing; the CHECKSUM is that of what is left."""

    share: float = 0.5

    def packed(self, packed: bytes, /) -> bytes:
        return packed[: int(len(packed) * self.share)]


class Flipped(ArchiveFault, frozen=True):
    """One bit of the packed CSV has flipped; the CHECKSUM is that of the damaged zip."""

    at: int = 100

    def packed(self, packed: bytes, /) -> bytes:
        return packed[: self.at] + bytes([packed[self.at] ^ 1]) + packed[self.at + 1 :]


class NoZip(ArchiveFault, frozen=True):
    """Something else lies there under the name of a zip."""

    text: str = "<html>Sorry</html>"

    def packed(self, _packed: bytes, /) -> bytes:
        return self.text.encode()


class WrongMember(ArchiveFault, frozen=True):
    """The CSV in the zip has another name."""

    name: str

    def members(self, members: Members, /) -> Members:
        return [(self.name, members[0][1])]


class ExtraMember(ArchiveFault, frozen=True):
    """A second file lies beside the CSV."""

    name: str = "__MACOSX/._x.csv"

    def members(self, members: Members, /) -> Members:
        return [*members, (self.name, b"x")]


class Bomb(ArchiveFault, frozen=True):
    """The CSV is enormous, and small when packed; the zip says so, or promises only `promised` bytes."""

    megabytes: int = 64
    promised: int | None = None

    def members(self, members: Members, /) -> Members:
        name, csv = members[0]
        return [(name, csv + b"\n" * (self.megabytes << 20))]

    def packed(self, packed: bytes, /) -> bytes:
        if self.promised is None:
            return packed
        told = next(iter(zipfile.ZipFile(io.BytesIO(packed)).infolist())).file_size
        return packed.replace(told.to_bytes(4, "little"), self.promised.to_bytes(4, "little"))


class NoRows(ArchiveFault, frozen=True):
    """The CSV is empty."""

    def lines(self, _lines: list[bytes], /) -> list[bytes]:
        return []


class Mangled(ArchiveFault, frozen=True):
    """A spreadsheet opened the CSV and saved it: long numbers have exponents now."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return [self._row(line) for line in lines]

    @staticmethod
    def _row(line: bytes) -> bytes:
        fields: list[Any] = line.split(b",")
        fields[_OPEN], fields[_CLOSE] = (b"%.5E" % float(fields[place]) for place in (_OPEN, _CLOSE))
        return b",".join(fields)


class Lacking(ArchiveFault, frozen=True):
    """Rows that open in [since_ms, until_ms) are not in the file."""

    since_ms: int
    until_ms: int

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return [line for line in lines if not self.since_ms <= opened_ms(line) < self.until_ms]


class Repeated(ArchiveFault, frozen=True):
    """The first `rows` rows are there twice, the second time at the end."""

    rows: int = 1

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return lines + lines[: self.rows]


class Unsorted(ArchiveFault, frozen=True):
    """The second half of the rows comes first."""

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return lines[len(lines) // 2 :] + lines[: len(lines) // 2]


class Stray(ArchiveFault, frozen=True):
    """The last row is there once more, as if it were of another day."""

    days: int = 40

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        fields = lines[-1].split(b",")
        unit = 1000 if int(fields[_OPEN]) >= _MICRO else 1
        fields[_OPEN], fields[_CLOSE] = (
            b"%d" % (int(fields[place]) + self.days * _DAY_MS * unit) for place in (_OPEN, _CLOSE)
        )
        return [*lines, b",".join(fields)]


class OtherUnit(ArchiveFault, frozen=True):
    """From an instant on, times are in the other unit."""

    since_ms: int

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return [self._row(line) if opened_ms(line) >= self.since_ms else line for line in lines]

    @staticmethod
    def _row(line: bytes) -> bytes:
        fields = line.split(b",")
        opened, closed = int(fields[_OPEN]), int(fields[_CLOSE])
        micro = opened >= _MICRO
        fields[_OPEN] = b"%d" % (opened // 1000 if micro else opened * 1000)
        fields[_CLOSE] = b"%d" % (closed // 1000 if micro else closed * 1000 + 999)
        return b",".join(fields)


class Changed(ArchiveFault, frozen=True):
    """One row has other values, by position; `both` leaves the right row there as well."""

    open_ms: int
    values: dict[int, str]
    both: bool = False

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        changed = []
        for line in lines:
            hit = opened_ms(line) == self.open_ms
            changed += [line] * (self.both or not hit) + [self._row(line)] * hit
        return changed

    def _row(self, line: bytes) -> bytes:
        fields = line.split(b",")
        return b",".join(self.values.get(place, field.decode()).encode() for place, field in enumerate(fields))


class OddLine(ArchiveFault, frozen=True):
    """A line of its own stands before the row number `before`."""

    text: str
    before: int = 0

    def lines(self, lines: list[bytes], /) -> list[bytes]:
        return [*lines[: self.before], self.text.encode(), *lines[self.before :]]


AnyArchiveFault = (
    NoFile
    | Unlisted
    | NoChecksum
    | WrongChecksum
    | OddChecksum
    | CutZip
    | Flipped
    | NoZip
    | WrongMember
    | ExtraMember
    | Bomb
    | NoRows
    | Mangled
    | Lacking
    | Repeated
    | Unsorted
    | Stray
    | OtherUnit
    | Changed
    | OddLine
)


def opened_ms(line: bytes) -> int:
    """When the candle of a CSV row opens, whatever its unit."""
    opened = int(line.partition(b",")[0])
    return opened // 1000 if opened >= _MICRO else opened
