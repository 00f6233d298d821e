"""What a log has reported: the checksum of every entry and checkpoint, in a file beside them.

A torn entry that nobody was told of is set aside; one that was reported and has changed since is damage. The file is
written after its subject is durable, so what a crash costs it is at most a line, and then what it says is less.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from zlib import crc32

from connectors.lake.files.local_disk import whole_file

NAME = "_reported"  # readers of Delta pass over it
_LINE = re.compile(rb"(?P<name>\d{20}\.(?:json|checkpoint\.parquet)) (?P<sum>[0-9a-f]{8})")


def note(log: Path, paths: Iterable[Path]) -> None:
    """Remember the content of these files of the log. Only under its commit lock."""
    lines = b"".join(b"%s %08x\n" % (path.name.encode(), crc32(path.read_bytes())) for path in paths)
    descriptor = os.open(log / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, lines)
    finally:
        os.close(descriptor)


def sums(log: Path) -> dict[str, int]:
    """The last noted checksum of each file, by its name; lines that a crash has spoiled are passed over."""
    try:
        lines = (log / NAME).read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    found = filter(None, map(_LINE.fullmatch, lines))
    return {match["name"].decode(): int(match["sum"], 16) for match in found}


def forget_gone(log: Path) -> None:
    """Drop the lines of files that were cleaned up. Only under the commit lock."""
    kept = {name: value for name, value in sums(log).items() if (log / name).exists()}
    with whole_file(log / NAME) as draft:
        draft.write_text("".join(f"{name} {value:08x}\n" for name, value in kept.items()))


def changed(content: bytes, name: str, known: Mapping[str, int]) -> bool:
    """Whether a file is not what was reported under its name; what was never reported has not changed."""
    return name in known and crc32(content) != known[name]
