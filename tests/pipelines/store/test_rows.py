"""What rows are kept does not depend on how they are taken."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.store.rows import kept


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), max_size=6))
def test_the_rows_that_are_wanted_are_kept_in_order(wanted: list[bool]) -> None:
    """Whether they lie together, apart, or are none: each that is wanted, and no other."""
    rows = pa.table({"place": pa.array(range(len(wanted)), pa.int64())})
    mask = np.array(wanted, dtype=np.bool_)
    assert kept(rows, mask)["place"].to_pylist() == np.flatnonzero(mask).tolist()
