"""The lines of a file as records of fields, each with the line on which it begins."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain
from typing import IO, NamedTuple, Self

from pipelines.statements.values import DOWNLOAD_AGAIN
from schemas.model.errors import UsageProblem
from schemas.statements.exports import NOTHING

AS_DOWNLOADED = "Give it as it was downloaded, not one saved again."
_LONGEST = 1_000_000  # characters of a line; a few packed kilobytes may hold one that fills the memory


class Record(NamedTuple):
    """The fields of one record, the line on which it begins, and whether the file ends before that line does."""

    line: int
    fields: list[str]
    cut: bool


def _has_content(fields: list[str]) -> bool:
    """Whether a record is neither blank nor the sentence that stands for no rows."""
    return any(map(str.strip, fields)) and not (len(fields) == 1 and fields[0].strip().casefold() in NOTHING)


class _Lines:
    """Lines, and whether the last one that was taken has no end; UsageProblem where one is no line of an export."""

    def __init__(self, name: str, text: IO[str]) -> None:
        self._name, self._text = name, text
        self._count = 0
        self.cut = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if not (line := self._text.readline(_LONGEST + 1)):
            raise StopIteration
        self._count += 1
        if len(line) > _LONGEST:
            raise UsageProblem(f"{self._name}, line {self._count:,}: it is longer than any export has.", AS_DOWNLOADED)
        if "\0" in line:
            raise UsageProblem(f"{self._name}, line {self._count:,}: it is no text in UTF-8.", AS_DOWNLOADED)
        self.cut = not line.endswith(("\n", "\r"))
        return line


def records(name: str, text: IO[str]) -> Iterator[Record]:
    """All records but blank ones; UsageProblem where quotes do not close."""
    lines = _Lines(name, text)
    first = next(lines, "")
    reader = csv.reader(chain([first], lines), delimiter=_delimiter(first), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error:
            what = f"{name}, line {line:,}: it cannot be taken apart, as its quotes do not close."
            raise UsageProblem(what, DOWNLOAD_AGAIN) from None
        if fields is None:
            return
        if (len(fields) > 1 and fields[0]) or _has_content(fields):
            yield Record(line, fields, cut=lines.cut)


def _delimiter(line: str) -> str:
    """What stands between the fields of a header."""
    return max(",;\t", key=line.count)
