"""What an answer without data means."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.binance.endpoints.spot import ACCOUNT, KLINES
from connectors.binance.errors import (
    Banned,
    BinanceError,
    ClockSkew,
    Denied,
    Fact,
    Firewalled,
    NoSuchCall,
    Rejected,
    Throttled,
    Transient,
    UnknownSymbol,
    Unreachable,
    WindowTooWide,
    error_from,
)
from schemas.model.errors import AccessRefused, Problem, TryLater

NOW_MS = 1_700_000_010_000  # ten seconds into a minute... of some minute
NEXT_MINUTE_MS = (NOW_MS // 60_000 + 1) * 60_000


def error(status, code=None, msg="text", headers=None, body=None) -> BinanceError:
    if body is None:
        body = json.dumps({"code": code, "msg": msg}).encode()
    return error_from(status, body, headers or {}, KLINES, now_ms=NOW_MS, asked="symbol=BTCUSDT")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (500, None, Transient),
        (502, -1000, Transient),
        (503, -1001, Transient),
        (400, -1006, Transient),
        (408, -1007, Transient),
        (400, -1008, Transient),
        (400, -3044, Transient),
        (599, -9999, Transient),
        (429, -1003, Throttled),
        (429, None, Throttled),
        (200, -1003, Throttled),
        (400, -4005, Throttled),
        (418, -1003, Banned),
        (418, None, Banned),
        (400, -1021, ClockSkew),
        (400, -5028, ClockSkew),
        (400, -1127, WindowTooWide),
        (400, -4047, WindowTooWide),
        (401, -2014, Denied),
        (401, -2015, Denied),
        (400, -2015, Denied),
        (401, None, Denied),
        (400, -1002, Denied),
        (400, -1022, Denied),
        (403, None, Firewalled),
        (451, 0, Denied),
        (400, -1121, UnknownSymbol),
        (400, -2013, Fact),
        (400, -1220, Fact),
        (400, -1100, Rejected),
        (400, -1120, Rejected),
        (400, None, Transient),
        (413, None, Transient),
        (204, None, Transient),
        (100, None, Transient),
        (200, -(10**30), Transient),
        (400, -(10**30), Transient),
        (400, True, Transient),
        (404, None, NoSuchCall),
        (302, None, Unreachable),
    ],
)
def test_each_answer_has_one_meaning(status, code, kind):
    """The exchange's code decides, then the status; what is left is our mistake, or a broken server."""
    assert type(error(status, code)) is kind


@pytest.mark.parametrize(
    ("kind", "exit_code", "family"),
    [
        (Transient, 1, Problem),
        (Unreachable, 75, TryLater),
        (Throttled, 75, TryLater),
        (Banned, 75, TryLater),
        (Denied, 4, AccessRefused),
        (Firewalled, 4, AccessRefused),
        (UnknownSymbol, 1, Problem),
        (Rejected, 70, Problem),
        (NoSuchCall, 1, Problem),
    ],
)
def test_the_kind_decides_the_exit_code(kind, exit_code, family):
    """Whoever only knows the general tree of problems treats these right."""
    assert kind.exit_code == exit_code
    assert issubclass(kind, family)
    assert issubclass(kind, BinanceError)


def test_recorded_errors_mean_what_they_meant(recorded):
    """Real error answers from public reports are sorted by what had to be done about them."""
    answers = json.loads((recorded / "errors" / "error_responses.json").read_text())
    found = [type(error_from(a["status"], a["body"].encode(), a["headers"], KLINES, now_ms=NOW_MS)) for a in answers]
    assert found == [Banned, Throttled, Denied, ClockSkew, Firewalled, Rejected, Transient, Transient]


def test_the_sentence_names_what_was_asked_and_the_way_out():
    """A person reads which call, about what, was answered how, and what to do."""
    denied = error(451, 0, "Service unavailable from a restricted location according to 'b. Eligibility'")
    assert "klines symbol=BTCUSDT" in str(denied)
    assert "HTTP 451" in str(denied)
    assert "data-api.binance.vision" in denied.way_out
    assert (denied.path, denied.status, denied.code) == ("/api/v3/klines", 451, 0)


@pytest.mark.parametrize("kind", ["text", "html", "empty", "binary", "nested", "list", "wrong types"])
def test_any_body_is_survived(kind):
    """An error page of a proxy, an empty body or garbage is an error of the right kind all the same."""
    body = {
        "text": b"upstream timed out",
        "html": b"<html><h1>502 Bad Gateway</h1></html>",
        "empty": b"",
        "binary": b"\xff\x00",
        "nested": b"[" * 100_000,
        "list": b"[1, 2]",
        "wrong types": b'{"code": "-2015", "msg": {"a": 1}}',
    }[kind]
    assert type(error(502, body=body)) is Transient
    assert type(error(403, body=body)) is Firewalled


