"""What pages of candles say about a series, without network or disk."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lakes import candle_series

from pipelines.candles import windows as plan
from pipelines.candles.coverage import LAG_US, QUIET_US, Walk
from pipelines.candles.windows import Phase
from pipelines.store.gaps import Asked, Gap
from pipelines.store.rows import instants
from schemas.datasets.market import KLINES
from schemas.model.errors import Problem
from schemas.model.grid import HOUR_US, MINUTE_US
from schemas.model.series import Series

START = 1_700_000_040_000_000  # on the minute
SERIES = candle_series("BTCUSDT", "1m")
ASKED = Asked("GET /api/v3/klines")
PAGE_ROWS = plan.page_rows(SERIES)
NOW = START + 2 * 24 * HOUR_US


def candle(open_time: int, close: str = "1", length: int = MINUTE_US) -> dict[str, Any]:
    one = Decimal(close)
    return {
        **SERIES.values, "open_time": open_time, "close_time": open_time - open_time % length + length - 1000,
        "open": one, "high": one, "low": one, "close": one, "volume": one, "quote_volume": one, "trade_count": 1,
        "taker_buy_volume": one, "taker_buy_quote_volume": one,
    }  # fmt: skip


def page(*times: int) -> pa.Table:
    return pa.Table.from_pylist([candle(time) for time in times], schema=KLINES.schema)


def at(minute: int) -> int:
    return START + minute * MINUTE_US


def stretches(gaps: tuple[Gap, ...]) -> list[tuple[int, int | None, str]]:
    minute = lambda us: None if us is None else (us - START) // MINUTE_US  # noqa: E731
    return [(minute(gap.since), minute(gap.until), gap.reason) for gap in gaps]


def walked(walk: Walk, times: list[int], since: int, until: int, now: int) -> pa.Table:
    return walk.forward(page(*(time for time in times if since <= time < until)), since, until, now, ASKED).rows


def test_a_candle_that_can_still_change_is_not_taken():
    """The open candle, and one that closed less than the lag ago, stay with the exchange."""
    walk = Walk(SERIES, None, None)
    step = walk.forward(page(at(0), at(1), at(2)), at(0), at(3), now=at(2) + LAG_US - 1, asked=ASKED)
    assert instants(step.rows).tolist() == [at(0)]
    assert step.bounds == {"since": at(0), "until": at(1)}


def test_a_late_end_keeps_no_candle_open():
    """A candle that prints a later end than it can have is taken once its time is over, not left out as a gap."""
    walk = Walk(SERIES, at(0), at(1))
    late = pa.Table.from_pylist([{**candle(at(1)), "close_time": at(900)}], schema=KLINES.schema)
    step = walk.forward(pa.concat_tables([late, page(at(2))]), at(1), at(3), now=at(60), asked=ASKED)
    assert (instants(step.rows).tolist(), step.gaps) == ([at(1), at(2)], ())


def test_silence_counts_only_after_the_quiet_time():
    """A missing last candle is waited for ten minutes before it is called missing."""
    walk = Walk(SERIES, at(0), at(1))
    assert walk.forward(page(), at(1), at(5), now=at(5), asked=ASKED).bounds == {}
    step = walk.forward(page(), at(1), at(5), now=at(2) + QUIET_US, asked=ASKED)
    assert step.bounds == {"until": at(2)}
    assert stretches(step.gaps) == [(1, None, "exchange_outage")]


def test_a_gap_ends_where_the_next_candle_opens():
    """A gap open at the end of coverage gets its end from the first candle behind it, in a later page."""
    walk = Walk(SERIES, at(0), at(1))
    walk.forward(page(), at(1), at(5), now=at(60), asked=ASKED)
    step = walk.forward(page(at(7), at(8)), at(5), at(9), now=at(60), asked=ASKED)
    assert stretches(step.gaps) == [(1, 7, "exchange_outage")]
    assert walk.open_gap is None


def test_what_lies_before_the_first_candle_was_not_listed():
    """A listing younger than the start asked for is covered from there, with the reason."""
    walk = Walk(SERIES, None, None)
    step = walk.forward(page(at(5), at(6)), at(0), at(7), now=at(60), asked=ASKED)
    assert step.bounds == {"since": at(0), "until": at(7)}
    assert stretches(step.gaps) == [(0, 5, "not_listed")]


def test_a_delisted_symbol_ends_in_a_gap_that_says_so():
    """The silence behind the last candle of a delisted symbol is named, and after a second look left alone."""
    walk = Walk(SERIES, at(0), at(1), delisted=True)
    assert stretches(walk.forward(page(), at(1), at(30), now=at(60), asked=ASKED).gaps) == [(1, None, "delisted")]
    assert not walk.at_rest
    assert walk.second_look(page(), at(1), at(30), now=at(180), asked=ASKED).gaps[0].confirmed_at == at(180)
    assert walk.at_rest


def test_an_off_grid_candle_is_kept_and_explains_its_slot():
    """A candle opening between grid points is stored as printed; its slot is a gap with that evidence."""
    odd = at(2) + 15_000_000
    walk = Walk(SERIES, at(0), at(1))
    step = walk.forward(page(at(1), odd, at(3)), at(1), at(4), now=at(60), asked=ASKED)
    assert instants(step.rows).tolist() == [at(1), odd, at(3)]
    assert stretches(step.gaps) == [(2, 3, "off_grid")]
    assert step.gaps[0].evidence["printed"] == "2023-11-14T22:16:15Z"


def test_late_candles_fill_their_gap():
    """Rows that turn up at the second look are added, and the gap is closed as filled."""
    walk = Walk(SERIES, at(0), at(9), gaps={at(4): Gap(since=at(4), until=at(6), reason="exchange_outage")})
    step = walk.second_look(page(at(4), at(5)), at(4), at(6), now=at(90), asked=ASKED)
    assert step.rows.num_rows == 2
    assert [gap.filled_at for gap in step.gaps] == [at(90)]
    assert walk.gaps == {}


def test_repeated_rows_count_once_and_contradicting_ones_are_refused():
    """An answer that repeats a candle is cleaned; one that gives two versions of a candle is an error."""
    walk = Walk(SERIES, at(0), at(1))
    step = walk.forward(page(at(2), at(1), at(1)), at(1), at(3), now=at(60), asked=ASKED)
    assert instants(step.rows).tolist() == [at(1), at(2)]
    torn = pa.Table.from_pylist([candle(at(1)), candle(at(1), close="2")], schema=KLINES.schema)
    with pytest.raises(Problem, match="two different candles"):
        Walk(SERIES, at(0), at(1)).forward(torn, at(1), at(3), now=at(60), asked=ASKED)


@settings(max_examples=300, deadline=None)
@given(
    present=st.sets(st.integers(0, 120)),
    odd=st.sets(st.integers(0, 120), max_size=3),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_every_slot_of_coverage_is_a_row_or_lies_in_one_gap(present: set[int], odd: set[int], cuts: list[int]):
    """However a series is cut into pages, and whatever the exchange leaves out, nothing is silent."""
    times = sorted({at(minute) for minute in present - odd} | {at(minute) + 7_000_000 for minute in odd})
    walk, rows, now, since = Walk(SERIES, None, None), [], at(100_000), at(0)
    for cut in cuts:
        rows += instants(walked(walk, times, since, since + cut * MINUTE_US, now)).tolist()
        since = since + cut * MINUTE_US
    assert (walk.since, walk.until) == (at(0), since)
    assert rows == [time for time in times if time < since]
    for minute in range(sum(cuts)):
        slot = at(minute)
        holding = [gap for gap in walk.gaps.values() if gap.since <= slot < (gap.until or since)]
        assert len(holding) == (0 if slot in rows else 1)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3 * PAGE_ROWS), st.integers(0, 3 * PAGE_ROWS), st.integers(0, 30 * 1_000_000))
def test_windows_join_without_seam(before: int, after: int, off: int):
    """Forward and backward windows touch one another and coverage, and none is longer than a page."""
    walk = Walk(SERIES, at(0), at(10))
    ahead = list(plan.forward(walk, at(10) + after * MINUTE_US + off))
    back = list(plan.backward(walk, at(-before), at(-before)))
    assert [window.until for window in ahead[:-1]] == [window.since for window in ahead[1:]]
    assert [window.since for window in back[:-1]] == [window.until for window in back[1:]]
    for window in (*ahead, *back):
        assert walk.grid.count(window.ask_since, window.until) <= PAGE_ROWS
    assert not ahead or (ahead[0].since == at(10) and ahead[0].ask_since == at(8))
    assert ([back[0].until, back[-1].since] if back else []) == ([at(0), at(-before)] if before else [])


def test_new_candles_come_before_old_history():
    """A long backfill delays no one: forward windows are worked on first, backward ones newest first."""
    walk = Walk(SERIES, at(0), at(10))
    windows = plan.in_order([*plan.backward(walk, at(-2500), at(-2500)), *plan.forward(walk, at(5000))])
    assert [window.phase for window in windows] == [Phase.FORWARD] * 5 + [Phase.BACKWARD] * 3
    assert windows[-1].since == at(-2500)


def test_the_cost_of_a_series_is_known_before():
    """A day of minutes is two pages, and an up-to-date series costs nothing."""
    assert plan.cost(Walk(SERIES, None, None), at(0), at(1440), NOW).requests == 2
    assert plan.cost(Walk(SERIES, at(0), at(1440)), at(0), at(1440), NOW).requests == 0
    older = plan.cost(Walk(SERIES, at(0), at(1440)), at(0) - 24 * HOUR_US, at(1440), NOW)
    assert (older.requests, older.weight, older.rows) == (3, 6, 1440)


def test_a_market_has_pages_and_weights_of_its_own():
    """Futures answer 1,500 candles at once, and a request for few of them is sent, and priced, as a cheap one."""
    futures = Series.of(KLINES, market="usdm", symbol="BTCUSDT", interval="1m")
    day = plan.cost(Walk(futures, None, None), at(0), at(1440), NOW)
    assert (day.requests, day.weight) == (1, 10)
    (window,) = plan.forward(Walk(futures, at(0), at(1440)), at(1445))
    assert window.limit == 99
    later = plan.cost(Walk(futures, at(0), at(1440)), at(0), at(1445), NOW)
    assert (later.requests, later.weight, later.rows) == (1, 1, 5)
    back = plan.cost(Walk(futures, at(0), at(1440)), at(-1600), at(1440), NOW)
    assert (back.requests, back.weight) == (3, 1 + 10 + 2)
    assert plan.listing(Walk(futures, at(0), at(1440)), at(-1600)).limit == 1


def test_a_gap_names_the_call_that_was_asked():
    """The evidence of a gap holds the path of its own market."""
    futures = Series.of(KLINES, market="usdm", symbol="BTCUSDT", interval="1m")
    step = Walk(futures, at(0), at(1)).forward(page(at(3)), at(1), at(4), now=at(60), asked=Asked.of_exchange(futures))
    assert step.gaps[0].evidence["asked"] == "GET /fapi/v1/klines"
    assert Asked.of_exchange(SERIES) == ASKED
