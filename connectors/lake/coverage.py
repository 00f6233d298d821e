"""Covered stretches of a series: half-open, in the unit of its cursor. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """All of [since, until)."""

    since: int
    until: int

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise ValueError(f"an interval cannot end at {self.until} before it begins at {self.since}")

    @property
    def length(self) -> int:
        return self.until - self.since

    def __contains__(self, point: int) -> bool:
        return self.since <= point < self.until

    def covers(self, other: Interval) -> bool:
        return self.since <= other.since and other.until <= self.until

    def touches(self, other: Interval) -> bool:
        """Whether the two overlap or meet, so that together they are one interval."""
        return self.since <= other.until and other.since <= self.until

    def joined(self, other: Interval) -> Interval:
        """Both as one interval; coverage has no holes, so a hole between them is an error."""
        if not self.touches(other):
            raise ValueError(f"{self} and {other} leave a hole between them")
        return Interval(min(self.since, other.since), max(self.until, other.until))

    def split(self, step: int) -> Iterator[Interval]:
        """The interval in pieces of at most `step`, in order."""
        for start in range(self.since, self.until, step):
            yield Interval(start, min(start + step, self.until))


def covered(bounds: Mapping[str, int], series: str, suffix: str = "") -> Interval | None:
    """What a table's bounds say a series holds; None when it was never pulled. `suffix` is `_id` for ids."""
    since, until = bounds.get(f"{series}#since{suffix}"), bounds.get(f"{series}#until{suffix}")
    return None if since is None or until is None else Interval(since, until)


def missing(wanted: Interval, held: Interval | None) -> tuple[Interval, ...]:
    """What to fetch so that the held interval grows over the wanted one and stays without a hole."""
    if held is None:
        return (wanted,) if wanted.length else ()
    before = Interval(min(wanted.since, held.since), held.since)
    after = Interval(held.until, max(wanted.until, held.until))
    return tuple(part for part in (before, after) if part.length)
