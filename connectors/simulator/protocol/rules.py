"""How a request is refused: the codes of the reference, and the reading of a query by an endpoint's parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from connectors.simulator.market.intervals import LENGTH_MS

_MICRO_FROM = 10**14
_MOST_RECV_WINDOW_MS = 60_000


class Refusal(Exception):  # noqa: N818 - an answer of the exchange, not a failure of ours
    """A refused request: the status and the code and text of its body."""

    def __init__(self, code: int, msg: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, msg)
        self.code = code
        self.msg = msg
        self.status = status
        self.headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        return msgspec.json.encode({"code": self.code, "msg": self.msg})


@dataclass(frozen=True)
class Parameter:
    """One parameter an endpoint takes, and how its text is read."""

    name: str
    read: Callable[[str, str], Any]
    mandatory: bool = False


@dataclass(frozen=True)
class Combinations:
    """Which optional parameters the documentation lets stand together; what none of these name stands with anything."""

    listed: tuple[frozenset[str], ...]

    def check(self, given: Iterable[str]) -> None:
        """Refuse what is not listed."""
        chosen = frozenset().union(*self.listed).intersection(given)
        if not any(chosen >= each for each in self.listed):
            raise missing("' or '".join(sorted(name for each in self.listed if len(each) == 1 for name in each)))
        if chosen not in self.listed:
            raise Refusal(-1128, "Combination of optional parameters invalid.")


def combinations(*listed: str) -> Combinations:
    """Each given as its names with blanks between; an empty one where none of them has to be sent."""
    return Combinations(tuple(frozenset(names.split()) for names in listed))


ANYTHING = combinations("")


def pairs_of(query: str) -> list[tuple[str, str]]:
    """The parameters as sent: names and values still percent-encoded."""
    return [(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)]


def read_parameters(pairs: Iterable[tuple[str, str]], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values by name; anything missing, doubled, empty, unknown or malformed is refused."""
    values: dict[str, Any] = {}
    sent = [(_decoded(name, name), text) for name, text in pairs]
    _refuse_unknown([name for name, _ in sent], known)
    for name, text in sent:
        if name in values:
            raise Refusal(-1101, "Duplicate values for a parameter detected.")
        if text == "":
            raise Refusal(-1105, f"Parameter '{name}' was empty.")
        values[name] = known[name].read(name, _decoded(name, text))
    for parameter in known.values():
        if parameter.mandatory and parameter.name not in values:
            raise missing(parameter.name)
    return values


def missing(name: str) -> Refusal:
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _refuse_unknown(names: list[str], known: Mapping[str, Parameter]) -> None:
    read = sum(name in known for name in names)
    if read < len(names) and not known:
        raise Refusal(-1101, f"Too many parameters; expected '0' and received '{len(names)}'.")
    if read < len(names):
        raise Refusal(
            -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(names)}'."
        )


def _decoded(name: str, text: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise _illegal(name, "valid UTF-8") from None


def _invalid(name: str) -> Refusal:
    return Refusal(-1130, f"Data sent for parameter '{name}' is not valid.")


def _illegal(name: str, legal: str) -> Refusal:
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def _matching(pattern: str) -> Callable[[str, str], str]:
    compiled = re.compile(pattern)

    def read(name: str, text: str) -> str:
        if not compiled.fullmatch(text):
            raise _illegal(name, pattern)
        return text

    return read


_integer = _matching(r"^[0-9]{1,20}$")
symbol_text = _matching(r"^((?![a-z])[\w.-]){1,50}$")
text = _matching(r"^.{1,1024}$")
client_id = _matching(r"^[a-zA-Z0-9-_.:/]{1,36}$")


def time_ms(name: str, value: str) -> float:
    """An instant in milliseconds or microseconds, told apart by magnitude, as milliseconds; the absurd is clamped."""
    number = int(_integer(name, value))
    return min(number / 1000, _MICRO_FROM) if number >= _MICRO_FROM else number


def number(name: str, value: str) -> int:
    """An id; `-1` and the like are no ids."""
    return int(_integer(name, value))


def limit(name: str, value: str) -> int:
    number = int(_integer(name, value))
    if number == 0:
        raise _invalid(name)
    return number


def limit_to(most: int) -> Callable[[str, str], int]:
    """A limit above which is refused, as futures do, where spot cuts it down in silence."""

    def read(name: str, value: str) -> int:
        if limit(name, value) > most:
            raise _invalid(name)
        return limit(name, value)

    return read


def interval(_name: str, value: str) -> str:
    if value not in LENGTH_MS:
        raise Refusal(-1120, "Invalid interval.")
    return value


def utc(_name: str, value: str) -> str:
    """The only zone candles are cut in here."""
    if not re.fullmatch(r"[+-]?0{1,2}(:00)?", value):
        raise Refusal(-1020, "This simulator cuts candles in UTC only.")
    return value


def flag(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise _illegal(name, "true|false")
    return value.lower() == "true"


def one_of(code: int, msg: str, *values: str) -> Callable[[str, str], str]:
    def read(_name: str, value: str) -> str:
        if value not in values:
            raise Refusal(code, msg)
        return value

    return read


def json_list(name: str, value: str) -> list[str]:
    """A JSON array of different texts."""
    try:
        names = msgspec.json.decode(value.encode(), type=list[str])
    except msgspec.MsgspecError:
        raise Refusal(-1135, f"Invalid JSON Request in parameter '{name}'.") from None
    if len(set(names)) < len(names):
        raise Refusal(-1151, "Symbol is present multiple times in the list.")
    return [symbol_text(name, each) for each in names]


def json_list_or_text(name: str, value: str) -> list[str]:
    return json_list(name, value) if value.startswith("[") else [value]


def recv_window(name: str, value: str) -> float:
    """Milliseconds with up to three decimals."""
    if not re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,3})?", value):
        raise _illegal(name, r"^[0-9]{1,20}(\.[0-9]{1,3})?$")
    if float(value) > _MOST_RECV_WINDOW_MS:
        raise Refusal(-1131, "recvWindow must be less than 60000.")
    return float(value)
