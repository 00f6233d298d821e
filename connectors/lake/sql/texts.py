"""Rows as lines of CSV or JSON, made by DuckDB: every digit of a decimal, instants in UTC, intervals in words.

What is made here is SQL over the columns of an answer. They are numbered: two of them may have one name.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from io import StringIO

from duckdb import DuckDBPyRelation
from duckdb.sqltypes import DuckDBPyType

from schemas.derived.sql import literal

_INTEGERS = ("tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint")
_FLOATS = ("float", "double")
_INSTANTS = ("timestamp", "timestamp_s", "timestamp_ms", "timestamp with time zone")
_LISTS = ("list", "array")
_STRUCTS = ("struct", "tuple")
_NESTED = (*_LISTS, *_STRUCTS, "map")
_IN_TABLES = (*_INTEGERS, *_FLOATS, *_INSTANTS, "boolean", "decimal", "hugeint", "varchar", "date")
_HOLDING = (*_LISTS, "struct")  # of others, each of which Python writes as DuckDB would
_NOT_IN_PARQUET = ("interval", "union")
_BARE_IN_CSV = (*_INTEGERS, *_FLOATS, *_INSTANTS, "boolean", "decimal", "hugeint", "date", "time", "uuid", "interval")


def json_lines(answer: DuckDBPyRelation) -> DuckDBPyRelation:
    """A JSON object per row. Decimals, instants and what JSON has no word for are text, so that no reader rounds."""
    return answer.project(f"{_object(zip(answer.columns, _numbered(answer), strict=True), 0)} AS line")


def csv_lines(answer: DuckDBPyRelation) -> DuckDBPyRelation:
    """A line of CSV per row, with nothing for NULL; the column is named as the header line says."""
    fields = [f"coalesce({_csv(sql, kind)}, '')" for sql, kind in _numbered(answer)]
    if len(fields) == 1:  # an empty line would be no row
        fields = [f"coalesce(nullif({fields[0]}, ''), '\"\"')"]
    header = StringIO()
    csv.writer(header, lineterminator="").writerow(answer.columns)
    return answer.project(f"{_joined(fields, ',')} AS {_identifier(header.getvalue())}")


def unpadded(answer: DuckDBPyRelation) -> DuckDBPyRelation:
    """The same columns; decimals as text, without the zeros that end them."""
    columns = (
        f"{_unpadded(sql) if kind.id == 'decimal' else sql} AS {_identifier(name)}"
        for name, (sql, kind) in zip(answer.columns, _numbered(answer), strict=True)
    )
    return answer.project(", ".join(columns))


def _unpadded(sql: str) -> str:
    text = f"CAST({sql} AS VARCHAR)"
    return f"CASE WHEN contains({text}, '.') THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"


def readable(answer: DuckDBPyRelation) -> DuckDBPyRelation:
    """The same columns; those of a type that only DuckDB knows, such as intervals, as text."""
    return _as_text(answer, _not_in_tables)


def _not_in_tables(kind: DuckDBPyType) -> bool:
    if kind.id in _HOLDING:
        children = (child for _, child in kind.children if isinstance(child, DuckDBPyType))
        return any(child.id in (*_FLOATS, *_INSTANTS) or _not_in_tables(child) for child in children)
    return kind.id not in _IN_TABLES


def storable(answer: DuckDBPyRelation) -> DuckDBPyRelation:
    """The same columns; those of a type that Arrow writes to no Parquet file, such as intervals, as text."""
    return _as_text(answer, _not_in_parquet)


def _not_in_parquet(kind: DuckDBPyType) -> bool:
    children = (child for _, child in kind.children if isinstance(child, DuckDBPyType)) if kind.id in _NESTED else ()
    return kind.id in _NOT_IN_PARQUET or any(map(_not_in_parquet, children))


def _as_text(answer: DuckDBPyRelation, which: Callable[[DuckDBPyType], bool]) -> DuckDBPyRelation:
    columns = (
        f"{_text(sql, kind, 0) if which(kind) else sql} AS {_identifier(name)}"
        for name, (sql, kind) in zip(answer.columns, _numbered(answer), strict=True)
    )
    return answer.project(", ".join(columns))


Value = tuple[str, DuckDBPyType]  # the SQL of a value, and its type


def _numbered(answer: DuckDBPyRelation) -> list[Value]:
    return [(f"#{number}", kind) for number, kind in enumerate(answer.types, 1)]


def _csv(sql: str, kind: DuckDBPyType) -> str:
    text = _text(sql, kind, 0)
    if kind.id in _BARE_IN_CSV:
        return text
    quoted = f"""concat('"', replace({text}, '"', '""'), '"')"""
    return f"CASE WHEN regexp_matches({text}, '[,\"\\n\\r]') THEN {quoted} ELSE {text} END"


def _text(sql: str, kind: DuckDBPyType, depth: int) -> str:
    """The exact text of a value, which is JSON where it holds others."""
    if kind.id in _NESTED:
        return _json(sql, kind, depth)
    if kind.id in _INSTANTS:
        return _instant(sql, kind)
    text = f"CAST({sql} AS VARCHAR)"
    return f"replace({text}, ' ', 'T')" if kind.id == "timestamp_ns" else text


def _instant(sql: str, kind: DuckDBPyType) -> str:
    """As ISO 8601 writes it, with microseconds where there are any."""
    zone = "Z" if kind.id == "timestamp with time zone" else ""
    clock = f"make_timestamp(epoch_us({sql}))"  # a plain timestamp, which is written without a look at time zones
    whole, split = (f"strftime({clock}, '%Y-%m-%dT%H:%M:%S{part}{zone}')" for part in ("", ".%f"))
    return (
        f"CASE WHEN NOT isfinite({sql}) THEN CAST({sql} AS VARCHAR) "
        f"WHEN epoch_us({sql}) % 1000000 = 0 THEN {whole} ELSE {split} END"
    )


def _json(sql: str, kind: DuckDBPyType, depth: int) -> str:
    """The JSON of a value, and NULL for NULL."""
    match kind.id:
        case "boolean":
            return f"CAST({sql} AS VARCHAR)"
        case id_ if id_ in _INTEGERS:
            return f"CAST({sql} AS VARCHAR)"
        case id_ if id_ in _FLOATS:
            return f"CASE WHEN isfinite({sql}) THEN CAST({sql} AS VARCHAR) ELSE concat('\"', {sql}, '\"') END"
        case id_ if id_ in _NESTED:
            return f"CASE WHEN {sql} IS NOT NULL THEN {_nested(sql, kind, depth)} END"
        case _:
            return f"CAST(to_json({_text(sql, kind, depth)}) AS VARCHAR)"


def _nested(sql: str, kind: DuckDBPyType, depth: int) -> str:
    children = [(name, child) for name, child in kind.children if isinstance(child, DuckDBPyType)]
    each = f"each{depth}"
    if kind.id in _STRUCTS:
        parts = (f"struct_extract({sql}, {literal(name) if name else at})" for at, (name, _) in enumerate(children, 1))
        return _object(((name, (part, child)) for part, (name, child) in zip(parts, children, strict=True)), depth)
    if kind.id == "map":
        pair = [_or_null(_json(f"{each}.{name}", child, depth + 1)) for name, child in children]
        item, items = f"concat('[', {_joined(pair, ', ')}, ']')", f"map_entries({sql})"
    else:
        ((_, child),) = children
        item, items = _or_null(_json(each, child, depth + 1)), sql
    return f"concat('[', array_to_string(list_transform({items}, lambda {each}: {item}), ', '), ']')"


def _object(members: Iterable[tuple[str, Value]], depth: int) -> str:
    """A JSON object of named values."""
    pairs = [
        f"concat({literal(f'{json.dumps(name, ensure_ascii=False)}: ')}, {_or_null(_json(sql, kind, depth))})"
        for name, (sql, kind) in members
    ]
    return f"concat('{{', {_joined(pairs, ', ')}, '}}')"


def _or_null(value: str) -> str:
    return f"coalesce({value}, 'null')"


def _joined(parts: list[str], by: str) -> str:
    between = f", {literal(by)}, "
    return f"concat({between.join(parts)})"


def _identifier(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
