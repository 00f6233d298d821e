"""One page of a listing, as S3 prints it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from connectors.simulator.protocol.messages import Answer

XML = "application/xml"
MOST = 1000
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listing was asked for."""

    prefix: str
    delimiter: str
    marker: str
    most: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a listing."""

    path: str
    modified_ms: int
    etag: str
    size: int

    def __str__(self) -> str:
        modified = datetime.fromtimestamp(self.modified_ms // 1000, UTC)
        return _element(
            "Contents",
            _element("Key", escape(self.path)),
            _element("LastModified", f"{modified:%Y-%m-%dT%H:%M:%S.000Z}"),
            _element("ETag", escape(self.etag, {'"': "&quot;"})),
            _element("Size", str(self.size)),
            _element("StorageClass", "STANDARD"),
        )


def parameters(query: str) -> Asked:
    given = dict(parse_qsl(query, keep_blank_values=True))
    most = given.get("max-keys", "")
    return Asked(
        prefix=given.get("prefix", ""),
        delimiter=given.get("delimiter", ""),
        marker=given.get("marker", ""),
        most=min(int(most), MOST) if most.isdigit() else MOST,
    )


def rendered(asked: Asked, paths: Iterable[str], entry: Callable[[str], Entry]) -> Answer:
    """The first page of sorted paths after the marker; those that end in a slash are folders."""
    rest = islice((path for path in paths if path > asked.marker), asked.most + 1)
    page = list(rest)
    more, page = len(page) > asked.most, page[: asked.most]
    parts = [
        _element("Name", "data.binance.vision"),
        _element("Prefix", escape(asked.prefix)),
        _element("Marker", escape(asked.marker)),
        *([_element("NextMarker", escape(page[-1]))] if more and asked.delimiter else []),
        _element("MaxKeys", str(asked.most)),
        *([_element("Delimiter", escape(asked.delimiter))] if asked.delimiter else []),
        _element("IsTruncated", "true" if more else "false"),
        *(str(entry(path)) for path in page if not path.endswith("/")),
        *(_element("CommonPrefixes", _element("Prefix", escape(path))) for path in page if path.endswith("/")),
    ]
    return Answer(200, f"{_HEAD}{''.join(parts)}</ListBucketResult>".encode(), content_type=XML)


def _element(name: str, *content: str) -> str:
    return f"<{name}>{''.join(content)}</{name}>"
