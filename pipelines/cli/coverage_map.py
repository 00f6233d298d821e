"""The coverage of each series as a line of blocks, one for each month, quarter or year."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

from duckdb import DuckDBPyConnection
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from connectors.lake.sql.session import run
from pipelines.cli.output import console, draws, plain, spelled
from schemas.datasets import DATASETS

_COVERED = "SELECT * FROM coverage WHERE since IS NOT NULL AND until > since ORDER BY ALL"
_HOLES = "SELECT * FROM gaps WHERE since IS NOT NULL"

_NAMES = {1: "month", 3: "quarter", 12: "year"}  # what one block may stand for, by its months
_WHOLE, _PART, _WITH_GAPS, _NONE = range(4)
_MEANS = ("covered", "covered in part", "with gaps", "not covered")
_STYLES = ("green", "cyan", "yellow", "dim")
_BLOCKS, _LETTERS = "█▄▒·", "#+o."
_MOST_LINES = 40  # beyond, series that look alike share a line
_WIDEST_BLOCK = 3

Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class _Line:
    """When a series is covered, and when it has gaps."""

    dataset: str
    series: str
    covered: Stretch
    holes: Sequence[Stretch]

    def state(self, start: datetime, end: datetime) -> int:
        """How a stretch of time is covered."""
        since, until = self.covered
        if until <= start or since >= end:
            return _NONE
        if any(first < end and last > start for first, last in self.holes):
            return _WITH_GAPS
        return _WHOLE if since <= start and until >= end else _PART


def write_map(session: DuckDBPyConnection, now: datetime, stream: TextIO) -> bool:
    """Draw the coverage of every series that is covered by time; whether there was any."""
    lines = _lines(session, now)
    if not lines:
        return False
    screen = console(stream)
    width = screen.width if stream.isatty() else 120
    names = min(max(map(cell_len, _labels(lines, stream))), max(width // 2, width - 30)) + 2
    months, starts = _blocks(min(line.covered[0] for line in lines), now, width - names)
    wide = max(1, min(_WIDEST_BLOCK, (width - names) // (len(starts) - 1)))
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    ends = [max(min(end, today), start + timedelta(microseconds=1)) for start, end in itertools.pairwise(starts)]
    drawn = [(line, tuple(map(line.state, starts[:-1], ends))) for line in lines]
    if months < 12:  # noqa: PLR2004 - a block of a year has no room for its number
        screen.print(Text(" " * names + _years(starts[:-1], wide), style="bold"), no_wrap=True, crop=False)
    letters = _BLOCKS if draws(stream) else _LETTERS
    for name, states in _joined(drawn):
        text = Text(f"{set_cell_size(spelled(plain(name), stream), names - 2)}  ")
        for state in states:
            text.append(letters[state] * wide, _STYLES[state])
        screen.print(text, no_wrap=True, crop=False)
    legend = "  ".join(f"{letter} {means}" for letter, means in zip(letters, _MEANS, strict=True))
    screen.print(Text(f"{legend}\nA block is a {_NAMES[months]}, from {starts[0]:%Y-%m} to {now:%Y-%m}."))
    return True


def _labels(lines: Sequence[_Line], stream: TextIO) -> Iterable[str]:
    """The longest that the name of each line may be."""
    more = f" and {len(lines):,} more" if len(lines) > _MOST_LINES else ""
    return (spelled(plain(f"{line.dataset} {line.series}{more}"), stream) for line in lines)


def _lines(session: DuckDBPyConnection, now: datetime) -> list[_Line]:
    holes: dict[tuple[str, str], list[Stretch]] = {}
    for row in run(session, _HOLES).to_pylist():
        holes.setdefault(_name(row), []).append((row["since"], row["until"] or now))
    rows = run(session, _COVERED).to_pylist()
    return [_Line(*_name(row), (row["since"], row["until"]), holes.get(_name(row), ())) for row in rows]


def _name(row: dict[str, Any]) -> tuple[str, str]:
    return row["dataset"], series_name(row)


def series_name(row: dict[str, Any]) -> str:
    """The series of a row as a person reads it, such as `spot/BTCUSDT/1m`."""
    names = DATASETS[row["dataset"]].series if row["dataset"] in DATASETS else ()
    return "/".join(row[name] for name in names if row.get(name))


def _blocks(since: datetime, now: datetime, room: int) -> tuple[int, list[datetime]]:
    """How many months a block stands for, so that all have room, and where each begins; the last one is the end."""
    for months in _NAMES:
        first = since.year * 12 + (since.month - 1) // months * months
        last = now.year * 12 + now.month - 1
        starts = [datetime(at // 12, at % 12 + 1, 1, tzinfo=UTC) for at in range(first, last + months + 1, months)]
        if len(starts) - 1 <= room:
            break
    return months, starts


def _years(starts: Sequence[datetime], wide: int) -> str:
    """The number of each year where it begins, as far as there is room."""
    line = ""
    for at, start in enumerate(starts):
        if (at == 0 or start.month == 1) and len(line) <= at * wide:
            line = f"{line:<{at * wide}}{start.year} "
    return line


def _joined(drawn: Sequence[tuple[_Line, tuple[int, ...]]]) -> Iterable[tuple[str, tuple[int, ...]]]:
    """Each series under its name; when there are many, those of a dataset that look alike under the first name."""
    alike: dict[tuple[str, tuple[int, ...]] | str, list[_Line]] = {}
    for line, states in drawn:
        key = (line.dataset, states) if len(drawn) > _MOST_LINES else f"{line.dataset} {line.series}"
        alike.setdefault(key, []).append(line)
    states_of = {(line.dataset, line.series): states for line, states in drawn}
    for lines in alike.values():
        first, more = lines[0], len(lines) - 1
        name = f"{first.dataset} {first.series}" + (f" and {more:,} more" if more else "")
        yield name, states_of[first.dataset, first.series]
