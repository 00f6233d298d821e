"""Every view of a session as a statement, and which of them a question needs. The same for every lake.

The view of a table reads what a variable of the session says, and so does one that unites datasets. So it costs nothing
to make, and those above it neither: over files, each would have DuckDB open them all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from schemas.datasets import DATASETS, playing
from schemas.derived.queries import unions, views
from schemas.derived.sql import intervals, last_versions, runs_view, series_views
from schemas.model.dataset import Kind, Role

BOUNDS = "bounds"
TABLES = {dataset.table: dataset for dataset in DATASETS.values()}
RUNS = {runs_view(dataset): dataset for dataset in playing(Role.CANDLES)}
UNIONS = unions()
ONCE = frozenset(name for name, each in UNIONS.items() if each.once)

_WORD = re.compile(r"--[^\n]*|'[^']*'|(\w+)")  # those of a comment or of a text in quotes name nothing
_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")
_MADE = re.compile(r"CREATE OR REPLACE (?:VIEW|MACRO) (\w+)")
_TABLE_MACRO = re.compile(r"CREATE OR REPLACE MACRO (?P<call>(?P<name>\w+)\([^)]*\)) AS TABLE")


@dataclass(frozen=True, slots=True)
class Definition:
    """A view or macro: its name in SQL, the statement that makes it, and the names of the others that this reads."""

    name: str
    sql: str
    reads: frozenset[str]

    @property
    def is_view(self) -> bool:
        """Whether it is a view, and no macro."""
        return self.sql.startswith("CREATE OR REPLACE VIEW ")


@cache
def definitions() -> tuple[Definition, ...]:
    """All views and macros, each after those that it reads."""
    named = [(_name(sql), sql) for sql in derived()]
    names = {*TABLES, *RUNS, BOUNDS, *(name for name, _ in named)}
    return (
        *(_filled(name) for name in (*TABLES, *RUNS, BOUNDS)),
        *(_filled(name) if name in UNIONS else Definition(name, sql, _named(sql, names)) for name, sql in named),
    )


@lru_cache(maxsize=1000)
def united(name: str, holding: frozenset[str]) -> tuple[str, frozenset[str]]:
    """The query of a view that unites datasets, of which these hold rows, and the names of what it reads."""
    query = UNIONS[name].over(holding)
    return query, named(query)


@cache
def view_names() -> frozenset[str]:
    """The name of every view and macro."""
    return frozenset(each.name for each in definitions())


@cache
def table_macros() -> Mapping[str, str]:
    """How each macro that gives rows is asked, by its name: `resample(market_, symbol_, ...)`."""
    made = (_TABLE_MACRO.match(each.sql) for each in definitions())
    return {
        found["name"]: " ".join(found["call"].split()).replace("( ", "(").replace(" )", ")") for found in made if found
    }


def derived() -> Iterator[str]:
    """The statements of those that read the tables and their bounds."""
    yield _view("intervals", intervals())
    for dataset in DATASETS.values():
        if dataset.kind is Kind.VERSIONS:
            yield _view(dataset.name, last_versions(dataset))
    for name, sql in series_views().items():
        yield _view(name, sql)
    yield from (view.sql for view in views())


def variable(name: str) -> str:
    """The variable that holds the query for the rows of a table or of the bounds."""
    return f"{name}_rows"


def needed(named: Collection[str], reads: Callable[[Definition], Collection[str]]) -> list[Definition]:
    """What has to be there for a question that names these, each after those it reads.

    That is everything for a name that is none of ours: what stands behind it may list the views, or speak of any.
    """
    if not view_names().issuperset(named):
        return list(definitions())
    wanted, found = set(named), list[Definition]()
    for each in reversed(definitions()):
        if each.name in wanted:
            wanted.update(reads(each))
            found.append(each)
    return found[::-1]


def read_again(named: Mapping[str, int], text: Callable[[Definition], str]) -> list[str]:
    """Of the views whose rows are computed once, those that a question reads more than once, each after those it reads.

    The question names these, each so often; `text` is the query of a view.
    """
    times, found = Counter(named), list[str]()
    for each in reversed(definitions()):
        if each.name in ONCE and times[each.name] > 1:
            found.append(each.name)
            times[each.name] = 1
        if times[each.name]:
            for name, count in _times_read(text(each)).items():
                times[name] += count * times[each.name]
    return found[::-1]


@lru_cache(maxsize=1000)
def _times_read(sql: str) -> Mapping[str, int]:
    return Counter(_READ.findall(sql))


def _filled(name: str) -> Definition:
    """A view over whatever query its variable holds."""
    return Definition(name, _view(name, f"FROM query(getvariable('{variable(name)}'))"), frozenset())


def named(sql: str) -> frozenset[str]:
    """The names of the views and macros that a question may read."""
    return _named(sql, view_names())


def _named(sql: str, names: Collection[str]) -> frozenset[str]:
    return frozenset(_WORD.findall(sql)).intersection(names)


def _view(name: str, sql: str) -> str:
    return f"CREATE OR REPLACE VIEW {name} AS {sql}"


def _name(sql: str) -> str:
    made = _MADE.match(sql)
    assert made is not None, f"this makes no view: {sql}"
    return made[1]
