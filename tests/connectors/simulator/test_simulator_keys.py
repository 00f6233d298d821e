"""Several keys of one account, and what becomes of a key: other rights, an IP list, an end of trading, deletion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from connectors.simulator import Exchange, MovableClock
from connectors.simulator.protocol.messages import Answer

ACCOUNT, RESTRICTIONS = "/api/v3/account", "/sapi/v1/account/apiRestrictions"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"  # noqa: S105 - published
SECOND = "z" * 64

Get, Code, Signed = Callable[..., Any], Callable[..., tuple[int, int]], Callable[..., str]


def test_keys_of_one_account_are_changed_and_deleted_apart(
    exchange: Exchange, api_key: str, signed: Signed, get: Get, code: Code
) -> None:
    """Two keys read the same uid; one gains a right and is deleted, the other stays as it was."""
    exchange.add_account(7, SECOND, secret=SECRET)
    assert {get(signed(ACCOUNT), x_mbx_apikey=key)["uid"] for key in (api_key, SECOND)} == {7}
    exchange.change_key(SECOND, permissions={"enableReading", "enableWithdrawals"})
    withdraws = [get(signed(RESTRICTIONS), x_mbx_apikey=key)["enableWithdrawals"] for key in (api_key, SECOND)]
    assert withdraws == [False, True]
    exchange.delete_key(SECOND)
    assert code(signed(ACCOUNT), x_mbx_apikey=SECOND) == (401, -2015)
    assert get(signed(ACCOUNT), x_mbx_apikey=api_key)["uid"] == 7


def test_an_ip_list_admits_the_addresses_on_it(
    exchange: Exchange, api_key: str, signed: Signed, ask: Callable[..., Answer]
) -> None:
    """From elsewhere the key is refused, and the refusal names the address that the exchange saw."""
    exchange.change_key(api_key, addresses=["203.0.113.7"])
    inside = ask(signed(RESTRICTIONS), address="203.0.113.7", x_mbx_apikey=api_key)
    assert msgspec.json.decode(inside.body)["ipRestrict"] is True
    outside = ask(signed(RESTRICTIONS), address="198.51.100.9", x_mbx_apikey=api_key)
    told = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action, request ip: 198.51.100.9"}
    assert (outside.status, msgspec.json.decode(outside.body)) == (401, told)


def test_the_right_to_trade_ends_by_itself(
    exchange: Exchange, api_key: str, signed: Signed, get: Get, clock: MovableClock
) -> None:
    """Its end is printed as tradingAuthorityExpirationTime; from then on the key reads and trades no more."""
    until_ms = exchange.now_ms + 60_000
    exchange.change_key(api_key, permissions={"enableReading", "enableSpotAndMarginTrading"}, trading_until_ms=until_ms)
    before = get(signed(RESTRICTIONS), x_mbx_apikey=api_key)
    clock.advance(60)
    after = get(signed(RESTRICTIONS), x_mbx_apikey=api_key)
    assert [each["tradingAuthorityExpirationTime"] for each in (before, after)] == [until_ms, until_ms]
    assert [each["enableSpotAndMarginTrading"] for each in (before, after)] == [True, False]
    assert after["enableReading"] is True


def test_an_unknown_right_is_refused(exchange: Exchange, api_key: str) -> None:
    """A test that misspells a right is told so."""
    with pytest.raises(ValueError, match="enableFlying"):
        exchange.change_key(api_key, permissions={"enableFlying"})
