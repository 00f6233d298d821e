"""Whether an answer is one to what was asked: its rows are held against the question before anybody sees them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.endpoints.model import Bound, Endpoint, Inside, Param, Windows
from connectors.binance.errors import Mismatched, Unreadable, WindowTooWide
from schemas.model.counted import counted
from schemas.model.fields import DECIMALS

_SHOWN = 60
_ZERO = {kind.name: pa.scalar(0, pa.int64()).cast(kind.arrow) for kind in DECIMALS}
_WORDS = {Bound.SAME: "", Bound.FROM: "from ", Bound.UP_TO: "up to "}
_WRONG: Mapping[Bound, Callable[[Any, Any], Any]] = {
    Bound.SAME: pc.not_equal,
    Bound.FROM: pc.less,
    Bound.UP_TO: pc.greater,
}


def held(rows: pa.Table, endpoint: Endpoint, constants: Mapping[str, Any], params: Mapping[str, Param]) -> pa.Table:
    """The rows, each once where the list is whole; Mismatched, naming the culprit, when they answer something else."""
    if endpoint.never_empty and not rows.num_rows:
        raise _mismatched(endpoint, "answered nothing at all, where there always is something")
    for name, asked in params.items():
        if name in endpoint.held and asked is not None:
            _hold(rows, endpoint, name, asked)
    rows = plausible(rows, endpoint)
    return rows if endpoint.page_limit else _each_once(rows, endpoint, constants)


def refuse_miscounted(rows: pa.Table, endpoint: Endpoint, total: int | None, params: Mapping[str, Param]) -> None:
    """Mismatched when an answer holds fewer rows than belong on it by the total that it tells itself.

    Nor may it hold more where equal rows are movements each: those of a page that comes twice would count twice.
    """
    if total is None:
        return
    before = _before(endpoint, params)
    fewer = rows.num_rows < min(total - before, endpoint.page_limit)
    if fewer or (endpoint.feeds.counted and rows.num_rows > max(total - before, 0)):
        raise _mismatched(
            endpoint, f"says that its list has {counted(total, 'row')}, and returned {rows.num_rows} after {before}"
        )


def only_a_part(rows: pa.Table, endpoint: Endpoint) -> WindowTooWide:
    """What to raise of an answer that says that it lacks rows: narrower windows bring them."""
    return WindowTooWide(
        f"{endpoint.name} says that there are more rows than the {rows.num_rows} that it returned.",
        "It was not stored; run again.",
        path=endpoint.path,
    )


def _before(endpoint: Endpoint, params: Mapping[str, Param]) -> int:
    """How many rows of a list come before the page that is asked for."""
    match endpoint.walk:
        case Windows(inside=inside, page=name) if name in params:
            place = int(str(params[name]))
            return place if inside is Inside.OFFSET else (place - 1) * endpoint.page_limit
        case _:
            return 0


def plausible(rows: pa.Table, endpoint: Endpoint) -> pa.Table:
    """The rows; Mismatched when an amount is below zero that cannot be. Columns of a type are looked at together."""
    for kind in DECIMALS:
        names = [one.name for one in endpoint.feeds.columns if one.type is kind and not one.signed]
        if not names:
            continue
        chunks: list[Any] = [chunk for name in names for chunk in rows[name].chunks]
        values = pa.chunked_array(chunks, kind.arrow)  # type: ignore[call-overload]
        if pc.any(pc.less(values, _ZERO[kind.name])).as_py():
            for name in names:
                _refuse_negative(rows[name], name, endpoint)
    return rows


def _refuse_negative(values: pa.ChunkedArray[Any], name: str, endpoint: Endpoint) -> None:
    zero = pa.scalar(0, pa.int64()).cast(values.type)
    if (culprit := _first(values, pc.less(values, zero))) is not None:
        raise _mismatched(endpoint, f"printed {culprit} for {name}, which is never below zero")


def _hold(rows: pa.Table, endpoint: Endpoint, name: str, asked: str | int | list[str]) -> None:
    holds = endpoint.held[name]
    values = rows[holds.column]
    if isinstance(asked, list):
        wrong = pc.invert(pc.is_in(values, value_set=pa.array(asked, values.type)))
    else:
        limit = _instant(asked, holds.bound, values.type) if pa.types.is_timestamp(values.type) else asked
        wrong = _WRONG[holds.bound](values, limit)
    if (culprit := _first(values, wrong)) is not None:
        wanted = f"{_WORDS[holds.bound]}{asked}"[:_SHOWN]
        raise _mismatched(endpoint, f"was asked for {name} {wanted} and answered {holds.column} {culprit}")


def _instant(asked_ms: str | int, bound: Bound, kind: pa.DataType) -> pa.Scalar[Any]:
    """The first or last microsecond of the millisecond that is asked for."""
    last = 999 if bound is Bound.UP_TO else 0
    return pa.scalar(int(asked_ms) * 1000 + last, kind)


def _first(values: pa.ChunkedArray[Any], wrong: Any) -> str | None:
    """The first of the values that are wrong, as a person reads it."""
    if not pc.any(wrong).as_py():
        return None
    return str(values.filter(wrong)[0])[:_SHOWN]


def _each_once(rows: pa.Table, endpoint: Endpoint, constants: Mapping[str, Any]) -> pa.Table:
    """Of a list that is whole: a row that is printed twice counts once, two that contradict one another are refused."""
    names = [name for name in endpoint.feeds.key if name not in constants]
    keys = list(zip(*(rows[name].to_pylist() for name in names), strict=True))
    if len(set(keys)) == len(keys):
        return rows
    listed = rows.to_pylist()
    seen: dict[Any, int] = {}
    for place, key in enumerate(keys):
        if listed[seen.setdefault(key, place)] != listed[place]:
            shown = ", ".join(map(str, key))[:_SHOWN]
            raise _mismatched(endpoint, f"printed {shown} twice, not with the same values")
    return rows.take(pa.array(sorted(seen.values()), pa.int64()))


def _mismatched(endpoint: Endpoint, what: str) -> Mismatched:
    return Mismatched(f"{endpoint.name} {what}.", "It was not stored; run again.", path=endpoint.path)


NOT_STORED = "It was not stored. Run again; if it stays so, update binlake, or report it."

_MISTYPED = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<came>[^`]+)`(?: - at `(?P<place>[^`]+)`)?")
_ABSENT = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_PARTS = re.compile(r"\.?([^.\[\]$]+)")
_TYPES = {
    "bool": "true or false",
    "str": "text",
    "int": "a whole number",
    "float": "a number with decimals",
    "array": "a list",
    "object": "an object",
}


def misprint(endpoint: Endpoint, error: Exception) -> Unreadable:
    """The parser's complaint about an answer, as a person reads it."""
    of = f" of {endpoint.dataset.name}" if endpoint.dataset is not None else ""
    return Unreadable(
        f"The answer of {endpoint.name} does not match the declaration{of}: {_complaint(endpoint, str(error))}.",
        NOT_STORED,
        path=endpoint.path,
    )


def _complaint(endpoint: Endpoint, told: str) -> str:
    if absent := _ABSENT.search(told):
        return f"the field {absent['name']} is missing"
    if wrong := _MISTYPED.search(told):
        return (
            f"{_field(endpoint, wrong['place'] or '')} is {_words(wrong['came'])} instead of {_words(wrong['wanted'])}"
        )
    return told


def _field(endpoint: Endpoint, place: str) -> str:
    """The field at a place such as `$[0].price`, or `$[0][4]` where rows are lists."""
    names = [part for part in _PARTS.findall(place) if part != "..."]
    if not names:
        return "the whole of it"
    if not names[-1].isdigit():
        return f"the field {names[-1]}"
    if isinstance(endpoint.wire, tuple) and len(names) > 1:
        return f"the field {endpoint.wire[int(names[-1])] or names[-1]}"
    return "a row"


def _words(types: str) -> str:
    """Types of JSON in words."""
    return " or ".join(_TYPES.get(one, one) for one in types.split(" | "))
