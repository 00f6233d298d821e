"""Ctrl-C: the first finishes the page and commits it, the second ends at once."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.cli.output import complain

_SAID = "Stopping after this page; press Ctrl-C again to stop at once. The same command goes on from here."


@contextmanager
def stopping(said: str = _SAID) -> Iterator[asyncio.Event]:
    """An event that the first SIGINT or SIGTERM sets; after it the signals do what they always do."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)

    def first() -> None:
        stop.set()
        print(file=sys.stderr)  # the terminal has shown ^C
        complain(said)
        restore()

    def restore() -> None:
        for number in signals:
            loop.remove_signal_handler(number)

    for number in signals:
        loop.add_signal_handler(number, first)
    try:
        yield stop
    finally:
        restore()
