"""Whether data files are still what was written: their names carry the checksum of every byte.

Page checksums alone would leave the footer unguarded, and most readers do not look at them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from connectors.lake.files.data_files import checksum, refuse_damaged, written_sum
from connectors.lake.files.local_disk import make_folder, not_read, whole_file
from connectors.lake.files.snapshot_files import LiveFile
from schemas.model.errors import CorruptData

GOOD_FOR = timedelta(days=30)  # after which a file is read again


@dataclass(slots=True)
class Inspection:
    """What was found about a table's files: what is wrong with some, and how many were read lately."""

    defects: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)  # a sentence for each file that the disk does not give
    files: int = 0
    fresh: int = 0
    read_bytes: int = 0


def inspect(root: Path, files: Sequence[LiveFile], notes: Path, now: datetime, most_bytes: int) -> Inspection:
    """Look whether every file is there; read those not read lately, the longest unread first, up to a limit.

    `notes` says when each file was last read and found whole; where it cannot be written, it is all read again.
    """
    seen = _read_notes(notes)
    found = Inspection(files=len(files))
    begin_s = (now - GOOD_FOR).timestamp()
    for file in sorted(files, key=lambda file: (seen.get(file.path, 0.0), -file.modified_ms)):
        due = seen.get(file.path, 0.0) < begin_s
        reads = due and (not found.read_bytes or found.read_bytes + file.size <= most_bytes)
        try:
            defect = _defect(root / file.path, file, reads=reads)
        except OSError as error:
            found.unread.append(str(not_read(root / file.path, error)))
            seen.pop(file.path, None)
            continue
        if defect:
            found.defects[str(root / file.path)] = defect
            seen.pop(file.path, None)
        elif reads:
            found.read_bytes += file.size
            seen[file.path] = now.timestamp()
        found.fresh += seen.get(file.path, 0.0) >= begin_s
    if found.read_bytes:
        _write_notes(notes, {file.path: seen[file.path] for file in files if file.path in seen})
    return found


def _defect(path: Path, file: LiveFile, *, reads: bool) -> str | None:
    """What is wrong with a file, in a few words."""
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"has {size:,} bytes, and had {file.size:,} when it was written"
        return _changed(path) if reads else None
    except FileNotFoundError:
        return "is missing"


def _changed(path: Path) -> str | None:
    """How the content differs from what was written; older files have no checksum but those of their pages."""
    written = written_sum(path)
    if written is not None:
        return None if checksum(path) == written else "is not what was written"
    try:
        refuse_damaged([path])
    except CorruptData:
        return "cannot be read to its end"
    return None


def _read_notes(notes: Path) -> dict[str, float]:
    try:
        return msgspec.json.decode(notes.read_bytes(), type=dict[str, float])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}  # then all is read again


def _write_notes(notes: Path, seen: Mapping[str, float]) -> None:
    try:
        make_folder(notes.parent, below=notes.parent.parent)
        with whole_file(notes) as draft:
            draft.write_bytes(msgspec.json.encode(seen))
    except OSError:  # a lake that may only be read is looked through each time
        return
