"""Charts in the characters of a terminal: a line, which a pipe may hold too, and candles above their volume."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import plotext
from plotext import figure, terminal
from rich.text import Text

from pipelines.cli.output import console, draws, write

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


_VOLUME_HEIGHT = 7
_EDGE = 13  # cells beside the candles: a price of eleven, and the frame
_WITHOUT_TERMINAL = (80, 24)
_MOST_STEP = 3  # cells from one candle to the next
_DATE_WIDTH = 18
_PIECE = re.compile(r"\x1b\[([\d;]*)m|([^\x1b]+)")
_RISING, _FALLING = "38;5;2", "38;5;1"  # plotext's colours of the two kinds of candles
_STYLES = {_RISING: "green", _FALLING: "red"}
_ASCII = str.maketrans("█▒│─┌┐└┘├┤┬┴┼", "#o|-+++++++++")

Candle = dict[str, Any]


def room_for(stream: TextIO) -> int:
    """How many candles have room beside one another."""
    return _size(stream)[0] - _EDGE


def write_candles(candles: Sequence[Candle], stream: TextIO) -> None:
    """A chart of candles, oldest first, above one of their volume."""
    width, height = _size(stream)
    step = max(1, min(_MOST_STEP, (width - _EDGE) // len(candles)))
    rising = [candle["close"] >= candle["open"] for candle in candles]
    volume = [candle["volume"] for candle in candles]
    bars = {
        "open": [0.0 if rises else most for rises, most in zip(rising, volume, strict=True)],
        "close": [most if rises else 0.0 for rises, most in zip(rising, volume, strict=True)],
        "low": [0.0] * len(candles),
        "high": volume,
    }
    prices = {name: [candle[name] for candle in candles] for name in bars}
    dates = _dates([candle["open_time"] for candle in candles], step)
    screen = console(stream)
    for line in (
        *_chart(prices, step, max(height - _VOLUME_HEIGHT - 4, 12), ([], [])),
        *_chart(bars, step, _VOLUME_HEIGHT, dates),
    ):
        if not draws(stream):
            line.plain = line.plain.translate(_ASCII)
        screen.print(line, no_wrap=True, crop=False)


def _size(stream: TextIO) -> tuple[int, int]:
    screen = console(stream)
    return (screen.width, screen.height) if stream.isatty() else _WITHOUT_TERMINAL


def _chart(candles: Candle, step: int, height: int, dates: tuple[list[int], list[str]]) -> Iterator[Text]:
    """The lines of a chart that has its lowest, middle and highest value at its side."""
    terminal.limit(width=False, height=False)  # which plotext would look for on streams of its own choice
    figure.clear()
    at = [number * step for number in range(len(candles["open"]))]
    figure.plot_size(at[-1] + 1 + _EDGE, height)
    figure.draw(figure.candlestick({"date": at} | candles))
    low, high = min(candles["low"]), max(candles["high"])
    levels = [low, (low + high) / 2, high]
    figure.ruler("y").ticks(levels, [f"{f'{level:,.7g}':>{_EDGE - 2}}" for level in levels])
    figure.ruler("x").ticks(*dates)
    for line in str(figure.build()).rstrip("\n").split("\n"):
        yield _coloured(line)


def _dates(times: Sequence[datetime], step: int) -> tuple[list[int], list[str]]:
    """Some of the positions, and the instants there."""
    every = -(-_DATE_WIDTH // step)
    form = "%Y-%m-%d" if all(time.hour == time.minute == 0 for time in times) else "%m-%d %H:%M"
    shown = range(0, len(times), every)
    return [number * step for number in shown], [times[number].strftime(form) for number in shown]


def _coloured(line: str) -> Text:
    """A line of plotext in the terminal's own colours; what fell has another shade, which is seen without colour."""
    text, style = Text(), ""
    for codes, piece in _PIECE.findall(line):
        if piece:
            text.append(piece.replace("█", "▒") if style == "red" else piece, style)
        else:
            style = next(
                (_STYLES[known] for known in _STYLES if codes.startswith(known)),
                style if codes.startswith("48") else "",
            )
    return text
