"""What the exchange says about itself in a reply: its time, its request limit, the code of an error."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from connectors.binance.clock import wrong_time
from connectors.binance.endpoints.model import Endpoint

_SHOWN = 60


class _Limit(msgspec.Struct, rename="camel"):
    rate_limit_type: str = ""
    interval: str = ""
    interval_num: int = 0
    limit: int = 0


class _Limits(msgspec.Struct, rename="camel"):
    rate_limits: list[_Limit] = []


class _Time(msgspec.Struct, rename="camel"):
    server_time: msgspec.Raw


class _Object(msgspec.Struct):
    """Any object; an error under status 200 shows itself by its code."""

    code: Any = None


def server_time(body: bytes) -> int:
    """The time that the exchange prints, in whatever unit; Unreadable when it is no whole number."""
    try:
        printed = bytes(msgspec.json.decode(body, type=_Time).server_time).decode()
    except msgspec.MsgspecError:
        raise wrong_time("does not tell the time") from None
    if not re.fullmatch(r"-?[0-9]{1,60}", printed):
        raise wrong_time(f"printed {printed[:_SHOWN]} for its time, which is not a whole number")
    return int(printed)


def minute_limit(body: bytes) -> int | None:
    """The request weight a minute that the exchange allows; None where it does not say, or in another shape."""
    try:
        limits = msgspec.json.decode(body, type=_Limits).rate_limits
    except msgspec.MsgspecError:
        return None  # whoever reads the rows tells what is wrong with them
    of_a_minute = ("REQUEST_WEIGHT", "MINUTE", 1)
    found = [one.limit for one in limits if (one.rate_limit_type, one.interval, one.interval_num) == of_a_minute]
    return found[-1] if found else None


def code_in(body: bytes) -> object:
    """The code in an answer that is an object, after reading all of it; raises when it is no JSON."""
    text = body.decode()
    if text.lstrip().startswith("{"):
        return msgspec.json.decode(text, type=_Object).code
    msgspec.json.decode(text, type=msgspec.Raw)
    return None


def total_in(body: bytes, path: str) -> int | None:
    """How many rows a whole list has, at a path of names such as `data.total`; None where the answer does not say."""
    text = _told(body, path).strip('"')
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def rows_told(body: bytes, endpoint: Endpoint) -> int | None:
    """How many rows an answer says that a whole list has: where that is declared, or beside a list left out."""
    path = endpoint.total
    if path is None and endpoint.rows_at is not None and _told(body, endpoint.rows_at) == "null":
        path = ".".join([*endpoint.rows_at.split(".")[:-1], "total"])
    return None if path is None else total_in(body, path)


def more_in(body: bytes, name: str) -> bool:
    """Whether an answer says, under this name, that it holds a part of its rows; whatever is not `false` says so."""
    return _told(body, name) not in {"false", "null"}


def _told(body: bytes, path: str) -> str:
    """What stands at a path of names in an answer; `null` where there is nothing."""
    at = msgspec.Raw(body)
    try:
        for name in path.split("."):
            at = msgspec.json.decode(at, type=dict[str, msgspec.Raw]).get(name, msgspec.Raw(b"null"))
    except msgspec.MsgspecError:
        return "null"  # whoever reads the rows tells what is wrong with them
    return bytes(at).decode()


def weight_in(header: str) -> int | None:
    """The number in a used-weight header; None for what no minute can hold."""
    return int(header) if re.fullmatch(r"[0-9]{1,9}", header) else None
