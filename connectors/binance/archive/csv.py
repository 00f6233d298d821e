"""From the CSV of an archive file to typed columns, or to the reason why not.

Nothing is believed of a file: whether it has a header, in which unit each of its times is. Money goes from text to
decimal by whole columns where all lines are printed alike, and else in Arrow's own reader, which refuses what does not
fit; Polars' rounds what has more digits than the column, reads exponents and takes an empty cell for NULL. A few lines
that cannot be rows are left out and named; the others stay.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from connectors.binance.archive.digits import lined_up
from connectors.binance.archive.layouts import Layout
from connectors.binance.archive.lines import CAREFUL_DIGITS, MOST_LEFT_OUT, defect_of, shown, sift
from connectors.binance.archive.zip import Defect
from schemas.datasets.archive import Reason
from schemas.model.counted import counted
from schemas.model.fields import DECIMALS, TIME, Column

Instants = npt.NDArray[np.int64]

_MICROSECONDS_FROM = 10**14
MILLISECOND_US = 1000
_PLAIN = b"0123456789.,\r\n"
_EXPONENTS = (b"e", b"E")  # Arrow would read 1.7E+12, whose digits are gone
# How Java prints what is below a millionth, zero with decimals included; a spreadsheet would write E-07.
_TINY = re.compile(rb"(?<=,)-?[0-9](?:\.[0-9]+)?E-(?:[7-9]|[1-9][0-9])(?=[,\r\n]|$)", re.MULTILINE)
_HOUR_APART = re.compile(rb"^(20[0-9]{2}-[0-9]{2}-[0-9]{2}),([0-9]{2}),", re.MULTILINE)
_ONE_BLOCK = 2**30  # bytes, above any file: a column in one piece is looked at again without copying it
_PARSE = pa_csv.ParseOptions(quote_char=False)


def parsed(text: bytes, layout: Layout) -> tuple[pa.Table, Defect | None]:
    """The columns of a file's text as they are printed, and which lines are no rows; raises Defect."""
    body = header_cut(text, layout)
    if layout.hour_apart:
        body = _HOUR_APART.sub(rb"\1 \2:00:00,", body)
    if (lined := lined_up(body, layout)) is not None:
        return lined, None
    marks = _marks(body)
    if b"E-" in marks:
        body = _TINY.sub(lambda tiny: f"{Decimal(tiny[0].decode()):f}".encode(), body)
        marks = _marks(body)
    if _is_plain(body, marks, layout):
        try:
            return columns_of(body, layout), None
        except pa.ArrowInvalid:
            pass
    first = 2 if text.startswith(layout.header.encode()) else 1
    sifted = sift(body, layout, first)
    try:
        return columns_of(sifted.rows, layout), sifted.left_out
    except pa.ArrowInvalid as error:
        told = " ".join(str(error).split())
    raise defect_of(body, shown(told.encode()))


def _marks(body: bytes) -> bytes:
    """What stands in a text beside plain numbers, which is mostly nothing: one pass over it answers every question."""
    return body.translate(None, _PLAIN)


def _is_plain(body: bytes, marks: bytes, layout: Layout) -> bool:
    """Whether Arrow's reader, which is lenient, reads these numbers as they are meant."""
    if layout.has_text or any(sign in marks for sign in _EXPONENTS):
        return False
    dashes = marks.count(b"-")
    return not dashes or (layout.is_signed and dashes == body.count(b",-"))


def columns_of(body: bytes, layout: Layout) -> pa.Table:
    """The columns of rows, as Arrow's own reader takes them; raises ArrowInvalid."""
    read, convert = _options(layout)
    return pa_csv.read_csv(pa.BufferReader(body), read, _PARSE, convert)  # type: ignore[arg-type]


@cache
def _options(layout: Layout) -> tuple[pa_csv.ReadOptions, pa_csv.ConvertOptions]:
    columns = [layout.dataset.column(name) for name in layout.read]
    # Files are read side by side.
    read = pa_csv.ReadOptions(column_names=list(layout.columns), use_threads=False, block_size=_ONE_BLOCK)
    convert = pa_csv.ConvertOptions(
        column_types={one.name: _read_as(one, layout) for one in columns},
        include_columns=[one.name for one in columns],
        null_values=["", '""'] if any(one.nullable for one in columns) else [],
        strings_can_be_null=True,
        true_values=["true", "True"],
        false_values=["false", "False"],
    )
    return read, convert


def _read_as(column: Column, layout: Layout) -> pa.DataType:
    kind: Any = column.type.arrow
    if column.type in DECIMALS:
        return pa.decimal128(CAREFUL_DIGITS, kind.scale)
    if column.type is TIME:
        return pa.timestamp("us") if column.name in layout.text_times else pa.int64()
    return kind  # type: ignore[no-any-return]


def header_cut(text: bytes, layout: Layout) -> bytes:
    """The rows alone. The files of spot have no header, those of futures have one from some month on.

    Under a header that is not the known one the columns may mean anything.
    """
    first = text[: text.find(b"\n")] if b"\n" in text else text
    if not first.strip() and not text.strip():
        raise Defect(Reason.EMPTY, "has no line")
    if text[:1].isdigit() or b"," not in first:
        return text
    if first.rstrip() != layout.header.encode():
        raise defect_of(first, f"begins with neither a row nor the known header: {shown(first)}")
    rest = text[len(first) + 1 :]
    if not rest or rest.isspace():
        raise Defect(Reason.EMPTY, "has a header and no row")
    return rest


def instants_of(printed: pa.ChunkedArray[Any]) -> Instants:
    """Times in microseconds; a file may turn from milliseconds to microseconds between two rows."""
    if pa.types.is_timestamp(printed.type):
        texts: Instants = printed.cast(pa.int64()).to_numpy()
        return texts
    times: Instants = printed.to_numpy()
    if len(times) and times.min() >= _MICROSECONDS_FROM:
        return times
    if len(times) and times.max() < _MICROSECONDS_FROM:
        return times * MILLISECOND_US
    return np.where(times >= _MICROSECONDS_FROM, times, times * MILLISECOND_US)


def without(
    printed: pa.Table, odd: npt.NDArray[np.bool_], reason: Reason, told: str, times: Instants
) -> tuple[pa.Table, Defect | None]:
    """The rows that are not odd, and what is said of a few that are; raises Defect where they are many."""
    if not odd.any():
        return printed, None
    count = int(odd.sum())
    defect = Defect(reason, f"{counted(count, 'row')} {told} {int(times[odd][0])} µs")
    if count > MOST_LEFT_OUT or odd.all():
        raise defect
    return printed.filter(pa.array(~odd)), defect


def widened(printed: pa.ChunkedArray[Any], kind: Any) -> pa.ChunkedArray[Any]:
    """A column as the dataset has it: decimals of the same scale are the same bits whatever their precision."""
    if not pa.types.is_decimal(kind):
        return printed
    chunks = [chunk.view(kind) for chunk in printed.chunks]
    return pa.chunked_array(chunks, kind)  # type: ignore[call-overload,no-any-return]


def repeated(value: str, count: int) -> pa.Array[Any]:
    """A text in each of so many rows; Arrow's own `repeat` copies it cell by cell."""
    text = value.encode()
    ends: Any = np.arange(count + 1, dtype=np.int32) * np.int32(len(text))
    array: pa.Array[Any] = pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(text * count))
    return array
