"""From where a walk asks again, whatever the clocks of earlier runs said."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipelines.pull.sure import covered, marks_at
from schemas.datasets import DATASETS
from schemas.model.grid import DAY_US, HOUR_US
from schemas.model.series import Series

SERIES = Series.of(DATASETS["deposits"], account="main")
BEGIN = 20_000 * DAY_US
hours = st.integers(1, 300)


def asked(bounds: dict[str, int], end: int) -> int:
    """From where on one run asks up to `end`; the bounds are as it leaves them."""
    stand = covered(SERIES, bounds, end, DAY_US)
    until = end if stand is None else max(stand.until, end)
    told = {"since": BEGIN - DAY_US, "until": until} | marks_at(SERIES, bounds, end)
    bounds |= {SERIES.field_id(name): value for name, value in told.items()}
    return BEGIN - DAY_US if stand is None else max(stand.again, BEGIN - DAY_US)


@given(st.lists(hours, max_size=6), hours, st.integers(1, 20), st.integers(1, 10**5), hours)
def test_what_comes_after_a_clock_that_was_ahead_is_asked_for(
    before: list[int], pause: int, wrong: int, ahead: int, later: int
) -> None:
    """Once it was ahead in the runs of a day, right ones soon ask for all that no right one has asked for."""
    bounds, now = dict[str, int](), BEGIN
    for hour in [0, *before]:
        now += hour * HOUR_US
        asked(bounds, now)
    right, now = now, now + pause * HOUR_US
    for _ in range(wrong):
        now += HOUR_US
        asked(bounds, now + ahead * HOUR_US)
    starts = [asked(bounds, now + (later + hour) * HOUR_US) for hour in range(25)]
    assert min(starts) <= right


@given(st.lists(hours, min_size=1, max_size=20))
def test_right_clocks_cost_two_days_at_most(pauses: list[int]) -> None:
    """Where no clock was ahead, a run asks again for no more than the pauses before it and two days."""
    bounds, instants = dict[str, int](), [BEGIN, *accumulate((one * HOUR_US for one in pauses), initial=BEGIN + 1)]
    starts = [asked(bounds, now) for now in instants]
    for place in range(2, len(instants)):
        day_before = max((one for one in instants if one <= instants[place - 1] - DAY_US), default=BEGIN)
        assert starts[place] >= min(day_before, instants[place - 1]) - DAY_US - HOUR_US
    far = [
        now for start, now, before in zip(starts[1:], instants[1:], instants, strict=False) if start < before - DAY_US
    ]
    assert all(later - earlier >= DAY_US for earlier, later in pairwise(far)), "no more than one a day asks for more"


def test_a_lake_of_before_is_asked_for_from_its_beginning() -> None:
    """Where the log tells of coverage to come and of nothing else, all is asked for again."""
    since = BEGIN - 90 * DAY_US
    bounds = {SERIES.field_id("since"): since, SERIES.field_id("until"): BEGIN + 90 * DAY_US}
    stand = covered(SERIES, bounds, BEGIN, DAY_US)
    assert stand is not None
    assert stand.again <= since
