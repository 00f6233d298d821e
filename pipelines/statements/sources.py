"""The files that a person names, those inside zips one by one: what they are called, their hash, their lines."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from schemas.model.errors import UsageProblem

_BLOCK = 2**20
_ENCRYPTED = 0x1
_TEXTS = (".csv", ".txt", ".tsv")
_WORKBOOKS = (".xlsx", ".xls")
_BROKEN = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError)
DOWNLOAD_AGAIN = "Download it again."


@dataclass(frozen=True, slots=True)
class Source:
    """One export: what it is called to a person, and how its bytes are opened."""

    name: str
    opened: Callable[[], IO[bytes]]

    @property
    def file_name(self) -> str:
        """The last part of its name, without the zip and the folders that it lies in."""
        return self.name.replace("\\", "/").rpartition("/")[2]

    def sha256(self) -> str:
        """The hash of its content, which no renaming or packing changes."""
        summed = hashlib.sha256()
        with self._content() as content:
            while block := content.read(_BLOCK):
                summed.update(block)
        return summed.hexdigest()

    @contextmanager
    def text(self) -> Iterator[IO[str]]:
        """Its characters, with the ends of lines as they are."""
        with self._content() as content, io.TextIOWrapper(content, "utf-8-sig", newline="") as text:
            try:
                yield text
            except UnicodeDecodeError:
                raise UsageProblem(
                    f"{self.name} is not text in UTF-8.", "Give the file as it was downloaded, not one saved again."
                ) from None

    @contextmanager
    def _content(self) -> Iterator[IO[bytes]]:
        try:
            with self.opened() as content:
                yield content
        except _BROKEN:
            raise UsageProblem(f"{self.name} is damaged, or not all of it is there.", DOWNLOAD_AGAIN) from None
        except OSError as error:
            raise UsageProblem(f"{self.name} cannot be read: {error.strerror}.") from None


def sources(path: Path) -> Iterator[Source]:
    """The exports in a file: itself, or those that it packs."""
    suffix = path.suffix.lower()
    if suffix in _WORKBOOKS:
        raise UsageProblem(f"{path.name} is a workbook, which is not read.", "Download the export as CSV.")
    if suffix == ".zip":
        yield from _packed(path)
    elif suffix == ".gz":
        yield Source(path.name.removesuffix(path.suffix), lambda: cast("IO[bytes]", gzip.GzipFile(path)))
    else:
        yield Source(path.name, lambda: path.open("rb"))


def _packed(path: Path) -> Iterator[Source]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if each.filename.lower().endswith(_TEXTS)]
    except zipfile.BadZipFile:
        raise UsageProblem(f"{path.name} is damaged, or not all of it is there.", DOWNLOAD_AGAIN) from None
    except OSError as error:
        raise UsageProblem(f"{path.name} cannot be read: {error.strerror}.") from None
    if not members:
        raise UsageProblem(f"{path.name} packs no CSV.", "Name the zip as it was downloaded.")
    for member in members:
        if member.flag_bits & _ENCRYPTED:
            raise UsageProblem(
                f"{path.name} is packed with a password.", "Unpack it, and name the files that were in it."
            )
        yield Source(f"{path.name}/{member.filename}", lambda name=member.filename: _member(path, name))  # type: ignore[misc]


def _member(path: Path, name: str) -> IO[bytes]:
    """A member that keeps its archive open for as long as it is."""
    return zipfile.ZipFile(path).open(name)
