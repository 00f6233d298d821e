"""The bar: rows, requests, weight used this minute, time to go, and why it waits. Only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from pipelines import progress
from pipelines.cli.output import console, plain


@contextmanager
def watching(title: str) -> Iterator[progress.Progress]:
    """A bar on a terminal; silence elsewhere, where one line follows when a dataset is done."""
    if not sys.stderr.isatty():
        yield progress.Silent()
        return
    with drawn(console(sys.stderr)) as display:
        yield Bar(display, title)


def drawn(on: Console) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:,}/{task.total:,} requests"),
        TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("weight {task.fields[weight]}"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[why]}"),
    )
    return Progress(*columns, console=on, transient=True)


class Bar:
    """One line that follows the work."""

    def __init__(self, display: Progress, title: str) -> None:
        self._display = display
        self._rows = 0
        self._task: TaskID = display.add_task(plain(title), total=0, rows=0, weight="-", why="")

    def expect(self, *, requests: int, rows: int) -> None:  # noqa: ARG002 - rows are shown as they come
        self._display.update(self._task, total=self._total + requests)

    def advance(self, *, rows: int = 0, requests: int = 0) -> None:
        self._rows += rows
        self._display.update(self._task, advance=requests, rows=self._rows)

    def waiting(self, why: str | None) -> None:
        self._display.update(self._task, why=plain(why or ""))

    def pool(self, used: int, usable: int) -> None:
        self._display.update(self._task, weight=f"{used:,}/{usable:,}")

    @property
    def _total(self) -> float:
        return self._display.tasks[self._task].total or 0
