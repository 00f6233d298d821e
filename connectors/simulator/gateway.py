"""The one way a request is answered: its weight is charged, its rules are checked, then its endpoint answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from email.utils import formatdate
from importlib import import_module
from pkgutil import iter_modules
from urllib.parse import unquote

from connectors.simulator import endpoints
from connectors.simulator.account import files
from connectors.simulator.account.signatures import check_key, check_signed, parameters_sent
from connectors.simulator.archive.replies import NO_SUCH_KEY
from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.protocol.faults import Fault
from connectors.simulator.protocol.limits import COUNTED_BY_CALLS, OF_FUTURES
from connectors.simulator.protocol.messages import HTML, Answer, Asked, Seen
from connectors.simulator.protocol.rules import Refusal, pairs_of, read_parameters

ENDPOINTS = {
    (row.method, row.path): row
    for module in iter_modules(endpoints.__path__)
    for row in getattr(import_module(f"{endpoints.__name__}.{module.name}"), "ENDPOINTS", ())
}
_UNITS = {"MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}
_NOT_FOUND = b"<html><body>404 Not found</body></html>"


def answer(exchange: Exchange, asked: Asked) -> Answer:
    """What the exchange says to a request; refused ones cost their weight too."""
    if exchange.archive.serves(asked):
        return _note(exchange, asked, _filed(exchange, asked), exchange.now_us, 0, 0)
    if asked.path.startswith(files.PREFIX):
        return _note(exchange, asked, _linked(exchange, asked), exchange.now_us, 0, 0)
    endpoint = ENDPOINTS.get((asked.method, asked.path))
    now_us = exchange.futures.now_us if endpoint is not None and endpoint.pool in OF_FUTURES else exchange.now_us
    if endpoint is None:
        return _note(exchange, asked, Answer(404, _NOT_FOUND, content_type=HTML), now_us, 0, 0)
    sent = parameters_sent(asked.query)
    faults = exchange.faults.matching(asked.path, sent.get("symbol"))
    weight = _weight(endpoint.cost(sent), faults)
    lag_ms = max((fault.lag() for fault in faults), default=0)
    said, used = _metered(exchange, asked, endpoint, weight, now_us, lag_ms)
    said = _delivered(exchange, said, faults)
    return _note(exchange, asked, said, now_us, weight, used)


def _linked(exchange: Exchange, asked: Asked) -> Answer:
    """A file that an account asked for, whoever follows the link; it counts no weight."""
    body = exchange.files.served(asked.target, exchange.futures.now_us // 1000)
    said = NO_SUCH_KEY if body is None else Answer(200, body, content_type="application/zip")
    return _delivered(exchange, said, exchange.faults.matching(asked.path, None))


def _filed(exchange: Exchange, asked: Asked) -> Answer:
    """What the archive says; it counts no weight."""
    faults = exchange.faults.matching(unquote(asked.path), None)
    said = exchange.archive.answer(asked, exchange.now_ms)
    dated = replace(said, headers={**said.headers, "Date": formatdate(exchange.now_us / 1e6, usegmt=True)})
    return _delivered(exchange, dated, faults)


def _delivered(exchange: Exchange, said: Answer, faults: Sequence[Fault]) -> Answer:
    for fault in faults:
        said = fault.applied(said)
    return replace(said, delay_s=said.delay_s + exchange.latency_s)


def _metered(
    exchange: Exchange, asked: Asked, endpoint: Endpoint, weight: int, now_us: int, lag_ms: int
) -> tuple[Answer, int]:
    try:
        used = exchange.limits.charge(asked.address, endpoint.pool, weight, now_us / 1e6)
        said = _served(exchange, asked, endpoint, now_us, lag_ms)
    except Refusal as refusal:
        used = exchange.limits.used(asked.address, endpoint.pool, now_us / 1e6)
        said = Answer(refusal.status, refusal.body, refusal.headers)
    return replace(said, headers={**said.headers, **_told(endpoint.pool, used, now_us)}), used


def _served(exchange: Exchange, asked: Asked, endpoint: Endpoint, now_us: int, lag_ms: int) -> Answer:
    unit = asked.headers.get("x-mbx-time-unit", "MILLISECOND")
    if unit not in _UNITS:
        raise Refusal(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    if endpoint.security is Security.KEYED:
        check_key(asked, exchange.keys)
    signed = endpoint.security is Security.SIGNED
    key = check_signed(asked, exchange.keys, now_us) if signed else None
    if key is not None:
        key.account.book.agenda.advance()
    given = read_parameters(pairs_of(asked.query), endpoint.known)
    endpoint.combinations.check(given)
    call = Call(given, now_us, _UNITS[unit] and endpoint.pool == "spot", key, lag_ms)
    return Answer(200, endpoint.answer(exchange, call))


def _note(exchange: Exchange, asked: Asked, said: Answer, now_us: int, weight: int, used: int) -> Answer:
    key = asked.headers.get("x-mbx-apikey")
    at_ms = now_us // 1000
    exchange.requests.note(Seen(at_ms, asked.address, asked.method, asked.target, key, said.status, weight, used))
    return said


def _weight(documented: int, faults: Sequence[Fault]) -> int:
    for fault in faults:
        documented = fault.weight(documented)
    return documented


def _told(pool: str, used: int, now_us: int) -> dict[str, str]:
    """The headers that say how much weight is used; those of futures also hold the date by their own clock."""
    if pool == "spot":
        return {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}
    if pool in OF_FUTURES:
        told = {"X-MBX-USED-WEIGHT-1M": str(used)} if pool not in COUNTED_BY_CALLS else {}
        return told | {"Date": formatdate(now_us / 1e6, usegmt=True)}
    return {f"X-SAPI-USED-{'UID' if pool.startswith('uid:') else 'IP'}-WEIGHT-1M": str(used)}
