"""The bounds of a table: the app ids of its Delta log with their last versions, read in one go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pyarrow.parquet as pq

from schemas.model.errors import CorruptData


class _Transaction(msgspec.Struct, rename="camel"):
    app_id: str
    version: int


class _Remove(msgspec.Struct, rename="camel"):
    path: str
    deletion_timestamp: int | None = None


class _Action(msgspec.Struct):
    txn: _Transaction | None = None
    remove: _Remove | None = None


_actions = msgspec.json.Decoder(_Action)


class Bounds:
    """Follows a log from version to version; starts from the newest checkpoint, reads the entries after it."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self.version = -1
        self.values: dict[str, int] = {}  # every id of the log: `SERIES#bound`, but also those of rewritten partitions

    def follow(self, version: int) -> None:
        """Read on to exactly this version. CorruptData where an entry is not readable."""
        if version <= self.version:
            return
        try:
            if self.version < 0:  # entries below the newest checkpoint matter to nobody
                self._start_over(version)
            self._read_on(version)
        except FileNotFoundError:  # cleaned up in between
            self._start_over(version)
            self._read_on(version)

    def _read_on(self, version: int) -> None:
        for number in range(self.version + 1, version + 1):
            for action in _actions_of(self._log, number):
                if action.txn:
                    self.values[action.txn.app_id] = action.txn.version
            self.version = number

    def _start_over(self, version: int) -> None:
        self.version = _newest_checkpoint(self._log, version)
        self.values = dict(_checkpointed(self._log, self.version, "txn", "appId", "version"))


def removed_ms(log: Path, version: int) -> dict[str, int]:
    """When each file that the log still remembers was removed from the table, by its path on disk."""
    checkpoint = _newest_checkpoint(log, version)
    removed = dict(_checkpointed(log, checkpoint, "remove", "path", "deletionTimestamp"))
    for number in range(checkpoint + 1, version + 1):
        removed |= {
            action.remove.path: action.remove.deletion_timestamp or 0
            for action in _actions_of(log, number)
            if action.remove
        }
    return {unquote(path): when for path, when in removed.items()}


def entry_path(log: Path, version: int) -> Path:
    return log / f"{version:020}.json"


def checkpoint_path(log: Path, version: int) -> Path:
    return log / f"{version:020}.checkpoint.parquet"


def is_entry(path: Path) -> bool:
    return path.suffix == ".json" and path.stem.isdigit()


def number_of(path: Path) -> int:
    """The version in the name of an entry or a checkpoint."""
    return int(path.name.partition(".")[0])


def _actions_of(log: Path, version: int) -> list[_Action]:
    path = entry_path(log, version)
    try:
        return [_actions.decode(line) for line in path.read_bytes().splitlines()]
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CorruptData(
            f"The log entry {path} is damaged.", "Restore it from a copy, or move the table away and pull it again."
        ) from None


def _newest_checkpoint(log: Path, version: int) -> int:
    """The version of the newest checkpoint that is not beyond this one; -1 where there is none."""
    numbers = (number_of(path) for path in log.glob("*.checkpoint.parquet"))
    return max((number for number in numbers if number <= version), default=-1)


def _checkpointed(log: Path, version: int, action: str, key: str, value: str) -> Iterator[tuple[str, int]]:
    """Two fields of every action of a kind in a checkpoint; nothing where there is none."""
    if version < 0:
        return iter(())
    rows = pq.read_table(checkpoint_path(log, version), columns=[action]).flatten()
    pairs = zip(rows[f"{action}.{key}"].to_pylist(), rows[f"{action}.{value}"].to_pylist(), strict=True)
    return ((name, number or 0) for name, number in pairs if name is not None)
