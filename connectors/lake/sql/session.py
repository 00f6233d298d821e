"""DuckDB sessions over the current snapshots of a lake: read-only, offline, and unable to reach beyond the lake.

A session is an in-memory database with the views of sql/views.py. It loads no extension and its configuration is
locked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TypeVar
from weakref import WeakKeyDictionary, finalize

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from connectors.lake import Lake
from connectors.lake.sql.catalog import table_macros
from connectors.lake.sql.errors import meant, problem, refused, vanished
from connectors.lake.sql.guard import Question, question
from connectors.lake.sql.read_only_files import PREFIX, ReadOnlyFiles
from connectors.lake.sql.views import Views
from schemas.datasets import DATASETS
from schemas.derived.sql import literal
from schemas.model.errors import Problem, UsageProblem

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",  # a query never sees the caller's Python variables
    "memory_limit": "50%",  # a run beside it must live
    "max_temp_directory_size": "16GB",
    "disabled_optimizers": "projection_pullup",  # takes more than half of the time to plan where dozens of tables unite
    "asof_loop_join_threshold": "0",  # DuckDB underestimates one side, and compares every pair for minutes
}

Result = TypeVar("Result")
Answer = tuple[pa.Schema, Iterator[pa.RecordBatch]]
Shape = Callable[[DuckDBPyRelation], DuckDBPyRelation]

_STREAMED_ROWS = 100_000  # at a time
_INTERRUPTED_EVERY_S = 0.1


_views: WeakKeyDictionary[DuckDBPyConnection, Views] = WeakKeyDictionary()  # of every session


def connect(lake: Lake, *, timeout_s: int | None = None, memory_mb: int | None = None) -> DuckDBPyConnection:
    """A session over the lake as it is now: every dataset, `bounds`, `coverage` and the views of schemas/views.

    `run` and `stream` make the views that a question needs, and run nothing that does more than read. The session
    reaches nothing outside the folders of its tables, loads nothing, and its settings are locked. A statement that
    takes longer than `timeout_s` is stopped. What would take more than `memory_mb` is put on disk meanwhile, and one
    thread has to do, as each takes memory of its own; TooLittleMemory where that is not enough.
    """
    connection = _open(timeout_s)
    if memory_mb is not None:
        connection.execute(f"SET memory_limit = '{memory_mb}MB'; SET threads = 1")
        connection.execute("SET preserve_insertion_order = false")
    _views[connection] = Views(lake)
    return _locked(connection, list(map(str, lake.folders)))


def hand_out(lake: Lake, write: Path | None = None) -> DuckDBPyConnection:
    """A session with all views for code that nobody checks: whatever it runs, it only reads the lake.

    SQL reads and writes in the folder `write`, which is made where it is missing, and nowhere else.
    """
    folders = [] if write is None else [str(_beside(lake, write))]
    connection = _open()
    connection.register_filesystem(ReadOnlyFiles(lake.path))
    _views[connection] = Views(lake, PREFIX)
    _views[connection].make_all(connection)
    return _locked(connection, [f"{PREFIX}{lake.path}", *folders])


def _open(timeout_s: int | None = None) -> DuckDBPyConnection:
    spill = mkdtemp(prefix="binlake-sql-")  # private, and never shared: DuckDB's file names would clash
    connection = duckdb.connect(config=_SETTINGS | {"temp_directory": spill})
    finalize(connection, rmtree, spill, ignore_errors=True)
    connection.execute("SET TimeZone = 'UTC'")  # else months and days would follow the machine's zone
    connection.execute("SET parquet_metadata_cache = true")  # each view over a table would read all its footers again
    connection.execute(f"SET max_execution_time = {(timeout_s or 0) * 1000}")  # 0: no end
    return connection


def _locked(connection: DuckDBPyConnection, folders: list[str]) -> DuckDBPyConnection:
    connection.execute(f"SET allowed_directories = [{', '.join(map(literal, folders))}]")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    return connection


def _beside(lake: Lake, folder: Path) -> Path:
    """The folder, there; UsageProblem where files in it and the lake's could be taken for one another."""
    place, kept = folder.resolve(), lake.path.resolve()
    if place == kept or kept in place.parents or place in kept.parents:
        raise UsageProblem(f"{folder} and the lake lie in one another.", "Name a folder beside the lake.")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageProblem(f"{folder} cannot be made: {error.strerror}.", "Name another folder.") from None
    return place


