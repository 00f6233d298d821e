"""What a commit does to the series of a table, and the refusal when the plan is out of date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.model.cursor import Direction
from schemas.model.errors import Problem
from schemas.model.series import Series

REVISION = "revision"  # which every commit raises by one


class Refused(Problem):
    """Nothing was committed, and the files that were to be named by the commit are no longer needed."""


class Stale(Refused):
    """Other writers moved these series since the plan was made; nothing was written: plan them again."""

    def __init__(self, series: frozenset[Series]) -> None:
        super().__init__(
            f"Another writer moved {', '.join(sorted(one.id for one in series)) or 'the files'} first.", "Plan again."
        )
        self.series = series

    def __reduce__(self) -> tuple[type[Stale], tuple[frozenset[Series]]]:
        return Stale, (self.series,)


@dataclass(frozen=True, slots=True)
class Move:
    """What a commit does to a series: the cursor fields its plan started from, and the values it leaves.

    A field moves as its dataset declares. A move that changes no field must name the revision it expects, or a second
    writer would not be noticed.
    """

    series: Series
    expected: Mapping[str, int | None] = field(default_factory=dict)
    new: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, series: Series, new: Mapping[str, int], bounds: Mapping[str, int]) -> Move:
        """Take a series from where these bounds have it, its revision included."""
        return cls(series, {name: series.bound(name, bounds) for name in (*new, REVISION)}, dict(new))

    def __post_init__(self) -> None:
        changed = {name for name, value in self.new.items() if self.expected.get(name) != value}
        assert changed or REVISION in self.expected, f"nothing would refuse a second writer of {self.series.id}"
        undeclared = ", ".join(sorted(self.new.keys() - self.series.dataset.remembered.keys()))
        assert not undeclared, f"{self.series.dataset.name} declares no cursor field {undeclared}"
        assert self.new.keys() <= self.expected.keys(), f"a field of {self.series.id} moves unseen"
        for name in changed:
            self._assert_direction(name)

    def _assert_direction(self, name: str) -> None:
        before, after = self.expected[name], self.new[name]
        direction = self.series.dataset.remembered[name].direction
        if before is not None and direction is not Direction.FREE:
            grows = after < before if direction is Direction.FALLING else after > before
            assert grows, f"{name} of {self.series.id} would shrink what is covered, from {before} to {after}"

    def fits(self, bounds: Mapping[str, int]) -> bool:
        """Whether the fields are as expected."""
        return all(self.series.bound(name, bounds) == value for name, value in self.expected.items())

    def ids(self, bounds: Mapping[str, int]) -> dict[str, int]:
        """The app ids to commit: what changed, and the next revision."""
        changed = {name: value for name, value in self.new.items() if self.series.bound(name, bounds) != value}
        changed[REVISION] = (self.series.bound(REVISION, bounds) or 0) + 1
        return {self.series.field_id(name): value for name, value in changed.items()}
