"""The answer to a query on stdout: a table to look at, CSV, JSON or Parquet to work with. Decimals stay exact."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.cli.output import say, text, write_table
from schemas.errors import UsageProblem

Format = Literal["table", "csv", "json", "parquet"]
SHOWN_ROWS = 1000


def write(rows: pa.Table, form: Format) -> None:
    """Write all rows in a format; a table shows the first thousand and says so."""
    _WRITERS[form](rows)


def _table(rows: pa.Table) -> None:
    write_table(rows.schema.names, _rows(rows.slice(0, SHOWN_ROWS)), cell=text)
    if rows.num_rows > SHOWN_ROWS:
        say(f"The first {SHOWN_ROWS:,} of {rows.num_rows:,} rows; --format csv, json or parquet writes all.")


def _csv(rows: pa.Table) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows.schema.names)
    writer.writerows([text(value) for value in row] for row in _rows(rows))


def _json(rows: pa.Table) -> None:
    """One array, one row a line; decimals and instants are text, so that no reader rounds them."""
    separator = "[\n"
    for row in _rows(rows):
        named = dict(zip(rows.schema.names, map(_finite, row), strict=True))
        sys.stdout.write(separator + json.dumps(named, ensure_ascii=False, default=text))
        separator = ",\n"
    sys.stdout.write("\n]\n" if rows.num_rows else "[]\n")


def _finite(value: Any) -> Any:
    """JSON has no word for infinity and NaN."""
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def _parquet(rows: pa.Table) -> None:
    if sys.stdout.isatty():
        raise UsageProblem("Parquet is not for a terminal.", "Send it to a file: binlake query ... > rows.parquet")
    pq.write_table(rows, sys.stdout.buffer, compression="zstd")


def _rows(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Row by row, a batch of Python values at a time."""
    for batch in rows.to_batches(max_chunksize=10_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


_WRITERS: dict[Format, Callable[[pa.Table], None]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
