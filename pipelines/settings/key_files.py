"""Files that hold one secret, and that nobody but their owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from schemas.model.errors import AccessRefused

LARGEST_BYTES = 16_384  # an RSA key of 4096 bits in PEM has 3,300
_OTHERS_MAY_READ = stat.S_IRWXG | stat.S_IRWXO
_MAY_WRITE_OR_RUN = 0o333


def read_key_file(path: Path) -> str:
    """The text of a file of mode 0600 or less; on a read-only mount 0444 will do, as containers hand out secrets."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that nobody writes to would block
        try:
            _check(path, handle)
            content = os.read(handle, LARGEST_BYTES + 1)
        finally:
            os.close(handle)
    except OSError as error:
        reason = error.strerror
        raise AccessRefused(f"The key file {path} cannot be read: {reason}.", "Check the path and its owner.") from None
    return key_text(content, f"The key file {path}", "It must hold the key alone, as text.")


def _check(path: Path, handle: int) -> None:
    """Refuse what is no regular file, and what other users may read, before reading any of it."""
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        raise AccessRefused(f"The key file {path} is not a regular file.", "Write the key into a file of mode 0600.")
    if not mode & _OTHERS_MAY_READ:
        return
    if not os.fstatvfs(handle).f_flag & os.ST_RDONLY:
        raise AccessRefused(f"The key file {path} is open to other users.", f"Run: chmod 600 {path}")
    if mode & _MAY_WRITE_OR_RUN:
        raise AccessRefused(
            f"The key file {path} is open to other users, and its file system is read-only.",
            "Mount it with mode 0400 or 0444.",
        )


def key_text(content: bytes, source: str, way_out: str) -> str:
    """What a place gave, as text without blanks around it; AccessRefused where that cannot be a key."""
    if len(content) > LARGEST_BYTES:
        raise AccessRefused(f"{source} holds more than any key has.", way_out)
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise AccessRefused(f"{source} holds something that is not text.", way_out)
    if not text:
        raise AccessRefused(f"{source} is empty.", way_out)
    return text
