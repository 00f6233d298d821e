"""What a person may ask of a session: one SELECT, or EXPLAIN of one, that only reads.

DuckDB's own parser says what a text is, and what it says is held against closed lists: a kind of statement, a part of a
query or a table function that is not known here might write, and is refused before anything runs.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import duckdb
from duckdb import DuckDBPyConnection, Statement, StatementType

from connectors.lake.sql.catalog import view_names
from schemas.model.errors import UsageProblem

_KINDS = (StatementType.SELECT, StatementType.EXPLAIN)
_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})

# Not query() and json_execute_serialized_sql(), which run a text that no check has seen; not those that log, profile,
# register, or read the memory at a given address.
_OF_VALUES_OR_FILES = re.compile(
    "generate_series|glob|icu_calendar_names|json_each|json_tree|pg_timezone_names"
    "|parquet_(bloom_probe|file_metadata|full_metadata|kv_metadata|metadata|scan|schema)|range|repeat|repeat_row"
    "|read_(blob|csv|csv_auto|json|json_auto|json_objects|ndjson|ndjson_auto|ndjson_objects|parquet|text)"
    "|sniff_csv|summary|test_all_types|unnest"
)
_OF_VIEWS = re.compile(
    "duckdb_(columns|constraints|databases|functions|keywords|memory|schemas|settings|tables|types|variables|views)"
    "|histogram|histogram_values|pragma_(database_size|platform|table_info|version)|query_table"
)

# Every part of a query has a type that ends in _NODE; every table function stands under the name "function".
_PARTS = r"""
SELECT
    CASE
        WHEN key = 'function_name' AND path LIKE '%.function' THEN 'table function'
        WHEN key = 'key' THEN 'subquery'
        ELSE key
    END,
    atom ->> '$'
FROM json_tree(json_serialize_sql(?))
WHERE (key = 'type' AND (atom ->> '$') LIKE '%\_NODE' ESCAPE '\')
    OR key IN ('function_name', 'table_name')
    OR (key = 'key' AND path LIKE '%.cte\_map.map[%' ESCAPE '\')
"""


@dataclass(frozen=True, slots=True)
class Question:
    """The statement to run for a text, and what it reads, each so often: views, macros, and what is none of ours."""

    statement: Statement
    names: Mapping[str, int]


def question(connection: DuckDBPyConnection, sql: str) -> Question:
    """What a text asks. UsageProblem unless it is one SELECT, or EXPLAIN of one, that only reads."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type not in _KINDS:
        raise _refusal()
    (statement,) = statements
    explain, select = "", statement.query
    if statement.type is StatementType.EXPLAIN:
        explain, select = _explained(select)
    reads = _checked(select)
    # Made anew from what was checked, lest an EXPLAIN that was taken apart wrongly runs something else.
    return Question(connection.extract_statements(explain + select)[0] if explain else statement, reads)


def _explained(text: str) -> tuple[str, str]:
    """The two parts of an EXPLAIN: its keywords without comments, and what it explains."""
    data = text.encode()  # positions of tokens are counted in bytes
    starts = [start for start, kind in duckdb.tokenize(text) if kind is not duckdb.token_type.comment]
    word = data[starts[1] :][: len("analyze")] if len(starts) > 1 else b""
    analyze = word.lower() == b"analyze"
    select = data[starts[1 + analyze] :] if len(starts) > 1 + analyze else b""
    return "EXPLAIN ANALYZE " if analyze else "EXPLAIN ", select.decode()


@cache
def _parser() -> DuckDBPyConnection:
    return duckdb.connect()


@lru_cache(maxsize=1000)  # checks ask the same in every session, and to take a text apart costs as much as its answer
def _checked(select: str) -> Mapping[str, int]:
    """The names of what a query reads, and how often each, once it is certain that it only reads."""
    named = defaultdict[str, Counter[str]](Counter)
    for kind, name in _parser().cursor().execute(_PARTS, [select]).fetchall():
        named[kind][name] += 1
    if not named["type"] or not named["type"].keys() <= _QUERIES:  # no node at all: the text is no SELECT
        raise _refusal()
    ours, called = view_names(), {name.lower(): name for name in named["table function"]}
    for name, spelled in called.items():
        if name not in ours and not (_OF_VALUES_OR_FILES.fullmatch(name) or _OF_VIEWS.fullmatch(name)):
            raise UsageProblem(f"The table function {spelled} is not available.", "Queries only read the lake.")
    times = Counter[str]()
    for kind in ("table_name", "function_name", "table function"):
        for name, count in named[kind].items():
            times[name.lower()] += count
    read, own = ({name.lower() for name in named[kind]} for kind in ("table_name", "subquery"))
    functions = ours & {name.lower() for name in named["function_name"]}
    listing = {name for name in called if not _OF_VALUES_OR_FILES.fullmatch(name)}
    # A subquery may be named like the view that it reads.
    return {name: times[name] for name in (read - {""} - (own - ours)) | functions | listing}


def _refusal() -> UsageProblem:
    return UsageProblem("Only a single SELECT is answered.", "The lake is read-only.")
