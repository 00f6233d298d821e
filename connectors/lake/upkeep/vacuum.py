"""Deleting files that no snapshot names, once no open reader can still hold a list with them."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from connectors.lake.files.local_disk import DRAFT
from connectors.lake.log.delta_log import Log
from connectors.lake.log.snapshot import Snapshot

RETENTION = timedelta(days=1)  # longer than any query or notebook session should keep a file list


def vacuum(log: Log, now: datetime) -> int:
    """Delete files replaced, never committed, or left half-written by a dead process more than a day ago."""
    present = [path for path in log.root.rglob("*.parquet") if path.parent != log.folder]
    live = {log.root / file.path for file in log.read(Snapshot.live) or []}
    removed_ms = {log.root / path: when for path, when in (log.read(Snapshot.removed_ms) or {}).items()}
    before_ms = (now - RETENTION).timestamp() * 1000
    expired = [
        path for path in present if path not in live and max(_modified_ms(path), removed_ms.get(path, 0)) < before_ms
    ]
    for path in expired:
        path.unlink(missing_ok=True)
    for folder in log.root.glob(f"{DRAFT}*"):
        if folder.is_dir() and _modified_ms(folder) < before_ms:
            shutil.rmtree(folder, ignore_errors=True)
    return len(expired)


def _modified_ms(path: Path) -> float:
    try:
        return path.stat().st_mtime * 1000
    except FileNotFoundError:  # another upkeep was faster
        return float("inf")
