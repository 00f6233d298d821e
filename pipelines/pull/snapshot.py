"""Snapshots: the whole state of a series at one instant of exchange time, one a run."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.endpoints.model import Endpoint, Param, Whole
from connectors.lake import Table
from pipelines.context.receipts import Failure, Tally
from pipelines.context.session import Session
from pipelines.store.filters import within
from pipelines.store.news import commit_snapshots
from pipelines.store.rows import rows_of, with_instants
from schemas.model.dataset import Dataset
from schemas.model.series import Series

Row = Mapping[str, Any]
Key = tuple[Any, ...]
_EACH = ":*"  # ends the name of series of which there is one for each pair


def question(endpoint: Endpoint, symbols: Collection[str] | None) -> dict[str, Param]:
    """How a list is asked for: by name where that is cheaper; of all where it fails whole on one unknown name."""
    named = symbols is not None and len(symbols) <= endpoint.walked(Whole).by_name
    return {"symbols": sorted(symbols)} if symbols is not None and named else {}


async def pull_snapshot(
    session: Session,
    tally: Tally,
    endpoint: Endpoint,
    of: Mapping[str, str],
    symbols: Collection[str] | None = None,
    traded: Collection[str] = (),
) -> None:
    """Store the state of all there is in the series `of` a market or an account, or of these symbols.

    An answer that lacks most of what was held before is asked for again: it may be an accident.
    A named symbol that is `traded` and is not in the answer is a failure of its own; of all, so is that most are not:
    a few may have stopped trading since they were listed.
    """
    if symbols is not None and not symbols:
        return
    table = session.lake.table(endpoint.feeds)
    observed_at, rows = await _shown(session, endpoint, of, symbols)
    if await asyncio.to_thread(_loses_most, table, endpoint, of, rows):
        observed_at, rows = await _shown(session, endpoint, of, symbols)
    now, spoken_of = (
        await session.client.time_us(endpoint),
        await asyncio.to_thread(_spoken_of, table, endpoint, of, rows),
    )

    def found(due: Sequence[Series]) -> pa.Table:
        return pa.concat_tables(_what_counts(table, one, _of(one, rows), observed_at) for one in due)

    tally.add(await asyncio.to_thread(commit_snapshots, table, spoken_of, observed_at, now, found))
    if traded:
        tally.failures += _lacking(endpoint, spoken_of[0].name, rows, traded, named=symbols is not None)


async def _shown(
    session: Session, endpoint: Endpoint, of: Mapping[str, str], symbols: Collection[str] | None
) -> tuple[int, pa.Table]:
    """What is shown at an instant of exchange time."""
    session.progress.expect(requests=1, rows=0)
    known, observed_at = {**endpoint.constants, **of}, await session.client.time_us(endpoint)
    asked = question(endpoint, symbols)
    rows = await session.client.rows(endpoint, {**known, "observed_at": observed_at}, **asked)
    session.progress.advance(requests=1)
    if symbols is not None:
        rows = rows.filter(pc.is_in(rows["symbol"], value_set=pa.array(sorted(symbols), pa.string())))
    return observed_at, rows


def _loses_most(table: Table, endpoint: Endpoint, of: Mapping[str, str], rows: pa.Table) -> bool:
    """Whether most of what was not zero in all series at the previous snapshot is not named any more, or is zero."""
    dataset = table.dataset
    if not dataset.amounts:
        return False
    spoken_of = _spoken_of(table, endpoint, of, rows)
    before = [{*_held_before(table, one)} for one in spoken_of]
    shown = [_nonzero_keys(dataset, _of(one, rows)) for one in spoken_of]
    lost = sum(len(held - now) for held, now in zip(before, shown, strict=True))
    return 2 * lost > sum(map(len, before))


def _nonzero_keys(dataset: Dataset, rows: pa.Table) -> set[Key]:
    return {key for key, nonzero in zip(_keys(dataset, rows), _nonzero(dataset, rows), strict=True) if nonzero}


def fixed_series(endpoint: Endpoint, of: Mapping[str, str]) -> list[Series]:
    """The series that an answer speaks of in any case; of those that come by pair, the one that stands for all."""
    dataset, known = endpoint.feeds, {**endpoint.constants, **of}
    if not (named := endpoint.walked(Whole).speaks_of):
        return [Series.of(dataset, **known)]
    return [Series.of(dataset, **known, **{dataset.series[-1]: value.removesuffix(_EACH)}) for value in named]


def _spoken_of(table: Table, endpoint: Endpoint, of: Mapping[str, str], rows: pa.Table) -> list[Series]:
    """The series of which an answer holds all there is: those it names, and those it no longer names."""
    dataset, named = endpoint.feeds, endpoint.walked(Whole).speaks_of
    by_pair = tuple(value.removesuffix("*") for value in named if value.endswith(_EACH))
    fixed = [one for one, value in zip(fixed_series(endpoint, of), named or ("",), strict=True) if value[-1:] != "*"]
    if not by_pair:
        return fixed
    column, known = dataset.series[-1], {**endpoint.constants, **of}
    stored = [one for one, bounds in table.series() if "observed_at" in bounds and known.items() <= one.values.items()]
    before = {one[column] for one in stored if one[column].startswith(by_pair)}
    values = sorted(before.union(map(str, rows[column].to_pylist())))
    return [*fixed, *(Series.of(dataset, **known, **{column: value}) for value in values)]


def _of(series: Series, rows: pa.Table) -> pa.Table:
    """The rows of one series, out of those of an answer about several."""
    column = series.dataset.series[-1]
    return rows.filter(pc.equal(rows[column], series[column]))


def _lacking(endpoint: Endpoint, where: str, rows: pa.Table, traded: Collection[str], *, named: bool) -> list[Failure]:
    """What the answer should have held."""
    lacking = sorted({*traded} - {*rows["symbol"].to_pylist()})
    if named:
        why = f"{endpoint.name} answered without it, although it trades; the other symbols are stored."
        return [Failure(f"{where}/{symbol}", why) for symbol in lacking]
    most = f"{endpoint.name} answered without {len(lacking):,} of the {len(traded):,} symbols that trade."
    return [Failure(where, f"{most} What came is stored; run again.")] * (2 * len(lacking) > len(traded))


def _what_counts(table: Table, series: Series, rows: pa.Table, observed_at: int) -> pa.Table:
    """What is not zero, or was not at the previous snapshot, so that going to zero is visible.

    The answer states everything, so what it no longer names is zero as well.
    """
    dataset = table.dataset
    if not dataset.amounts:
        return rows
    before = _held_before(table, series)
    named = _keys(dataset, rows)
    kept = [key in before or nonzero for key, nonzero in zip(named, _nonzero(dataset, rows), strict=True)]
    gone = [_emptied(dataset, before[key], observed_at) for key in sorted(before.keys() - {*named})]
    # Typed, since an account may hold nothing.
    return pa.concat_tables([rows.filter(pa.array(kept, pa.bool_())), rows_of(dataset, gone)])


def _held_before(table: Table, series: Series) -> dict[Key, Row]:
    """What was not zero at the previous snapshot."""
    dataset, previous = table.dataset, series.bound("observed_at", table.bounds())
    if previous is None:
        return {}
    rows = table.scan(dataset.schema.names, within([series], previous, previous + 1))
    return {
        key: row
        for key, row, nonzero in zip(_keys(dataset, rows), with_instants(rows), _nonzero(dataset, rows), strict=True)
        if nonzero
    }


def _keys(dataset: Dataset, rows: pa.Table) -> list[Key]:
    """What names each row within its snapshot."""
    names = [name for name in dataset.key if name not in {*dataset.series, dataset.clock}]
    return list(zip(*(rows[name].to_pylist() for name in names), strict=True))


def _nonzero(dataset: Dataset, rows: pa.Table) -> list[bool]:
    return [any(amounts) for amounts in zip(*(rows[name].to_pylist() for name in dataset.amounts), strict=True)]


def _emptied(dataset: Dataset, row: Row, observed_at: int) -> Row:
    unknown = {column.name: None for column in dataset.columns if column.nullable}
    return {**row, **unknown, **dict.fromkeys(dataset.amounts, Decimal(0)), "observed_at": observed_at}
