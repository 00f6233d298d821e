"""The archive's table of contents: pages of S3's XML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote
from xml.etree import ElementTree as ET

from connectors.binance.archive.errors import unreadable
from schemas.model.instants import micros

_SHOWN = 100
_DECLARATIONS = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)  # S3 has none; they can make a page enormous


@dataclass(frozen=True, slots=True)
class Entry:
    """An object of the archive as its listing shows it."""

    path: str
    size: int
    etag: str
    modified_us: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page: files and folders, and the marker that asks for the next page; None after the last."""

    files: tuple[Entry, ...]
    folders: tuple[str, ...]
    marker: str | None


def query(prefix: str, marker: str) -> str:
    """The query for the page of a folder that begins after a marker."""
    asked = {"delimiter": "/", "prefix": prefix} | ({"marker": marker} if marker else {})
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in asked.items())


def parse(body: bytes, prefix: str) -> Page:
    """The page in an answer of the listing, which has to be one of the folder that was asked for."""
    try:
        root = _root(body, prefix)
        files = tuple(_entry(each) for each in root.iterfind("{*}Contents"))
        folders = tuple(_text(each, "Prefix") for each in root.iterfind("{*}CommonPrefixes"))
        return Page(files, folders, _marker(root, (*(file.path for file in files), *folders)))
    except (ET.ParseError, ValueError, OverflowError) as error:
        raise unreadable(str(error)) from None


def _marker(root: ET.Element, names: tuple[str, ...]) -> str | None:
    """Where the next page begins; an end is one only when the page says so."""
    match _text(root, "IsTruncated"):
        case "false":
            return None
        case "true" if last := root.findtext("{*}NextMarker") or max(names, default=None):
            return last
        case "true":
            raise ValueError("a page without a file says that there are more")
        case other:
            raise ValueError(f"IsTruncated is {other[:_SHOWN]!r}")


def _root(body: bytes, prefix: str) -> ET.Element:
    if _DECLARATIONS.search(body):
        raise ValueError("it declares a document type")
    root = ET.fromstring(body)  # noqa: S314 - entities are refused above
    if (listed := _text(root, "Prefix")) != prefix:
        raise ValueError(f"asked for {prefix}, it lists {listed[:_SHOWN] or 'everything'}")
    return root


def _entry(entry: ET.Element) -> Entry:
    told = {child.tag.rpartition("}")[2]: child.text or "" for child in entry}
    try:
        modified = datetime.fromisoformat(told["LastModified"]).astimezone(UTC)
        return Entry(told["Key"], int(told["Size"]), told["ETag"], micros(modified))
    except KeyError as error:
        raise ValueError(f"{error} is not there") from None


def _text(element: ET.Element, name: str) -> str:
    found = element.findtext(f"{{*}}{name}")
    if found is None:
        raise ValueError(f"{name} is not there")
    return found