def prepare(connection: DuckDBPyConnection, questions: Iterable[str]) -> None:
    """Make the views for all of these at once, which takes less than one question after another."""
    if connection in _views:
        _views[connection].make(connection, {name for sql in questions for name in question(connection, sql).names})


def holding(connection: DuckDBPyConnection) -> frozenset[str]:
    """The datasets of which a session sees rows, or may: nobody knows it of one that cannot be read."""
    return _views[connection].holding if connection in _views else frozenset(DATASETS)


def run(connection: DuckDBPyConnection, sql: str) -> pa.Table:
    """The answer to one SELECT (or FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE, or EXPLAIN of one).

    Anything else, and what DuckDB cannot answer, is a UsageProblem of one sentence; a damaged file is CorruptData that
    names it. When maintenance replaces a file under the query, the query runs once more on the newest snapshots.
    """
    schema, batches = _on_current_files(connection, lambda: _gathered(_answer(connection, sql, None)))
    return pa.Table.from_batches(batches, schema)


def stream(connection: DuckDBPyConnection, sql: str, shape: Shape | None = None) -> Answer:
    """The answer that `run` would give, a part at a time: it may be larger than the memory. `shape` rewords it.

    A file that maintenance removes after the first part is TryLater: what was handed out cannot be taken back.
    """
    schema, batches = _on_current_files(connection, lambda: _gathered(_answer(connection, sql, shape), 1))
    return schema, _going_on(connection, batches)


def _on_current_files(connection: DuckDBPyConnection, work: Callable[[], Result]) -> Result:
    """Do the work, and once more where a file has vanished, or another table's damage stood in its way."""
    views = _views.get(connection)
    try:
        return work()
    except duckdb.Error as error:
        if views is None or refused(error):
            raise _problem(error, connection) from None
        if vanished(error):
            views.renew(connection)
        elif not views.set_damage_aside(connection):
            raise _problem(error, connection) from None
    try:
        return work()
    except duckdb.Error as error:
        raise _problem(error, connection) from None


def _gathered(answer: Answer, most: int | None = None) -> Answer:
    """An answer of which so many parts have come already, or all."""
    schema, batches = answer
    return schema, chain(list(islice(batches, most)), batches)


def _going_on(connection: DuckDBPyConnection, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except duckdb.Error as error:
        raise _problem(error, connection) from None


def _answer(connection: DuckDBPyConnection, sql: str, shape: Shape | None) -> Answer:
    with _duckdb_errors():
        asked = _asked(connection, question(connection, sql))
        relation = shape(asked) if shape else asked
        reader = _stoppable(connection, lambda: relation.to_arrow_reader(_STREAMED_ROWS))
    return reader.schema, _parts(connection, reader)


def _asked(connection: DuckDBPyConnection, question: Question) -> DuckDBPyRelation:
    if views := _views.get(connection):
        views.make(connection, question.names)
        _stoppable(connection, lambda: views.compute(connection, question.names))
    return connection.sql(question.statement)


def _parts(connection: DuckDBPyConnection, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    while True:
        with _duckdb_errors():
            batch = _stoppable(connection, lambda: next(reader, None))
        if batch is None:
            return
        yield batch


def _stoppable(connection: DuckDBPyConnection, work: Callable[[], Result]) -> Result:
    """Have DuckDB compute in a thread of its own: there, unlike here, a Ctrl-C can stop it before it is done."""
    with ThreadPoolExecutor(1) as thread:
        computing = thread.submit(work)
        try:
            return computing.result()
        except KeyboardInterrupt:
            while not computing.done():  # it may not have begun
                connection.interrupt()
                wait([computing], _INTERRUPTED_EVERY_S)
            raise


@contextmanager
def _duckdb_errors() -> Iterator[None]:
    """Errors as DuckDB means them, whichever way Arrow or a Ctrl-C has turned them."""
    try:
        yield
    except (duckdb.Error, OSError, RuntimeError) as error:
        raise meant(error) from None


def _problem(error: duckdb.Error, connection: DuckDBPyConnection) -> Problem:
    if known := refused(error):
        return known
    tables = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    views = _views.get(connection)
    return problem(error, [name for (name,) in tables], table_macros(), _files(views.lake) if views else [])


def _files(lake: Lake) -> list[str]:
    """The data files of every table whose log can be read."""
    files: list[str] = []
    for dataset in DATASETS.values():
        with suppress(Problem):
            files += lake.table(dataset).files()
    return files
