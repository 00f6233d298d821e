"""Rows of a dataset in Python: built, read, and their instants as integer microseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.model.dataset import Dataset
from schemas.model.instants import length_us


def rows_of(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Plain rows as a table of the dataset; instants are microseconds."""
    return pa.Table.from_pylist(list(rows), schema=dataset.schema)


def tables_of(dataset: Dataset, groups: Sequence[Sequence[Mapping[str, Any]]]) -> list[pa.Table]:
    """Groups of plain rows, one table each; made at once, since each making costs a millisecond whatever its rows."""
    whole = rows_of(dataset, [row for group in groups for row in group])
    ends = accumulate(map(len, groups))
    return [whole.slice(end - len(group), len(group)) for group, end in zip(groups, ends, strict=True)]


def with_instants(rows: pa.Table) -> list[dict[str, Any]]:
    """Rows as dictionaries, instants as microseconds instead of datetimes."""
    fields = [pa.field(field.name, pa.int64()) if pa.types.is_timestamp(field.type) else field for field in rows.schema]
    listed: list[dict[str, Any]] = rows.cast(pa.schema(fields)).to_pylist()
    return listed


def last_by_identity(dataset: Dataset, versions: pa.Table) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """The last version of each thing."""
    return {dataset.identity_of(row): row for row in with_instants(versions.sort_by(dataset.version))}


def column(rows: pa.Table, name: str) -> list[Any]:
    """The values of one column, instants as microseconds."""
    values = rows[name]
    return (values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values).to_pylist()


def as_json(row: Mapping[str, Any]) -> str:
    """A row as JSON: decimals as the digits they have, instants as microseconds."""
    return json.dumps(dict(row), default=_plain, ensure_ascii=False, separators=(",", ":"))


def _plain(value: object) -> str:
    return format(value, "f")


Instants = npt.NDArray[np.int64]


def instants(rows: pa.Table, column: str = "open_time") -> Instants:
    """A time column as integer microseconds."""
    times = rows[column]
    whole: Any = times.chunk(0) if times.num_chunks == 1 else times.combine_chunks()
    array: Instants = whole.view(pa.int64()).to_numpy(zero_copy_only=False)
    return array


def kept(rows: pa.Table, wanted: npt.NDArray[np.bool_]) -> pa.Table:
    """The rows that are wanted: as a slice where they lie together, which costs less than looking row by row."""
    places = np.flatnonzero(wanted)
    first, end = (int(places[0]), int(places[-1]) + 1) if len(places) else (0, 0)
    return rows.slice(first, end - first) if end - first == len(places) else rows.filter(pa.array(wanted))


def last_of(dataset: Dataset, versions: pa.Table) -> pa.Table:
    """The last version of each thing, sorted by symbol and id."""
    ordered = versions.sort_by([(name, "ascending") for name in ("symbol", dataset.id_column, dataset.version)])
    symbols = ordered["symbol"].combine_chunks().dictionary_encode().indices.to_numpy()
    ids = ordered[dataset.id_column].to_numpy()
    last = np.ones(len(ids), dtype=bool)
    last[:-1] = (ids[1:] != ids[:-1]) | (symbols[1:] != symbols[:-1])
    return ordered.filter(pa.array(last))


def keys_of(rows: pa.Table, dataset: Dataset) -> dict[tuple[Any, ...], int]:
    """Where each row stands, by its key."""
    return {key: place for place, key in enumerate(each_key(rows, dataset))}


def each_key(rows: pa.Table, dataset: Dataset) -> list[tuple[Any, ...]]:
    """The key of each row, the same for each source: instants are rounded, and words that one leaves out assumed."""
    columns = dict(zip(dataset.key, (rows[name].to_pylist() for name in dataset.key), strict=True))
    if dataset.jitter is not None:
        clock = str(dataset.clock)
        step = length_us(dataset.jitter)
        columns[clock] = [(int(each) + step // 2) // step * step for each in instants(rows, clock)]
    columns |= {name: [each or word for each in columns[name]] for name, word in dataset.assumed.items()}
    return list(zip(*columns.values(), strict=True))
