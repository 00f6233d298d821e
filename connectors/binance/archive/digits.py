"""Numbers out of text by whole columns, where every line of a file is printed like its first.

Most files are: each line has the same marks in the same order, and between them digits alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from connectors.binance.archive.layouts import Layout
from connectors.binance.archive.tokens import (
    TENS,
    WORD,
    Found,
    IrregularError,
    Lines,
    Places,
    Token,
    lengths,
    line_ends,
    runs,
)
from schemas.model.fields import DECIMALS, FLAG, Column

_LINE = b"\n"
_MOST_DIGITS = 18  # of a decimal without its point, in 64 bits
_ROWS = 9000  # at once: what is reckoned of them stays in the processor's cache
_LOOKED_AT = 32  # lines, for how long their tokens are


class _Cell(NamedTuple):
    """Where a column stands among the tokens of a line, and whether the next one is its fraction."""

    column: Column
    at: int
    has_point: bool


def lined_up(text: bytes, layout: Layout) -> pa.Table | None:
    """The columns of a text as they are printed, exact; None for a text that has to be read cell by cell."""
    marks, cells = _form(text[: text.find(_LINE)], layout)
    if not cells or not text.endswith(_LINE):
        return None
    try:
        return _read(text, marks, cells)
    except IrregularError:
        return None


def _form(line: bytes, layout: Layout) -> tuple[bytes, list[_Cell]]:
    """The marks of a line in order, and where its columns are among them; no columns where it is printed otherwise."""
    printed, cells, at = line.split(b","), list[_Cell](), 0
    marks = (line + _LINE).translate(None, b"0123456789truefalsTF")
    if layout.has_text or len(printed) != len(layout.columns) or marks.strip(b",.\n"):
        return b"", []
    for name, cell in zip(layout.columns, printed, strict=True):
        points = cell.count(b".")
        if name in layout.read:
            column = layout.dataset.column(name)
            cells.append(_Cell(column, at, points == 1))
            if points > (column.type in DECIMALS):
                return b"", []
        at += 1 + points
    return marks, cells


def _read(text: bytes, marks: bytes, cells: Sequence[_Cell]) -> pa.Table:
    ends = line_ends(text)
    columns, tokens = [_room(cell.column, len(ends)) for cell in cells], _tokens(text, marks, cells)
    for first, lines, starts in _blocks(text, ends):
        try:
            found = Lines(lines, starts).read(runs(tokens))
        except IrregularError:  # a length may differ here that was the same wherever they were looked at
            tokens = _loosened(tokens, bytes(lines))
            found = Lines(lines, starts).read(runs(tokens))
        for cell, column in zip(cells, columns, strict=True):
            _fill(column[first : first + len(starts)], cell, found)
    return pa.table({cell.column.name: _array(cell.column, one) for cell, one in zip(cells, columns, strict=True)})


def _tokens(text: bytes, marks: bytes, cells: Sequence[_Cell]) -> tuple[Token, ...]:
    """What a line holds, where all are as long as those at a few places of the text."""
    read = {cell.at + fraction for cell in cells for fraction in range(1 + cell.has_point)}
    flags = {cell.at for cell in cells if cell.column.type is FLAG}
    places = range(0, len(text), len(text) // _LOOKED_AT + 1)
    lines = {text[text.rfind(_LINE, 0, at) + 1 : text.find(_LINE, at) + 1] for at in places}
    known = lengths(b"".join(lines), len(marks))
    return tuple(Token(mark, known[at], at in read, at in flags) for at, mark in enumerate(marks))


def _loosened(tokens: Sequence[Token], lines: bytes) -> tuple[Token, ...]:
    """The same, but for what has another length in some of these lines."""
    known = lengths(lines, len(tokens))
    return tuple(
        one if one.length == length else one._replace(length=None) for one, length in zip(tokens, known, strict=True)
    )


def _blocks(text: bytes, ends: Places) -> Iterator[tuple[int, memoryview, Places]]:
    """Some lines at once: the number of the first, their text, and where they begin in it."""
    starts = np.concatenate([[0], ends + 1])
    for first in range(0, len(ends), _ROWS):
        some = starts[first : first + _ROWS + 1]
        yield first, memoryview(text)[some[0] : some[-1]], some[:-1] - some[0]


def _room(column: Column, rows: int) -> Any:
    """Room for a column, in memory that Arrow uses again and again; of a decimal its lower word."""
    if column.type is FLAG:
        return np.empty(rows, np.bool_)
    width = 1 + (column.type in DECIMALS)
    memory: Any = pa.allocate_buffer(rows * width * WORD)
    words = np.frombuffer(memory, np.uint64).reshape(-1, width)
    words[:, 1:] = 0
    return words[:, 0]


def _array(column: Column, room: Any) -> pa.Array[Any]:
    kind: Any = column.type.arrow if column.type in DECIMALS else pa.int64()
    is_flag = column.type is FLAG
    array: pa.Array[Any] = (
        pa.array(room) if is_flag else pa.Array.from_buffers(kind, len(room), [None, pa.py_buffer(room.base)])
    )
    return array


def _fill(room: Any, cell: _Cell, found: Sequence[Found]) -> None:
    """Put a column of some lines where it belongs; raises IrregularError where it has more digits than fit."""
    values, column = found[cell.at].values, cell.column
    if column.type in DECIMALS:
        scale: int = column.type.arrow.scale  # type: ignore[attr-defined]  # of a decimal
        _at_most(_MOST_DIGITS - scale, found[cell.at])
        values *= TENS[scale]
        if cell.has_point:
            values += _fraction(found[cell.at + 1], scale)
    room[:] = values


def _fraction(found: Found, scale: int) -> Any:
    _at_most(scale, found)
    if isinstance(found.length, int):
        return found.values if found.length == scale else found.values * TENS[scale - found.length]
    return found.values * TENS.take(scale - found.length.view(np.int64))


def _at_most(digits: int, found: Found) -> None:
    if found.longest > digits:
        raise IrregularError("too many digits")
