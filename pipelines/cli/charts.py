"""Charts in the characters of a terminal, without colours and 80 columns wide, so that a pipe may hold them too."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import plotext
from plotext import figure

from pipelines.cli.output import draws, write

_WIDTH, _HEIGHT = 80, 14
_DATES = 5


def write_line(times: Sequence[datetime], values: Sequence[float]) -> None:
    """Values over time, drawn as a line; a stream without characters for lines gets none."""
    if not draws(sys.stdout):
        return
    figure.clear()
    figure.plot_size(_WIDTH, _HEIGHT)
    signal = figure.signal([time.timestamp() for time in times], values, marker="braille")
    signal.lines(True)
    figure.draw(signal)
    dated = times[:: max(len(times) // _DATES, 1)]
    days = [f"{time.astimezone(UTC):%Y-%m-%d}" for time in dated]
    figure.ruler("x").ticks([time.timestamp() for time in dated], days)
    low, high = min(values), max(values)
    levels = [low, (low + high) / 2, high]
    figure.ruler("y").ticks(levels, [f"{level:,.7g}" for level in levels])
    write(f"{plotext.uncolorize(figure.build())}\n")
