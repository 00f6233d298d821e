"""Rows of an account under ascending ids, found by id or by time, as they were at any instant."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

_NEVER_MS = 1 << 62


class Row(Protocol):
    """`at_ms` is when the exchange came to know this; `time_ms` is the time it prints, which may be a little off."""

    @property
    def at_ms(self) -> int: ...

    @property
    def time_ms(self) -> int: ...


T = TypeVar("T", bound=Row)


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows are asked for: from an id or a start the oldest, else the newest; `at_ms` is what is known by then.

    `group` names an order whose rows alone count; `shown` says which rows the exchange still shows.
    """

    limit: int
    at_ms: int
    from_id: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    group: int | None = None
    oldest_first: bool = False
    shown: Callable[[Any], bool] = lambda _row: True

    @property
    def forward(self) -> bool:
        starts = (self.from_id, self.since_ms, self.group)
        return self.oldest_first or any(start is not None for start in starts)


class Shelf(Generic[T]):
    """All versions of the rows of one kind and symbol."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._by_time: list[tuple[int, int]] = []
        self._groups: defaultdict[int, list[int]] = defaultdict(list)
        self._versions: dict[int, list[T]] = {}

    def put(self, number: int, row: T, *groups: int) -> None:
        """A new row under an id above all others, or the next version of a row; a new one joins these groups."""
        if number in self._versions:
            self._versions[number].append(row)
            return
        self._versions[number] = [row]
        self._ids.append(number)
        insort(self._by_time, (row.time_ms, number))
        for group in groups:
            self._groups[group].append(number)

    def last(self, number: int) -> T | None:
        versions = self._versions.get(number)
        return versions[-1] if versions else None

    def states(self, number: int) -> Sequence[T]:
        """All that a row ever was."""
        return self._versions.get(number, ())

    def seen(self, number: int, at_ms: int) -> T | None:
        """The row as it was known at an instant."""
        known = (row for row in reversed(self._versions.get(number, ())) if row.at_ms <= at_ms)
        return next(known, None)

    def page(self, wanted: Page) -> list[T]:
        """The rows asked for, ascending."""
        numbers = self._numbers(wanted)
        rows = (self.seen(number, wanted.at_ms) for number in (numbers if wanted.forward else reversed(numbers)))
        page = list(islice((row for row in rows if row is not None and wanted.shown(row)), wanted.limit))
        return page if wanted.forward else page[::-1]

    def __iter__(self) -> Iterator[T]:
        """The last version of every row, ascending by id."""
        return (versions[-1] for versions in self._versions.values())

    def __len__(self) -> int:
        return len(self._ids)

    def _numbers(self, wanted: Page) -> Sequence[int]:
        if wanted.since_ms is not None or wanted.until_ms is not None:
            first = bisect_left(self._by_time, (wanted.since_ms or 0, -1))
            last = bisect_right(self._by_time, (_NEVER_MS if wanted.until_ms is None else wanted.until_ms, _NEVER_MS))
            return [number for _, number in self._by_time[first:last]]
        numbers = self._ids if wanted.group is None else self._groups.get(wanted.group, [])
        return numbers if wanted.from_id is None else numbers[bisect_left(numbers, wanted.from_id) :]
