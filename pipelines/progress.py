"""What a run tells whoever watches it: how much is expected, how much is done, why it waits."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told by the work as it goes; `pipelines.cli.progress` draws it."""

    def expect(self, *, requests: int, rows: int) -> None:
        """So much more is planned."""

    def advance(self, *, rows: int = 0, requests: int = 0) -> None:
        """So much more is done."""

    def waiting(self, why: str | None) -> None:
        """Why nothing moves, such as a full minute of weight; None when it goes on."""

    def pool(self, used: int, usable: int) -> None:
        """Request weight used this minute, and how much of it may be used."""


class Silent:
    """Nobody watches."""

    def expect(self, *, requests: int, rows: int) -> None: ...

    def advance(self, *, rows: int = 0, requests: int = 0) -> None: ...

    def waiting(self, why: str | None) -> None: ...

    def pool(self, used: int, usable: int) -> None: ...
