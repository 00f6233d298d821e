"""stdout is data: a table, CSV or JSON. stderr is talk: one line at a time. Nothing here can steer a terminal."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from io import TextIOWrapper
from textwrap import fill
from typing import Any, TextIO

from rich.console import Console

from schemas.model.redaction import without_keys

_PIPE_WIDTH = 4000  # what reads a pipe wraps for itself, or not at all
_ASCII_LANGUAGES = ("C", "POSIX")


def settle_encodings(environment: Mapping[str, str] = os.environ) -> None:
    """Files and pipes get UTF-8; a terminal gets escapes for what it cannot spell, and ASCII where it asks for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            asked = "ascii" if _asks_for_ascii(environment) else None
            stream.reconfigure(encoding=asked if stream.isatty() else "utf-8", errors="backslashreplace")


def _asks_for_ascii(environment: Mapping[str, str]) -> bool:
    """Whether the locale is C: Python itself takes that for UTF-8, and may have set LC_CTYPE so."""
    kinds = ("LC_ALL", "LANG") if environment.get("LC_CTYPE") == "C.UTF-8" else ("LC_ALL", "LC_CTYPE", "LANG")
    return next((environment[name] for name in kinds if environment.get(name)), "") in _ASCII_LANGUAGES


def spelled(text: str, stream: TextIO) -> str:
    """A text in characters that the stream has, the others as escapes."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def draws(stream: TextIO) -> bool:
    """Whether the stream has characters for blocks and lines."""
    return (stream.encoding or "utf-8").lower().startswith("utf")


def console(stream: TextIO) -> Console:
    """A console that colours on a terminal only, honours NO_COLOR, and cuts nothing short in a pipe."""
    width, height = _size(stream) if stream.isatty() else (_PIPE_WIDTH, None)
    return Console(file=stream, highlight=False, markup=False, width=width, height=height)


def _size(stream: TextIO) -> tuple[int | None, int | None]:
    """The columns and lines of this very terminal, where it tells them."""
    with suppress(OSError):
        size = os.get_terminal_size(stream.fileno())
        return size.columns or None, size.lines or None
    return None, None


def say(*lines: str) -> None:
    """Lines on stderr; on a terminal they break between words."""
    for line in lines:
        print(_wrapped(plain(line)) if sys.stderr.isatty() else plain(line), file=sys.stderr)


def _wrapped(line: str) -> str:
    width = console(sys.stderr).width
    return fill(line, width, break_long_words=False, break_on_hyphens=False) if len(line) > width else line


def complain(sentence: str) -> None:
    """Say what went wrong, in one line and without keys."""
    say(f"binlake: {without_keys(' '.join(sentence.splitlines()))}")


class PlainFormatter(logging.Formatter):
    """Log records as a person may see them: without control characters and keys."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(plain(without_keys(line)) for line in super().format(record).splitlines())


def write(data: str, stream: TextIO | None = None) -> None:
    """Data as it is, on stdout unless told otherwise; a terminal gets it without control characters."""
    out = stream or sys.stdout
    out.write("\n".join(map(plain, data.split("\n"))) if out.isatty() else data)


def write_json(value: Any) -> None:
    """A value as JSON; one of a dataclass as an object of its fields."""
    sys.stdout.write(f"{escaped(json.dumps(value, indent=2, ensure_ascii=not draws(sys.stdout), default=_plain))}\n")


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else text(value)


def escaped(encoded: str) -> str:
    """The same JSON with control characters in their escaped form."""
    if encoded.isprintable():
        return encoded
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in encoded)


def text(value: Any) -> str:
    """A value as exact text: instants in UTC, decimals with the digits they have, nothing for NULL."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            zoned = value.tzinfo is not None
            return (value.astimezone(UTC) if zoned else value).isoformat().replace("+00:00", "Z")
        case Decimal():
            return f"{value:f}"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=text)
        case _:
            return str(value)


def plain(text: str) -> str:
    """Text without control characters: what comes from outside must not move the cursor."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
