"""Where candles came from: every file of the archive that was looked at, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow.compute as pc

from connectors.binance.archive.client import Fetched
from connectors.lake import Lake
from pipelines.store.journal import Known, add_versions
from pipelines.store.rows import with_instants
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.model.dataset import Dataset

Row = Mapping[str, Any]
_AS_FETCHED = ("path", "sha256", "etag", "size", "dropped_duplicates", "detail")
_FIRST_LOAD = {"added": None, "removed": None, "changed": None}


def last_looks(lake: Lake, dataset: Dataset | None = None) -> dict[str, Row]:
    """The last row of each file, by path; of one dataset alone where one is given."""
    where = None if dataset is None else pc.field("dataset") == dataset.name
    return {row["path"]: row for row in with_instants(lake.table(ARCHIVE_FILES).scan(where=where).sort_by("seen_at"))}


def note_files(
    lake: Lake,
    files: Iterable[Fetched],
    seen_at: int,
    difference: Mapping[str, int] | None = None,
    known: Known | None = None,
) -> None:
    """Commit what became of files; one that is as it was at the last look, after a crash say, adds nothing.

    Of a file that was loaded again, `difference` counts what it changed against what was stored.
    """
    rows = [row_of(file, seen_at, difference) for file in {one.path: one for one in files}.values()]
    add_versions(lake, ARCHIVE_FILES, rows, _said, pc.field("path").isin([row["path"] for row in rows]), known)


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


def _said(row: Row) -> tuple[Any, ...]:
    """What tells a version of a file from the one before."""
    return row["sha256"], row["etag"], row["reason"], row["rows"]
