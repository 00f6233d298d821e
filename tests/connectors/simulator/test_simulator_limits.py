"""The budget of an address: UTC minutes, 429, then 418."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import pytest

from connectors.simulator import Exchange, Limits, MovableClock
from connectors.simulator.protocol.messages import Answer

Ask = Callable[..., Answer]
INFO = "/api/v3/exchangeInfo?symbol=BTCUSDT"  # weight 20


@pytest.fixture
def exchange(clock: MovableClock) -> Exchange:
    """An exchange with a small budget."""
    return Exchange(clock=clock, limits=Limits(weight=100, patience=3))


def test_windows_are_utc_minutes(ask: Ask, clock: MovableClock) -> None:
    """Used weight grows within the minute and begins anew at second 0."""
    assert [ask(INFO).headers["X-MBX-USED-WEIGHT-1M"] for _ in range(3)] == ["20", "40", "60"]
    clock.advance(29.7)
    assert ask(INFO).headers["X-MBX-USED-WEIGHT-1M"] == "80"
    clock.advance(0.1)
    assert ask(INFO).headers["X-MBX-USED-WEIGHT-1M"] == "20"


def test_beyond_the_limit_is_429_until_the_minute_turns(ask: Ask, clock: MovableClock) -> None:
    """The limit itself is still served; the next is refused with the seconds to wait, and after them served."""
    assert [ask(INFO).status for _ in range(6)] == [200] * 5 + [429]
    refused = ask(INFO)
    assert msgspec.json.decode(refused.body)["code"] == -1003
    clock.advance(int(refused.headers["Retry-After"]))
    assert ask(INFO).status == 200


def test_refused_requests_cost_weight(ask: Ask) -> None:
    """A bad request is charged like a good one."""
    assert ask("/api/v3/klines").headers["X-MBX-USED-WEIGHT-1M"] == "2"


def test_going_on_is_banned_for_longer_each_time(ask: Ask, clock: MovableClock) -> None:
    """After three refusals in a minute comes 418 with the end of the ban in its text; the next ban is longer."""
    lengths = []
    for _ in range(3):
        statuses = [ask(INFO).status for _ in range(9)]
        assert statuses == [200] * 5 + [429] * 3 + [418]
        banned = ask("/api/v3/time")
        until_ms = int(msgspec.json.decode(banned.body)["msg"].split("until ")[1].split(".")[0])
        assert banned.status == 418
        assert int(banned.headers["Retry-After"]) == math.ceil(until_ms / 1000 - clock())
        lengths.append(round(until_ms / 1000 - clock()))
        clock.now_s = until_ms / 1000 + 60
    assert lengths == [120, 240, 480]


@pytest.mark.parametrize(("mode", "expected"), [("zero", "0"), ("absent", None)])
def test_retry_after_may_be_zero_or_absent(mode: str, expected: str | None, ask: Ask, exchange: Exchange) -> None:
    """As it was observed in practice."""
    exchange.limits.retry_after = mode  # type: ignore[assignment]
    exchange.spend(100)
    assert ask(INFO).headers.get("Retry-After") == expected


def test_addresses_are_counted_apart(ask: Ask) -> None:
    """The budget of one address is no other's."""
    assert [ask(INFO, address="10.0.0.1").status for _ in range(6)][-1] == 429
    assert ask(INFO, address="10.0.0.2").status == 200


def test_another_client_may_eat_the_budget(ask: Ask, exchange: Exchange) -> None:
    """What somebody else spends behind the same address shows in the header and counts."""
    exchange.spend(70)
    assert ask(INFO).headers["X-MBX-USED-WEIGHT-1M"] == "90"
    assert ask(INFO).status == 429


def test_without_limits_everything_is_served_and_counted(clock: MovableClock, ask: Ask, exchange: Exchange) -> None:
    """Limits off: no refusal, but the header and the count by minute stay right."""
    exchange.limits.enforced = False
    assert {ask(INFO).status for _ in range(20)} == {200}
    assert exchange.limits.spent[int(clock() // 60)] == 400


def test_sapi_never_bans(exchange: Exchange, ask: Ask, api_key: str, signed: Callable[..., str]) -> None:
    """Beyond the limit of a /sapi endpoint comes 429 however often it is asked, and /api/v3 goes on."""
    exchange.limits.sapi = 2
    target = signed("/sapi/v1/account/apiRestrictions")
    statuses = [ask(target, x_mbx_apikey=api_key).status for _ in range(20)]
    assert statuses == [200] * 2 + [429] * 18
    assert ask("/api/v3/time").status == 200


def test_everything_asked_is_on_record(exchange: Exchange, ask: Ask) -> None:
    """Target, status, weight and use of each request, in order, and a cheap count; the key is in no repr."""
    ask(INFO, x_mbx_apikey="secretive")
    ask("/api/v3/klines")
    first, second = exchange.requests
    assert (first.target, first.status, first.weight, first.used) == (INFO, 200, 20, 20)
    assert (second.path, second.status, second.weight, second.used) == ("/api/v3/klines", 400, 2, 22)
    assert exchange.requests.counts["/api/v3/klines", 400] == 1
    assert first.api_key == "secretive"
    assert "secretive" not in repr(first)
