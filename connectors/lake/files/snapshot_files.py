"""The live files of a snapshot, as the log describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable

_PLACE = ("path", "partition")


@dataclass(frozen=True, slots=True)
class LiveFile:
    """One file of the current snapshot with its statistics."""

    path: str  # below the table's root, exactly as on disk
    size: int
    rows: int
    modified_ms: int
    partition: Mapping[str, str]
    low: Mapping[str, Any]
    high: Mapping[str, Any]
    nulls: Mapping[str, int | None]


def live_files(delta: DeltaTable) -> list[LiveFile]:
    """All live files, in the order of their names."""
    rows = pa.table(delta.get_add_actions()).to_pylist()
    return sorted(map(_live_file, rows), key=lambda file: file.path)


def partitioned(delta: DeltaTable) -> list[tuple[str, Mapping[str, str]]]:
    """The path and the partition of all live files, in the order of their names; quicker than all that is known."""
    actions = pa.table(delta.get_add_actions())
    known: list[dict[str, Any]] = actions.select([name for name in _PLACE if name in actions.column_names]).to_pylist()
    return sorted(((unquote(row["path"]), row.get("partition") or {}) for row in known), key=itemgetter(0))


def _live_file(row: Mapping[str, Any]) -> LiveFile:
    return LiveFile(
        path=unquote(row["path"]),  # the log's spelling is percent-encoded once more than the disk's
        size=row["size_bytes"],
        rows=row["num_records"],
        modified_ms=row["modification_time"],
        partition=row.get("partition") or {},
        low=row.get("min") or {},
        high=row.get("max") or {},
        nulls=row.get("null_count") or {},
    )
