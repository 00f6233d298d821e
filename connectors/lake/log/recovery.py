"""What a kill or a power loss may leave in a Delta log, mended before the table is first opened.

A torn entry or checkpoint makes a whole table refuse to open, a zero-length entry uses up a version without a word.
Only what nobody was told of is set aside. What was reported is noted beside the log with its checksum; where that note
is missing, an entry counts as unreported only above a damaged one with at most one more above it, since the next one is
begun after it is durable. Anything more is damage of another kind, and a person's call.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.lake.files.local_disk import sync
from connectors.lake.log import reported
from connectors.lake.log.bounds import entry_path, is_entry, number_of
from schemas.model.errors import CorruptData

HINT = "_last_checkpoint"
_say = logging.getLogger("binlake")

Sums = Mapping[str, int]


class _Hint(msgspec.Struct):
    version: int


class _Add(msgspec.Struct):
    stats: str = "{}"


class _Entry(msgspec.Struct):
    add: _Add | None = None


_entries = msgspec.json.Decoder(_Entry)


@dataclass(frozen=True, slots=True)
class Repair:
    """What to do about a log, decided without touching it."""

    set_aside: list[Path]
    delete: list[Path]
    litter: list[Path]  # of writers that were killed, or are at work; in nobody's way
    sync: list[Path]  # good, but their writer may have died before making them durable

    @property
    def needed(self) -> bool:
        """Whether the table could not be read, or be read rightly, without it."""
        return bool(self.set_aside or self.delete)


def recover(table: Path) -> None:
    """Make the table's log whole, durably. Only under its commit lock."""
    log = table / "_delta_log"
    if not log.is_dir():
        return
    repair = examine(log)
    if repair.set_aside and not (log / reported.NAME).exists():
        _say.warning("The last entry of the log %s was damaged and is set aside; had it been reported?", log)
    for path in repair.set_aside:
        path.rename(path.with_name(f"{path.name}.torn-{uuid4().hex[:8]}"))
    for path in (*repair.delete, *repair.litter):
        path.unlink(missing_ok=True)
    for path in repair.sync:
        sync(path)
    sync(log)
    sync(table)


def examine(log: Path) -> Repair:
    """Decide on a repair; CorruptData when it would take back what was reported."""
    names, sums = sorted(log.iterdir()), reported.sums(log)
    base, bad = _newest_good(log, [path for path in names if path.name.endswith(".checkpoint.parquet")], sums)
    good = _good_run(log, base, sums)
    last = good[-1] if good else -1
    above = [path for path in names if is_entry(path) and number_of(path) > last]
    told = max((number_of(log / name) for name in sums), default=-1)
    if told > last or (bad and not good) or any(number_of(path) > last + 2 for path in above):
        raise _damage(log, last, told)
    litter = [path for path in names if "#" in path.name]
    return Repair(above, [*bad, *_bad_hint(log / HINT, base)], litter, [entry_path(log, number) for number in good])


def _damage(log: Path, last: int, told: int) -> CorruptData:
    way_out = "Restore the folder from a copy, or move the table away and pull it again."
    if last >= 0 and told == last + 1:
        way_out += f" To go on without that entry, delete {log / reported.NAME}."
    return CorruptData(
        f"The log {log} is damaged below what was reported: entry {last + 1} is missing, or not what was written.",
        way_out,
    )


def _newest_good(log: Path, checkpoints: list[Path], sums: Sums) -> tuple[int | None, list[Path]]:
    """The version of the newest usable checkpoint, and the unusable ones above it."""
    bad: list[Path] = []
    for path in reversed(checkpoints):
        if _checkpoint_reads(path, sums) and _entry_reads(entry_path(log, number_of(path)), sums):
            return number_of(path), bad
        bad.append(path)
    return None, bad


def _good_run(log: Path, base: int | None, sums: Sums) -> list[int]:
    """The versions from the checkpoint (or 0) up to the last before a damaged or missing entry."""
    version = start = base or 0
    while _entry_reads(entry_path(log, version), sums):
        version += 1
    return list(range(start, version))


def _entry_reads(path: Path, sums: Sums) -> bool:
    """Whether an entry is there, and whole as far as anyone can tell."""
    try:
        content = path.read_bytes()
        content.decode()  # which the decoder leaves out where it needs no text
        for line in content.splitlines():
            action = _entries.decode(line)
            if action.add:
                msgspec.json.decode(action.add.stats)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return False
    return bool(content.strip()) and not reported.changed(content, path.name, sums)


def _checkpoint_reads(path: Path, sums: Sums) -> bool:
    content = path.read_bytes()  # what the disk refuses is not to be deleted
    try:
        pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError):
        return False
    return not reported.changed(content, path.name, sums)


def _bad_hint(hint: Path, base: int | None) -> list[Path]:
    """The hint, when it does not name the newest usable checkpoint: without one Delta looks for itself."""
    try:
        good = msgspec.json.decode(hint.read_bytes(), type=_Hint).version == base
    except FileNotFoundError:
        return []
    except (msgspec.DecodeError, UnicodeDecodeError):
        good = False
    return [] if good else [hint]
