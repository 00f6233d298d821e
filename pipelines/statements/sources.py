"""The files that a person names, those inside zips one by one: what they are called, their hash, their lines."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

from pipelines.statements.values import DOWNLOAD_AGAIN
from pipelines.statements.workbooks import sheets
from schemas.model.errors import UsageProblem

_BLOCK = 2**20
_ENCRYPTED = 0x1
_TEXTS = (".csv", ".txt", ".tsv")
_WORKBOOKS = (".xlsx", ".xls")
_NO_EXPORTS = (".pdf", ".png", ".jpg", ".jpeg", ".html", ".md", ".ds_store", "desktop.ini", "/")  # "/" ends a folder
_OF_THE_MAC = "__MACOSX/"  # what its Finder packs beside each file
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, UnicodeDecodeError)
_UNPACK = "Unpack it, and name the files that were in it."


@dataclass(frozen=True, slots=True)
class Source:
    """One export: what it is called to a person, and how its bytes are opened."""

    name: str
    opened: Callable[[], IO[bytes]]

    @property
    def file_name(self) -> str:
        """The last part of its name, without the zip and the folders that it lies in."""
        name = self.name.replace("\\", "/").rpartition("/")[2]
        return name[:-3] if name.lower().endswith(".gz") else name

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
        with _readable(self.name), self.opened() as content:
            yield content


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """UsageProblem where the bytes of a file cannot be had, or cannot be unpacked."""
    try:
        yield
    except (*_BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.strerror:  # gzip and bz2 raise one without it for what is damaged
            raise UsageProblem(f"{name} cannot be read: {error.strerror}.") from None
        raise UsageProblem(f"{name} is damaged, or not all of it is there.", DOWNLOAD_AGAIN) from None


def sources(path: Path) -> Iterator[Source]:
    """The exports in a file: itself, or those that it packs."""
    suffix = path.suffix.lower()
    if suffix in _WORKBOOKS:
        for sheet, content in sheets(path):
            yield Source(f"{path.name}/{sheet}", partial(io.BytesIO, content))
    elif suffix == ".zip":
        yield from _packed(path)
    elif suffix == ".gz":
        yield Source(path.name, lambda: cast("IO[bytes]", gzip.GzipFile(path)))
    else:
        yield Source(path.name or str(path), lambda: path.open("rb"))


def packed_or_not(path: Path) -> Iterator[Source]:
    """The exports in a file whose name does not say what it is."""
    with path.open("rb") as content:
        magic = content.read(4)
    suffix = ".zip" if magic.startswith(b"PK") else ".csv.gz" if magic.startswith(b"\x1f\x8b") else ".csv"
    return sources(path.rename(path.with_name(path.name + suffix)))


def _packed(path: Path) -> Iterator[Source]:
    with _readable(path.name), zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if not each.filename.startswith(_OF_THE_MAC)]
    for member in members:
        if not member.filename.lower().endswith((*_TEXTS, *_NO_EXPORTS)):
            raise UsageProblem(f"{path.name} packs {member.filename}, which is not opened inside a zip.", _UNPACK)
    texts = [each for each in members if each.filename.lower().endswith(_TEXTS)]
    if not texts:
        raise UsageProblem(f"{path.name} packs no CSV.", "Name the zip as it was downloaded.")
    for member in texts:
        if member.flag_bits & _ENCRYPTED:
            raise UsageProblem(f"{path.name} is packed with a password.", _UNPACK)
        yield Source(f"{path.name}/{member.filename}", lambda member=member: _opened(path, member))  # type: ignore[misc]


def _opened(path: Path, member: zipfile.ZipInfo) -> IO[bytes]:
    """A member, of which there may be several of one name; it keeps its archive open for as long as it is."""
    return zipfile.ZipFile(path).open(member)
