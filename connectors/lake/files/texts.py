"""Columns of texts, of which most hold one text throughout: to see that takes a fifth of the time of telling runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_FEW = 64  # chunks, up to which they are looked at one by one

Numbers = npt.NDArray[np.int64]


def text_runs(texts: pa.ChunkedArray[Any]) -> tuple[Numbers, pa.Array[Any]]:
    """Where each stretch of equal texts ends, and its text."""
    chunks = texts.chunks if texts.num_chunks <= _FEW else [texts.combine_chunks()]
    runs = [_chunk_runs(chunk) for chunk in chunks]
    before = np.cumsum([0, *map(len, chunks)])
    ends = np.concatenate([own + start for (own, _), start in zip(runs, before, strict=False)])
    joined, values = _encoded(pa.concat_arrays([values for _, values in runs]))
    return ends[joined - 1], values


def distinct_texts(texts: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """The same texts, fewer times where that is quickly found."""
    if texts.num_chunks > _FEW:
        return texts
    chunks = [chunk.slice(0, 1) if _is_one(chunk) else chunk for chunk in texts.chunks]
    return pa.chunked_array(chunks, texts.type)


def _chunk_runs(chunk: pa.Array[Any]) -> tuple[Numbers, pa.Array[Any]]:
    return (np.array([len(chunk)]), chunk.slice(0, 1)) if _is_one(chunk) else _encoded(chunk)


def _encoded(texts: pa.Array[Any]) -> tuple[Numbers, pa.Array[Any]]:
    runs: Any = pc.run_end_encode(texts, run_end_type=pa.int64())
    return runs.run_ends.to_numpy(), runs.values


def _is_one(texts: Any) -> bool:
    """Whether all texts are the same: each is as long as the one before, and has its bytes."""
    if not len(texts) or texts.null_count:
        return False
    _, offsets, content = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset :][: len(texts) + 1]
    length = int(ends[1] - ends[0])
    if int(ends[-1] - ends[0]) != length * len(texts) or (np.diff(ends) != length).any():
        return False
    printed = np.frombuffer(content or b"", np.uint8)[ends[0] : ends[-1]]
    return bool((printed[length:] == printed[: len(printed) - length]).all())