@pytest.mark.parametrize(
    ("status", "headers", "msg", "until_ms"),
    [
        (429, {"Retry-After": "7"}, "", NOW_MS + 7000),
        (429, {"Retry-After": "0"}, "", NEXT_MINUTE_MS),
        (429, {}, "", NEXT_MINUTE_MS),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, "", NEXT_MINUTE_MS),
        (418, {}, "", NOW_MS + 120_000),
        (403, {}, "", NOW_MS + 300_000),
        (403, {"Retry-After": "900"}, "", NOW_MS + 900_000),
        (451, {"Retry-After": "900"}, "", 0),
        (418, {"Retry-After": "300"}, "", NOW_MS + 300_000),
        (418, {"Retry-After": "1"}, f"IP banned until {NOW_MS + 500_000}. Please", NOW_MS + 500_000),
        (418, {}, "IP banned until 1000000000000.", NOW_MS + 120_000),
        (418, {}, "IP banned until 9999999999999.", NOW_MS + 3 * 86_400_000),
        (429, {"Retry-After": "9999999"}, "", NOW_MS + 3 * 86_400_000),
    ],
)
def test_how_long_to_wait(status, headers, msg, until_ms):
    """Header and message are both believed, the later wins; neither means the next minute; nothing means years."""
    code = -1003 if status in {418, 429} else None
    assert error(status, code, msg, headers).until_ms == until_ms


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::8a2e:370:7334"])
def test_a_refused_key_is_told_which_address_asked(address):
    """The exchange names the address that a request came from: it may not be the one on the key's list."""
    told = f"Invalid API-key, IP, or permissions for action, request ip: {address}."
    assert f"(the exchange sees it come from {address})" in str(error(401, -2015, told))


@pytest.mark.parametrize("address", ["", ":::::", "999.1.1.1", "SECRET", "203.0.113.9.1.1.1"])
def test_what_is_no_address_is_not_told(address):
    """Only a real address is taken out of the exchange's words."""
    told = f"Invalid API-key, IP, or permissions for action, request ip: {address}"
    assert "sees it come from" not in str(error(401, -2015, told))


def test_a_ban_told_under_another_status_is_a_ban():
    """The text says that the address is banned, whatever the status says."""
    assert type(error(429, -1003, f"Way too much; IP banned until {NOW_MS + 9000}.")) is Banned


@pytest.mark.parametrize(
    "secret", ["c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71", "kQ%2B/x" * 9 + "="]
)
def test_an_echoed_secret_is_not_repeated(secret):
    """A server that echoes a key or a signature in its message does not get it into our error."""
    problem = error(400, -1100, f"Illegal: signature={secret} and key {secret}")
    assert "Illegal" in str(problem)
    for text in (str(problem), repr(problem), str(problem.args), pickle.dumps(problem).decode("latin1")):
        assert secret[:16] not in text


@given(status=st.integers(200, 599), body=st.binary(max_size=200), retry_after=st.text(max_size=10))
def test_every_answer_has_a_meaning(status, body, retry_after):
    """No status, body or header makes the one function that chooses fail."""
    problem = error_from(status, body, {"Retry-After": retry_after}, ACCOUNT, now_ms=NOW_MS)
    assert isinstance(problem, BinanceError)
    assert problem.until_ms == 0 or NOW_MS < problem.until_ms <= NOW_MS + 3 * 86_400_000


def test_an_error_survives_pickling():
    """An error that crosses a process keeps its sentence, code and deadline."""
    problem = pickle.loads(pickle.dumps(error(418, -1003, headers={"Retry-After": "9"})))  # noqa: S301 - our own
    assert type(problem) is Banned
    assert (problem.code, problem.until_ms) == (-1003, NOW_MS + 9000)
    assert "klines" in str(problem)


def test_a_page_of_something_in_between_is_no_bug_of_ours():
    """A 400 with a page instead of the exchange's code says what it is, and where to look."""
    strange = error(400, body=b"<html><h1>400 Bad Request</h1></html>")
    assert "not the exchange's own answer" in str(strange)
    assert "bug" not in str(strange)
    assert strange.exit_code == 1


@pytest.mark.parametrize("code", [10**30, -(10**30), 2**63])
def test_a_code_beyond_all_codes_is_none(code):
    """A number that no table could hold is not kept as a code."""
    assert error(400, code).code is None
