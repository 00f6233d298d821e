"""Rows in the order of their files: by partition, then as the dataset declares.

Rows mostly come as long stretches under the same texts, such as a month of one series. Stretches that are in order
inside are put in order as they are: their rows are neither sorted nor copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake.files.texts import Numbers, text_runs
from schemas.model.dataset import Dataset

FEWEST_ROWS = 1000  # of a stretch on average; a slice costs about as much as copying so many


def partitions(dataset: Dataset, rows: pa.Table) -> Iterator[tuple[dict[str, str], pa.Table]]:
    """The rows by partition, each part sorted as the dataset declares."""
    rows = dataset.with_period(rows)
    names = (*dataset.partition, *dataset.order)
    texts = [name for name in names if pa.types.is_string(rows.schema.field(name).type)]
    numbers = [_whole(rows[name]) for name in names if name not in texts]
    assert names[: len(texts)] == tuple(texts), f"{dataset.name} sorts by a number before a text"
    ends, ranks = _stretches(rows, texts)
    order = _order(ends, ranks, numbers)
    if order is None:
        codes = [np.repeat(rank, np.diff(ends, prepend=0)) for rank in ranks]
        rows = rows.take(pa.array(np.lexsort([*reversed(numbers), *reversed(codes)])))
        ends, ranks = _stretches(rows, texts)
        order = np.arange(len(ends))
    starts = np.r_[0, ends[:-1]]
    for first, last in pairwise(_changes([rank[order] for rank in ranks[: len(dataset.partition)]], len(order))):
        part = order[first:last]
        yield _values(dataset.partition, rows, int(starts[part[0]])), _joined(rows, starts[part], ends[part])


def _stretches(rows: pa.Table, texts: Sequence[str]) -> tuple[Numbers, list[Numbers]]:
    """Where each stretch of equal texts ends, and by text its rank among the others."""
    runs = [text_runs(rows[name]) for name in texts]
    ends = np.unique(np.concatenate([ends for ends, _ in runs]))
    return ends, [_ranks(values)[np.searchsorted(own, ends)] for own, values in runs]


def _order(ends: Numbers, ranks: Sequence[Numbers], numbers: Sequence[Numbers]) -> Numbers | None:
    """How to line up the stretches, so that their rows are in order; None where rows must be taken one by one."""
    if len(ends) * FEWEST_ROWS > ends[-1]:
        return None
    starts, last = np.r_[0, ends[:-1]], ends - 1
    order: Numbers = np.lexsort([*(values[starts] for values in reversed(numbers)), *reversed(ranks)])
    rising = _rising([values[:-1] for values in numbers], [values[1:] for values in numbers], int(ends[-1]) - 1)
    rising[last[:-1]] = True
    here, there = order[:-1], order[1:]
    left = [*(rank[here] for rank in ranks), *(values[last[here]] for values in numbers)]
    right = [*(rank[there] for rank in ranks), *(values[starts[there]] for values in numbers)]
    touching = _rising(right, left, len(here))  # or equal, and then only their rows could tell which comes first
    return order if rising.all() and not touching.any() else None


def _rising(before: Sequence[Numbers], after: Sequence[Numbers], count: int) -> npt.NDArray[np.bool_]:
    """Where a row is not above the one that follows it; the first column that differs decides."""
    less, equal = np.zeros(count, dtype=np.bool_), np.ones(count, dtype=np.bool_)
    for one, other in zip(before, after, strict=True):
        less |= equal & (one < other)
        equal &= one == other
    return less | equal


def _changes(ranks: Sequence[Numbers], count: int) -> list[int]:
    """Where one of the ranks changes, with both ends."""
    changed = np.zeros(count, dtype=np.bool_)
    for rank in ranks:
        changed[1:] |= rank[1:] != rank[:-1]
    return [0, *np.flatnonzero(changed).tolist(), count]


def _joined(rows: pa.Table, starts: Numbers, ends: Numbers) -> pa.Table:
    """Stretches one after another; those that touch are one slice."""
    apart = np.flatnonzero(starts[1:] != ends[:-1])
    first, last = starts[np.r_[0, apart + 1]], ends[np.r_[apart, len(ends) - 1]]
    return pa.concat_tables(
        rows.slice(start, end - start) for start, end in zip(first.tolist(), last.tolist(), strict=True)
    )


def _ranks(texts: pa.Array[Any]) -> Any:
    """Integers in the order of the texts, NULL first."""
    encoded: Any = texts.dictionary_encode()
    ranks = pc.rank(encoded.dictionary, sort_keys="ascending").take(encoded.indices).cast(pa.int64())
    return pc.fill_null(ranks, 0).to_numpy()


def _whole(values: pa.ChunkedArray[Any]) -> Any:
    """Integers in the order of the values, NULL first; decimals as their digits, which have to fit."""
    if pa.types.is_decimal(values.type):
        return _digits(values)
    return pc.fill_null(values.cast(pa.int64()), np.iinfo(np.int64).min).to_numpy()


def _digits(values: pa.ChunkedArray[Any]) -> Numbers:
    """Decimals without their point, which have to fit."""
    lower, fits = lower_words(values.combine_chunks())
    assert fits, "a key beyond 64 bits"
    return lower


def lower_words(decimals: Any) -> tuple[Numbers, bool]:
    """Of decimals of 128 bits the lower of their two words, and whether the upper one is only their sign."""
    words = np.frombuffer(decimals.buffers()[1], np.int64).reshape(-1, 2)
    words = words[decimals.offset : decimals.offset + len(decimals)]
    lower = words[:, 0].copy()  # side by side, they are looked at three times as fast
    return lower, bool((words[:, 1] == lower >> 63).all())


def _values(columns: tuple[str, ...], rows: pa.Table, row: int) -> dict[str, str]:
    values = {name: rows[name][row].as_py() for name in columns}
    assert all(values.values()), f"an empty partition value: {values}"  # Delta would read it back as NULL
    return values
