"""Where a series of files stands, and the files it needs next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from connectors.binance.archive.files import Remote
from pipelines.archive.inventory import PUBLISHED_US, Shelf, next_day, next_month
from pipelines.store.gaps import Gap
from schemas.model.grid import DAY_US
from schemas.model.series import Series


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of the time of a series: [since, until), with the file that has its rows where there is one."""

    series: Series
    since: int
    until: int
    remote: Remote | None = None
    again: bool = False  # it lies inside of what is covered

    def gap(self, reason: str, evidence: Mapping[str, object]) -> Gap:
        return Gap(since=self.since, until=self.until, reason=reason, evidence=evidence)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a series stands: covered [since, until), or nowhere yet, and its gaps."""

    series: Series
    since: int | None
    until: int | None
    gaps: Mapping[int, Gap]

    @classmethod
    def of(cls, series: Series, bounds: Mapping[str, int], gaps: Mapping[Series, Mapping[int, Gap]]) -> Standing:
        return cls(series, series.bound("since", bounds), series.bound("until", bounds), gaps.get(series, {}))

    def naming(self, gap: Gap) -> Standing:
        """The same with a gap, in the place of the one that began there."""
        return replace(self, gaps={**self.gaps, gap.since: gap})

    def listed_from(self, wanted_since: int) -> int:
        """From where on its files are listed: what is new, what is waited for, and history that is wanted."""
        if self.since is None or self.until is None or wanted_since < self.since:
            return wanted_since
        waiting = (gap.since for gap in self.gaps.values() if gap.confirmed_at is None)
        return min([self.until, *waiting])

    def wanted(self, shelf: Shelf, since: int, until: int) -> list[Stretch]:
        """What is to be looked at of [since, until): forward first, then gaps, then history from the newest on.

        A list says of a day that it has no file where a later one is listed: without it, the list may have been cut.
        """
        first, last = shelf.first_us, shelf.last_us
        if first is None or last is None:
            return []
        begin, end = max(since, first), min(until, last)
        if self.since is None or self.until is None:
            return list(walk(shelf, begin, end))
        older = [replace(one) for one in walk(shelf, begin, min(self.since, end))]
        return [*walk(shelf, self.until, end), *self._waiting(shelf, last), *older[::-1]]

    def parts(self, wanted: Iterable[Stretch]) -> list[Gap]:
        """The gaps that are looked at in several stretches as one of each: a run may end between any two of them."""
        again = [one for one in wanted if one.again]
        parts = [
            replace(gap, since=one.since, until=one.until)
            for gap in self.gaps.values()
            for one in again
            if gap.since <= one.since < (gap.until or 0)
        ]
        return [part for part in parts if part != self.gaps.get(part.since)]

    def _waiting(self, shelf: Shelf, last: int) -> list[Stretch]:
        """The gaps up to the last file that a file, or the calendar, may say something new of."""
        return [
            replace(stretch, again=True)
            for gap in self.gaps.values()
            if gap.confirmed_at is None and gap.until is not None and gap.until <= last
            for stretch in walk(shelf, gap.since, gap.until)
        ]


def walk(shelf: Shelf, since: int, until: int) -> Iterator[Stretch]:
    """[since, until) file by file in order; where there is none, day by day, or month by month without daily files."""
    while since < until:
        remote = shelf.at(since)
        end = min(shelf.until(remote, since) if remote else _next(shelf, since), until)
        yield Stretch(shelf.series, since, end, remote)
        since = end


def _next(shelf: Shelf, since: int) -> int:
    return next_day(since) if shelf.layout.daily else next_month(since)


def is_late(stretch: Stretch, now: int) -> bool:
    """Whether the file of a stretch may still come."""
    return now < next_day(stretch.until - 1) - DAY_US + PUBLISHED_US
