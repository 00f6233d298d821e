"""Where candles came from: every file of the archive that was looked at, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from connectors.binance.archive.client import Fetched
from connectors.lake import Lake
from pipelines.store.rows import rows_of, with_instants
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.model.dataset import Dataset

Row = Mapping[str, Any]
Said = tuple[str | None, str | None, int]  # what tells a file from its last version: digest, reason, rows
_AS_FETCHED = ("path", "sha256", "etag", "size", "dropped_duplicates", "detail")
_FIRST_LOAD = {"added": None, "removed": None, "changed": None}


def last_looks(lake: Lake, dataset: Dataset | None = None) -> dict[str, Row]:
    """The last row of each file, by path; of one dataset alone where one is given."""
    where = None if dataset is None else pc.field("dataset") == dataset.name
    return {row["path"]: row for row in with_instants(lake.table(ARCHIVE_FILES).scan(where=where).sort_by("seen_at"))}


@dataclass(slots=True)
class Looks:
    """Writes down what became of files. What was known before is read once: later files change only what this adds."""

    lake: Lake
    known: dict[str, Said] | None = None

    def write(self, files: Iterable[Fetched], seen_at: int) -> None:
        """Commit what became of files; one that is as it was at the last look, after a crash say, adds nothing."""
        if self.known is None:
            self.known = {path: _said(row) for path, row in last_looks(self.lake).items()}
        rows = [row_of(file, seen_at) for file in {one.path: one for one in files}.values()]
        news = [row for row in rows if _said(row) != self.known.get(row["path"])]
        if news:
            self.lake.table(ARCHIVE_FILES).commit(rows_of(ARCHIVE_FILES, news), [])
        self.known.update((row["path"], _said(row)) for row in news)


def note(lake: Lake, fetched: Fetched, seen_at: int, difference: Mapping[str, int]) -> None:
    """Commit that a file was loaded again, and what it changed against what was stored."""
    lake.table(ARCHIVE_FILES).commit(rows_of(ARCHIVE_FILES, [row_of(fetched, seen_at, difference)]), [])


def row_of(fetched: Fetched, seen_at: int, difference: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A file's row; `difference` counts what it changed against the version before."""
    file = fetched.file
    return {
        "dataset": file.series.dataset.name,
        **file.series.values,
        **{name: getattr(fetched, name) for name in _AS_FETCHED},
        "since": file.since_us,
        "until": file.until_us,
        "modified": fetched.modified_us,
        "rows": fetched.count,
        "reason": str(fetched.reason) if fetched.reason else None,
        **(difference or _FIRST_LOAD),
        "holes": json.dumps(fetched.holes) if fetched.holes else None,
        "seen_at": seen_at,
    }


def _said(row: Row) -> Said:
    return row["sha256"], row["reason"], row["rows"]
