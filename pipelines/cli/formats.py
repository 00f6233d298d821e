"""The answer to a query: a table to look at, CSV, JSON or Parquet to work with. Decimals stay exact.

All but the tables are written as the rows come, so that an answer may be larger than the memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, TextIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from connectors.lake import Lake
from connectors.lake.files.local_disk import whole_file
from connectors.lake.sql.session import Shape, stream
from connectors.lake.sql.texts import csv_lines, json_lines, readable, storable, unpadded
from pipelines.cli.output import escaped, say, write
from pipelines.cli.tables import shown, write_records, write_table
from schemas.model.counted import counted
from schemas.model.errors import UsageProblem

Format = Literal["table", "vertical", "csv", "json", "parquet"]
SHOWN_ROWS = 1000
_LOOKED_AT = ("table", "vertical")
_ALL_ROWS = ", which --format csv, json or parquet writes"
_RECORDS = "--format vertical shows them."


def write_answer(
    session: DuckDBPyConnection,
    sql: str,
    form: Format,
    *,
    max_rows: int | None = None,
    file: Path | None = None,
    pads: bool = True,
) -> None:
    """Write the rows that answer a question, to stdout or a file: up to `max_rows`, else a table's first thousand.

    What is left out is said. A file is there as a whole or, when anything goes wrong, as it was before. Decimals end in
    as many zeros as their column has places for, unless it `pads` none.
    """
    shape, writer = _WRITERS[form]
    schema, batches = stream(session, sql, shape if pads else lambda answer: shape(unpadded(answer)))
    head = _Head(batches, SHOWN_ROWS if form in _LOOKED_AT and max_rows is None else max_rows)
    with replacing(file) if file else nullcontext(sys.stdout) as out:
        writer(schema, head, out)
    if head.is_cut:
        say(f"These are the first {head.limit:,} rows; there are more{'' if max_rows else _ALL_ROWS}.")
    elif file or form in _LOOKED_AT:
        say(f"{counted(head.rows, 'row')}{f' in {file}' if file else ''}.")


class _Head:
    """The batches up to a number of rows; afterwards, how many came and whether there were more."""

    def __init__(self, batches: Iterable[pa.RecordBatch], limit: int | None) -> None:
        self._batches = batches
        self.limit = limit
        self.rows, self.is_cut = 0, False

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            wanted = batch if self.limit is None else batch.slice(0, self.limit - self.rows)
            self.rows += wanted.num_rows
            if wanted.num_rows:
                yield wanted
            if wanted.num_rows < batch.num_rows:
                self.is_cut = True
                return


def outside(lake: Lake, file: Path | None) -> None:
    """UsageProblem for a file to write that lies in the lake."""
    if file and file.resolve().is_relative_to(lake.path.resolve()):
        raise UsageProblem(f"{file} lies in the lake, which is read-only.", "Write to a file outside of it.")


@contextmanager
def replacing(file: Path) -> Iterator[TextIO]:
    """A file that takes the place of another when all is written; what is no file, such as a pipe, is written to."""
    special = file.exists() and not file.is_file()
    try:
        draft = nullcontext(file) if special else whole_file(file)
        with draft as path, path.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except BrokenPipeError:
        raise  # which is no failure
    except OSError as error:
        raise UsageProblem(f"{file} cannot be written: {error.strerror}.", "Name another file with -o.") from None


def _table(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: TextIO) -> None:
    write_table(schema.names, _rows(batches), cell=shown, elsewhere=_RECORDS, stream=stream)


def _vertical(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: TextIO) -> None:
    write_records(schema.names, _rows(batches), cell=shown, stream=stream)


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for batch in batches:
        yield from zip(*(_values(column) for column in batch.columns), strict=True)


def _values(column: Any) -> list[Any]:
    try:
        return cast("list[Any]", column.to_pylist())
    except (OverflowError, ValueError):  # an instant of which Python knows nothing
        return [_value(each) for each in column]


def _value(scalar: Any) -> Any:
    """A value; as text where it is an instant or a day without bounds, or beyond the year 9999."""
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        most = 2 ** (scalar.type.bit_width - 1) - 1  # which is what DuckDB takes for no bound
        return {most: "infinity", -most: "-infinity"}.get(scalar.value) or scalar.cast(pa.string()).as_py()


def _lines(batches: Iterable[pa.RecordBatch]) -> Iterator[list[str]]:
    """What DuckDB made of the rows, some thousands at a time."""
    for batch in batches:
        yield cast("list[str]", batch.column(0).to_pylist())


def _csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: TextIO) -> None:
    write(f"{schema.names[0]}\n", stream)
    for lines in _lines(batches):
        write("\n".join([*lines, ""]), stream)


def _json(_: pa.Schema, batches: Iterable[pa.RecordBatch], stream: TextIO) -> None:
    """One array, one row a line."""
    before = "["
    for lines in _lines(batches):
        write(f"{before}\n" + ",\n".join(map(escaped, lines)), stream)
        before = ","
    write("[]\n" if before == "[" else "\n]\n", stream)


def _parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: TextIO) -> None:
    if stream.isatty():
        raise UsageProblem("Parquet is not for a terminal.", "Write it to a file: binlake query ... -o rows.parquet")
    with pq.ParquetWriter(stream.buffer, schema, compression="zstd") as file:
        for batch in batches:
            file.write_batch(batch)


_Writer = Callable[[pa.Schema, Iterable[pa.RecordBatch], TextIO], None]
_WRITERS: dict[Format, tuple[Shape, _Writer]] = {
    "table": (readable, _table),
    "vertical": (readable, _vertical),
    "csv": (csv_lines, _csv),
    "json": (json_lines, _json),
    "parquet": (storable, _parquet),
}
