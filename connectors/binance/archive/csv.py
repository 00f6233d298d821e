"""From the CSV of an archive file to rows with exactly the dataset's schema, or to the reason why not.

Nothing is believed of a file: whether it has a header, in which unit each of its times is, that its rows are
sorted, that each is there once and belongs to its day or month. Money goes from text to decimal in Arrow's own
reader, which refuses what does not fit. A few rows that cannot be right are left out and named; the others stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from connectors.binance.archive.files import KlineFile
from connectors.binance.archive.lines import MOST_LEFT_OUT, defect_of, shown, sift
from connectors.binance.archive.zip import Defect, unpack
from connectors.binance.clock import LATEST_US
from connectors.binance.endpoints.spot import KLINES
from schemas.datasets.archive import Reason
from schemas.datasets.market import KLINES as ROWS
from schemas.model.counted import counted
from schemas.model.fields import TIME
from schemas.model.grid import Grid, longest_us

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
_LONGEST_ROW = 250  # bytes; real ones have some 140
_COPIES = 6  # of each row; files with every row twice were published
_LEAST_BYTES, _MOST_BYTES = 2**20, 512 * 2**20

_ONE_BLOCK = 2**30  # bytes, above any file: a column in one piece is looked at again without copying it
# Files are read side by side.
_READ = pa_csv.ReadOptions(column_names=list(_NAMES), use_threads=False, block_size=_ONE_BLOCK)
_PARSE = pa_csv.ParseOptions(quote_char=False)
_CONVERT = pa_csv.ConvertOptions(column_types=_TYPES, include_columns=list(_PRINTED), null_values=[])


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of a file, how many were there twice, the stretches of its time without one, and what was left out."""

    rows: pa.Table
    dropped_duplicates: int
    holes: tuple[Stretch, ...]
    left_out: tuple[Defect, ...] = ()


def read(packed: IO[bytes], file: KlineFile, made_us: int | None = None) -> Content:
    """The candles in a zip; raises Defect. What had not closed when the archive made the file is left out."""
    printed, odd_lines = _parsed(unpack(packed, f"{file.stem}.csv", _most_bytes(file)))
    printed, outside = _inside(printed, file)
    printed, endless = _ending(printed)
    times = _instants(printed["open_time"])
    rows, dropped, conflicting = _distinct(_rows(printed, times, file), times)
    if made_us is not None:
        rows = _closed(rows, made_us, longest_us(file.interval))
    left_out = tuple(filter(None, (odd_lines, outside, endless, conflicting)))
    return Content(rows, dropped, _holes(file, _column(rows, "open_time")), left_out)


def _most_bytes(file: KlineFile) -> int:
    """More than all candles of the file's time can take, each of them there several times."""
    slots = Grid.of(file.interval).count(file.since_us, file.until_us)
    return min(max(_LEAST_BYTES, _LONGEST_ROW * _COPIES * (slots + 1)), _MOST_BYTES)


def _parsed(text: bytes) -> tuple[pa.Table, Defect | None]:
    """The columns as they are printed, and which lines are no rows."""
    body = _without_header(text)
    # Arrow would read 1.7E+12, whose digits are gone, and a price below nothing.
    if not any(sign in body for sign in (b"e", b"E", b"-")):
        try:
            return _columns(body), None
        except pa.ArrowInvalid:
            pass
    sifted = sift(body, first=1 if body is text else 2)
    try:
        return _columns(sifted.rows), sifted.left_out
    except pa.ArrowInvalid as error:
        told = " ".join(str(error).split())
    raise defect_of(body, shown(told.encode()))


def _columns(body: bytes) -> pa.Table:
    return pa_csv.read_csv(pa.BufferReader(body), _READ, _PARSE, _CONVERT)  # type: ignore[arg-type]


