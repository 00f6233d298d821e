"""A file of the archive on its way: the bytes that came so far, and what the answers tell of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from tempfile import gettempdir
from typing import IO, Any

from connectors.binance.clock import header_us
from schemas.model.errors import Problem

OK, PARTIAL = 200, 206


class TooLongError(Exception):
    """More came than what was asked for can have."""


@dataclass(slots=True)
class Download:
    """A file on its way: the bytes that came so far, and which version of the file they are of."""

    body: IO[bytes]
    size: int = 0
    sha256: str | None = None
    etag: str | None = None
    modified_us: int | None = None
    answered_us: int | None = None
    told_alone: bool = False  # what is wanted is what the headers tell of the file, and none of its bytes
    told_size: int = 0
    hashed: Any = field(default_factory=hashlib.sha256)  # what came, as it came: a large file is not read twice for it

    @property
    def made_us(self) -> int | None:
        """The latest that the file can have been made: no file is newer than the answer that brings it."""
        return min(filter(None, (self.modified_us, self.answered_us)), default=None)

    @property
    def rest(self) -> dict[str, str]:
        """The headers that ask for what is still to come, of this very version."""
        return {"Range": f"bytes={self.size}-", "If-Range": self.etag} if self.size and self.etag else {}

    @property
    def method(self) -> str:
        return "HEAD" if self.told_alone else "GET"

    def begin(self, status: int, headers: Mapping[str, str]) -> bool:
        """Get ready for the body of an answer; False when it holds no part of the file that fits."""
        if status == PARTIAL and headers.get("Content-Range", "").startswith(f"bytes {self.size}-"):
            return True
        self.restart()
        self.etag = headers.get("ETag")
        self.modified_us = header_us(headers.get("Last-Modified", ""))
        self.answered_us = header_us(headers.get("Date", ""))
        self.told_size = int(told) if (told := headers.get("Content-Length", "")).isdecimal() else 0
        return status == OK

    def add(self, chunk: bytes, most: int) -> None:
        if self.size + len(chunk) > most:
            raise TooLongError(f"has more than {most} bytes")
        try:
            self.body.write(chunk)
            self.body.flush()  # what waited in memory would fail only when it is read
        except OSError as error:  # which is no fault of the network, nor of the file
            raise Problem(
                f"A download cannot be kept in {gettempdir()}: {os.strerror(error.errno or 0)}.",
                "Free space there, or have TMPDIR name another folder, and run again.",
            ) from error
        self.size += len(chunk)
        self.hashed.update(chunk)

    def restart(self) -> None:
        self.body.seek(0)
        self.body.truncate()
        self.size, self.hashed = 0, hashlib.sha256()
