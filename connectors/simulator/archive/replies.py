"""A file of the archive over HTTP: whole, from some byte on, or not there."""

from __future__ import annotations

import re
from email.utils import formatdate

from connectors.simulator.archive.listing import XML
from connectors.simulator.protocol.messages import Answer, Asked

_BINARY = "binary/octet-stream"
_FROM = re.compile(r"bytes=(\d+)-")
_ERROR = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>'

NO_SUCH_KEY = Answer(404, _ERROR % (b"NoSuchKey", b"The specified key does not exist."), content_type=XML)


def file_answer(asked: Asked, body: bytes, etag: str, modified_ms: int) -> Answer:
    """The file, or its end when the client holds the beginning of this very version."""
    headers = {"ETag": etag, "Last-Modified": formatdate(modified_ms // 1000, usegmt=True), "Accept-Ranges": "bytes"}
    first = _FROM.fullmatch(asked.headers.get("range", ""))
    if first is None or asked.headers.get("if-range", etag) != etag:
        return Answer(200, body, headers, content_type=_BINARY)
    start = int(first[1])
    if start >= len(body):
        refused = _ERROR % (b"InvalidRange", b"The requested range is not satisfiable")
        return Answer(416, refused, {"Content-Range": f"bytes */{len(body)}"}, content_type=XML)
    headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
    return Answer(206, body[start:], headers, content_type=_BINARY)
