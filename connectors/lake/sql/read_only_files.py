"""The lake's files as SQL may have them that nobody has checked: to be read.

DuckDB has one list of folders for reading and writing. Under a protocol of its own, though, it asks this class for each
file, and says what for.
"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fsspec import AbstractFileSystem

PREFIX = "lake://"


class _File:
    """A file that several threads read at once: DuckDB has each of them seek, then read."""

    closed = True  # as it stays where it cannot be opened

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.closed = False
        self._thread = threading.local()

    def seek(self, offset: int) -> None:
        self._thread.offset = offset

    def tell(self) -> int:
        return int(getattr(self._thread, "offset", 0))

    def read(self, size: int) -> bytes:
        found = os.pread(self._descriptor, size, self.tell())
        self.seek(self.tell() + len(found))
        return found

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self._descriptor)

    __del__ = close  # DuckDB lets go of a file without closing it


class ReadOnlyFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files below one folder. A link out of it, and whatever is no plain reading, is refused."""

    protocol = PREFIX.partition(":")[0]
    cachable = False  # one for each folder

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def open(self, path: str, mode: str = "rb", **_: Any) -> _File:
        if mode != "rb":
            raise PermissionError(f"{path} is the lake's, which SQL only reads.")
        return _File(self._place(path))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        place = self._place(path)
        return {"name": str(place), "size": place.stat().st_size, "type": "directory" if place.is_dir() else "file"}

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(self._place(path).stat().st_mtime, UTC)

    def glob(self, path: str, **_: Any) -> list[str]:
        """The file of exactly that name, where there is one."""
        place = self._place(path)
        return [str(place)] if place.exists() else []

    def _place(self, path: str) -> Path:
        place = Path(os.path.normpath(path.removeprefix(PREFIX)))
        if not place.is_relative_to(self._folder):
            raise PermissionError(f"{path} does not lie in the lake.")
        return place
