"""From the bytes of an answer to an Arrow table with exactly the dataset's schema.

How an endpoint is read is derived from its dataset and its row in endpoints.py. What only describes a row never
refuses it: a word or flag that does not fit stands in `extra` as printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa

from connectors.binance.answers import misprint, plausible
from connectors.binance.columns import Values, array_of, as_texts, exact_decimals
from connectors.binance.endpoints.model import Endpoint, Windows
from connectors.binance.errors import Unreadable
from schemas.model.fields import DECIMALS, EXTRA, FLAG, ID, TEXT, TIME, Column
from schemas.model.personal import is_personal

REST = "extra"  # the column that takes every field no other column knows
_BEYOND = 2**63  # the first integer that ID cannot hold

_WIRE_TYPES: dict[str, type] = {
    TIME.name: int,
    ID.name: int,
    FLAG.name: bool,
    TEXT.name: str,
    EXTRA.name: msgspec.Raw,
    **{decimal.name: str for decimal in DECIMALS},
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be held exactly: its id, unless that is what cannot be read, and why."""

    id: int | None
    why: str


def decode_readable(
    body: bytes, endpoint: Endpoint, constants: Mapping[str, str | int]
) -> tuple[pa.Table, list[Refused]]:
    """The rows of a list that can be held exactly, and what to say of each of the others."""
    try:
        return plausible(decode(body, endpoint, constants), endpoint), []
    except Unreadable:
        with _unreadable(endpoint):
            rows: list[msgspec.Raw] = _rows(body, endpoint, msgspec.Raw)
    refused: list[Refused] = []
    found = list(_readable(rows, endpoint, constants, refused))
    return pa.concat_tables([endpoint.feeds.schema.empty_table(), *found]), refused


def _readable(
    rows: Sequence[msgspec.Raw], endpoint: Endpoint, constants: Mapping[str, str | int], refused: list[Refused]
) -> Iterator[pa.Table]:
    """Tables of the rows that can be read: halved until those that cannot stand alone."""
    try:
        yield plausible(decode(b"[" + b",".join(map(bytes, rows)) + b"]", endpoint, constants), endpoint)
    except Unreadable as problem:
        if len(rows) == 1:
            refused.append(Refused(_id_of(rows[0], endpoint), str(problem)))
            return
        middle = len(rows) // 2
        yield from _readable(rows[:middle], endpoint, constants, refused)
        yield from _readable(rows[middle:], endpoint, constants, refused)


def _id_of(row: msgspec.Raw, endpoint: Endpoint) -> int | None:
    """What the row is called, if that can be read at all."""
    name = endpoint.feeds.id_column
    try:
        fields = msgspec.json.decode(row, type=dict[str, msgspec.Raw])
        number: int = msgspec.json.decode(fields[_wire(endpoint)[name]], type=int)
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        return None
    return number if 0 <= number < _BEYOND else None


def decode(body: bytes, endpoint: Endpoint, constants: Mapping[str, str | int]) -> pa.Table:
    """The rows of an answer. `constants` are the columns that the answer does not print; times in microseconds."""
    dataset = endpoint.feeds
    unknown = constants.keys() - set(dataset.schema.names)
    if unknown:
        raise ValueError(f"{dataset.name} has no column {', '.join(sorted(unknown))}")
    with _unreadable(endpoint):
        printed, count = _printed(body, endpoint, frozenset(constants))
    exact = exact_decimals(dataset.columns, printed)
    columns = [
        pa.array([constants[column.name]] * count, column.type.arrow)
        if column.name in constants
        else array_of(column, printed[column.name], endpoint, exact.get(column.name))
        for column in dataset.columns
    ]
    return pa.Table.from_arrays(columns, schema=dataset.schema)


def _printed(body: bytes, endpoint: Endpoint, constants: frozenset[str]) -> tuple[dict[str, Values], int]:
    """What the answer prints, column by column, and how many rows it has."""
    row = _row_type(endpoint, constants)
    rows = _rows(body, endpoint, row)
    names = row.__struct_fields__
    printed: dict[str, Values] = dict.fromkeys(names, ())
    printed |= zip(names, zip(*map(msgspec.structs.astuple, rows), strict=True), strict=False)
    if REST in endpoint.feeds.schema.names:
        misfits = _without_misfits(printed, endpoint)
        known = frozenset(row.__struct_encode_fields__)
        fields = _rows(body, endpoint, dict[str, msgspec.Raw])
        if isinstance(endpoint.walk, Windows):
            fields = [_impersonal(one, known) for one in fields]
        printed[REST] = [_rest(one, known - misfits.get(place, set())) for place, one in enumerate(fields)]
    return printed, len(rows)


def _without_misfits(printed: dict[str, Values], endpoint: Endpoint) -> dict[int, set[str]]:
    """Make descriptive values that do not fit their column NULL; the names they were printed under, by row."""
    dataset, wire = endpoint.feeds, _wire(endpoint)
    misfits: dict[int, set[str]] = {}
    for column in dataset.columns:
        if column.name in printed and dataset.may_misfit(column):
            values, expected = printed[column.name], _WIRE_TYPES[column.type.name]
            if expected is str and isinstance(endpoint.walk, Windows):
                values = as_texts(values)
            places = [place for place, value in enumerate(values) if not _is(value, expected)]
            for place in places:
                misfits.setdefault(place, set()).add(wire[column.name])
            printed[column.name] = [value if _is(value, expected) else None for value in values] if places else values
    return misfits


