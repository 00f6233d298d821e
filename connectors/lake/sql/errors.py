"""What a person can do about an error of DuckDB: one function decides."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from json import JSONDecoder
from pathlib import Path

import duckdb
import msgspec

from connectors.lake.files.data_files import unreadable as unreadable_file
from schemas.model.errors import CorruptData, Problem, TryLater, UsageProblem
from schemas.model.nearest import did_you_mean

_CTRL_C = re.compile(r"INTERRUPT Error: Interrupted!|Query interrupted")
_NO_TABLE = re.compile(r"Table with name (?P<name>\S+) does not exist")
_OTHER_ARGUMENTS = re.compile(r"Macro (?P<name>\w+)\(\) does not support the supplied arguments")
_REFUSAL = "This table cannot be read: "
_FIRST_JSON = JSONDecoder()
_MISSING = "No files found that match the pattern"
_REMOVED = re.compile(r'Cannot open file ".*": No such file')  # since the query began


class TooLittleMemory(Problem):
    """A query needs more memory than its session may have, also with the disk."""


# What is wrong with a query, be it in its text or in the arithmetic it asks for.
_OF_THE_QUERY = (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError)


def refusal(problem: Problem) -> str:
    """A problem as text, for a query to fail with."""
    return _REFUSAL + msgspec.json.encode((problem.exit_code, problem.what, problem.way_out)).decode()


def refused(error: duckdb.Error) -> Problem | None:
    """The problem that a query failed with on purpose."""
    _, marked, said = str(error).partition(_REFUSAL)
    if not marked:
        return None
    (code, what, way_out), _ = _FIRST_JSON.raw_decode(said)
    kinds = {kind.exit_code: kind for kind in (Problem, UsageProblem, CorruptData)}
    return kinds.get(code, Problem)(what, way_out)


def unreadable(error: duckdb.Error, files: Collection[str]) -> Problem:
    """Why these files cannot be opened."""
    path = _named_file(error, files) or first_damaged(files)
    return unreadable_file(Path(path)) if path else CorruptData(f"The files cannot be read: {_sentence(error)}")


def vanished(error: duckdb.Error) -> bool:
    """Whether a file was not there any more."""
    text = str(error)
    return _MISSING in text or _REMOVED.search(text) is not None


def meant(error: duckdb.Error | OSError | RuntimeError) -> BaseException:
    """The error that DuckDB means: Arrow keeps only its text, and a Ctrl-C comes in three forms."""
    text = str(error)
    if _CTRL_C.match(text):
        return KeyboardInterrupt()
    if not isinstance(error, OSError):
        return error
    kind = text.partition(" Error: ")[0].replace(" ", "").lower()
    classes = {name.lower(): each for name, each in vars(duckdb).items() if name.endswith("Exception")}
    found: type[duckdb.Error] = classes.get(f"{kind}exception", duckdb.Error)
    return found(text)


def problem(error: duckdb.Error, tables: Iterable[str], macros: Mapping[str, str], files: Collection[str]) -> Problem:
    """The problem behind an error, where these can be asked: tables, macros with their parameters, and their files."""
    text = _sentence(error)
    if isinstance(error, duckdb.PermissionException):
        return UsageProblem("The query reaches beyond the lake.", "Only the data of the lake can be read.")
    if isinstance(error, duckdb.OutOfMemoryException):
        return TooLittleMemory(
            "The query needs more memory than it may have.", "Ask for fewer rows or columns at a time."
        )
    if isinstance(error, duckdb.InterruptException):
        return UsageProblem("The query took longer than it may.", "Ask for less, or allow more with --timeout.")
    if unknown := _unknown(text, tables, macros):
        return unknown
    path = _named_file(error, files)
    if path is None and _REMOVED.search(str(error)):
        return TryLater("Maintenance replaced a file under the query.", "Ask again.")
    path = path or (None if isinstance(error, _OF_THE_QUERY) else first_damaged(files))
    return unreadable_file(Path(path)) if path else UsageProblem(f"The query cannot be answered: {text}")


def _unknown(text: str, tables: Iterable[str], macros: Mapping[str, str]) -> Problem | None:
    """What was asked for that there is not, or not with these arguments."""
    if (macro := _NO_TABLE.match(text) or _OTHER_ARGUMENTS.match(text)) and macro["name"].lower() in macros:
        way_out = f"Ask FROM {macros[macro['name'].lower()]}."
        return UsageProblem(f"{macro['name']} is a macro, and takes other arguments.", way_out)
    if table := _NO_TABLE.match(text):
        way_out = did_you_mean(table["name"], sorted(tables), "SHOW TABLES lists what there is.")
        return UsageProblem(f"There is no table {table['name']}.", way_out)
    return None


def _named_file(error: duckdb.Error, files: Collection[str]) -> str | None:
    """The file of ours that the message speaks of: a user's path may hold quotes, so nothing is read out of it."""
    return next((path for path in files if path in str(error)), None)


def first_damaged(files: Iterable[str]) -> str | None:
    """The first file of which some value cannot be read."""
    with duckdb.connect() as connection:
        return next((path for path in files if not _readable(connection, path)), None)


def _readable(connection: duckdb.DuckDBPyConnection, path: str) -> bool:
    try:
        connection.execute("SELECT bit_xor(hash(row)) FROM read_parquet(?) AS row", [path]).fetchall()
    except duckdb.Error:
        return False
    return True


def _sentence(error: duckdb.Error) -> str:
    """The first paragraph of the message, without the class of the error and the position in the text."""
    text = " ".join(str(error).partition("\n\n")[0].split())
    return re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", text).rstrip(".!") + "."
