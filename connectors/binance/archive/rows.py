"""The rows of an archive file that holds no candles, with exactly the dataset's schema, or the reason why not.

Nothing is believed of a file: that its rows are sorted, that each is there once and belongs to its day or month.
"""

from __future__ import annotations

from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.archive.candles import Content
from connectors.binance.archive.csv import Instants, instants_of, parsed, repeated, widened, without
from connectors.binance.archive.files import ArchiveFile
from connectors.binance.archive.lines import MOST_LEFT_OUT
from connectors.binance.archive.zip import Defect, unpack
from schemas.datasets.archive import Reason
from schemas.model.counted import counted
from schemas.model.dataset import ORDINAL, Dataset
from schemas.model.fields import TIME

_MOST_BYTES = 256 * 2**20  # a day of the longest of these files has some 3 MB
_COPIES = "copies"


def read(packed: IO[bytes], file: ArchiveFile, _made_us: int | None = None) -> Content:
    """The rows in a zip, sorted by their key; raises Defect."""
    return of_text(unpack(packed, f"{file.stem}.csv", _MOST_BYTES), file)


def of_text(text: bytes, file: ArchiveFile) -> Content:
    """The rows of a file's text, or of some lines of it, sorted by their key; raises Defect."""
    printed, odd_lines = parsed(text, file.layout)
    printed, foreign = _of_symbol(printed, file)
    times = _times(printed, file)
    outside = (times < file.since_us) | (times >= file.until_us)
    printed, beyond = without(printed, outside, Reason.OUTSIDE_PERIOD, "of another time, the first of them at", times)
    rows = _rows(printed, file)
    whole, conflicting = _distinct(rows, file.series.dataset)
    left_out = tuple(filter(None, (odd_lines, foreign, beyond, conflicting)))
    lost = sum(_rows_in(defect) for defect in (conflicting,) if defect is not None)
    return Content(whole, rows.num_rows - whole.num_rows - lost, (), left_out)


def _of_symbol(printed: pa.Table, file: ArchiveFile) -> tuple[pa.Table, Defect | None]:
    """The rows of the file's symbol, where they name theirs."""
    if "symbol" not in printed.column_names:
        return printed, None
    other: Any = pc.not_equal(printed["symbol"], file.series["symbol"]).to_numpy()
    return without(printed, other, Reason.BAD_ROW, "of another symbol, the first of them at", _times(printed, file))


def _times(printed: pa.Table, file: ArchiveFile) -> Instants:
    """The instant of each row; where files label them otherwise than the dataset, moved by as much."""
    return instants_of(printed[_printed_time(file)]) + file.layout.shift_us(file.series["market"], file.first_day)


def _printed_time(file: ArchiveFile) -> str:
    return file.layout.label or str(file.series.dataset.clock)


def _rows(printed: pa.Table, file: ArchiveFile) -> pa.Table:
    """The printed columns under the dataset's schema, but for what counts equal rows."""
    dataset, times = file.series.dataset, [one.name for one in file.series.dataset.columns if one.type is TIME]
    schema = pa.schema([field for field in dataset.schema if field.name != ORDINAL])
    columns: dict[str, Any] = {
        name: pa.array(instants_of(printed[name])).cast(TIME.arrow)
        if name in times
        else widened(printed[name], dataset.column(name).type.arrow)
        for name in file.layout.read
    }
    columns[str(dataset.clock)] = pa.array(_times(printed, file)).cast(TIME.arrow)
    told = {**file.layout.constants, **file.series.values}
    columns |= {name: repeated(value, printed.num_rows) for name, value in told.items()}
    columns |= {
        name: pa.nulls(printed.num_rows, schema.field(name).type) for name in schema.names if name not in columns
    }
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _distinct(rows: pa.Table, dataset: Dataset) -> tuple[pa.Table, Defect | None]:
    """Sorted by key, each row once; of a key with two different rows nothing says which one is right.

    Of rows that may be equal in truth each stands as often as it is printed, unless all are printed several times.
    """
    if _ascends(rows, _key(dataset)):
        return rows.cast(dataset.schema), None
    groups = rows.group_by(rows.column_names, use_threads=False).aggregate([([], "count_all")])
    groups = groups.rename_columns([*rows.column_names, _COPIES]).sort_by(
        [(name, "ascending") for name in _key(dataset)]
    )
    copies: Instants = groups[_COPIES].to_numpy()
    once = groups.drop_columns([_COPIES])
    if dataset.counted:
        return _counted(once, copies // max(np.gcd.reduce(copies), 1), dataset), None
    return _without_conflicts(once, dataset)


def _ascends(rows: pa.Table, key: list[str]) -> bool:
    """Whether a key of whole numbers and instants rises from row to row: they are in order, and each is there once."""
    rises, equal = np.zeros(max(rows.num_rows - 1, 0), dtype=bool), np.ones(max(rows.num_rows - 1, 0), dtype=bool)
    for name in key:
        if not (pa.types.is_integer(rows[name].type) or pa.types.is_timestamp(rows[name].type)):
            return False
        step = np.diff(rows[name].cast(pa.int64()).to_numpy())
        rises |= equal & (step > 0)
        equal &= step == 0
    return bool(rises.all())


def _key(dataset: Dataset) -> list[str]:
    return [name for name in dataset.key if name != ORDINAL and name not in dataset.series]


def _counted(once: pa.Table, copies: Instants, dataset: Dataset) -> pa.Table:
    """Each row so many times, numbered from 0."""
    ordinals = np.concatenate([np.arange(count) for count in copies]) if len(copies) else np.empty(0, np.int64)
    repeated = once.take(pa.array(np.repeat(np.arange(len(copies)), copies)))
    whole = repeated.append_column(ORDINAL, pa.array(ordinals, pa.int64()))
    return pa.table([whole[name] for name in dataset.schema.names], schema=dataset.schema)


def _without_conflicts(once: pa.Table, dataset: Dataset) -> tuple[pa.Table, Defect | None]:
    same = np.ones(max(once.num_rows - 1, 0), dtype=bool)
    for name in _key(dataset):
        values = once[name].combine_chunks()
        same &= pc.equal(values[1:], values[:-1]).to_numpy(zero_copy_only=False)
    odd = np.r_[same, False] | np.r_[False, same]
    table = once.cast(dataset.schema)
    if not once.num_rows or not odd.any():
        return table, None
    defect = Defect(Reason.CONFLICTING_ROWS, f"{counted(int(odd.sum()), 'row')} that contradict another of their key")
    if odd.sum() > MOST_LEFT_OUT or odd.all():
        raise defect
    return table.filter(pa.array(~odd)), defect


def _rows_in(defect: Defect) -> int:
    return int(defect.detail.split(" ", 1)[0].replace(",", ""))