def _without_header(text: bytes) -> bytes:
    """The rows alone. The files of spot have no header, those of futures have one from some month on.

    Under a header that is not the known one the columns may mean anything.
    """
    first, _, rest = text.partition(b"\n")
    if not first.strip() and not rest.strip():
        raise Defect(Reason.EMPTY, "has no line")
    if text[:1].isdigit() or b"," not in first:
        return text
    if first.rstrip() != _HEADER:
        raise defect_of(first, f"begins with neither a row nor the known header: {shown(first)}")
    if not rest.strip():
        raise Defect(Reason.EMPTY, "has a header and no row")
    return rest


def _instants(printed: pa.ChunkedArray[Any]) -> Instants:
    """Times in microseconds; a file may turn from milliseconds to microseconds between two rows."""
    times: Instants = printed.to_numpy()
    return np.where(times >= _MICROSECONDS_FROM, times, times * _MILLISECOND_US)


def _inside(printed: pa.Table, file: KlineFile) -> tuple[pa.Table, Defect | None]:
    """The rows of the file's day or month, and what is said of a few others."""
    times = _instants(printed["open_time"])
    outside = (times < file.since_us) | (times >= file.until_us)
    return _without(printed, outside, Reason.OUTSIDE_PERIOD, "of another time, the first opens at", times)


def _ending(printed: pa.Table) -> tuple[pa.Table, Defect | None]:
    """The rows that end after they begin and within our times, and what is said of a few others."""
    ends = _instants(printed["close_time"])
    odd = (ends < _instants(printed["open_time"])) | (ends >= LATEST_US)
    return _without(printed, odd, Reason.BAD_ROW, "with an impossible end, the first of them", ends)


def _without(
    printed: pa.Table, odd: npt.NDArray[np.bool_], reason: Reason, told: str, times: Instants
) -> tuple[pa.Table, Defect | None]:
    if not odd.any():
        return printed, None
    count = int(odd.sum())
    defect = Defect(reason, f"{counted(count, 'row')} {told} {int(times[odd][0])} µs")
    if count > MOST_LEFT_OUT or odd.all():
        raise defect
    return printed.filter(pa.array(~odd)), defect


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


def _distinct(rows: pa.Table, times: Instants) -> tuple[pa.Table, int, Defect | None]:
    """Sorted by time, each instant once, and how many rows were exact repeats.

    Of an instant with two different rows nothing says which one is right: a few such are left out.
    """
    if (np.diff(times) > 0).all():
        return rows, 0, None
    order = np.argsort(times, kind="stable")
    rows, times = rows.take(pa.array(order)), times[order]
    repeats = np.flatnonzero(np.diff(times) == 0)
    differ = _differ(rows.take(pa.array(repeats)), rows.take(pa.array(repeats + 1)))
    contested = np.unique(times[repeats[differ]])
    odd = _conflict(contested, len(np.unique(times)))
    kept = ~np.isin(times, contested)
    kept[repeats] = False  # the last of several stays
    exact = int((~np.isin(times[repeats], contested)).sum())
    return rows.filter(pa.array(kept)), exact, odd


def _differ(one: pa.Table, other: pa.Table) -> npt.NDArray[np.bool_]:
    unequal = np.zeros(one.num_rows, dtype=bool)
    for name in one.schema.names:
        unequal |= pc.not_equal(one[name], other[name]).to_numpy()
    return unequal


def _conflict(contested: Instants, all_of_them: int) -> Defect | None:
    if not len(contested):
        return None
    told = f"{counted(len(contested), 'instant')} with two different rows, the first is {int(contested[0])} µs"
    odd = Defect(Reason.CONFLICTING_ROWS, told)
    if len(contested) > MOST_LEFT_OUT or len(contested) == all_of_them:
        raise odd
    return odd


def _closed(rows: pa.Table, made_us: int, longest_us: int) -> pa.Table:
    ends = np.minimum(_column(rows, "close_time"), _column(rows, "open_time") + longest_us)
    final = ends < made_us
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
