"""How far the work is: what is done of what is planned, weight used this minute, time to go, and why it waits.

A terminal has a bar that follows it, with figures below; elsewhere, in a log file say, a long run says a line now and
then.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TaskID, TaskProgressColumn, TextColumn
from rich.text import Text

from pipelines.cli.output import console, plain, say
from pipelines.cli.tables import lag
from pipelines.context import progress

_INDENT = 2
EVERY_S = 30.0  # between two lines; a run that takes less says only how it ended


@contextmanager
def watching(title: str) -> Iterator[progress.Progress]:
    """A bar on a terminal, lines elsewhere."""
    if not sys.stderr.isatty():
        yield Lines(title)
        return
    with drawn(console(sys.stderr)) as display:
        yield Bar(display, title)


def drawn(on: Console) -> Progress:
    spinner = "line" if on.options.ascii_only else "dots"
    columns = (
        SpinnerColumn(spinner),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
    )
    return _Display(*columns, console=on, transient=True)


class _Display(Progress):
    """A bar for each task and below it, in as many lines as it takes, what is behind it."""

    def get_renderables(self) -> Iterator[RenderableType]:
        for task in self.tasks:
            yield self.make_tasks_table([task])
            facts = [task.fields["counts"], task.fields["weight"], _time_left(task)]
            for line in (", ".join(filter(None, facts)), task.fields["why"]):
                if line:
                    yield Padding(Text(line), (0, 0, 0, _INDENT))


def _time_left(task: Task) -> str:
    seconds = task.time_remaining
    return "" if seconds is None or task.finished else f"about {lag(int(seconds))} left"


class Tally:
    """What is planned, and what is done of it."""

    def __init__(self) -> None:
        self.planned, self.done = Counter[str](), Counter[str]()

    def __str__(self) -> str:
        return ", ".join(self._counts())

    @property
    def steps(self) -> tuple[int, int]:
        """Requests and files: done, planned."""
        done, planned = (each["requests"] + each["files"] for each in (self.done, self.planned))
        return done, planned

    def _counts(self) -> Iterator[str]:
        for name in ("files", "requests", "rows"):
            done, planned = self.done[name], self.planned[name]
            if done > planned:  # answers decide how much more there is, so that the plan says nothing any more
                yield f"{done:,} {name}"
            elif planned:
                yield f"{done:,}/{planned:,} {name}"
            if name == "files" and self.planned["size"]:
                yield f"{self.done['size'] / 1e6:,.1f}/{self.planned['size'] / 1e6:,.1f} MB"


class Bar(progress.Progress):
    """A bar on a terminal that follows the work, and only moves back and forth until something is planned."""

    def __init__(self, display: Progress, title: str) -> None:
        self._display = display
        self._tally = Tally()
        self._task: TaskID = display.add_task(plain(title), total=None, counts="", weight="", why="")

    def expect(self, **more: int) -> None:
        self._tally.planned.update(more)
        self._show()

    def advance(self, **more: int) -> None:
        self._tally.done.update(more)
        self._show()

    def waiting(self, why: str | None) -> None:
        self._display.update(self._task, why=plain(why or ""))

    def pool(self, used: int, usable: int) -> None:
        self._display.update(self._task, weight=f"weight {used:,}/{usable:,}")

    def _show(self) -> None:
        done, planned = self._tally.steps
        self._display.update(self._task, completed=done, total=planned or None, counts=str(self._tally))


class Lines(progress.Progress):
    """A line now and then, for whoever reads a log, which has the weight in `api_requests`."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._clock = clock
        self._tally = Tally()
        self._why = ""
        self._next = clock() + EVERY_S

    def expect(self, **more: int) -> None:
        self._tally.planned.update(more)

    def advance(self, **more: int) -> None:
        self._tally.done.update(more)
        self._show()

    def waiting(self, why: str | None) -> None:
        self._why = f"; {why}" if why else ""
        self._show()

    def _show(self) -> None:
        if self._clock() >= self._next:
            say(f"{self._title}: {self._tally}{self._why}")
            self._next = self._clock() + EVERY_S
