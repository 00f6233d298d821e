"""Exact statistics of a data file, in the form that every reader of Delta takes.

All columns or none: a column with values but without bounds makes some readers lose its rows without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake.files.sorting import lower_words
from connectors.lake.files.texts import distinct_texts

_FEW = 64  # chunks, up to which they are looked at one by one


class Statistics:
    """Row count, bounds and null counts of the rows seen so far."""

    def __init__(self, schema: pa.Schema) -> None:
        self.rows = 0
        self._low: dict[str, Any] = dict.fromkeys(schema.names)
        self._high: dict[str, Any] = dict.fromkeys(schema.names)
        self._nulls = dict.fromkeys(schema.names, 0)

    def add(self, rows: pa.Table) -> None:
        self.rows += rows.num_rows
        for name, nulls in self._nulls.items():
            low, high = _bounds(rows[name])
            self._nulls[name] = nulls + rows[name].null_count
            if low is not None:
                first = self._low[name] is None
                self._low[name] = low if first else min(self._low[name], low)
                self._high[name] = high if first else max(self._high[name], high)

    def json(self) -> str:
        """What was seen, as Delta's log writes it."""
        return statistics_json(self.rows, self._low, self._high, self._nulls)


def _bounds(values: pa.ChunkedArray[Any]) -> tuple[Any, Any]:
    """The lowest and the highest value, None where there is none; of decimals that fit into 64 bits without Arrow.

    Arrow compares decimals one by one, which takes more than twice as long.
    """
    if pa.types.is_string(values.type):
        values = distinct_texts(values)
    if pa.types.is_decimal128(values.type) and not values.null_count and 0 < values.num_chunks <= _FEW:
        words = [lower_words(chunk) for chunk in values.chunks if len(chunk)]
        if words and all(fits for _, fits in words):
            point = -values.type.scale
            lows, highs = ([int(bound(lower)) for lower, _ in words] for bound in (np.min, np.max))
            return Decimal(min(lows)).scaleb(point), Decimal(max(highs)).scaleb(point)
    bounds = pc.min_max(values).as_py()
    return bounds["min"], bounds["max"]


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
