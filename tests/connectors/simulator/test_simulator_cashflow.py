"""Four years of an account's money, made up from a seed: through every wallet, and never at odds with itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.simulator import Cashflow, Exchange, Life, MovableClock
from connectors.simulator.account.cashflow import wallet
from connectors.simulator.account.cashflow.life import STORIES

NOW_S = 1_793_620_830.25
UID = 7


def _exchange(clock: MovableClock, seed: int = 1, uid: int = UID, money: Cashflow | None = None) -> Exchange:
    exchange = Exchange(seed=seed, clock=clock)
    exchange.add_account(uid, "k" * 64, secret="s" * 64, money=money or Cashflow())
    return exchange


@pytest.fixture(scope="module")
def lived() -> Exchange:
    """An exchange with an account whose money has moved for four years."""
    return _exchange(MovableClock(NOW_S))


def _rows(exchange: Exchange, path: str, uid: int = UID) -> list[dict[str, Any]]:
    return [row for _, row in exchange.movements(uid, path)]


def test_no_wallet_ever_gave_what_it_had_not() -> None:
    """Month by month, nothing but debts is below zero, also where orders take from the same money."""
    clock = MovableClock(NOW_S - 300 * 86_400)
    exchange = Exchange(clock=clock)
    began_ms = exchange.now_ms
    life = Life(began_ms, stories_a_day=3, traded={"BTCUSDT": 1, "BNBUSDT": 1}, watched={})
    exchange.add_account(UID, "k" * 64, secret="s" * 64, money=Cashflow(began_ms, busy=3), orders=life)
    for _ in range(10):
        clock.advance(30 * 86_400)
        for name, held in exchange.wallets(UID).items():
            assert "debt" in name or all(amount >= 0 for amounts in held.values() for amount in amounts), name


AWKWARD: dict[str, Callable[[Exchange], Iterator[bool]]] = {
    "deposits in each state": lambda exchange: (
        {row["status"] for row in _rows(exchange, "capital/deposit/hisrec")} >= {state} for state in (1, 2, 7)
    ),
    "withdrawals given back": lambda exchange: (
        row["status"] == 3 for row in _rows(exchange, "capital/withdraw/history")
    ),
    "failed transfers": lambda exchange: (row["status"] == "FAILED" for row in _rows(exchange, "asset/transfer")),
    "amounts such as 4.5E-7": lambda exchange: (
        "E-" in row["amount"] for row in _rows(exchange, "asset/assetDividend")
    ),
    "dividends taken back": lambda exchange: (
        row.get("direction") == -1 for row in _rows(exchange, "asset/assetDividend")
    ),
    "numbers beyond 64 bits": lambda exchange: (
        int(row["orderNumber"]) >= 2**64 for row in _rows(exchange, "c2c/orderMatch/listUserOrderHistory")
    ),
    "times as text": lambda exchange: (" " in row["applyTime"] for row in _rows(exchange, "capital/withdraw/history")),
    "conversions that came to nothing": lambda exchange: (
        row["orderStatus"] == "FAIL" for row in _rows(exchange, "convert/tradeFlow")
    ),
}


@pytest.mark.parametrize("fact", AWKWARD)
def test_it_holds_what_is_awkward(lived: Exchange, fact: str) -> None:
    """What the exchange's ledgers hold rarely, this account holds."""
    assert any(AWKWARD[fact](lived))


def test_a_distribution_gives_its_number_to_several_rows(lived: Exchange) -> None:
    """The tranId of dividends is no key (C9)."""
    rows = _rows(lived, "asset/assetDividend")
    assert len({row["tranId"] for row in rows}) < len({row["id"] for row in rows}) == len(rows)


def test_income_repeats_its_numbers(lived: Exchange) -> None:
    """Profit and commission share a tranId across types, and rows may agree in everything (C9, D6)."""
    rows = _rows(lived, "/fapi/v1/income")
    kinds: defaultdict[int, set[str]] = defaultdict(set)
    for row in rows:
        kinds[row["tranId"]].add(row["incomeType"])
    trades = {row["tranId"] for row in rows if row["incomeType"] == "REALIZED_PNL"}
    assert {f"90031{trade}" for trade in trades} <= {str(number) for number in kinds}
    counted = Counter(tuple(sorted(row.items())) for row in rows)
    assert max(counted.values()) == 2


def test_a_movement_stands_in_several_ledgers(lived: Exchange) -> None:
    """A transfer to futures or margin is told of by their ledgers as well, under the same number (C10)."""
    moved = {row["tranId"]: row["type"] for row in _rows(lived, "asset/transfer") if row["status"] != "FAILED"}
    for path, name, number in (
        ("/fapi/v1/income", "UMFUTURE", "tranId"),
        ("/dapi/v1/income", "CMFUTURE", "tranId"),
        ("margin/transfer", "MARGIN", "txId"),
    ):
        told = [int(row[number]) for row in _rows(lived, path) if row.get("incomeType", "TRANSFER") == "TRANSFER"]
        assert {each for each, kind in moved.items() if name in kind} <= set(told)


def test_states_change_for_days() -> None:
    """A deposit is pending first, then credited but locked, then free; money shows from its credit on (C20)."""
    clock = MovableClock(NOW_S)
    (deposit,) = (story for story in STORIES if story.__name__ == "_deposit")
    exchange = _exchange(clock, money=Cashflow(int(NOW_S * 1000), stories={deposit: 2}))
    first = len(_rows(exchange, "capital/deposit/hisrec"))
    seen: list[int] = []
    for _ in range(4 * 24):
        clock.advance(3600)
        rows = _rows(exchange, "capital/deposit/hisrec")[first:]
        seen += [state for row in rows[:1] if (state := row["status"]) not in seen[-1:]]
    assert seen in ([0, 6, 1], [6, 1])


def test_it_is_the_same_however_it_is_watched() -> None:
    """Living on day by day ends where one leap ends; another user or another seed lives another life."""
    clock = MovableClock(NOW_S - 30 * 86_400)
    slowly = _exchange(clock)
    for _ in range(30):
        clock.advance(86_400)
        slowly.book(UID)
    leap = _exchange(MovableClock(NOW_S))
    other, seeded = _exchange(clock, uid=8), _exchange(clock, seed=2)
    assert slowly.wallets(UID) == leap.wallets(UID)
    assert _rows(slowly, "asset/transfer") == _rows(leap, "asset/transfer")
    assert leap.wallets(UID) not in (other.wallets(8), seeded.wallets(UID))
    assert _rows(leap, "asset/transfer") not in (_rows(other, "asset/transfer", 8), _rows(seeded, "asset/transfer"))


def test_a_busy_account_has_more_of_everything(lived: Exchange) -> None:
    """Five times as busy is about five times as many rows."""
    busy = _exchange(MovableClock(NOW_S), money=Cashflow(busy=5, stories=wallet.STORIES))
    usual = len(_rows(lived, "asset/transfer"))
    assert 4 * usual < len(_rows(busy, "asset/transfer")) < 6 * usual
