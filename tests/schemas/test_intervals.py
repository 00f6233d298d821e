from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.model.grid import INTERVALS, LENGTH_US, Grid

INSTANTS = st.integers(1_500_000_000_000_000, 1_900_000_000_000_000)


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@given(st.sampled_from(INTERVALS), INSTANTS, INSTANTS)
def test_a_slot_holds_the_instants_up_to_the_next_one(interval: str, instant: int, seen: int):
    """Every instant lies in exactly one slot, whatever grid the symbol has."""
    grid = Grid.of(interval, seen)
    slot = grid.floor(instant)
    assert slot <= instant < grid.step(slot, 1)
    assert grid.floor(slot) == grid.ceil(slot) == slot


@given(st.sampled_from(INTERVALS), INSTANTS, st.integers(0, 400))
def test_stepping_and_counting_agree(interval: str, instant: int, slots: int):
    """So many steps from a slot, so many slots lie between, and the way back is the same."""
    grid = Grid.of(interval)
    first = grid.floor(instant)
    last = grid.step(first, slots)
    assert grid.count(first, last) == slots
    assert grid.step(last, -slots) == first


@pytest.mark.parametrize(
    ("interval", "instant", "slot"),
    [
        ("1w", "2024-05-01T12:00", "2024-04-29T00:00"),
        ("1M", "2024-02-29T23:59", "2024-02-01T00:00"),
        ("1d", "2024-02-29T23:59", "2024-02-29T00:00"),
        ("8h", "2024-02-29T23:59", "2024-02-29T16:00"),
        ("1m", "2024-02-29T23:59", "2024-02-29T23:59"),
    ],
)
def test_slots_open_where_the_exchange_opens_them(interval: str, instant: str, slot: str):
    """Weeks open on Monday, months on the first, everything else on multiples of its length."""
    assert Grid.of(interval).floor(us(instant)) == us(slot)


def test_three_days_lie_on_the_grid_of_the_symbol():
    """3d follows the candles the exchange printed, not the epoch."""
    listed = us("2017-08-17T00:00")
    grid = Grid.of("3d", listed)
    assert grid.floor(us("2017-08-19T23:00")) == listed
    assert grid.floor(us("2017-08-20T00:00")) == listed + LENGTH_US["3d"]
