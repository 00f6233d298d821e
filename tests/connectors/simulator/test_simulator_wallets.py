"""The wallets of an account: whatever is moved shows in balances and ledgers at once, and never in one alone."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connectors.simulator import Exchange, Filed, Leg, MovableClock

UID = 7
DAY_MS = 86_400_000
TRANSFERS = "asset/transfer"
TO_FUNDING = [Leg("spot", "USDT", -30), Leg("funding", "USDT", 30)]
Read = Callable[[], list[Any]]


@pytest.fixture
def transfers(api_key: str, signed: Callable[..., str], get: Callable[..., Any]) -> Read:
    """The transfers from spot to funding of the last week, as the exchange returns them."""

    def transfers() -> list[Any]:
        target = signed(f"/sapi/v1/{TRANSFERS}", "type=MAIN_FUNDING")
        rows: list[Any] = get(target, x_mbx_apikey=api_key).get("rows", [])
        return rows

    return transfers


def _row(at_ms: int) -> Filed:
    row = {"asset": "USDT", "amount": "30", "type": "MAIN_FUNDING", "status": "CONFIRMED", "tranId": 1}
    return Filed(TRANSFERS, {**row, "timestamp": at_ms}, "MAIN_FUNDING")


@pytest.mark.parametrize("days", [-2, 0])
def test_a_movement_shows_in_wallets_and_ledger(exchange: Exchange, transfers: Read, days: int) -> None:
    """A transfer that happened, however long ago, is in the balances of both wallets and in the ledger."""
    at_ms = exchange.now_ms + days * DAY_MS
    exchange.move(UID, at_ms, TO_FUNDING, [_row(at_ms)])
    wallets = exchange.wallets(UID)
    assert wallets["funding"] == {"USDT": (30, 0)}
    assert wallets["spot"]["USDT"] == exchange.balances(UID, exchange.now_ms)["USDT"] == (70, 0)
    assert [row["timestamp"] for row in transfers()] == [at_ms]


def test_a_movement_to_come_shows_when_its_time_has_come(
    exchange: Exchange, clock: MovableClock, transfers: Read
) -> None:
    """Until its instant neither balance nor ledger shows it; from then on both do, whichever is asked first."""
    at_ms = exchange.now_ms + DAY_MS
    exchange.move(UID, at_ms, TO_FUNDING, [_row(at_ms)])
    clock.advance(86_399)
    assert (exchange.wallets(UID).get("funding"), transfers()) == (None, [])
    clock.advance(1)
    assert [row["timestamp"] for row in transfers()] == [at_ms]
    assert exchange.wallets(UID)["funding"] == {"USDT": (30, 0)}


def test_orders_and_movements_share_the_spot_wallet(exchange: Exchange, api_key: str) -> None:
    """Spot shows what was moved, what orders moved and what they hold back; setting a balance overrides all of it."""
    assert api_key
    book = exchange.book(UID)
    exchange.move(UID, exchange.now_ms, [Leg("spot", "USDT", 900)])
    book.fill("BTCUSDT", book.place("BTCUSDT", "BUY", 1, 400))
    book.place("BTCUSDT", "BUY", 1, 100)
    assert exchange.wallets(UID)["spot"]["USDT"] == (500, 100)
    exchange.set_balance(UID, "USDT", 5)
    assert exchange.wallets(UID)["spot"]["USDT"] == (5, 0)


def test_wallets_are_known_as_they_were(exchange: Exchange, api_key: str) -> None:
    """The books give the balances of any instant, what is locked apart."""
    assert api_key
    then_ms = exchange.now_ms - DAY_MS
    exchange.move(UID, then_ms, [Leg("margin", "BTC", 1), Leg("margin_debt", "BTC", -1)])
    exchange.move(UID, exchange.now_ms, [Leg("margin", "BTC", "-0.25", "0.25")])
    books = exchange.keys[api_key].account.wallets
    assert books.all()["margin"] == {"BTC": (Decimal("0.75"), Decimal("0.25"))}
    assert books.held("margin", then_ms) == {"BTC": (1, 0)}
    assert books.held("margin", then_ms - 1) == {}


@pytest.mark.parametrize("wallet", ["Spot", "isolated_margin", "isolated_margin:", "earn"])
def test_an_unknown_wallet_is_refused(exchange: Exchange, api_key: str, wallet: str) -> None:
    """A movement between wallets of which one is unknown moves nothing."""
    assert api_key
    before = exchange.wallets(UID)
    with pytest.raises(ValueError, match="no such wallet"):
        exchange.move(UID, exchange.now_ms, [Leg("usdm", "USDT", 1), Leg(wallet, "USDT", -1)])
    assert exchange.wallets(UID) == before
