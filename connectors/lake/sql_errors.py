"""What a person can do about an error of DuckDB: one function decides."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

import duckdb

from schemas.errors import CorruptData, Problem, UsageProblem

_NO_SELECT = re.compile(
    r"Expected a single SELECT statement|must be at the top level|PIVOT statements without explicit IN"
)
_NO_TABLE = re.compile(r"Table with name (?P<name>\S+) does not exist")
_MISSING = re.compile(r'No files found that match the pattern "(?P<path>[^"]+)"')
_NAMED = re.compile(r"""[Ff]ile ['"](?P<path>[^'"]+)['"]""")

# What is wrong with a query, be it in its text or in the arithmetic it asks for.
_OF_THE_QUERY = (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError)


def vanished(error: duckdb.Error) -> bool:
    """Whether a file was not there any more."""
    return _MISSING.search(str(error)) is not None


def problem(error: duckdb.Error, tables: Iterable[str], files: Collection[str]) -> Problem:
    """The problem behind an error, where these are the tables one can ask and the files they are made of."""
    text = _sentence(error)
    if isinstance(error, duckdb.PermissionException):
        return UsageProblem("The query reaches beyond the lake.", "Only the data of the lake can be read.")
    if isinstance(error, duckdb.OutOfMemoryException):
        return Problem("The query needs more memory than it may have.", "Ask for fewer rows or columns at a time.")
    if _NO_SELECT.search(text):
        return UsageProblem("Only a single SELECT is answered.", "The lake is read-only.")
    if unknown := _NO_TABLE.match(text):
        return _no_table(unknown["name"], sorted(tables))
    path = _named_file(text, files) or (None if isinstance(error, _OF_THE_QUERY) else first_damaged(files))
    return _damage(path) if path else UsageProblem(f"The query cannot be answered: {text}")


def _named_file(text: str, files: Collection[str]) -> str | None:
    named = _MISSING.search(text) or _NAMED.search(text)
    return named["path"] if named and named["path"] in files else None


def _damage(path: str) -> CorruptData:
    return CorruptData(
        f"The data file {path} is damaged or missing.",
        "Restore it from a copy, or move the table away and pull it again.",
    )


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


def _no_table(name: str, tables: list[str]) -> UsageProblem:
    close = get_close_matches(name.lower(), tables, n=1)
    way_out = f"Did you mean {close[0]}?" if close else f"There are {', '.join(tables)}."
    return UsageProblem(f"There is no table {name}.", way_out)


def _sentence(error: duckdb.Error) -> str:
    """The first paragraph of the message, without the class of the error and the position in the text."""
    text = " ".join(str(error).partition("\n\n")[0].split())
    return re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", text).rstrip(".") + "."
