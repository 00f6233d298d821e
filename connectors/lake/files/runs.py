"""Which slots of their grid the candles of a file fill, written into its footer from exactly the rows that it holds.

Whoever counts candles need not read such a file: consecutive ones of a symbol are one run. Its name says that it has
them, so that the log tells which files are to be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from connectors.lake.files.texts import text_runs
from schemas.model.dataset import Dataset, Role
from schemas.model.grid import LENGTH_US, Grid

RUNS_KEY = "binlake.runs"  # of the footer
RUNS_TYPE = {
    "partition": dict.fromkeys(("market", "interval", "month"), "VARCHAR"),
    "symbol": ["VARCHAR"],
    "first": ["BIGINT"],
    "rows": ["BIGINT"],
}
ROWS_A_RUN = 64  # on average at least; runs of fewer take more room than reading them takes time
_HAS_RUNS = re.compile(r"-runs-[0-9a-f]{8}\.parquet$")


def has_runs(path: str) -> bool:
    """Whether the footer of a data file tells its runs."""
    return _HAS_RUNS.search(path) is not None


def runs_of(dataset: Dataset, partition: Mapping[str, str]) -> Runs | None:
    """A counter of the runs of a file; None where symbols share no grid, or rows are stored by the year."""
    interval = partition.get("interval", "")
    by_year = dataset.yearly is not None and interval in dataset.yearly[1]
    if dataset.role is not Role.CANDLES or interval not in LENGTH_US or by_year:
        return None
    assert Grid.of(interval).anchor_us == 0, f"{interval} has a grid of its own"
    return Runs(dataset, partition, LENGTH_US[interval])


class Runs:
    """Runs of the sorted rows seen so far: of one symbol, each one length after the one before, on the grid or off."""

    def __init__(self, dataset: Dataset, partition: Mapping[str, str], length_us: int) -> None:
        self._symbol, self._clock = dataset.order[0], str(dataset.cursor)
        self._partition, self._length_us = partition, length_us
        self._symbols: list[str] = []
        self._firsts: list[int] = []
        self._counts: list[int] = []

    def add(self, rows: pa.Table) -> None:
        """Take the next rows."""
        if not rows.num_rows:
            return
        ends, named = text_runs(rows[self._symbol])
        times = rows[self._clock].combine_chunks().view(pa.int64()).to_numpy()
        starts = np.union1d(np.r_[0, ends[:-1]], np.flatnonzero(np.diff(times) != self._length_us) + 1)
        symbols: list[Any] = named.take(pa.array(np.searchsorted(ends, starts, side="right"))).to_pylist()
        counts, firsts = np.diff(np.r_[starts, len(times)]).tolist(), times[starts].tolist()
        if self._goes_on(symbols[0], firsts[0]):
            self._counts[-1] += counts[0]
            symbols, firsts, counts = symbols[1:], firsts[1:], counts[1:]
        self._symbols += symbols
        self._firsts += firsts
        self._counts += counts

    def _goes_on(self, symbol: str, first: int) -> bool:
        """Whether a candle goes on where the last run ends."""
        if not self._symbols or symbol != self._symbols[-1]:
            return False
        return first == self._firsts[-1] + self._counts[-1] * self._length_us

    def told(self) -> str | None:
        """What the footer tells; nothing where reading the rows is as good."""
        if sum(self._counts) < ROWS_A_RUN * len(self._counts):
            return None
        return msgspec.json.encode(
            {
                "partition": self._partition,
                "symbol": self._symbols,
                "first": self._firsts,
                "rows": self._counts,
            }
        ).decode()
