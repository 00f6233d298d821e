"""Everything the exchange can answer that is not data, sorted by what to do about it."""

# ruff: noqa: N818 - named after what to do, not after being errors

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.model.errors import AccessRefused, Problem, TryLater

if TYPE_CHECKING:  # the list of verbs reads what errors are, and must not load every dataset
    from connectors.binance.endpoints.model import Endpoint

MINUTE_MS = 60_000
_SHORTEST_BAN_MS = 2 * MINUTE_MS
_FIREWALL_MS = 5 * MINUTE_MS  # the exchange speaks of minutes, and names none
_LARGEST_CODE = 10**9
_UNAUTHORIZED = 401
_GIVE_IT = "Other calls accept the key: give it this permission back on the exchange, or leave this out of the flow."
_OF_CALL = {-1002, -2015}
_SUCCESS = (0, 200)
_LONGEST_BAN_MS = 3 * 24 * 60 * MINUTE_MS


class BinanceError(Problem):
    """Something that is not data came back, or nothing did. Carries endpoint and code, never a URL."""

    def __init__(
        self,
        what: str,
        way_out: str = "",
        *,
        path: str = "",
        status: int | None = None,
        code: int | None = None,
        until_ms: int = 0,
    ) -> None:
        super().__init__(what, way_out)
        self.path = path
        self.status = status
        self.code = code
        self.until_ms = until_ms


class Transient(BinanceError):
    """The same request may succeed in a moment."""


class Unreachable(TryLater, BinanceError):
    """No answer came: network, DNS, TLS, time-out."""


class Throttled(TryLater, BinanceError):
    """Too fast: the pool rests until `until_ms`."""


class Banned(Throttled):
    """The address is locked out until `until_ms`."""


class ClockSkew(BinanceError):
    """Our clock is off, or the request came late: the clock is measured again, and the next try signed afresh."""


class WindowTooWide(BinanceError):
    """The span of time asked for is too wide: it is asked for in parts."""


class Denied(AccessRefused, BinanceError):
    """The key, its permissions or this place is refused."""

    @property
    def may_be_of_call(self) -> bool:
        """Whether other calls may be answered still: that has to be asked."""
        return self.code in _OF_CALL or (self.code is None and self.status == _UNAUTHORIZED)


class DeniedHere(Denied):
    """This call alone is refused: the key was looked at since, and is accepted."""

    @classmethod
    def of(cls, refused: Denied) -> DeniedHere:
        """A refusal that turned out to be one of its call alone."""
        return cls(refused.what, _GIVE_IT, path=refused.path, status=refused.status, code=refused.code)


class Firewalled(Denied):
    """The exchange's firewall blocks this address; asking before `until_ms` prolongs that."""


class Fact(BinanceError):
    """An answer about the thing asked for, not about us."""


class NotThere(Fact):
    """The account has nothing of the kind, such as no margin account."""


class NoLongerKept(Fact):
    """What was asked for is older than what the exchange returns."""


class UnknownSymbol(Fact):
    """The exchange does not know the symbol (any more)."""


class Unreadable(BinanceError):
    """The answer cannot be held exactly by what is declared; nothing is rounded or guessed."""


class Mismatched(Unreadable):
    """The answer is not one to what was asked."""


class NoSuchCall(BinanceError):
    """There is nothing at this address."""


class Rejected(BinanceError):
    """Our request is wrong: a bug."""

    exit_code = 70


@dataclass(frozen=True, slots=True)
class Advice:
    """What a code or a status means, and the way out for a person."""

    kind: type[BinanceError]
    meaning: str = ""
    way_out: str = ""


_RETRY = Advice(Transient, way_out="It may be in maintenance; run again later.")
_EMPTY = Advice(Transient, "an answer without content", _RETRY.way_out)
_SLOW_DOWN = Advice(Throttled, way_out="Other programs on this address share the limit.")
_BAN = Advice(Banned, "this address is banned for a while", "Wait; asking again makes a ban longer.")
_REFUSED = Advice(BinanceError, way_out="Run again later.")  # of single products: their codes are positive
_SPLIT = Advice(WindowTooWide)
_FACT = Advice(Fact)
_CLOCK = Advice(ClockSkew, "the timestamp is outside the exchange's window", "Check this machine's clock.")
_REDIRECTED = Advice(
    Unreachable,
    "something in between redirects elsewhere",
    "Log in to the network, or check the addresses under `exchange`.",
)
_STRANGE = Advice(
    Transient,
    "that is not the exchange's own answer",
    "Something in between may have answered: a proxy, or another server at an address under `exchange`. Run again.",
)
_BUG = Advice(Rejected, way_out="This is a bug of binlake; please report it.")

