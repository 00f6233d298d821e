"""From the CSV of an archive file to rows with exactly the dataset's schema, or to the reason why not.

Nothing is believed of a file: whether it has a header, in which unit each of its times is, that its rows are
sorted, that each is there once and belongs to its day or month. Money goes from text to decimal in Arrow's own
reader, which refuses what does not fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

from connectors.binance.archive_paths import KlineFile
from connectors.binance.archive_zip import Defect, unpack
from connectors.binance.endpoints import KLINES
from schemas.archive import Reason
from schemas.fields import TIME
from schemas.intervals import Grid
from schemas.market import KLINES as ROWS

Instants = npt.NDArray[np.int64]
Stretch = tuple[int, int]

_PRINTED = tuple(KLINES.wire)
_NAMES = (*_PRINTED, "ignore")
_SPELT = {"trade_count": "count"}
_HEADER = ",".join(_SPELT.get(name, name) for name in _NAMES).encode()
_CAREFUL_DIGITS = 30  # Arrow scales text of more digits beyond 128 bits, and wraps around in silence


def _read_as(name: str) -> pa.DataType:
    kind: Any = ROWS.column(name).type.arrow
    if pa.types.is_decimal(kind):
        return pa.decimal128(_CAREFUL_DIGITS, kind.scale)
    return pa.int64()


_TYPES = {name: _read_as(name) for name in _PRINTED}
_MICROSECONDS_FROM = 10**14
_MILLISECOND_US = 1000
_LONGEST_ROW = 400  # bytes; real ones have some 140, so each may be there twice
_MOST_BYTES = 512 * 2**20
_MANGLED = re.compile(rb"[0-9][eE][+-]?[0-9]|[\"';\x80-\xff]|\d[-/:]\d|#")
_SHOWN = 200

_ONE_BLOCK = 2**30  # bytes, above any file: a column in one piece is looked at again without copying it
# Files are read side by side.
_READ = pa_csv.ReadOptions(column_names=list(_NAMES), use_threads=False, block_size=_ONE_BLOCK)
_PARSE = pa_csv.ParseOptions(quote_char=False)
_CONVERT = pa_csv.ConvertOptions(column_types=_TYPES, include_columns=list(_PRINTED), null_values=[])


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of a file, how many were there twice, and the stretches of its time that hold none."""

    rows: pa.Table
    dropped_duplicates: int
    holes: tuple[Stretch, ...]


def read(packed: IO[bytes], file: KlineFile, made_us: int | None = None) -> Content:
    """The candles in a zip; raises Defect. What had not closed when the archive made the file is left out."""
    printed = _parsed(unpack(packed, f"{file.stem}.csv", _most_bytes(file)))
    times = _instants(printed["open_time"])
    _check_period(times, file)
    rows, dropped = _distinct(_rows(printed, times, file), times)
    if made_us is not None:
        rows = _closed(rows, made_us)
    return Content(rows, dropped, _holes(file, _column(rows, "open_time")))


def _most_bytes(file: KlineFile) -> int:
    slots = Grid.of(file.interval).count(file.since_us, file.until_us)
    return min(len(_HEADER) + _LONGEST_ROW * (slots + 1), _MOST_BYTES)


def _parsed(text: bytes) -> pa.Table:
    """The columns as they are printed."""
    body = _without_header(text)
    if b"e" in body or b"E" in body:  # Arrow would read 1.7E+12, whose digits are gone
        raise _misprinted(body, "prints letters where numbers belong")
    try:
        return pa_csv.read_csv(pa.BufferReader(body), _READ, _PARSE, _CONVERT)  # type: ignore[arg-type]
    except pa.ArrowInvalid as error:
        told = " ".join(str(error).split())[:_SHOWN]
    raise _misprinted(body, told)


def _misprinted(body: bytes, detail: str) -> Defect:
    """A spreadsheet leaves exponents, quotes and dates behind; whatever else does not fit is a bad row."""
    return Defect(Reason.MANGLED_NUMBERS if _MANGLED.search(body) else Reason.BAD_ROW, detail)


