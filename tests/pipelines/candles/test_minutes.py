"""Single minutes that value an account: what an answer says of those for which it holds no candle."""

from __future__ import annotations

from decimal import Decimal

from support.lakes import candle_series, rows_of, us

from pipelines.candles.minutes import MinuteAnswer, MinuteWindow, says_more
from pipelines.store.gaps import Gap
from schemas.datasets.market import KLINES
from schemas.model.grid import HOUR_US, MINUTE_US

NOON = us("2026-11-02T12:00")
MINUTES = [NOON + at * MINUTE_US for at in (0, 1, 2)]


def answer(began: int, *gaps: Gap) -> dict[int, object]:
    """What is stored of an answer that holds the middle one of three minutes."""
    row = {"open_time": "2026-11-02T12:01", "close_time": "2026-11-02T12:02", "close": "0.5"}
    window = MinuteWindow(candle_series(), MINUTES)
    return dict(MinuteAnswer(window, rows_of(KLINES, row), began, began + 1, gaps).closes())


def test_silence_about_a_minute_that_has_just_ended_says_nothing() -> None:
    """A candle counts as not there only when its minute was over for ten minutes before anyone asked."""
    assert answer(NOON + 11 * MINUTE_US - 1) == {MINUTES[1]: Decimal("0.5")}
    assert answer(NOON + 11 * MINUTE_US) == {MINUTES[0]: None, MINUTES[1]: Decimal("0.5")}


def test_what_a_file_did_not_give_is_not_missing() -> None:
    """Of a stretch that got no answer that can be read, nothing is stored; the rest of the answer is."""
    gap = Gap(since=MINUTES[2], until=MINUTES[2] + MINUTE_US, reason="unusable")
    assert answer(NOON + HOUR_US, gap) == {MINUTES[0]: None, MINUTES[1]: Decimal("0.5")}


def test_a_second_look_that_began_too_early_is_none() -> None:
    """Of two processes that ask at once, the later answer without a candle adds nothing; one with a candle does."""
    empty = {"close": None, "asked_at": NOON}
    assert not says_more(empty, None, NOON + HOUR_US - 1)
    assert says_more(empty, None, NOON + HOUR_US)
    assert says_more(empty, Decimal(1), NOON)
    assert not says_more({"close": Decimal(1), "asked_at": NOON}, Decimal(1), NOON + 2 * HOUR_US)
