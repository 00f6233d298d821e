"""The answer of `klines`: which rows, printed how."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.simulator import Exchange, MovableClock
from connectors.simulator.market.candles import Candles
from connectors.simulator.market.intervals import DAY_MS, HOUR_MS, MINUTE_MS
from connectors.simulator.market.listings import LISTINGS, plain
from connectors.simulator.market.rendering import rendered

Get = Callable[..., Any]
NOW_MINUTE = 1_793_620_800_000
BTC = next(listing for listing in LISTINGS if listing.symbol == "BTCUSDT")


def _opens(rows: list[Any]) -> list[int]:
    return [row[0] for row in rows]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 10**15)] * 8), min_size=1, max_size=5),
    st.integers(0, 8),
    st.integers(0, 8),
    st.booleans(),
)
def test_the_text_is_exact(rows: list[tuple[int, ...]], tick: int, step: int, micro: bool) -> None:
    """Whatever the integers and decimals, the JSON holds their exact values with eight decimals."""
    columns = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    opened = np.arange(len(rows), dtype=np.int64) * MINUTE_MS + NOW_MINUTE
    prices, (volume, quote, trades, taker) = columns[:4], columns[4:]
    candles = Candles(opened, *prices, volume, quote, trades, taker, quote)
    text = rendered(candles, opened + 59_999, plain("AB", "A", "B", tick, step), micro=micro).text
    factor, last = (1000, 999) if micro else (1, 0)
    for printed, row, open_ms in zip(msgspec.json.decode(b"[" + text[:-1] + b"]"), rows, opened.tolist(), strict=True):
        assert printed[0] == open_ms * factor
        assert printed[1:5] == [f"{Decimal(value).scaleb(-tick):.8f}" for value in row[:4]]
        assert printed[5] == f"{Decimal(row[4]).scaleb(-step):.8f}"
        assert printed[6] == (open_ms + 59_999) * factor + last
        assert printed[7] == f"{Decimal(row[5]).scaleb(-8):.8f}"
        assert printed[8] == row[6]
        assert printed[9] == f"{Decimal(row[7]).scaleb(-step):.8f}"
        assert printed[11] == "0"


T = NOW_MINUTE - 100 * MINUTE_MS


@pytest.mark.parametrize(
    ("window", "first", "last", "count"),
    [
        ("", NOW_MINUTE - 499 * MINUTE_MS, NOW_MINUTE, 500),
        ("&limit=3", NOW_MINUTE - 2 * MINUTE_MS, NOW_MINUTE, 3),
        ("&limit=1001", NOW_MINUTE - 999 * MINUTE_MS, NOW_MINUTE, 1000),
        (f"&startTime={T}&limit=3", T, T + 2 * MINUTE_MS, 3),
        (f"&startTime={T + 1}&limit=3", T + MINUTE_MS, T + 3 * MINUTE_MS, 3),
        (f"&endTime={T}&limit=3", T - 2 * MINUTE_MS, T, 3),
        (f"&endTime={T - 1}&limit=3", T - 3 * MINUTE_MS, T - MINUTE_MS, 3),
        (f"&startTime={T}&endTime={T}", T, T, 1),
        (f"&startTime={T}&endTime={T + 5 * MINUTE_MS}&limit=2", T, T + MINUTE_MS, 2),
        (f"&startTime={T}&endTime={T + 5 * MINUTE_MS}", T, T + 5 * MINUTE_MS, 6),
        (f"&startTime={T * 1000}&limit=1", T, T, 1),
        (f"&startTime={T * 1000 + 1}&limit=1", T + MINUTE_MS, T + MINUTE_MS, 1),
        ("&startTime=0&limit=1", BTC.listed_ms, BTC.listed_ms, 1),
    ],
)
def test_start_end_and_limit(window: str, first: int, last: int, count: int, get: Get) -> None:
    """No bound: the newest; a start: the oldest from it; an end alone: the newest up to it; both ends inclusive."""
    rows = get(f"/api/v3/klines?symbol=BTCUSDT&interval=1m{window}")
    assert (rows[0][0], rows[-1][0], len(rows)) == (first, last, count)
    assert np.all(np.diff(_opens(rows)) == MINUTE_MS)


@pytest.mark.parametrize("window", ["&startTime=1893456000000", "&endTime=1000", "&startTime=2&endTime=1"])
def test_an_empty_window_is_an_empty_list(window: str, get: Get) -> None:
    """The future, the time before the listing and a window upside down hold nothing."""
    assert get(f"/api/v3/klines?symbol=BTCUSDT&interval=1m{window}") == []


@pytest.mark.parametrize("interval", ["1s", "1m", "15m", "1h", "8h", "1d", "3d", "1w", "1M"])
def test_pages_walked_forward_and_backward_are_the_same(interval: str, get: Get) -> None:
    """Small pages by start, small pages by end and one large page show the same rows."""
    base = f"/api/v3/klines?symbol=ETHBTC&interval={interval}"
    whole = get(f"{base}&limit=60")
    forward: list[Any] = []
    while page := get(f"{base}&limit=7&startTime={forward[-1][0] + 1 if forward else whole[0][0]}"):
        forward += page
    backward: list[Any] = []
    while len(backward) < 60:
        end = f"&endTime={backward[0][0] - 1}" if backward else ""
        backward = get(f"{base}&limit=10{end}") + backward
    assert forward == backward == whole


def test_the_running_candle_is_served_and_grows(get: Get, clock: MovableClock) -> None:
    """The last row ends after now; it changes until its slot is over, and then never again."""
    target = f"/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={NOW_MINUTE}"
    running = get(target)[0]
    assert running[6] > clock() * 1000
    clock.advance(20)
    later = get(target)[0]
    assert (later[:2], later[6]) == (running[:2], running[6])
    assert Decimal(later[5]) >= Decimal(running[5])
    assert later[8] > running[8]
    clock.advance(60)
    closed = get(target)[0]
    clock.advance(3600)
    assert get(target)[0] == closed


@pytest.mark.parametrize("interval", ["1h", "1d", "1w", "1M"])
def test_a_longer_running_candle_is_what_its_minutes_say(interval: str, get: Get) -> None:
    """The running candle of any interval equals the sum of its closed minutes and the running one."""
    row = get(f"/api/v3/klines?symbol=ETHUSDT&interval={interval}&limit=1")[0]
    minutes: list[Any] = []
    while page := get(
        f"/api/v3/klines?symbol=ETHUSDT&interval=1m&limit=1000&startTime={row[0] + len(minutes) * 60000}"
    ):
        minutes += page
    assert row[1:5] == [
        minutes[0][1],
        max((m[2] for m in minutes), key=Decimal),
        min((m[3] for m in minutes), key=Decimal),
        minutes[-1][4],
    ]
    assert Decimal(row[5]) == sum(Decimal(m[5]) for m in minutes)
    assert row[8] == sum(m[8] for m in minutes)


def test_microseconds_on_request(get: Get) -> None:
    """With the header times are in µs, the last instant of a candle to its last µs; everything else is the same."""
    target = f"/api/v3/klines?symbol=BTCUSDT&interval=1m&endTime={T}&limit=2"
    ms, us = get(target), get(target, x_mbx_time_unit="MICROSECOND")
    for plain_row, fine in zip(ms, us, strict=True):
        assert (fine[0], fine[6]) == (plain_row[0] * 1000, plain_row[6] * 1000 + 999)
        assert (fine[1:6], fine[7:]) == (plain_row[1:6], plain_row[7:])


def test_a_delisted_symbol_keeps_its_history(get: Get) -> None:
    """The newest rows of a delisted symbol are its last, and its day ended early."""
    rows = get("/api/v3/klines?symbol=NANOUSDT&interval=1m&limit=2")
    assert rows[-1][0] == 1_642_577_400_000 - MINUTE_MS
    assert get("/api/v3/klines?symbol=NANOUSDT&interval=1d&limit=1")[0][0] == 1_642_550_400_000


def test_a_symbol_listed_in_the_middle_of_a_day_begins_there(get: Get) -> None:
    """Its first minute is the one of the listing; its first day opens at midnight before."""
    minute = get("/api/v3/klines?symbol=XNOUSDT&interval=1m&startTime=0&limit=1")[0][0]
    day = get("/api/v3/klines?symbol=XNOUSDT&interval=1d&startTime=0&limit=1")[0][0]
    assert minute == 1_791_279_000_000
    assert day == minute // DAY_MS * DAY_MS


def test_an_outage_leaves_no_rows(get: Get) -> None:
    """Four hours are missing, in minutes and in hours, and nothing stands in for them."""
    start = 1_791_943_200_000  # 2026-10-14 02:00
    window = f"startTime={start - HOUR_MS}&endTime={start + 5 * HOUR_MS - 1}"
    hours = _opens(get(f"/api/v3/klines?symbol=XRPUSDT&interval=1h&{window}"))
    minutes = _opens(get(f"/api/v3/klines?symbol=XRPUSDT&interval=1m&{window}"))
    assert hours == [start - HOUR_MS, start + 4 * HOUR_MS]
    assert len(minutes) == 120


def test_candles_off_the_grid(get: Get) -> None:
    """For an hour and a half minutes open 14 seconds late; a start between grid and row still finds the row."""
    start = 1_792_497_600_000  # 2026-10-20 12:00
    window = f"startTime={start - 2 * MINUTE_MS}&limit=4"
    rows = get(f"/api/v3/klines?symbol=LTCUSDT&interval=1m&{window}")
    assert _opens(rows) == [start - 2 * MINUTE_MS, start - MINUTE_MS, start + 14_000, start + 74_000]
    assert rows[2][6] - rows[2][0] == 59_999
    after = get(f"/api/v3/klines?symbol=LTCUSDT&interval=1m&startTime={start + 1}&limit=1")
    assert after == rows[2:3]


def test_recorded_rows_replace_the_made_up_ones(exchange: Exchange, get: Get) -> None:
    """A replayed series is what was recorded to the last digit, and nothing else; other series stay."""
    rows = [
        [
            1_592_000_000_000,
            "0.1",
            "0.20",
            "0.05000000",
            "0.12345678",
            "1",
            1_592_000_059_999,
            "2.5",
            3,
            "1",
            "1.0",
            "0",
        ],
        [1_592_000_060_000, "1", "2", "0.5", "1.5", "99999999999.00000001", 1_592_000_119_999, "1", 4, "0", "0", "0"],
    ]
    exchange.replay_klines("BTCUSDT", "1m", rows[::-1])
    base = "/api/v3/klines?symbol=BTCUSDT&interval"
    assert get(f"{base}=1m") == rows
    assert get(f"{base}=1m&startTime={rows[0][0] + 1}") == rows[1:]
    assert get(f"{base}=1m&endTime={rows[0][0]}") == rows[:1]
    assert get(f"{base}=1m", x_mbx_time_unit="microsecond")[0][6] == 1_592_000_059_999_999
    assert len(get(f"{base}=3m")) == 500


def test_rows_of_the_archive_may_be_replayed(exchange: Exchange, get: Get) -> None:
    """Texts and microseconds of the archive become what REST prints."""
    row = ["1735689600000000", "1", "2", "0.5", "1.5", "10", "1735689659999999", "15", "7", "5", "7.5", "0"]
    exchange.replay_klines("BTCUSDT", "1m", [row])
    assert get("/api/v3/klines?symbol=BTCUSDT&interval=1m") == [
        [1735689600000, "1", "2", "0.5", "1.5", "10", 1735689659999, "15", 7, "5", "7.5", "0"]
    ]
