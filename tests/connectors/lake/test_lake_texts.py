"""Runs of equal texts are told alike, however the column is cut into chunks."""

from __future__ import annotations

from itertools import groupby

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.lake.files.texts import distinct_texts, text_runs

TEXTS = st.sampled_from(["", "A", "B", "AB", "BA", "é", None])
# Each chunk is a slice out of a longer one; most have one text throughout.
CHUNKS = st.lists(
    st.tuples(st.lists(TEXTS, max_size=6) | st.tuples(TEXTS, st.integers(0, 6)).map(lambda two: [two[0]] * two[1]),
              st.integers(0, 3), st.integers(0, 3)),
    min_size=1, max_size=5,
)  # fmt: skip

Cut = tuple[list[str | None], int, int]


def column(cuts: list[Cut]) -> pa.ChunkedArray[pa.StringScalar]:
    """The texts, each chunk out of the middle of an array that begins and ends with others."""
    chunks = [
        pa.array(["before"] * before + texts + ["behind"] * behind, pa.string()).slice(before, len(texts))
        for texts, before, behind in cuts
    ]
    return pa.chunked_array(chunks, pa.string())


@given(CHUNKS)
@example([(["AB", "BA"], 1, 0)])  # as long as one another
@example([(["A", "A"], 0, 0), ([], 2, 0), (["A"], 1, 1)])
@example([(["A", "A"], 0, 0)] * 70)
def test_runs_are_those_of_the_whole_column(cuts: list[Cut]):
    """Each run ends where another text begins, whatever the chunks, offsets and NULLs."""
    texts = column(cuts)
    ends, values = text_runs(texts)
    expected = [(text, len(list(run))) for text, run in groupby(texts.to_pylist())]
    starts = [0, *ends.tolist()]
    found = [(text, end - start) for text, start, end in zip(values.to_pylist(), starts, ends, strict=False)]
    assert found == expected


@given(CHUNKS)
@example([(["AB", "BA"], 0, 0)])
def test_no_text_is_lost_among_the_distinct(cuts: list[Cut]):
    """What stands for a column has exactly its texts."""
    texts = column(cuts)
    assert set(distinct_texts(texts).to_pylist()) == set(texts.to_pylist())
