"""Exact statistics of a data file, in the form that every reader of Delta takes.

All columns or none: a column with values but without bounds makes some readers lose its rows without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(slots=True)
class _Column:
    low: Any = None
    high: Any = None
    nulls: int = 0

    def add(self, values: pa.ChunkedArray[Any]) -> None:
        self.nulls += values.null_count
        bounds = pc.min_max(values)
        lows = [value for value in (self.low, bounds["min"].as_py()) if value is not None]
        highs = [value for value in (self.high, bounds["max"].as_py()) if value is not None]
        self.low, self.high = min(lows, default=None), max(highs, default=None)


class Statistics:
    """Row count, bounds and null counts of the rows seen so far."""

    def __init__(self, schema: pa.Schema) -> None:
        self.rows = 0
        self._columns = {name: _Column() for name in schema.names}

    def add(self, rows: pa.Table) -> None:
        self.rows += rows.num_rows
        for name, column in self._columns.items():
            column.add(rows[name])

    def json(self) -> str:
        """What was seen, as Delta's log writes it."""
        low = {name: column.low for name, column in self._columns.items()}
        high = {name: column.high for name, column in self._columns.items()}
        return statistics_json(self.rows, low, high, {name: column.nulls for name, column in self._columns.items()})


def statistics_json(rows: int, low: Mapping[str, Any], high: Mapping[str, Any], nulls: Mapping[str, int]) -> str:
    """Statistics with every digit; a column that is NULL throughout has a null count alone."""
    return msgspec.json.encode(
        {
            "numRecords": rows,
            "minValues": {name: _token(value) for name, value in low.items() if value is not None},
            "maxValues": {name: _token(value) for name, value in high.items() if value is not None},
            "nullCount": nulls,
        }
    ).decode()


def _token(value: Any) -> Any:
    """A value as Delta's log writes it: decimals are bare numbers, instants are UTC with six digits."""
    if isinstance(value, Decimal):
        return msgspec.Raw(format(value, "f").encode())
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return value
