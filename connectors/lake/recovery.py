"""What a kill or a power loss may leave in a Delta log, mended before the table is first opened.

A torn entry or checkpoint makes a whole table refuse to open, a zero-length entry uses up a version without a word.
Only what nobody was told of is set aside: an entry is reported once it is durable, and the next one is begun after
that, so at most one entry can stand above a damaged one. Anything more is damage of another kind, and a person's call.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.lake.bounds import entry_path, number_of
from connectors.lake.durable import sync
from schemas.errors import CorruptData

HINT = "_last_checkpoint"


class _Hint(msgspec.Struct):
    version: int


@dataclass(frozen=True, slots=True)
class Repair:
    """What to do about a log, decided without touching it."""

    set_aside: list[Path]
    delete: list[Path]
    sync: list[Path]  # good, but their writer may have died before making them durable


def recover(table: Path) -> None:
    """Make the table's log whole, durably. Only under its commit lock, and before this process has it open."""
    log = table / "_delta_log"
    if not log.is_dir():
        return
    repair = examine(log)
    for path in repair.set_aside:
        path.rename(path.with_name(f"{path.name}.torn-{uuid4().hex[:8]}"))
    for path in repair.delete:
        path.unlink(missing_ok=True)
    for path in repair.sync:
        sync(path)
    sync(log)
    sync(table)


def examine(log: Path) -> Repair:
    """Decide on a repair; CorruptData when it would take back what was reported."""
    names = sorted(log.iterdir())
    base, bad = _newest_good(log, [path for path in names if path.name.endswith(".checkpoint.parquet")])
    good = _good_run(log, base)
    last = good[-1] if good else -1
    above = [path for path in names if _is_entry(path) and number_of(path) > last]
    if (bad and not good) or any(number_of(path) > last + 2 for path in above):
        raise CorruptData(
            f"The log {log} is damaged below entries that were reported: entry {last + 1} is missing or torn.",
            "Restore the folder from a copy, or move the table away and pull it again.",
        )
    delete = [*bad, *(path for path in names if "#" in path.name), *_bad_hint(log / HINT, base)]
    return Repair(above, delete, [entry_path(log, number) for number in good])


def _is_entry(path: Path) -> bool:
    return path.suffix == ".json" and path.stem.isdigit()


def _newest_good(log: Path, checkpoints: list[Path]) -> tuple[int | None, list[Path]]:
    """The version of the newest usable checkpoint, and the unusable ones above it."""
    bad: list[Path] = []
    for path in reversed(checkpoints):
        if _checkpoint_reads(path) and _entry_reads(entry_path(log, number_of(path))):
            return number_of(path), bad
        bad.append(path)
    return None, bad


def _good_run(log: Path, base: int | None) -> list[int]:
    """The versions from the checkpoint (or 0) up to the last before a damaged or missing entry."""
    version = start = base or 0
    while _entry_reads(entry_path(log, version)):
        version += 1
    return list(range(start, version))


def _entry_reads(path: Path) -> bool:
    try:
        lines = path.read_bytes().splitlines()
        for line in lines:
            msgspec.json.decode(line)
    except (FileNotFoundError, msgspec.DecodeError):
        return False
    return bool(lines)


def _checkpoint_reads(path: Path) -> bool:
    try:
        pq.read_table(path)
    except (pa.ArrowException, OSError):
        return False
    return True


def _bad_hint(hint: Path, base: int | None) -> list[Path]:
    """The hint, when it does not name the newest usable checkpoint: without one Delta looks for itself."""
    try:
        good = msgspec.json.decode(hint.read_bytes(), type=_Hint).version == base
    except FileNotFoundError:
        return []
    except msgspec.DecodeError:
        good = False
    return [] if good else [hint]
