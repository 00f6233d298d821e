"""Who asks, and whether it is really them: key, timestamp and signature, in the order the exchange looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_plus

from connectors.simulator.account.accounts import Key
from connectors.simulator.protocol.messages import Asked
from connectors.simulator.protocol.rules import Refusal, missing, pairs_of, recv_window, time_ms

_AHEAD_MS = 1_000
_DEFAULT_RECV_WINDOW_MS = 5_000.0
_KEY_LENGTH = 64
_NOT_ADMITTED = "Invalid API-key, IP, or permissions for action"
_FIRST_TIMESTAMP_MS = 1_483_228_800_000  # 2017-01-01


def parameters_sent(query: str) -> dict[str, str]:
    """Names and decoded values as sent, before any rule."""
    return {unquote_plus(name): unquote_plus(value) for name, value in pairs_of(query)}


def signed_bytes(query: str) -> tuple[bytes, str | None]:
    """What the signature covers, exactly as it came in, and the signature as sent."""
    parts = query.split("&")
    signatures = [part.partition("=")[2] for part in parts if part.startswith("signature=")]
    payload = "&".join(part for part in parts if not part.startswith("signature="))
    return payload.encode("utf-8", "surrogateescape"), signatures[-1] if signatures else None


def check_key(asked: Asked, keys: Mapping[str, Key]) -> None:
    """Refuse a call without a key that is known."""
    if _key_sent(asked) not in keys:
        raise Refusal(-2015, _NOT_ADMITTED + ".", 401)


def _key_sent(asked: Asked) -> str:
    api_key = asked.headers.get("x-mbx-apikey", "")
    if not api_key.isalnum() or len(api_key) != _KEY_LENGTH:
        raise Refusal(-2014, "API-key format invalid.", 401)
    return api_key


def check_signed(asked: Asked, keys: Mapping[str, Key], now_us: int) -> Key:
    """The key behind a signed request."""
    sent, api_key = parameters_sent(asked.query), _key_sent(asked)
    payload, signature = signed_bytes(asked.query)
    for name in ("timestamp", "signature"):
        if not sent.get(name):
            raise missing(name)
    key = keys.get(api_key)
    if key is None or "enableReading" not in key.rights_at(now_us // 1000):
        raise Refusal(-2015, _NOT_ADMITTED + ".", 401)
    if key.addresses and asked.address not in key.addresses:
        raise Refusal(-2015, f"{_NOT_ADMITTED}, request ip: {asked.address}", 401)
    _check_time(sent, now_us / 1000)
    if not key.verify(payload, signature or ""):
        raise Refusal(-1022, "Signature for this request is not valid.")
    return key


def _check_time(sent: Mapping[str, str], now_ms: float) -> None:
    stamp = time_ms("timestamp", sent["timestamp"])
    window = recv_window("recvWindow", sent["recvWindow"]) if sent.get("recvWindow") else _DEFAULT_RECV_WINDOW_MS
    if stamp >= now_ms + _AHEAD_MS:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - stamp > window or stamp < _FIRST_TIMESTAMP_MS:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