def _is(value: object, expected: type) -> bool:
    return value is None or (type(value) is expected and (not isinstance(value, int) or -_BEYOND <= value < _BEYOND))


def _rows(body: bytes, endpoint: Endpoint, row: Any) -> list[Any]:
    """The list an answer holds: the whole of it, under a name, or one lone object; reshaped where its row says so."""
    if endpoint.reshape is not None:
        printed = _printed_rows(body, endpoint, dict[str, msgspec.Raw])
        return msgspec.json.decode(msgspec.json.encode(list(endpoint.reshape(printed))), type=list[row])
    return _printed_rows(body, endpoint, row)


def _printed_rows(body: bytes, endpoint: Endpoint, row: Any) -> list[Any]:
    if endpoint.rows_at is not None and endpoint.nested is not None:
        return msgspec.json.decode(_unnested(body, endpoint.rows_at, endpoint.nested), type=list[row])
    if endpoint.rows_at is not None:
        return _inside(body, endpoint.rows_at, row, isinstance(endpoint.walk, Windows))
    if body.lstrip().startswith(b"{"):
        return [msgspec.json.decode(body, type=row)]
    return msgspec.json.decode(body, type=list[row])


def _inside(body: bytes, rows_at: str, row: Any, may_lack_it: bool) -> list[Any]:
    """The list at a path of names such as `data.rows`. An object of nothing at all does not say that it is empty."""
    *outer, name = rows_at.split(".")
    if may_lack_it and not msgspec.json.decode(body, type=dict[str, msgspec.Raw]):
        raise msgspec.ValidationError(f"Object missing required field `{rows_at}`")
    for one in outer:
        body = bytes(msgspec.json.decode(body, type=_envelope(one, msgspec.Raw, may_lack_it)).inner or b"{}")
    return msgspec.json.decode(body, type=_envelope(name, list[row], may_lack_it)).inner or []


@cache
def _envelope(name: str, inner: Any, may_lack_it: bool) -> Any:
    """The object around a list. The lists of movements are left out where they are empty; no other may be."""
    optional = inner if inner is msgspec.Raw else inner | None
    field = ("inner", optional, None) if may_lack_it else ("inner", inner)
    return msgspec.defstruct("Envelope", [field], rename={"inner": name})


def _unnested(body: bytes, rows_at: str, nested: str) -> bytes:
    """The inner rows as one array, each with the fields of the row around it as `parent.NAME`."""
    outers = _inside(body, rows_at, dict[str, msgspec.Raw], may_lack_it=True)
    return msgspec.json.encode(
        [
            {**{f"parent.{name}": value for name, value in outer.items() if name != nested}, **inner}
            for outer in outers
            for inner in msgspec.json.decode(outer.get(nested, b"null"), type=list[dict[str, msgspec.Raw]])
        ]
    )


@cache
def _row_type(endpoint: Endpoint, constants: frozenset[str]) -> type[msgspec.Struct]:
    """The typed row of an endpoint: by position when its wire is a list of columns, else by name."""
    dataset = endpoint.feeds
    if isinstance(endpoint.wire, tuple):
        ordered = [
            _field(dataset.column(name), endpoint) if name else (f"_{place}", msgspec.Raw)
            for place, name in enumerate(endpoint.wire)
        ]
        return msgspec.defstruct(endpoint.name, ordered, array_like=True)
    printed = [column for column in dataset.columns if column.name not in {*constants, REST}]
    fields = [
        (column.name, Any, None) if dataset.may_misfit(column) else _field(column, endpoint) for column in printed
    ]
    return msgspec.defstruct(endpoint.name, fields, rename=dict(_wire(endpoint)), kw_only=True)


@cache
def _wire(endpoint: Endpoint) -> Mapping[str, str]:
    """Under which name each column is printed."""
    given = endpoint.wire if isinstance(endpoint.wire, Mapping) else {}
    return {name: given.get(name, _camel(name)) for name in endpoint.feeds.schema.names}


def _field(column: Column, endpoint: Endpoint) -> tuple[str, Any] | tuple[str, Any, Any]:
    wire_type: Any = _WIRE_TYPES[column.type.name]
    if column.type in {TIME, ID, TEXT} and isinstance(endpoint.walk, Windows):
        wire_type = int | str  # ledgers return some times and ids as text, and others of a kind as numbers
    if not column.nullable:
        return column.name, wire_type
    return column.name, wire_type if wire_type is msgspec.Raw else wire_type | None, None


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _impersonal(fields: Mapping[str, msgspec.Raw], known: frozenset[str]) -> Mapping[str, msgspec.Raw]:
    """The fields of a row, of which those that no column knows speak of nobody else."""
    return {name: value for name, value in fields.items() if name in known or not is_personal(name, bytes(value))}


def _rest(fields: Mapping[str, msgspec.Raw], known: frozenset[str]) -> msgspec.Raw | None:
    """The fields of a row that no column knows, as one JSON object; none when there are none."""
    unknown = {name: value for name, value in sorted(fields.items()) if name not in known}
    return msgspec.Raw(msgspec.json.encode(unknown)) if unknown else None


@contextmanager
def _unreadable(endpoint: Endpoint) -> Iterator[None]:
    try:
        yield
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise misprint(endpoint, error) from None
