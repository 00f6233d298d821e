"""The candles of an archive file, with exactly the dataset's schema, or the reason why not.

Nothing is believed of a file: that its rows are sorted, that each is there once and belongs to its day or month.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.archive.csv import MILLISECOND_US, Instants, instants_of, parsed, repeated, widened, without
from connectors.binance.archive.files import ArchiveFile
from connectors.binance.archive.lines import MOST_LEFT_OUT
from connectors.binance.archive.zip import Defect, unpack
from connectors.binance.clock import LATEST_US
from schemas.datasets.archive import Reason
from schemas.model.counted import counted
from schemas.model.fields import TIME
from schemas.model.grid import Grid, longest_us

Stretch = tuple[int, int]

_LONGEST_ROW = 250  # bytes; real ones have some 140
_COPIES = 6  # of each row; files with every row twice were published
_LEAST_BYTES, _MOST_BYTES = 2**20, 512 * 2**20


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of a file, how many were there twice, the stretches of its time without one, and what was left out."""

    rows: pa.Table
    dropped_duplicates: int
    holes: tuple[Stretch, ...]
    left_out: tuple[Defect, ...] = ()


def read(packed: IO[bytes], file: ArchiveFile, made_us: int | None = None) -> Content:
    """The candles in a zip; raises Defect. What had not closed when the archive made the file is left out."""
    printed, odd_lines = parsed(unpack(packed, f"{file.stem}.csv", _most_bytes(file)), file.layout)
    printed, outside = _inside(printed, file)
    printed, endless = _ending(printed)
    times = instants_of(printed["open_time"])
    rows, dropped, conflicting = _distinct(_rows(printed, times, file), times)
    if made_us is not None:
        rows = _closed(rows, made_us, longest_us(file.series["interval"]))
    left_out = tuple(filter(None, (odd_lines, outside, endless, conflicting)))
    return Content(rows, dropped, _holes(file, _column(rows, "open_time")), left_out)


def _most_bytes(file: ArchiveFile) -> int:
    """More than all candles of the file's time can take, each of them there several times."""
    slots = Grid.of(file.series["interval"]).count(file.since_us, file.until_us)
    return min(max(_LEAST_BYTES, _LONGEST_ROW * _COPIES * (slots + 1)), _MOST_BYTES)


def _inside(printed: pa.Table, file: ArchiveFile) -> tuple[pa.Table, Defect | None]:
    """The rows of the file's day or month, and what is said of a few others."""
    times = instants_of(printed["open_time"])
    outside = (times < file.since_us) | (times >= file.until_us)
    return without(printed, outside, Reason.OUTSIDE_PERIOD, "of another time, the first opens at", times)


def _ending(printed: pa.Table) -> tuple[pa.Table, Defect | None]:
    """The rows that end after they begin and within our times, and what is said of a few others."""
    ends = instants_of(printed["close_time"])
    odd = (ends < instants_of(printed["open_time"])) | (ends >= LATEST_US)
    return without(printed, odd, Reason.BAD_ROW, "with an impossible end, the first of them", ends)


def _rows(printed: pa.Table, times: Instants, file: ArchiveFile) -> pa.Table:
    """The printed columns under the dataset's schema."""
    closed = instants_of(printed["close_time"])
    dataset = file.series.dataset
    columns = {name: widened(printed[name], dataset.column(name).type.arrow) for name in file.layout.read} | {
        **{name: repeated(value, len(times)) for name, value in file.series.values.items()},
        "open_time": pa.array(times).cast(TIME.arrow),
        "close_time": pa.array(closed // MILLISECOND_US * MILLISECOND_US).cast(TIME.arrow),
    }
    return pa.table([columns[name] for name in dataset.schema.names], schema=dataset.schema)


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


def _holes(file: ArchiveFile, times: Instants) -> tuple[Stretch, ...]:
    """The slots of the file's time without a candle, joined."""
    grid = Grid.of(file.series["interval"], int(times[0]) if len(times) else None)
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
