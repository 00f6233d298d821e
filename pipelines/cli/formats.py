"""The answer to a query on stdout: a table to look at, CSV, JSON or Parquet to work with. Decimals stay exact.

All but the table are written as the rows come, so that an answer may be larger than the memory.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.cli import output
from pipelines.cli.output import escaped, say, text
from pipelines.cli.tables import shown, write_records, write_table
from schemas.model.errors import UsageProblem

Format = Literal["table", "vertical", "csv", "json", "parquet"]
SHOWN_ROWS = 1000
_ALL_ROWS = ", which --format csv, json or parquet writes"
_RECORDS = "--format vertical shows them."
_AT_A_TIME = 10_000  # rows as Python values


def write(schema: pa.Schema, batches: Iterable[pa.RecordBatch], form: Format, max_rows: int | None = None) -> None:
    """Write the rows in a format: up to `max_rows`, else a table's first thousand; what is left out is said."""
    default = SHOWN_ROWS if form == "table" else None
    head = _Head(batches, default if max_rows is None else max_rows)
    _WRITERS[form](schema, head)
    if head.is_cut:
        say(f"These are the first {head.limit:,} rows; there are more{'' if max_rows else _ALL_ROWS}.")


class _Head:
    """The batches up to a number of rows; afterwards, whether there were more."""

    def __init__(self, batches: Iterable[pa.RecordBatch], limit: int | None) -> None:
        self._batches = batches
        self.limit = limit
        self.is_cut = False

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        rows = 0
        for batch in self._batches:
            wanted = batch if self.limit is None else batch.slice(0, self.limit - rows)
            rows += wanted.num_rows
            if wanted.num_rows:
                yield wanted
            if wanted.num_rows < batch.num_rows:
                self.is_cut = True
                return


def _table(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    write_table(schema.names, _rows(batches), cell=shown, elsewhere=_RECORDS)


def _vertical(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    write_records(schema.names, _rows(batches), cell=shown)


def _csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    writer = csv.writer(_Stdout(), lineterminator="\n")
    writer.writerow(schema.names)
    writer.writerows([text(value) for value in row] for row in _rows(batches))


class _Stdout:
    """What the csv module may write to."""

    def write(self, data: str) -> None:
        output.write(data)


def _json(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """One array, one row a line; decimals and instants are text, so that no reader rounds them."""
    before = "["
    for row in _rows(batches):
        named = dict(zip(schema.names, map(_finite, row), strict=True))
        sys.stdout.write(f"{before}\n{escaped(json.dumps(named, ensure_ascii=False, default=text))}")
        before = ","
    sys.stdout.write("[]\n" if before == "[" else "\n]\n")


def _finite(value: Any) -> Any:
    """JSON has no word for infinity and NaN, however deep they lie."""
    match value:
        case float():
            return value if math.isfinite(value) else str(value)
        case dict():
            return {name: _finite(each) for name, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case _:
            return value


def _parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    if sys.stdout.isatty():
        raise UsageProblem("Parquet is not for a terminal.", "Send it to a file: binlake query ... > rows.parquet")
    with pq.ParquetWriter(sys.stdout.buffer, schema, compression="zstd") as file:
        for batch in batches:
            file.write_batch(batch)


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    """Row by row, some thousands of Python values at a time."""
    for batch in batches:
        for start in range(0, batch.num_rows, _AT_A_TIME):
            columns = batch.slice(start, _AT_A_TIME).columns
            yield from zip(*(column.to_pylist() for column in columns), strict=True)


_WRITERS: dict[Format, Callable[[pa.Schema, Iterable[pa.RecordBatch]], None]] = {
    "table": _table,
    "vertical": _vertical,
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
