"""Snapshots: the whole state of a series at one instant of exchange time, one a run."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.endpoints.model import Endpoint, Param, Whole
from connectors.lake import Table
from pipelines.context.receipts import Failure, Tally
from pipelines.context.session import Session
from pipelines.store.filters import within
from pipelines.store.news import commit_snapshot
from pipelines.store.rows import rows_of, with_instants
from schemas.model.dataset import Dataset
from schemas.model.series import Series

Row = Mapping[str, Any]
Key = tuple[Any, ...]


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

    A named symbol that is `traded` and is not in the answer is a failure of its own; of all, so is that most are not:
    a few may have stopped trading since they were listed.
    """
    if symbols is not None and not symbols:
        return
    session.progress.expect(requests=1, rows=0)
    series, observed_at = Series.of(endpoint.feeds, **{**endpoint.constants, **of}), session.client.now_us()
    asked = question(endpoint, symbols)
    rows = await session.client.rows(endpoint, {**series.values, "observed_at": observed_at}, **asked)
    session.progress.advance(requests=1)
    if symbols is not None:
        rows = rows.filter(pc.is_in(rows["symbol"], value_set=pa.array(sorted(symbols), pa.string())))
    table, now = session.lake.table(endpoint.feeds), session.client.now_us()
    if endpoint.feeds.amounts:
        rows = await asyncio.to_thread(_what_counts, table, series, rows, observed_at)
    tally.add(await asyncio.to_thread(commit_snapshot, table, series, observed_at, now, lambda: rows))
    if traded:
        tally.failures += _lacking(endpoint, series, rows, traded, named=symbols is not None)


def _lacking(
    endpoint: Endpoint, series: Series, rows: pa.Table, traded: Collection[str], *, named: bool
) -> list[Failure]:
    """What the answer should have held."""
    where, lacking = series.name, sorted({*traded} - {*rows["symbol"].to_pylist()})
    if named:
        why = f"{endpoint.name} answered without it, although it trades; the other symbols are stored."
        return [Failure(f"{where}/{symbol}", why) for symbol in lacking]
    most = f"{endpoint.name} answered without {len(lacking):,} of the {len(traded):,} symbols that trade."
    return [Failure(where, f"{most} What came is stored; run again.")] * (2 * len(lacking) > len(traded))


def _what_counts(table: Table, series: Series, rows: pa.Table, observed_at: int) -> pa.Table:
    """What is not zero, or was not at the previous snapshot, so that going to zero is visible.

    The answer states everything, so what it no longer names is zero as well.
    """
    dataset, before = table.dataset, _held_before(table, series)
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
