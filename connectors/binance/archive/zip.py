"""The one CSV in a zip of the archive, unpacked whole or piece by piece, never beyond what its time can hold."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from os import SEEK_END
from typing import IO

from isal import isal_zlib

from schemas.datasets.archive import Reason

_FIRST_MAGIC = b"PK\x03\x04"
_HOW = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_NOT_DEFLATED: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # the stub takes the class for an instance
_END, _END_64, _LENGTH_64 = b"PK\x05\x06", b"PK\x06\x07", 20
_TOTALS = struct.Struct("<4s6xHL6x")  # the end record: how many members, and how long their directory is
_FARTHEST = 2**16 + _TOTALS.size + _LENGTH_64  # from the end of the zip: a comment may follow the end record
_DIRECTORY_CAP = 2**16
_PIECE = 2**18  # packed bytes that are inflated at once
_INFLATED = 2**22  # bytes at most that come of them at once
_LENGTHS = struct.Struct("<26xHH")  # a member's own header: how long its name and extra field after it are


class Defect(Exception):  # noqa: N818 - it is what is the matter with a file
    """What is the matter with a file, as a reason and in words."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def unpack(packed: IO[bytes], member: str, most: int) -> bytes:
    """The content of the one member a zip may have; raises Defect for anything else."""
    try:
        _check_directory(packed)
        with zipfile.ZipFile(packed) as archive:
            entry = _only(archive, member, most)
            archive.open(entry).close()  # holds the member's own header against the directory
        return _content(_compressed(packed, entry), entry)
    except (zipfile.BadZipFile, _NOT_DEFLATED, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _broken(packed, error) from None


def unpacked(packed: IO[bytes], member: str, most: int) -> Iterator[bytes]:
    """The same, piece by piece; raises Defect behind the last one for a content that its check sum denies."""
    try:
        _check_directory(packed)
        with zipfile.ZipFile(packed) as archive:
            entry = _only(archive, member, most)
            archive.open(entry).close()  # holds the member's own header against the directory
        yield from _pieces(packed, entry)
    except (zipfile.BadZipFile, _NOT_DEFLATED, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _broken(packed, error) from None


def _pieces(packed: IO[bytes], entry: zipfile.ZipInfo) -> Iterator[bytes]:
    _seek_content(packed, entry)
    size, check_sum = 0, 0
    for piece in _inflated(packed, entry):
        size, check_sum = size + len(piece), isal_zlib.crc32(piece, check_sum)
        if size > entry.file_size:
            break
        yield piece
    if size != entry.file_size or check_sum != entry.CRC:
        raise Defect(Reason.BAD_ZIP, f"unpacks to {size} bytes of {entry.file_size}, or to what its check sum denies")


def _inflated(packed: IO[bytes], entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """A member's content in pieces of bounded size, however well it was packed."""
    left = entry.compress_size
    inflate = isal_zlib.decompressobj(-zlib.MAX_WBITS) if entry.compress_type == zipfile.ZIP_DEFLATED else None
    while left > 0 and (block := packed.read(min(left, _PIECE))):
        left -= len(block)
        if inflate is None:
            yield block
            continue
        yield (piece := inflate.decompress(block, _INFLATED))
        while len(piece) == _INFLATED:
            yield (piece := inflate.decompress(inflate.unconsumed_tail, _INFLATED))


def _check_directory(packed: IO[bytes]) -> None:
    """Refuse a directory too large for one member before any of it is read: `zipfile` reads all of it into memory."""
    size = packed.seek(0, SEEK_END)
    packed.seek(max(0, size - _FARTHEST))
    tail = packed.read()
    plain = tail[-_TOTALS.size :]
    at = len(tail) - len(plain) if plain.startswith(_END) and plain.endswith(b"\0\0") else tail.rfind(_END)
    if at < 0 or at + _TOTALS.size > len(tail):
        return  # which `zipfile` refuses
    _, members, length = _TOTALS.unpack_from(tail, at)
    if length > _DIRECTORY_CAP or tail[:at][-_LENGTH_64:].startswith(_END_64):
        reason = Reason.EXTRA_MEMBERS if members > 1 else Reason.BAD_ZIP
        raise Defect(reason, f"its directory of {members} members has {length} bytes")


def _only(archive: zipfile.ZipFile, member: str, most: int) -> zipfile.ZipInfo:
    entries = archive.infolist()
    names = ", ".join(repr(entry.filename) for entry in entries[:3])
    if len(entries) > 1 and member in archive.namelist():
        raise Defect(Reason.EXTRA_MEMBERS, f"{len(entries)} members: {names}")
    if [entry.filename for entry in entries] != [member]:
        raise Defect(Reason.WRONG_MEMBER, f"{names or 'nothing'} instead of {member!r}")
    entry = entries[0]
    if entry.file_size > most:
        raise Defect(Reason.ZIP_BOMB, f"unpacks to {entry.file_size} bytes, and {most} would be much")
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _HOW:
        raise Defect(Reason.BAD_ZIP, "is encrypted, or packed in a way zips of the archive are not")
    return entry


def _compressed(packed: IO[bytes], entry: zipfile.ZipInfo) -> bytes:
    return packed.read(_seek_content(packed, entry))


def _seek_content(packed: IO[bytes], entry: zipfile.ZipInfo) -> int:
    """Go to where a member's content begins; how long it is, packed."""
    packed.seek(entry.header_offset)
    name, extra = _LENGTHS.unpack(packed.read(_LENGTHS.size))
    packed.seek(name + extra, 1)
    return entry.compress_size


def _content(compressed: bytes, entry: zipfile.ZipInfo) -> bytes:
    """All of a member, held against its length and check sum. One that inflates to more than it promises is cut there.

    ISA-L takes a third of the time of the zlib behind `zipfile`.
    """
    content = compressed
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        content = isal_zlib.decompressobj(-zlib.MAX_WBITS).decompress(compressed, entry.file_size + 1)
    if len(content) != entry.file_size:
        raise Defect(Reason.BAD_ZIP, f"unpacks to {len(content)} bytes instead of {entry.file_size}")
    if isal_zlib.crc32(content) != entry.CRC:
        raise Defect(Reason.BAD_ZIP, "unpacks to what its own check sum denies")
    return content


def _broken(packed: IO[bytes], error: Exception) -> Defect:
    """A zip without its end was cut off; any other that cannot be read is bad."""
    packed.seek(0)
    begins = packed.read(len(_FIRST_MAGIC))
    whole = begins == _FIRST_MAGIC and zipfile.is_zipfile(packed)
    reason = Reason.TRUNCATED_ZIP if begins == _FIRST_MAGIC and not whole else Reason.BAD_ZIP
    return Defect(reason, str(error) or type(error).__name__)
