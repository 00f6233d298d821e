"""The canonical form of exact rows: the same rows have the same bytes, whoever holds them (PROOF.md).

Integers alone: instants are microseconds since 1970, decimals count units of their last digit, true is 1 and false 0, a
text is the first half of its SHA-256, and NULL is the least number that fits.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.model.dataset import Dataset
from schemas.model.instants import length_us

FORM = 1

_NULL = np.array([0, np.iinfo(np.int64).min])  # its last word alone, or both

Words = npt.NDArray[np.int64]


def columns(dataset: Dataset) -> list[str]:
    """What a row is made of, in declared order: every column that does not name the series.

    Of rows that two sources print, only what both print.
    """
    both = dataset.jitter is not None
    return [
        column.name
        for column in dataset.columns
        if column.name not in dataset.series and not (both and column.nullable)
    ]


def records(dataset: Dataset, rows: pa.Table) -> Words:
    """One line of 64-bit words a row."""
    return np.hstack([_words(_meant(dataset, name, rows[name])) for name in columns(dataset)])


def instants(dataset: Dataset, rows: pa.Table) -> Words:
    """The instant of each row in microseconds, as its canonical form has it."""
    clock = str(dataset.clock)
    return _words(_meant(dataset, clock, rows[clock]))[:, 0]


def key_words(dataset: Dataset, rows: pa.Table) -> Words:
    """What names each row within its series and instant, in words; without a column where the instant alone does."""
    names = [name for name in dataset.key if name not in dataset.series and name != dataset.clock]
    parts = [_words(_meant(dataset, name, rows[name])) for name in names]
    return np.hstack(parts) if parts else np.empty((rows.num_rows, 0), np.int64)


def _meant(dataset: Dataset, name: str, column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """A column as every source has it: instants rounded, the word that one of them leaves out put in."""
    if name == dataset.clock and dataset.jitter is not None:
        return _rounded(column, length_us(dataset.jitter))
    if name in dataset.assumed:
        meant: pa.ChunkedArray[Any] = pc.if_else(pc.equal(column, ""), dataset.assumed[name], column)
        return meant
    return column


def _rounded(column: pa.ChunkedArray[Any], step_us: int) -> pa.ChunkedArray[Any]:
    """Instants to the nearest multiple of a step."""
    times = column.cast(pa.int64()).to_numpy()
    return pa.chunked_array([pa.array((times + step_us // 2) // step_us * step_us).cast(column.type)])


def _words(column: pa.ChunkedArray[Any]) -> Words:
    """A column of instants, counts or flags, one word a value, or of decimals or texts, two words, the lower first."""
    values = column.combine_chunks()
    if values.type == pa.string():
        return _digests(values)
    if values.type == pa.bool_():
        values = values.cast(pa.int64())
    assert values.type.bit_width in (64, 128), f"{values.type} has no canonical form"
    width = values.type.bit_width // 64
    words: Words = np.frombuffer(memoryview(values.buffers()[1] or b""), dtype="<i8")
    words = words[values.offset * width : (values.offset + len(values)) * width].reshape(-1, width)
    if not values.null_count:
        return words
    return np.where(pc.is_valid(values).to_numpy(zero_copy_only=False)[:, None], words, _NULL[-width:])


def _digests(texts: pa.Array[Any]) -> Words:
    """The first 16 bytes of the SHA-256 of each text, each different one hashed once."""
    known: Any = texts.dictionary_encode()
    hashed = b"".join(hashlib.sha256(text.encode()).digest()[:16] for text in known.dictionary.to_pylist())
    each: Words = np.vstack([np.frombuffer(hashed, dtype="<i8").reshape(-1, 2), _NULL])
    words: Words = each[pc.fill_null(known.indices, len(known.dictionary)).to_numpy()]
    return words
