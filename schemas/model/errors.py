"""Problems a person can act on, sorted by what they mean for the exit code.

Problem                 1   the work failed; the rest went on
    UsageProblem        2   what was asked for is wrong: arguments, config, SQL, environment
    CorruptData         3   stored data is damaged, or a check failed
    AccessRefused       4   a key, its permissions or this place is refused
    TryLater           75   banned, throttled or no network
"""

from __future__ import annotations

from typing import ClassVar

from schemas.model.redaction import without_keys


class Problem(Exception):  # noqa: N818 - it is what the person reads
    """One sentence that names what is wrong, and the way out. Survives pickling; holds no key."""

    exit_code: ClassVar[int] = 1
    fatal: ClassVar[bool] = False  # whether whatever is asked next would meet it just the same

    def __init__(self, what: str, way_out: str = "") -> None:
        self.what = without_keys(what)
        self.way_out = without_keys(way_out)
        super().__init__(self.what, self.way_out)

    def __str__(self) -> str:
        return f"{self.what} {self.way_out}".rstrip()


class UsageProblem(Problem):
    """What was asked for is wrong."""

    exit_code = 2


class CorruptData(Problem):
    """Stored data is damaged."""

    exit_code = 3


class AccessRefused(Problem):
    """A key, its permissions or this place is refused."""

    exit_code = 4
    fatal = True


class TryLater(Problem):
    """Banned, throttled, or no network: the same command will do later."""

    exit_code = 75
    fatal = True
