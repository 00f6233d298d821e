"""The rows of a file that may be larger than the memory, a block at a time, each once.

Most files are in order. Some go back in time, as if two had been dealt into one, and a row may be there twice: so the
ids of the last rows are remembered, more than a day has of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connectors.binance.archive.blocks import texts
from connectors.binance.archive.files import ArchiveFile
from connectors.binance.archive.lines import MOST_LEFT_OUT
from connectors.binance.archive.rows import of_text
from connectors.binance.archive.zip import Defect
from schemas.datasets.archive import Reason

REMEMBERED = 2**25  # ids, which take 268 MB

Ids = npt.NDArray[np.int64]


@dataclass(slots=True)
class Streamed:
    """The rows of a zip as tables with the dataset's schema, each in order; and what was found, once they are taken.

    Raises Defect while they are taken, behind the last table also for a content that its check sum denies.
    """

    packed: IO[bytes]
    file: ArchiveFile
    rows: int = 0
    dropped_duplicates: int = 0
    left_out: list[Defect] = field(default_factory=list)

    def __iter__(self) -> Iterator[pa.Table]:
        id_column, seen = self.file.series.dataset.id_column, Seen()
        for text in texts(self.packed, self.file):
            content = of_text(text, self.file)
            self.left_out += content.left_out
            if len(self.left_out) > MOST_LEFT_OUT:
                raise self.left_out[0]
            again = seen.again(content.rows[id_column].to_numpy())
            new = content.rows.filter(pa.array(~again)) if again.any() else content.rows
            self.rows += new.num_rows
            self.dropped_duplicates += content.dropped_duplicates + int(again.sum())
            yield new

    @property
    def told(self) -> str | None:
        """What was left out, in words."""
        return f"left out {'; '.join(one.detail for one in self.left_out)}" if self.left_out else None


@dataclass(slots=True)
class Seen:
    """The ids that came so far, as far as they are remembered."""

    most: int = REMEMBERED
    _stretches: deque[Ids] = field(default_factory=deque)  # each of which ascends
    _count: int = 0
    _highest: int = -1
    _forgotten: int = -1  # the highest id that is not remembered any more

    def again(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """Which of these ids came before, also among themselves; raises Defect where that is not known any more."""
        new, first = np.unique(ids, return_index=True)
        found = np.ones(len(ids), dtype=np.bool_)
        found[first] = self._came_before(new)
        self._add(new[~found[first]])
        return found

    def _came_before(self, ids: Ids) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(ids), dtype=np.bool_)
        if not len(ids) or ids[0] > self._highest:
            return found
        if ids[0] <= self._forgotten:
            raise Defect(Reason.BAD_ROW, f"goes back by more than {self.most:,} rows, to id {int(ids[0])}")
        for known in self._stretches:
            if known[0] <= ids[-1] and ids[0] <= known[-1]:
                found |= known[np.minimum(np.searchsorted(known, ids), len(known) - 1)] == ids
        return found

    def _add(self, ids: Ids) -> None:
        """Remember some more, and forget the oldest where they are too many."""
        if not len(ids):
            return
        self._stretches.append(ids)
        self._count += len(ids)
        self._highest = max(self._highest, int(ids[-1]))
        while self._count > self.most and len(self._stretches) > 1:
            oldest = self._stretches.popleft()
            self._count -= len(oldest)
            self._forgotten = max(self._forgotten, int(oldest[-1]))