_BY_CODE: dict[int, Advice] = {
    **dict.fromkeys((-1000, -1001, -1004, -1006, -1007, -1008, -3044), _RETRY),
    **dict.fromkeys((-1003, -1034, -4005, -6009), _SLOW_DOWN),
    **dict.fromkeys((-1021, -5028), _CLOCK),
    **dict.fromkeys((-1127, -4047, -6021, -6073), _SPLIT),
    **dict.fromkeys((-1220, -2013, -2026, -2043), _FACT),
    -3003: Advice(NotThere, "the account has none"),
    -1121: Advice(UnknownSymbol),
    -4166: Advice(NoLongerKept),
    -4141: Advice(UnknownSymbol),  # of futures: the contract is closed, and none of its history is served
    -1002: Advice(Denied, "the key may not make this call", "Check the key's permissions on the exchange."),
    -1022: Advice(Denied, "the signature does not fit the key", "Check that secret or private key belong to the key."),
    -2014: Advice(Denied, "the API key is malformed", "Copy the key again."),
    -2015: Advice(
        Denied,
        "the key is unknown here, or this address or this call is not allowed for it",
        "Check that the key belongs to this exchange (live or testnet), its IP list and its permissions.",
    ),
}
_BY_STATUS: dict[int, Advice] = {
    204: _EMPTY,
    401: Advice(Denied, "the key is not accepted", "Check key and secret."),
    403: Advice(
        Firewalled,
        "the exchange's firewall blocks this address",
        "Stop for some minutes; then ask less often, and from no data-centre address.",
    ),
    404: Advice(NoSuchCall, "there is no such call at this address", "Check the addresses under `exchange`."),
    408: _RETRY,
    418: _BAN,
    429: _SLOW_DOWN,
    451: Advice(
        Denied,
        "the exchange does not serve the place this address belongs to",
        "For prices alone, the market-data host may answer: exchange: {spot: https://data-api.binance.vision}.",
    ),
}
_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
_REQUEST_IP = re.compile(r"request ip: *([0-9A-Fa-f.:]{3,45})")
_LOOKS_SECRET = re.compile(r"(?i)(signature=)?[\w+/%-]{32,}=*")


class _Told(msgspec.Struct):
    """The exchange's own account of an error; any other shape leaves it empty. Some lists call the text `message`."""

    code: Any = None
    msg: Any = None
    message: Any = None


def error_from(
    status: int, body: bytes, headers: Mapping[str, str], endpoint: Endpoint, *, now_ms: int, asked: str = ""
) -> BinanceError:
    """The one place that decides what an answer without data means.

    `now_ms` is the exchange's time; `asked` names the thing asked for, such as `symbol=BTCUSDT`.
    """
    told = _told(body)
    code = _number(told.code)
    text = next((_shown(one) for one in (told.msg, told.message) if isinstance(one, str)), "")
    advice = _advice(status, code, text)
    until_ms = (
        wait_until_ms(text, headers, now_ms, advice.kind) if issubclass(advice.kind, (Throttled, Firewalled)) else 0
    )
    meaning = f"{advice.meaning}{_address_seen(text)}" if advice.meaning else text
    return advice.kind(
        _sentence(status, _told_code(told.code), f"{endpoint.name} {asked}".rstrip(), meaning),
        advice.way_out,
        path=endpoint.path,
        status=status,
        code=code,
        until_ms=until_ms,
    )


def is_error(told_code: object) -> bool:
    """Whether an answer under status 200 is an error after all: it has a code, and one that means no success."""
    if isinstance(told_code, str):
        return told_code.strip("0") != ""
    return isinstance(told_code, int) and told_code not in _SUCCESS


def _number(told_code: object) -> int | None:
    """A code as the exchange has them; any other number is none of its own, and may be too long to keep."""
    return told_code if type(told_code) is int and abs(told_code) <= _LARGEST_CODE else None


def _told_code(told_code: object) -> object:
    """The code for people: some lists have texts of digits."""
    is_text = isinstance(told_code, str) and re.fullmatch(r"[\w-]{1,20}", told_code)
    return told_code if is_text else _number(told_code)


def _told(body: bytes) -> _Told:
    try:
        return msgspec.json.decode(body, type=_Told)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Told()


def _advice(status: int, code: int | None, text: str) -> Advice:
    if status == 418 or _BANNED_UNTIL.search(text):  # noqa: PLR2004 - the exchange's own number for a ban
        return _BAN
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP
        return _REDIRECTED
    if code is not None:
        return _RETRY if status >= 500 else _REFUSED if code > 0 else _BUG  # noqa: PLR2004 - HTTP
    return _STRANGE if 400 <= status < 500 else _RETRY  # noqa: PLR2004 - HTTP


def _sentence(status: int, code: object, asked: str, meaning: str) -> str:
    number = f"HTTP {status}" if code is None else f"HTTP {status}, code {code}"
    return f"The exchange answered {asked} with {number}{': ' if meaning else ''}{meaning.rstrip('.')}."


def _shown(text: str) -> str:
    """The exchange's words, short, in one line, without anything that could be a key or a signature."""
    return _LOOKS_SECRET.sub("...", " ".join(text.split()))[:200]


def _address_seen(text: str) -> str:
    """The address that a request came from, where the exchange tells it: the one that belongs on the key's list."""
    told = _REQUEST_IP.search(text)
    with suppress(ValueError):
        return f" (the exchange sees it come from {ip_address(told[1].strip('.'))})" if told else ""
    return ""


def wait_until_ms(text: str, headers: Mapping[str, str], now_ms: int, kind: type[BinanceError]) -> int:
    """When it is safe again: the latest of what header and text say, else what is usual for the kind."""
    told = _BANNED_UNTIL.search(text)
    until_ms = max(int(told[1]) if told else 0, now_ms + 1000 * _seconds(headers.get("Retry-After", "")))
    if until_ms <= now_ms:
        usual_ms = {Banned: now_ms + _SHORTEST_BAN_MS, Firewalled: now_ms + _FIREWALL_MS}
        until_ms = usual_ms.get(kind, (now_ms // MINUTE_MS + 1) * MINUTE_MS)
    return min(until_ms, now_ms + _LONGEST_BAN_MS)


def _seconds(retry_after: str) -> int:
    return int(retry_after) if re.fullmatch(r"[0-9]{1,7}", retry_after.strip()) else 0
