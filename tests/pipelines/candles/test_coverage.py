"""What pages of candles say about a series, without network or disk."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lakes import candle_series

from pipelines.candles.answer import LAG_US, QUIET_US, Answer
from pipelines.candles.coverage import Coverage, Step
from pipelines.candles.state import SeriesState
from pipelines.candles.windows import Phase, in_order, page_rows
from pipelines.estimate.candles import cost
from pipelines.store.gaps import Asked, Gap
from pipelines.store.rows import instants
from schemas.datasets.market import KLINES
from schemas.model.errors import Problem
from schemas.model.grid import HOUR_US, MINUTE_US
from schemas.model.series import Series

START = 1_700_000_040_000_000  # on the minute
SERIES = candle_series("BTCUSDT", "1m")
ASKED = Asked("GET /api/v3/klines")
PAGE_ROWS = page_rows(SERIES)
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


def seen(
    coverage: Coverage, rows: pa.Table, since: int, until: int, now: int, asked: Asked = ASKED
) -> tuple[Step, Coverage]:
    """What follows from an answer, and where the series stands then."""
    step = coverage.observe(Answer(rows, since, until, now, asked))
    assert step is not None
    return step, coverage.after(step)


def state(since: int, end: int, *, held: tuple[int, int] | None = None, series: Series = SERIES) -> SeriesState:
    """A series wanted over [since, end), of which some is held."""
    return SeriesState(Coverage(series, *(held or (since, since))), since, end)


def test_a_candle_that_can_still_change_is_not_taken():
    """The open candle, and one that closed less than the lag ago, stay with the exchange."""
    coverage = Coverage(SERIES, at(0), at(0))
    step, _ = seen(coverage, page(at(0), at(1), at(2)), at(0), at(3), now=at(2) + LAG_US - 1)
    assert instants(step.rows).tolist() == [at(0)]
    assert step.bounds == {"since": at(0), "until": at(1)}


def test_a_late_end_keeps_no_candle_open():
    """A candle that prints a later end than it can have is taken once its time is over, not left out as a gap."""
    coverage = Coverage(SERIES, at(0), at(1))
    late = pa.Table.from_pylist([{**candle(at(1)), "close_time": at(900)}], schema=KLINES.schema)
    step, _ = seen(coverage, pa.concat_tables([late, page(at(2))]), at(1), at(3), now=at(60))
    assert (instants(step.rows).tolist(), step.gaps) == ([at(1), at(2)], ())


def test_silence_counts_only_after_the_quiet_time():
    """A missing last candle is waited for ten minutes before it is called missing."""
    coverage = Coverage(SERIES, at(0), at(1))
    assert seen(coverage, page(), at(1), at(5), now=at(5))[0].bounds == {}
    step, _ = seen(coverage, page(), at(1), at(5), now=at(2) + QUIET_US)
    assert step.bounds == {"until": at(2)}
    assert stretches(step.gaps) == [(1, None, "exchange_outage")]


def test_a_gap_ends_where_the_next_candle_opens():
    """A gap open at the end of coverage gets its end from the first candle behind it, in a later page."""
    coverage = Coverage(SERIES, at(0), at(1))
    _, coverage = seen(coverage, page(), at(1), at(5), now=at(60))
    step, coverage = seen(coverage, page(at(7), at(8)), at(5), at(9), now=at(60))
    assert stretches(step.gaps) == [(1, 7, "exchange_outage")]
    assert coverage.open_gap is None


def test_what_lies_before_the_first_candle_was_not_listed():
    """A listing younger than the start asked for is covered from there, with the reason."""
    coverage = Coverage(SERIES, at(0), at(0))
    step, _ = seen(coverage, page(at(5), at(6)), at(0), at(7), now=at(60))
    assert step.bounds == {"since": at(0), "until": at(7)}
    assert stretches(step.gaps) == [(0, 5, "not_listed")]


def test_a_delisted_symbol_ends_in_a_gap_that_says_so():
    """The silence behind the last candle of a delisted symbol is named, and after a second look left alone."""
    coverage = Coverage(SERIES, at(0), at(1), delisted=True)
    step, coverage = seen(coverage, page(), at(1), at(30), now=at(60))
    assert stretches(step.gaps) == [(1, None, "delisted")]
    assert not coverage.at_rest
    step, coverage = seen(coverage, page(), at(1), at(30), now=at(180))
    assert step.gaps[0].confirmed_at == at(180)
    assert coverage.at_rest


def test_an_off_grid_candle_is_kept_and_explains_its_slot():
    """A candle opening between grid points is stored as printed; its slot is a gap with that evidence."""
    odd = at(2) + 15_000_000
    coverage = Coverage(SERIES, at(0), at(1))
    step, _ = seen(coverage, page(at(1), odd, at(3)), at(1), at(4), now=at(60))
    assert instants(step.rows).tolist() == [at(1), odd, at(3)]
    assert stretches(step.gaps) == [(2, 3, "off_grid")]
    assert step.gaps[0].evidence["printed"] == "2023-11-14T22:16:15Z"


def test_late_candles_fill_their_gap():
    """Rows that turn up at the second look are added, and the gap is closed as filled."""
    coverage = Coverage(SERIES, at(0), at(9), gaps={at(4): Gap(since=at(4), until=at(6), reason="exchange_outage")})
    step, coverage = seen(coverage, page(at(4), at(5)), at(4), at(6), now=at(90))
    assert step.rows.num_rows == 2
    assert [gap.filled_at for gap in step.gaps] == [at(90)]
    assert coverage.gaps == {}


def test_an_answer_that_touches_nothing_adds_nothing():
    """Behind a page that did not come, or before coverage, no step follows; no second look is taken there either."""
    doubt = Gap(since=at(1), until=at(2), reason="exchange_outage")
    one = SeriesState(Coverage(SERIES, at(3), at(9), gaps={at(1): doubt}), at(0), at(9))
    assert one.second_looks(at(900)) == []
    for since, until in ((at(1), at(2)), (at(10), at(12)), (at(8), at(11))):
        assert one.coverage.observe(Answer(page(at(1), at(8), at(10)), since, until, at(900), ASKED)) is None


def test_repeated_rows_count_once_and_contradicting_ones_are_refused():
    """An answer that repeats a candle is cleaned; one that gives two versions of a candle is an error."""
    coverage = Coverage(SERIES, at(0), at(1))
    step, _ = seen(coverage, page(at(2), at(1), at(1)), at(1), at(3), now=at(60))
    assert instants(step.rows).tolist() == [at(1), at(2)]
    torn = pa.Table.from_pylist([candle(at(1)), candle(at(1), close="2")], schema=KLINES.schema)
    with pytest.raises(Problem, match="two different candles"):
        seen(coverage, torn, at(1), at(3), now=at(60))


@settings(max_examples=300, deadline=None)
@given(
    present=st.sets(st.integers(0, 120)),
    odd=st.sets(st.integers(0, 120), max_size=3),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_every_slot_of_coverage_is_a_row_or_lies_in_one_gap(present: set[int], odd: set[int], cuts: list[int]):
    """However a series is cut into pages, and whatever the exchange leaves out, nothing is silent."""
    times = sorted({at(minute) for minute in present - odd} | {at(minute) + 7_000_000 for minute in odd})
    coverage, rows, now, since = Coverage(SERIES, at(0), at(0)), [], at(100_000), at(0)
    for cut in cuts:
        until = since + cut * MINUTE_US
        step, coverage = seen(coverage, page(*(time for time in times if since <= time < until)), since, until, now)
        rows += instants(step.rows).tolist()
        since = until
    assert (coverage.since, coverage.until) == (at(0), since)
    assert rows == [time for time in times if time < since]
    for minute in range(sum(cuts)):
        slot = at(minute)
        holding = [gap for gap in coverage.gaps.values() if gap.since <= slot < (gap.until or since)]
        assert len(holding) == (0 if slot in rows else 1)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3 * PAGE_ROWS), st.integers(0, 3 * PAGE_ROWS), st.integers(0, 30 * 1_000_000))
def test_windows_join_without_seam(before: int, after: int, off: int):
    """Forward and backward windows touch one another and coverage, and none is longer than a page."""
    one = state(at(-before), at(10) + after * MINUTE_US + off, held=(at(0), at(10)))
    one.listed = at(-before)
    ahead, back = list(one.forward()), one.history()
    assert [window.until for window in ahead[:-1]] == [window.since for window in ahead[1:]]
    assert [window.since for window in back[:-1]] == [window.until for window in back[1:]]
    for window in (*ahead, *back):
        assert one.coverage.grid.count(window.ask_since, window.until) <= PAGE_ROWS
    assert not ahead or (ahead[0].since == at(10) and ahead[0].ask_since == at(8))
    assert ([back[0].until, back[-1].since] if back else []) == ([at(0), at(-before)] if before else [])


def test_new_candles_come_before_old_history():
    """A long backfill delays no one: forward windows are worked on first, backward ones newest first."""
    one = state(at(-2500), at(5000), held=(at(0), at(10)))
    one.listed = one.since
    windows = in_order([*one.history(), *one.forward()])
    assert [window.phase for window in windows] == [Phase.FORWARD] * 5 + [Phase.BACKWARD] * 3
    assert windows[-1].since == at(-2500)


def test_the_cost_of_a_series_is_known_before():
    """A day of minutes is two pages, and an up-to-date series costs nothing."""
    day = (at(0), at(1440))
    assert cost(state(*day), NOW).requests == 2
    assert cost(state(*day, held=day), NOW).requests == 0
    older = cost(state(at(0) - 24 * HOUR_US, at(1440), held=day), NOW)
    assert (older.requests, older.weight, older.rows) == (3, 6, 1440)


def test_a_market_has_pages_and_weights_of_its_own():
    """Futures are asked for pages that weigh 2, and a request for few candles is sent, and priced, as a cheaper one."""
    futures = Series.of(KLINES, market="usdm", symbol="BTCUSDT", interval="1m")
    held = (at(0), at(1440))
    day = cost(state(*held, series=futures), NOW)
    assert (day.requests, day.weight) == (3, 6)
    later = state(at(0), at(1445), held=held, series=futures)
    (window,) = later.forward()
    assert window.limit == 99
    assert (cost(later, NOW).requests, cost(later, NOW).weight, cost(later, NOW).rows) == (1, 1, 5)
    older = state(at(-1600), at(1440), held=held, series=futures)
    assert (cost(older, NOW).requests, cost(older, NOW).weight) == (5, 1 + 4 * 2)
    assert [window.limit for window in older.listing()] == [1]


def test_a_gap_names_the_call_that_was_asked():
    """The evidence of a gap holds the path of its own market."""
    futures = Series.of(KLINES, market="usdm", symbol="BTCUSDT", interval="1m")
    coverage = Coverage(futures, at(0), at(1))
    step, _ = seen(coverage, page(at(3)), at(1), at(4), now=at(60), asked=Asked.of_exchange(futures))
    assert step.gaps[0].evidence["asked"] == "GET /fapi/v1/klines"
    assert Asked.of_exchange(SERIES) == ASKED
