"""The one CSV in a zip of the archive, unpacked in memory, never beyond what its time can hold."""

from __future__ import annotations

import zipfile
import zlib
from typing import IO

from schemas.archive import Reason

_FIRST_MAGIC = b"PK\x03\x04"
_HOW = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


class Defect(Exception):  # noqa: N818 - it is what is the matter with a file
    """What is the matter with a file, as a reason and in words."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def unpack(packed: IO[bytes], member: str, most: int) -> bytes:
    """The content of the one member a zip may have; raises Defect for anything else."""
    try:
        with zipfile.ZipFile(packed) as archive:
            return _content(archive, _only(archive, member, most), most)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _broken(packed, error) from None


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


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """All of a member. One that unpacks to more than it promises is cut there, and fails its own check sum."""
    with archive.open(entry) as member:
        content = member.read(most + 1)  # without a number, all of it would be unpacked before it is cut
    if len(content) != entry.file_size:
        raise Defect(Reason.BAD_ZIP, f"unpacks to {len(content)} bytes instead of {entry.file_size}")
    return content


def _broken(packed: IO[bytes], error: Exception) -> Defect:
    """A zip without its end was cut off; any other that cannot be read is bad."""
    packed.seek(0)
    begins = packed.read(len(_FIRST_MAGIC))
    whole = begins == _FIRST_MAGIC and zipfile.is_zipfile(packed)
    reason = Reason.TRUNCATED_ZIP if begins == _FIRST_MAGIC and not whole else Reason.BAD_ZIP
    return Defect(reason, str(error) or type(error).__name__)
