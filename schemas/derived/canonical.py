"""The canonical form of exact rows: the same rows have the same bytes, whoever holds them (PROOF.md).

Integers alone: instants are microseconds since 1970, decimals count units of their last digit, true is 1 and false 0,
and NULL is the least number that fits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.model.dataset import Dataset

FORM = 1

_NULL = np.array([0, np.iinfo(np.int64).min])  # its last word alone, or both

Words = npt.NDArray[np.int64]


def columns(dataset: Dataset) -> list[str]:
    """What a row is made of: every column that does not name the series, in declared order."""
    return [column.name for column in dataset.columns if column.name not in dataset.series]


def records(dataset: Dataset, rows: pa.Table) -> Words:
    """One line of 64-bit words a row."""
    return np.hstack([_words(rows[name]) for name in columns(dataset)])


def _words(column: pa.ChunkedArray[Any]) -> Words:
    """A column of instants, counts or flags, one word a value, or of decimals, two words, the lower first."""
    values = column.combine_chunks()
    if values.type == pa.bool_():
        values = values.cast(pa.int64())
    assert values.type.bit_width in (64, 128), f"{values.type} has no canonical form"
    width = values.type.bit_width // 64
    words: Words = np.frombuffer(memoryview(values.buffers()[1] or b""), dtype="<i8")
    words = words[values.offset * width : (values.offset + len(values)) * width].reshape(-1, width)
    if not values.null_count:
        return words
    return np.where(pc.is_valid(values).to_numpy(zero_copy_only=False)[:, None], words, _NULL[-width:])