def _without_header(text: bytes) -> bytes:
    """The rows alone. The files of spot have no header, those of futures have one from some month on."""
    if text[:1].isdigit():
        return text
    first, _, rest = text.partition(b"\n")
    if not first.strip() and not rest.strip():
        raise Defect(Reason.EMPTY, "has no line")
    if first.rstrip() != _HEADER:
        shown = first[:_SHOWN].decode("utf-8", "replace")
        raise _misprinted(first, f"begins with neither a row nor the known header: {shown}")
    if not rest.strip():
        raise Defect(Reason.EMPTY, "has a header and no row")
    return rest


def _instants(printed: pa.ChunkedArray[Any]) -> Instants:
    """Times in microseconds; a file may turn from milliseconds to microseconds between two rows."""
    times: Instants = printed.to_numpy()
    return np.where(times >= _MICROSECONDS_FROM, times, times * _MILLISECOND_US)


def _check_period(times: Instants, file: KlineFile) -> None:
    outside = (times < file.since_us) | (times >= file.until_us)
    if outside.any():
        culprit = int(times[outside][0])
        raise Defect(Reason.OUTSIDE_PERIOD, f"{int(outside.sum())} rows, the first opens at {culprit} µs")


def _rows(printed: pa.Table, times: Instants, file: KlineFile) -> pa.Table:
    """The printed columns under the dataset's schema."""
    closed = _instants(printed["close_time"])
    columns = {name: _widened(printed[name], ROWS.column(name).type.arrow) for name in _PRINTED} | {
        "market": pa.repeat(file.market, len(times)),
        "symbol": pa.repeat(file.symbol, len(times)),
        "interval": pa.repeat(file.interval, len(times)),
        "open_time": pa.array(times).cast(TIME.arrow),
        "close_time": pa.array(closed - closed % _MILLISECOND_US).cast(TIME.arrow),
    }
    return pa.table([columns[name] for name in ROWS.schema.names], schema=ROWS.schema)


def _widened(printed: pa.ChunkedArray[Any], kind: Any) -> pa.ChunkedArray[Any]:
    """Decimals of the same scale are the same bits whatever their precision."""
    if not pa.types.is_decimal(kind):
        return printed
    chunks = [chunk.view(kind) for chunk in printed.chunks]
    return pa.chunked_array(chunks, kind)  # type: ignore[call-overload,no-any-return]


def _distinct(rows: pa.Table, times: Instants) -> tuple[pa.Table, int]:
    """Sorted by time, each instant once, and how many rows were exact repeats."""
    if (np.diff(times) > 0).all():
        return rows, 0
    order = np.argsort(times, kind="stable")
    rows, times = rows.take(pa.array(order)), times[order]
    repeats = np.flatnonzero(np.diff(times) == 0)
    if not rows.take(pa.array(repeats)).equals(rows.take(pa.array(repeats + 1))):
        raise Defect(Reason.CONFLICTING_ROWS, f"{len(repeats)} instants are there twice, not all with the same values")
    return rows.take(pa.array(np.delete(np.arange(len(times)), repeats))), len(repeats)


def _closed(rows: pa.Table, made_us: int) -> pa.Table:
    final = _column(rows, "close_time") < made_us
    return rows if final.all() else rows.filter(pa.array(final))


def _column(rows: pa.Table, name: str) -> Instants:
    times: Instants = rows[name].cast(pa.int64()).to_numpy()
    return times


def _holes(file: KlineFile, times: Instants) -> tuple[Stretch, ...]:
    """The slots of the file's time without a candle, joined."""
    grid = Grid.of(file.interval, int(times[0]) if len(times) else None)
    first, last = grid.ceil(file.since_us), grid.ceil(file.until_us)
    if grid.interval == "1M":
        return () if len(times) else ((first, last),)
    if (
        len(times) == grid.count(first, last)
        and (np.diff(times, prepend=first - grid.length_us) == grid.length_us).all()
    ):
        return ()
    slots = np.unique(times - (times - grid.anchor_us) % grid.length_us)
    starts, ends = np.r_[first, slots + grid.length_us], np.r_[slots, last]
    lacking = starts < ends
    return tuple(zip(starts[lacking].tolist(), ends[lacking].tolist(), strict=True))
