"""What is still to happen to an account: stories, each resumed when it is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush

from connectors.simulator.protocol.rules import Refusal

Story = Iterator[int]  # acts each time it is resumed, then says when to resume it next (ms)


class Agenda:
    """The stories of an account, and the instant at which things happen in them."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.last_ms = 0  # when something happened last
        self._clock = clock
        self._waiting: list[tuple[int, int, Story]] = []  # when each is due, and which of those that are due came first
        self._added = 0
        self._living_ms: int | None = None  # the instant of the story that acts now

    @property
    def now_ms(self) -> int:
        """The instant at which things happen; it never goes back."""
        if self._living_ms is None:
            self.advance()
            self.last_ms = max(self.last_ms, self._clock())
            return self.last_ms
        return self._living_ms

    def add(self, at_ms: int, story: Story) -> None:
        """Resume a story at an instant, then whenever it says; it ends when the exchange refuses what it does."""
        self._added += 1
        heappush(self._waiting, (at_ms, self._added, story))

    def advance(self) -> None:
        """Live through everything that was due by now."""
        now_ms = self._clock()
        while self._waiting and self._waiting[0][0] <= now_ms:
            at_ms, number, story = heappop(self._waiting)
            self.last_ms = self._living_ms = max(at_ms, self.last_ms)
            try:
                following = next(story, None)
            except Refusal:
                following = None
            if following is not None:
                heappush(self._waiting, (following, number, story))
        self._living_ms = None

    def clear(self) -> None:
        """Let nothing more happen by itself."""
        self._waiting.clear()
