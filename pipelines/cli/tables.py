"""Rows on a terminal: no number breaks over two lines, and columns for which there is no room are named.

A pipe gets every column in full.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from pipelines.cli.output import console, plain, say, spelled, text

_BETWEEN = 2  # blanks between two columns
_WORD = 32  # cells that a column of text keeps at least, where its words are that long; what is shorter never wraps
_TINY, _HUGE = 1e-12, 1e16  # floats in between are written without an exponent


def write_table(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    cell: Callable[[Any], str] | None = None,
    stream: TextIO | None = None,
    spare: Sequence[str] = (),
    elsewhere: str = "A wider terminal shows them.",
) -> None:
    """Rows under a header; numbers to the right, and nothing in them can steer the terminal.

    Where the columns have no room, those named in `spare` are left out; without any, the rows are shown as records if
    these fit the screen. If neither is enough, columns are left out from the right. A note names what is left out.
    """
    out = stream or sys.stdout
    columns = _columns(header, rows, cell or grouped, out)
    screen = console(out)
    if not out.isatty():
        screen.width = sum(column.most + _BETWEEN for column in columns) + 1
    kept, widths = columns, _fitted(columns, screen.width)
    if widths is None and not spare and len(columns[0].cells) * (len(columns) + 1) < screen.height:
        _write_records(columns, out)
        return
    while widths is None:
        least = _least(kept, spare)
        kept = [column for column in kept if column is not least]
        widths = _fitted(kept, screen.width)
    screen.print(_drawn(kept, widths))
    left_out = [column.name for column in columns if column not in kept]
    if left_out:
        say(f"Left out for want of width: {', '.join(left_out)}. {elsewhere}")


def write_records(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    cell: Callable[[Any], str] | None = None,
    stream: TextIO | None = None,
) -> None:
    """Each row as lines of a name and its value."""
    out = stream or sys.stdout
    _write_records(_columns(header, rows, cell or grouped, out), out)


def grouped(value: Any) -> str:
    """A value as a person reads it in a report: counts in groups of three digits, instants to the second."""
    match value:
        case bool():
            return shown(value)
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case int():
            return f"{value:,}"
        case _:
            return shown(value)


def shown(value: Any) -> str:
    """A value as exact text; numbers without padding zeros and, within reason, powers of ten."""
    match value:
        case float() if value == 0 or _TINY < abs(value) < _HUGE:
            return shown(Decimal(repr(value)))
        case Decimal():
            exact = text(value)
            return exact.rstrip("0").rstrip(".") if "." in exact else exact
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=shown)
        case _:
            return text(value)


def lag(seconds: int | None) -> str:
    """A length of time in its two largest units."""
    if seconds is None:
        return ""
    minutes, seconds = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [f"{count}{unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")) if count]
    return " ".join(units[:2]) or "0s"


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """The cells of a column as text, and whether they are words that may go on in the next line."""

    name: str
    cells: list[str]
    numeric: bool
    wraps: bool

    @property
    def most(self) -> int:
        return max(map(cell_len, (self.name, *self.cells)))

    @property
    def least(self) -> int:
        if not self.wraps or self.most <= _WORD:
            return self.most
        words = (cell_len(word) for cell in self.cells for word in cell.split())
        return max(cell_len(self.name), min(max(words, default=0), _WORD))


def _columns(
    header: Sequence[str], rows: Iterable[Sequence[Any]], cell: Callable[[Any], str], stream: TextIO
) -> list[_Column]:
    content = list(rows)

    def column(name: str, values: list[Any]) -> _Column:
        cells = [spelled(plain(cell(value)), stream) for value in values]
        numeric = any(isinstance(value, (int, float, Decimal)) for value in values)
        wraps = all(value is None or isinstance(value, (str, list, dict)) for value in values)
        return _Column(spelled(plain(name), stream), cells, numeric, wraps)

    return [column(name, [row[number] for row in content]) for number, name in enumerate(header)]


def _fitted(columns: Sequence[_Column], room: int) -> list[int] | None:
    """The width of each column, the widest text giving way first; None when they have no room."""
    room -= _BETWEEN * (len(columns) - 1)
    least = [column.least for column in columns]
    widths = [min(column.most, max(column.least, room)) for column in columns]
    if sum(least) > room and len(columns) > 1:
        return None
    while sum(widths) > max(room, sum(least)):
        widest = max((width, number) for number, width in enumerate(widths) if width > least[number])[1]
        widths[widest] -= 1
    return widths


def _least(columns: Sequence[_Column], spare: Sequence[str]) -> _Column:
    """The column to do without."""
    named = {column.name: column for column in columns}
    return next((named[name] for name in spare if name in named), columns[-1])


def _drawn(columns: Sequence[_Column], widths: Sequence[int]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0))
    for column, width in zip(columns, widths, strict=True):
        table.add_column(Text(column.name), justify="right" if column.numeric else "left", width=width, overflow="fold")
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(Text, row))
    return table


def _write_records(columns: Sequence[_Column], stream: TextIO) -> None:
    names = max((cell_len(column.name) for column in columns), default=0)
    for number, row in enumerate(zip(*(column.cells for column in columns), strict=True)):
        record = Table.grid(padding=(0, _BETWEEN, 0, 0))
        record.add_column(width=names, style="bold")
        record.add_column(overflow="fold")
        for column, value in zip(columns, row, strict=True):
            record.add_row(Text(column.name), Text(value))
        console(stream).print(*([""] if number else []), record, sep="\n")
