"""Hashes of the rows of one series and month, built while they stream by in order."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from schemas.derived.canonical import Words
from schemas.model.grid import DAY_US
from schemas.model.instants import iso_text

DAY_DIGITS, ROW_DIGITS = 16, 8  # of the hash: enough to find a difference; that there is none, the whole one says
_EPOCH = date(1970, 1, 1)


class Digest:
    """Takes rows in order of time; those outside [since, until) do not count, which are microseconds."""

    def __init__(self, since: int, until: int, *, each: bool) -> None:
        self.since, self.until = since, until
        self.rows = 0
        self.repeated = 0
        self.candles: dict[str, str] | None = {} if each else None
        self._whole = hashlib.sha256()
        self._days: dict[int, Any] = {}
        self._last = -1

    @property
    def sha256(self) -> str:
        return self._whole.hexdigest()

    @property
    def days(self) -> dict[str, str]:
        return {
            f"{_EPOCH + timedelta(days=number)}": day.hexdigest()[:DAY_DIGITS] for number, day in self._days.items()
        }

    def add(self, words: Words, times: Words | None = None) -> None:
        """Take the records of the next rows, ascending; their instants are the first word of each unless given."""
        times = words[:, 0] if times is None else times
        first, end = np.searchsorted(times, [self.since, self.until])
        words, times = words[first:end], times[first:end]
        if not len(times):
            return
        self.repeated += int(np.count_nonzero(np.diff(times, prepend=self._last) <= 0))  # where instants are keys
        self.rows, self._last = self.rows + len(times), int(times[-1])
        self._whole.update(words.data)
        self._add_days(words, times // DAY_US)
        if self.candles is not None:
            self.candles |= {
                iso_text(int(instant)): hashlib.sha256(row.data).hexdigest()[:ROW_DIGITS]
                for instant, row in zip(times, words, strict=True)
            }

    def _add_days(self, words: Words, days: Words) -> None:
        starts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
        for start, end in pairwise(starts):
            self._days.setdefault(int(days[start]), hashlib.sha256()).update(words[start:end].data)
