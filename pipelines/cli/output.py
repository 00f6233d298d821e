"""stdout is data: a table, CSV or JSON. stderr is talk: one line at a time. Nothing here can steer a terminal."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.model.redaction import without_keys

_PIPE_WIDTH = 4000  # what reads a pipe wraps for itself, or not at all


def console(stream: TextIO) -> Console:
    """A console that colours on a terminal only, honours NO_COLOR, and cuts nothing short in a pipe."""
    return Console(file=stream, highlight=False, markup=False, width=None if stream.isatty() else _PIPE_WIDTH)


def say(*lines: str) -> None:
    for line in lines:
        print(plain(line), file=sys.stderr)


def complain(sentence: str) -> None:
    """Say what went wrong, in one line and without keys."""
    say(f"binlake: {without_keys(' '.join(sentence.splitlines()))}")


class PlainFormatter(logging.Formatter):
    """Log records as a person may see them: without control characters and keys."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(plain(without_keys(line)) for line in super().format(record).splitlines())


def write(data: str) -> None:
    """Data as it is; a terminal gets it without control characters."""
    sys.stdout.write("\n".join(map(plain, data.split("\n"))) if sys.stdout.isatty() else data)


def write_json(value: Any) -> None:
    sys.stdout.write(f"{escaped(json.dumps(value, indent=2, ensure_ascii=False, default=text))}\n")


def escaped(encoded: str) -> str:
    """The same JSON with control characters in their escaped form."""
    if encoded.isprintable():
        return encoded
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in encoded)


def write_table(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    cell: Callable[[Any], str] | None = None,
    stream: TextIO | None = None,
) -> None:
    """Rows under a header; numbers to the right, and nothing in them can steer the terminal."""
    content = [list(row) for row in rows]
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(header):
        numeric = any(isinstance(row[number], (int, float, Decimal)) for row in content)
        table.add_column(Text(plain(name)), justify="right" if numeric else "left", overflow="fold")
    for row in content:
        table.add_row(*(Text(plain((cell or grouped)(value))) for value in row))
    console(stream or sys.stdout).print(table)


def grouped(value: Any) -> str:
    """A value as a person reads it in a report: counts in groups of three digits, instants to the second."""
    match value:
        case bool() | None:
            return text(value)
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case int():
            return f"{value:,}"
        case _:
            return text(value)


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
