"""What goes in and out of the exchange, free of any web framework, and the record of it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

JSON = "application/json;charset=UTF-8"
HTML = "text/html"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the target exactly as it stood on the request line, headers with lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str]
    address: str = "127.0.0.1"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and how its delivery goes wrong, if it does.

    `sent` is the number of body bytes after which the connection breaks (-1: before the status line), by a reset
    when `reset`, else by an orderly close.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON
    delay_s: float = 0.0
    sent: int | None = None
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the exchange saw it. `weight` is what it cost, `used` what its window then held."""

    at_ms: int
    address: str
    method: str
    target: str
    api_key: str | None = field(repr=False)
    status: int
    weight: int
    used: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(slots=True, eq=False)
class _Moment:
    """What is done at one request, so that whoever waits for its answer cannot be further by then."""

    part: str
    left: int
    act: Callable[[], object]

    def note(self, seen: Seen) -> None:
        if self.part in seen.target:
            self.left -= 1
            if self.left == 0:
                self.act()


class Requests(deque[Seen]):
    """The last requests in order, and counts of all by (path, status)."""

    def __init__(self, most: int = 20_000) -> None:
        super().__init__(maxlen=most)
        self.counts: Counter[tuple[str, int]] = Counter()
        self._moments: list[_Moment] = []

    def note(self, seen: Seen) -> None:
        self.append(seen)
        self.counts[seen.path, seen.status] += 1
        for moment in tuple(self._moments):
            moment.note(seen)

    @contextmanager
    def when(self, part: str, more: int, act: Callable[[], object]) -> Iterator[None]:
        """Within the block, act once so many more targets with this part were seen, before the last is answered."""
        if more < 1:
            act()
        self._moments.append(moment := _Moment(part, more, act))
        try:
            yield
        finally:
            self._moments.remove(moment)

    def to(self, path: str) -> list[Seen]:
        return [seen for seen in self if seen.path == path]
