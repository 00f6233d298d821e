"""Numbers out of text by whole columns, where every line of a file is printed like its first.

Most files are: each line has the same marks in the same order, and between them digits alone. Eight digits are one word
of memory, and a few multiplications turn the words of all rows into their numbers at once. No number passes through a
float.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.binance.archive.layouts import Layout
from schemas.model.fields import DECIMALS, FLAG, Column

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_ZERO, _NINE, _LINE = ord("0"), ord("9"), b"\n"
_WORD = 8  # bytes, each of which is a digit
_MOST_DIGITS = 18  # of a decimal without its point, in 64 bits
_PAD = b"0" * 2 * _WORD  # in front, since words are read by where their number ends
_BLOCK = 2**19  # bytes of text at once: what is reckoned of them stays in the processor's cache
_FOLD = 64  # rows taken as one where columns are compared, since numpy reduces many short rows slowly
_ZEROS, _PAIRS = np.uint64(0x3030303030303030), np.uint64(0x000000FF000000FF)
_UPPER, _LOWER = np.uint64(0x0000271000000001), np.uint64(0x000F424000000064)
_LAST = np.array([2**64 - 2 ** (64 - 8 * min(length, _WORD)) for length in range(2 * _WORD + 1)], np.uint64)
_TENS = np.array([10**digits for digits in range(_MOST_DIGITS + 1)], np.uint64)
_TRUE, _FALSE = (np.uint64(int.from_bytes(word, "little")) for word in (b"true", b"false"))
_SMALL = np.uint64(0x20)  # makes a first letter a small one


class _Cell(NamedTuple):
    """Where a column stands among the stretches of digits of a line, and whether the next one is its fraction."""

    column: Column
    at: int
    has_point: bool


class _Lines(NamedTuple):
    """Some lines of text as the words of their bytes, and where each stretch between two marks ends, and its length."""

    words: Words
    ends: Places
    lengths: Places
    longest: Places


def lined_up(text: bytes, layout: Layout) -> pa.Table | None:
    """The columns of a text as they are printed, exact; None for a text that has to be read cell by cell."""
    marks, cells = _form(text[: text.find(_LINE)], layout)
    if not cells:
        return None
    rows, done = sum(map(_lines_in, _blocks(text))), 0
    columns = [_room(cell.column, rows) for cell in cells]
    for block in _blocks(text):
        lines = _lines(block, marks, cells)
        if lines is None:
            return None
        numbers, start, done = _numbers(lines), done, done + len(lines.ends)
        rooms = [column[start:done] for column in columns]
        if not all(_fill(room, cell, lines, numbers) for room, cell in zip(rooms, cells, strict=True)):
            return None
    return pa.table({cell.column.name: _array(cell.column, one) for cell, one in zip(cells, columns, strict=True)})


def _form(line: bytes, layout: Layout) -> tuple[Bytes, list[_Cell]]:
    """The marks of a line in order, and where its columns are among them; no columns where it is printed otherwise."""
    printed, cells, at = line.split(b","), list[_Cell](), 0
    marks = (line + _LINE).translate(None, b"0123456789truefalsTF")
    if layout.has_text or len(printed) != len(layout.columns) or marks.strip(b",.\n"):
        return np.empty(0, np.uint8), []
    for name, cell in zip(layout.columns, printed, strict=True):
        points = cell.count(b".")
        if name in layout.read:
            column = layout.dataset.column(name)
            cells.append(_Cell(column, at, points == 1))
            if points > (column.type in DECIMALS):
                return np.empty(0, np.uint8), []
        at += 1 + points
    return np.frombuffer(marks, np.uint8), cells


def _blocks(text: bytes) -> Iterator[bytes]:
    """The text in blocks of whole lines, of which only one that has no end is longer than a block."""
    first = 0
    while first < len(text):
        end = text.rfind(_LINE, first, first + _BLOCK) + 1 or len(text)
        yield text[first:end]
        first = end


def _lines_in(block: bytes) -> int:
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord(_LINE)))


def _room(column: Column, rows: int) -> Any:
    """Room for a column, in memory that Arrow uses again and again; of a decimal its lower word."""
    if column.type is FLAG:
        return np.empty(rows, np.bool_)
    width = 1 + (column.type in DECIMALS)
    memory: Any = pa.allocate_buffer(rows * width * _WORD)
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


def _lines(block: bytes, marks: Bytes, cells: Sequence[_Cell]) -> _Lines | None:
    """What stands between the marks; None for other marks, nothing between two, too many digits, or letters."""
    padded = _PAD + block
    padded += b"0" * (-len(padded) % _WORD)
    printed = np.frombuffer(padded, np.uint8)
    at = np.flatnonzero(printed < _ZERO)
    if not len(at) or len(at) % len(marks):
        return None
    between = np.empty_like(at)
    between[0], between[1:] = at[0] - len(_PAD), at[1:] - at[:-1] - 1
    ends, lengths = at.reshape(-1, len(marks)), between.reshape(-1, len(marks))
    if not lengths.all() or (printed.take(ends, mode="wrap") != marks).any():
        return None
    flags = lengths[:, [cell.at for cell in cells if cell.column.type is FLAG]]
    letters = np.count_nonzero(printed > _NINE) if flags.size else int(printed.max() > _NINE)
    if letters != flags.sum() or (longest := _longest(lengths)).max() > 2 * _WORD:
        return None
    return _Lines(np.frombuffer(padded, np.dtype("<u8")), ends, lengths, longest)


def _longest(lengths: Places) -> Places:
    """The highest of each column."""
    rows, columns = lengths.shape
    even = rows - rows % _FOLD
    folded = lengths[:even].reshape(-1, _FOLD * columns).max(axis=0, initial=0).reshape(_FOLD, columns)
    longest: Places = np.concatenate([folded, lengths[even:]]).max(axis=0)
    return longest


def _numbers(lines: _Lines) -> Words:
    """The number of each stretch of digits; flags have a meaningless one."""
    numbers = _of_digits(lines.words, lines.ends, lines.lengths)
    wide = np.flatnonzero(lines.longest > _WORD)
    if len(wide):
        lengths = np.maximum(lines.lengths[:, wide] - _WORD, 0)
        numbers[:, wide] += _of_digits(lines.words, lines.ends[:, wide] - _WORD, lengths) * _TENS[_WORD]
    return numbers


def _of_digits(words: Words, ends: Places, lengths: Places) -> Words:
    """The numbers of the last digits, eight at most, of stretches that end somewhere and are so long."""
    digits = _words_before(words, ends)
    digits ^= _ZEROS
    digits &= _LAST.take(lengths)
    tens = digits >> np.uint64(8)
    digits *= np.uint64(10)
    digits += tens  # pairs of digits, each in every other byte
    lower = digits & _PAIRS
    lower *= _LOWER
    digits >>= np.uint64(16)
    digits &= _PAIRS
    digits *= _UPPER
    digits += lower
    digits >>= np.uint64(32)
    return digits


def _words_before(words: Words, ends: Places) -> Words:
    """The eight bytes before some places, out of the two words that they lie in; a shift by a whole word gives zero."""
    at = ends >> 3
    past = (ends & 7).view(np.uint64)
    past <<= np.uint64(3)  # bits
    found = words.take(at, mode="wrap")
    found <<= np.uint64(64) - past
    at -= 1
    before = words.take(at, mode="wrap")
    before >>= past
    found |= before
    return found


def _fill(room: Any, cell: _Cell, lines: _Lines, numbers: Words) -> bool:
    """Put a column of some lines where it belongs; False where it is no flag, or has more digits than fit."""
    if cell.column.type is FLAG:
        return _fill_flags(room, _words_before(lines.words, lines.ends[:, cell.at]), lines.lengths[:, cell.at])
    room[:] = numbers[:, cell.at]
    if cell.column.type not in DECIMALS:
        return True
    scale: int = cell.column.type.arrow.scale  # type: ignore[attr-defined]  # of a decimal
    room *= _TENS[scale]
    if cell.has_point:
        lengths = lines.lengths[:, cell.at + 1]
        if lines.longest[cell.at + 1] > scale:
            return False
        has_all = lengths.sum() == scale * len(lengths)
        fractions = numbers[:, cell.at + 1]
        room += fractions if has_all else fractions * _TENS.take(scale - lengths)
    return bool(lines.longest[cell.at] <= _MOST_DIGITS - scale)


def _fill_flags(room: Any, words: Words, lengths: Places) -> bool:
    is_true = ((words >> np.uint64(32)) | _SMALL) == _TRUE
    is_false = ((words >> np.uint64(24)) | _SMALL) == _FALSE
    room[:] = is_true & (lengths == len("true"))
    return bool((room | (is_false & (lengths == len("false")))).all())
