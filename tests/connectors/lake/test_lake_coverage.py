"""Intervals: coverage is one stretch a series, and grows without holes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.lake.coverage import Interval, covered, missing

POINTS = st.integers(-50, 50)
INTERVALS = st.tuples(POINTS, POINTS).map(lambda pair: Interval(*sorted(pair)))


@given(INTERVALS, INTERVALS | st.none())
def test_fetching_what_is_missing_covers_both_without_a_hole(wanted: Interval, held: Interval | None) -> None:
    """Joining the missing parts gives one interval over the wanted and the held; nothing held is fetched again."""
    whole = held
    for part in missing(wanted, held):
        assert held is None or not any(point in held for point in range(part.since, part.until))
        whole = part if whole is None else whole.joined(part)
    if wanted.length:
        assert whole is not None
        assert whole.covers(wanted)
    if held is not None:
        assert whole is not None
        assert whole.covers(held)


@given(INTERVALS, st.integers(1, 30))
def test_pieces_are_the_interval(interval: Interval, step: int) -> None:
    """Split pieces follow one another, none longer than the step, and together are the interval."""
    pieces = list(interval.split(step))
    assert [point for piece in pieces for point in range(piece.since, piece.until)] == list(
        range(interval.since, interval.until)
    )
    assert all(0 < piece.length <= step for piece in pieces)


def test_a_hole_is_refused() -> None:
    """Two stretches that do not touch are never taken for one."""
    with pytest.raises(ValueError, match="leave a hole"):
        Interval(0, 10).joined(Interval(11, 12))


def test_an_interval_does_not_end_before_it_begins() -> None:
    """An upside-down interval is an error where it is made, not an empty result later."""
    with pytest.raises(ValueError, match="cannot end"):
        Interval(2, 1)


def test_coverage_is_read_from_bounds() -> None:
    """Coverage is what the log's bounds say, of times and of ids; half a coverage is none."""
    bounds = {"a#since": 1, "a#until": 5, "b#since": 1, "c#since_id": 7, "c#until_id": 9}
    assert covered(bounds, "a") == Interval(1, 5)
    assert covered(bounds, "b") is None
    assert covered(bounds, "c", "_id") == Interval(7, 9)
