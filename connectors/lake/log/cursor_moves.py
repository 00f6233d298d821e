"""What a commit does to the series of a table, and the refusal when the plan is out of date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.model.errors import Problem

DOWNWARD = ("since", "since_id")
RISING = "observed_at"
REVISION = "revision"
# These say how things stand, not how far one got: they go either way.
FREE = ("open_since", "gone_at", "retained_at", "unsettled_id", "unsettled_until_id")


class Refused(Problem):
    """Nothing was committed, and the files that were to be named by the commit are no longer needed."""


class Stale(Refused):
    """Other writers moved these series since the plan was made; nothing was written: plan them again."""

    def __init__(self, series: frozenset[str]) -> None:
        super().__init__(f"Another writer moved {', '.join(sorted(series)) or 'the files'} first.", "Plan again.")
        self.series = series

    def __reduce__(self) -> tuple[type[Stale], tuple[frozenset[str]]]:
        return Stale, (self.series,)


@dataclass(frozen=True, slots=True)
class Move:
    """What a commit does to a series: the bounds its plan started from, and the bounds it leaves.

    Bound names are `since`, `until`, `since_id`, `until_id`, `observed_at` and others that a pull remembers itself by,
    and `revision`, which every commit raises by one. A move that changes no bound must name the revision it expects,
    or a second writer would not be noticed.
    """

    series: str
    expected: Mapping[str, int | None] = field(default_factory=dict)
    new: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        changed = {name for name, value in self.new.items() if self.expected.get(name) != value}
        assert changed or REVISION in self.expected, f"nothing would refuse a second writer of {self.series}"
        assert REVISION not in self.new, "the revision is raised by the commit"
        assert self.new.keys() - {RISING} <= self.expected.keys(), f"a bound of {self.series} moves unseen"
        for name in changed & self.expected.keys() - set(FREE):
            self._assert_grows(name)

    def _assert_grows(self, name: str) -> None:
        before, after = self.expected[name], self.new[name]
        grows = before is None or (after < before if name in DOWNWARD else after > before)
        assert grows, f"{name} of {self.series} would shrink what is covered, from {before} to {after}"

    def fits(self, bounds: Mapping[str, int]) -> bool:
        """Whether the bounds are as expected, and a snapshot is newer than the last."""
        as_expected = all(bounds.get(f"{self.series}#{name}") == value for name, value in self.expected.items())
        last = bounds.get(f"{self.series}#{RISING}")
        return as_expected and (last is None or self.new.get(RISING, last + 1) > last)

    def ids(self, bounds: Mapping[str, int]) -> dict[str, int]:
        """The app ids to commit: what changed, and the next revision."""
        moved = {f"{self.series}#{name}": value for name, value in self.new.items()}
        revision = f"{self.series}#{REVISION}"
        return {id_: value for id_, value in moved.items() if bounds.get(id_) != value} | {
            revision: bounds.get(revision, 0) + 1
        }
