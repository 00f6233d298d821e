"""The bounds of a table: every app id of its Delta log with the last version, read in one go."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow.parquet as pq


class _Transaction(msgspec.Struct, rename="camel"):
    app_id: str
    version: int


class _Action(msgspec.Struct):
    txn: _Transaction | None = None


_actions = msgspec.json.Decoder(_Action)


class Bounds:
    """Follows a log from version to version; starts from the newest checkpoint, reads the entries after it."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self.version = -1
        self.values: dict[str, int] = {}

    def follow(self, version: int) -> None:
        """Read on to exactly this version."""
        if version <= self.version:
            return
        try:
            self._read_on(version)
        except FileNotFoundError:  # never read, or the entries in between were cleaned up
            self._start_over(version)
            self._read_on(version)

    def _read_on(self, version: int) -> None:
        for number in range(self.version + 1, version + 1):
            for line in entry_path(self._log, number).read_bytes().splitlines():
                if transaction := _actions.decode(line).txn:
                    self.values[transaction.app_id] = transaction.version
            self.version = number

    def _start_over(self, version: int) -> None:
        checkpoints = {
            number: path for path in self._log.glob("*.checkpoint.parquet") if (number := number_of(path)) <= version
        }
        self.version = max(checkpoints)
        actions = pq.read_table(checkpoints[self.version], columns=["txn"]).flatten()
        ids = zip(actions["txn.appId"].to_pylist(), actions["txn.version"].to_pylist(), strict=True)
        self.values = {name: version for name, version in ids if name is not None}


def entry_path(log: Path, version: int) -> Path:
    return log / f"{version:020}.json"


def number_of(path: Path) -> int:
    """The version in the name of an entry or a checkpoint."""
    return int(path.name.partition(".")[0])
