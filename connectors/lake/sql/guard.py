"""What a person may ask of a session: one SELECT, or EXPLAIN of one, that only reads.

DuckDB's own parser says what a text is, and what it says is held against closed lists: a kind of statement, a part of a
query or a table function that is not known here might write, and is refused before anything runs.
"""

from __future__ import annotations

import re
from functools import cache

import duckdb
from duckdb import DuckDBPyConnection, Statement, StatementType

from schemas.derived.queries import views
from schemas.model.errors import UsageProblem

_KINDS = (StatementType.SELECT, StatementType.EXPLAIN)
_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})

# Not query() and json_execute_serialized_sql(), which run a text that no check has seen; not those that log, profile,
# register, or read the memory at a given address.
_TABLE_FUNCTION = re.compile(
    "duckdb_(columns|constraints|databases|functions|keywords|memory|schemas|settings|tables|types|variables|views)"
    "|generate_series|glob|histogram|histogram_values|icu_calendar_names|json_each|json_tree|pg_timezone_names"
    "|parquet_(bloom_probe|file_metadata|full_metadata|kv_metadata|metadata|scan|schema)"
    "|pragma_(database_size|platform|table_info|version)|query_table|range|repeat|repeat_row"
    "|read_(blob|csv|csv_auto|json|json_auto|json_objects|ndjson|ndjson_auto|ndjson_objects|parquet|text)"
    "|sniff_csv|summary|test_all_types|unnest"
)

# Every part of a query has a type that ends in _NODE; every table function stands under the name "function".
_PARTS = r"""
SELECT key, atom ->> '$' FROM json_tree(json_serialize_sql(?))
WHERE (key = 'type' AND (atom ->> '$') LIKE '%\_NODE' ESCAPE '\')
    OR (key = 'function_name' AND path LIKE '%.function')
"""


def question(connection: DuckDBPyConnection, sql: str) -> Statement:
    """The statement to run for a text. UsageProblem unless it is one SELECT, or EXPLAIN of one, that only reads."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type not in _KINDS:
        raise _refusal()
    (statement,) = statements
    explain, select = "", statement.query
    if statement.type is StatementType.EXPLAIN:
        explain, select = _explained(select)
    _check(connection, select)
    # Made anew from what was checked, lest an EXPLAIN that was taken apart wrongly runs something else.
    return connection.extract_statements(explain + select)[0] if explain else statement


def _explained(text: str) -> tuple[str, str]:
    """The two parts of an EXPLAIN: its keywords without comments, and what it explains."""
    data = text.encode()  # positions of tokens are counted in bytes
    starts = [start for start, kind in duckdb.tokenize(text) if kind is not duckdb.token_type.comment]
    word = data[starts[1] :][: len("analyze")] if len(starts) > 1 else b""
    analyze = word.lower() == b"analyze"
    select = data[starts[1 + analyze] :] if len(starts) > 1 + analyze else b""
    return "EXPLAIN ANALYZE " if analyze else "EXPLAIN ", select.decode()


def _check(connection: DuckDBPyConnection, select: str) -> None:
    parts = connection.execute(_PARTS, [select]).fetchall()
    nodes = {name for key, name in parts if key == "type"}
    if not nodes or not nodes <= _QUERIES:  # no node at all: the text is no SELECT
        raise _refusal()
    for key, name in parts:
        if key == "function_name" and not (_TABLE_FUNCTION.fullmatch(name.lower()) or name.lower() in _ours()):
            raise UsageProblem(f"The table function {name} is not available.", "Queries only read the lake.")


@cache
def _ours() -> frozenset[str]:
    """What schemas/views defines, such as portfolio(quote) and resample(...); no query can define another."""
    return frozenset(view.name for view in views())


def _refusal() -> UsageProblem:
    return UsageProblem("Only a single SELECT is answered.", "The lake is read-only.")
