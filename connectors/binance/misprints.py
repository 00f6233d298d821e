"""What to say of an answer that is not as its endpoint is declared: which field, what came, what was expected."""

from __future__ import annotations

import re

from connectors.binance.endpoints.model import Endpoint
from connectors.binance.errors import Unreadable

NOT_STORED = "It was not stored. Run again; if it stays so, update binlake, or report it."

_WRONG = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<came>[^`]+)`(?: - at `(?P<place>[^`]+)`)?")
_ABSENT = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_PARTS = re.compile(r"\.?([^.\[\]$]+)")
_WORDS = {
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
    if wrong := _WRONG.search(told):
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
        return f"the field {endpoint.wire[int(names[-1])]}"
    return "a row"


def _words(types: str) -> str:
    """Types of JSON in words."""
    return " or ".join(_WORDS.get(one, one) for one in types.split(" | "))
