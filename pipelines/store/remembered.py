"""Answers that take long, remembered with all that they follow from: while that is the same, so are they."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from connectors.lake import Lake
from connectors.lake.files.local_disk import make_folder, whole_file
from schemas.model.grid import HOUR_US

# What a ledger tells of movements that another owns counts once the other is covered, which no data file shows.
_GOOD_FOR_US = 6 * HOUR_US


class _Note(msgspec.Struct, frozen=True):
    """An answer, the digest of what it follows from, and when it was found, in microseconds."""

    digest: str
    found_at: int
    answer: Any


@dataclass(frozen=True, slots=True)
class Remembered:
    """The last answer to a question of this name. Nothing is lost with it: then the question is asked."""

    lake: Lake
    name: str
    digest: str

    @classmethod
    def of(cls, lake: Lake, name: Sequence[str], follows_from: Any) -> Remembered:
        """The answer that follows from what JSON can tell."""
        return cls(lake, hashlib.sha256(json.dumps(name).encode()).hexdigest()[:16], _digest(follows_from))

    def answer(self, now: int) -> Any:
        """The answer as it was kept, where it still is one, else None."""
        try:
            note = msgspec.json.decode(self._path.read_bytes(), type=_Note)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return note.answer if note.digest == self.digest and 0 <= now - note.found_at < _GOOD_FOR_US else None

    def keep(self, answer: object, now: int) -> None:
        """Remember it; where that cannot be written, the question is asked again."""
        try:
            make_folder(self._path.parent, below=self.lake.path)
            with whole_file(self._path) as draft:
                draft.write_bytes(msgspec.json.encode(_Note(self.digest, now, answer)))
        except OSError:
            return

    @property
    def _path(self) -> Path:
        return self.lake.path / ".remembered" / f"{self.name}.json"


def _digest(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()
