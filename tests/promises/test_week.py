"""The default flows, kept running by a person whose days are not all good ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.diary import Diary

from connectors.simulator.protocol.faults import Error, Html, Wrong
from schemas.datasets.journal import CORRECTIONS

FOUR_HOURS_MS = 4 * 3600 * 1000
NEW, B, E, X = "币安人生USDT", "BTCUSDT", "ETHUSDT", "XRPUSDT"


def first_day(diary: Diary) -> None:
    """An account with a past; the first load is stopped in the middle of a page, and done by the same words again."""
    for symbol in (B, B, E):
        diary.book.fill(symbol, diary.book.place(symbol, "BUY", 1, 50))
    diary.book.place(B, "BUY", 2, 40)
    diary.stopped("run", "/klines?", 5)
    diary.verb("run")


def day_of_haste(diary: Diary) -> None:
    """The exchange wants to be asked less often, once: the run waits as it is told."""
    diary.book.fill(B, diary.book.place(B, "BUY", 3, 50), 1)
    diary.exchange.inject(Error(path="/api/v3/klines", code=-1003, status=429, headers={"Retry-After": "1"}))
    diary.verb("run")


def day_of_a_kill(diary: Diary) -> None:
    """A run is killed while it asks for orders."""
    diary.book.cancel(B, diary.book.place(B, "SELL", 1, 900_000))
    diary.book.fill(E, diary.book.place(E, "BUY", 1, 50))
    diary.killed("run", "/allOrders", 1)
    diary.verb("run")


def weekend(diary: Diary) -> None:
    """Nobody is there: an order that rested is filled, another one comes and goes."""
    (rested, *_) = diary.book.open_orders(diary.exchange.now_ms, B)
    diary.book.fill(B, rested.order_id)
    diary.book.fill(E, diary.book.place(E, "SELL", 1, 60))


def day_of_return(diary: Diary) -> None:
    """After three days without a run, the first one cannot have the fills of the weekend and says so; the next has."""
    diary.exchange.inject(Error(path="/api/v3/myTrades", symbol=B, count=10, code=-1000))
    assert "myTrades" in diary.verb("run", 1)
    diary.exchange.heal()


def day_of_old_history(diary: Diary) -> None:
    """The candles of a month before are wanted too, and the archive refuses to list its files: the exchange has them."""
    diary.exchange.inject(Html(path="/", count=None))
    diary.verb(BACKFILL)
    diary.exchange.heal()
    diary.verb("run")


def day_of_a_delisting(diary: Diary) -> None:
    """A symbol ends; and the last candle of another is printed wrong, until the evening."""
    diary.exchange.delist(NEW, diary.exchange.now_ms - FOUR_HOURS_MS)
    minute_ms = diary.exchange.now_ms // 60_000 * 60_000 - 60_000
    diary.exchange.inject(Wrong(path="/api/v3/klines", symbol=B, count=None, open_ms=minute_ms, values={8: 7}))
    diary.verb("run")
    diary.exchange.heal()


def day_of_an_amendment(diary: Diary) -> None:
    """An order is made smaller and filled between two runs."""
    number = diary.book.place(X, "BUY", 5, 1)
    diary.verb("run")
    diary.book.amend(X, number, 4)
    diary.book.fill(X, number)


DAYS: dict[str, Callable[[Diary], None]] = {
    "2026-10-28": first_day,
    "2026-10-29": day_of_haste,
    "2026-10-30": day_of_a_kill,
    "2026-11-03": day_of_return,
    "2026-11-04": day_of_old_history,
    "2026-11-05": day_of_a_delisting,
    "2026-11-06": day_of_an_amendment,
}
WEEKEND = "2026-11-01T10:00"
BACKFILL = f"backfill prices --since 2026-10-13 --symbol {X}"


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_week_of_the_default_flows(diary: Diary) -> None:
    """Days with upkeep and a fault each, and three days off: every verb does its work every day."""
    for day, happens in DAYS.items():
        if happens is day_of_return:
            diary.clock.set(WEEKEND)
            weekend(diary)
        diary.clock.set(f"{day}T09:00:30")
        happens(diary)
        diary.clock.set(f"{day}T18:00:30")
        diary.verb("run")
        diary.every_verb_reads()
    fresh = diary.beginning_now()
    for each in (diary, fresh):
        each.verb("run balances orders")
    with diary.clock.held():
        for each in (diary, fresh):
            each.verb("run prices")
        fresh.verb(BACKFILL)
    ours, theirs = diary.held(), fresh.held()
    assert ours["klines"].total() > 60_000
    assert diary.lake.table(CORRECTIONS).scan().num_rows == 1
    differing = {
        name: (ours[name] - theirs[name], theirs[name] - ours[name]) for name in ours if ours[name] != theirs[name]
    }
    assert not differing
