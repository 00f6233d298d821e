"""Small lakes for tests: rows out of few words, committed with the coverage they give."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.lake import Lake, Move
from schemas.datasets.market import KLINES, PRICES
from schemas.datasets.orders import ORDERS
from schemas.model.dataset import Dataset
from schemas.model.fields import DECIMALS, EXTRA, FLAG, ID, TEXT, TIME, Column
from schemas.model.series import Series

_FILLERS = {TEXT: "x", EXTRA: "{}", ID: 0, FLAG: True} | dict.fromkeys(DECIMALS, Decimal(1))


def at(text: str) -> datetime:
    """An instant, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def us(text: str) -> int:
    """An instant in microseconds."""
    return int(at(text).timestamp()) * 1_000_000


def rows_of(dataset: Dataset, *rows: Mapping[str, Any]) -> pa.Table:
    """Rows of which only what matters is given: the rest is NULL where it may be, else a filler."""
    whole = [{column.name: _value(column, row) for column in dataset.columns} for row in rows]
    return pa.Table.from_pylist(whole, schema=dataset.schema)


def filled(dataset: Dataset, instant: str = "2026-01-01") -> dict[str, Any]:
    """A row whose every instant is this one."""
    return {column.name: instant for column in dataset.columns if column.type is TIME}


def put(lake: Lake, dataset: Dataset, *rows: Mapping[str, Any], **bounds: Mapping[str, str]) -> None:
    """Commit rows; `until={"spot/BTCUSDT/1m": "2026-01-02"}` and the like say which bounds move where."""
    table = lake.table(dataset)
    known = table.bounds()
    moves = [
        Move.of(Series.with_id(dataset, series), {name: us(values[series]) for name, values in bounds.items()}, known)
        for series in next(iter(bounds.values()), {})
    ]
    table.commit(rows_of(dataset, *rows), moves)


def candle_series(symbol: str = "BTCUSDT", interval: str = "1m") -> Series:
    """The candles of one symbol and interval on the spot market."""
    return Series.of(KLINES, market="spot", symbol=symbol, interval=interval)


def order_series(symbol: str = "BTCUSDT") -> Series:
    """The orders of the account `main` in one symbol of the spot market."""
    return Series.of(ORDERS, account="main", market="spot", symbol=symbol)


def price_series() -> Series:
    """The prices of the spot market."""
    return Series.of(PRICES, market="spot")


def small_lake(path: Path) -> Lake:
    return Lake.open(path / "lake", "simulator")


def _value(column: Column, row: Mapping[str, Any]) -> Any:
    value = row.get(column.name, None if column.nullable else _FILLERS.get(column.type))
    if isinstance(value, str) and column.type is TIME:
        return at(value)
    return Decimal(value) if isinstance(value, str) and column.type in DECIMALS else value
