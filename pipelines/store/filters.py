"""Which stored rows to read, as Arrow expressions: in few terms, since each is held against every file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.model.dataset import DATE, MONTH, Dataset
from schemas.model.fields import TIME
from schemas.model.series import Series


def timestamp(instant_us: int) -> Any:
    """An instant as Arrow compares it with a column."""
    return pa.scalar(instant_us, TIME.arrow)


def within(series: Collection[Series], since: int | None = None, until: int | None = None) -> pc.Expression:
    """The rows of these series of one dataset, of which one column differs at most, from `since` and before `until`."""
    dataset = next(iter(series)).dataset
    values = zip(*(one.key[1:] for one in series), strict=True)
    clauses = [_is_one_of(name, {*some}) for name, some in zip(dataset.series, values, strict=True)]
    return reduce(and_, [*clauses, *_bounds(str(dataset.clock), since, until)])


def between(column: str, since: int, until: int) -> pc.Expression:
    """The rows that have an instant of [since, until) in a column."""
    return reduce(and_, _bounds(column, since, until))


def of_month(dataset: Dataset, month: str) -> pc.Expression:
    """The rows that are stored under a calendar month, `YYYY-MM`, or under one of its days."""
    if dataset.period == MONTH:
        return pc.field(MONTH) == month
    return (pc.field(DATE) >= f"{month}-01") & (pc.field(DATE) <= f"{month}-31")


def among(name: str, ids: Collection[Any]) -> pc.Expression:
    """The rows with one of these ids; their range spares files."""
    return pc.field(name).isin(sorted(ids)) & (pc.field(name) >= min(ids)) & (pc.field(name) <= max(ids))


def with_ids(series: Collection[Series], ids: Collection[int]) -> pc.Expression:
    """The stored rows with these ids, and maybe some of other series."""
    return within(series) & among(next(iter(series)).dataset.id_column, ids)


def near_instants(series: Collection[Series], ids: Collection[int], instants: Collection[int]) -> pc.Expression:
    """The same rows, as far as they lie between these `instants`, which spares files."""
    dataset = next(iter(series)).dataset
    spares = MONTH in dataset.partition  # else an instant may change from version to version
    span = (min(instants), max(instants) + 1) if spares else (None, None)
    return within(series, *span) & pc.field(dataset.id_column).isin(sorted(ids))


def _bounds(column: str, since: int | None, until: int | None) -> Iterator[pc.Expression]:
    if since is not None:
        yield pc.field(column) >= timestamp(since)
    if until is not None:
        yield pc.field(column) < timestamp(until)


def _is_one_of(name: str, values: Collection[str]) -> pc.Expression:
    return pc.field(name) == next(iter(values)) if len(values) == 1 else pc.field(name).isin(sorted(values))
