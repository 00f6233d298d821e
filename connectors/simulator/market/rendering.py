"""Candles to the JSON text of `klines`, a whole block at once: Python's own formatting would cost ten times more.

Every column becomes a matrix of bytes as wide as its longest value, with a mask of the bytes to keep; the columns
side by side, masked, are the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from connectors.simulator.market.candles import Candles
from connectors.simulator.market.listings import DECIMALS, Listing
from connectors.simulator.market.random_field import Flags, Ints

_Bytes = npt.NDArray[np.uint8]
_Column = tuple[_Bytes, Flags]
_QUADS = np.array([b"%04d" % n for n in range(10_000)]).view(np.uint32)
_POWERS = 10 ** np.arange(19, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Rows:
    """Printed candles: the text of row i, with a comma after it, is `text[ends[i] : ends[i + 1]]`."""

    opened: Ints
    text: bytes
    ends: Ints

    def between(self, since_ms: int, until_ms: int) -> tuple[int, int]:
        """The slice of rows that open in [since_ms, until_ms]."""
        since = np.searchsorted(self.opened, since_ms, "left")
        return int(since), int(np.searchsorted(self.opened, until_ms, "right"))

    def before(self, opened_ms: int) -> Rows:
        """The rows that open before an instant."""
        last = int(np.searchsorted(self.opened, opened_ms))
        return self if last == len(self.opened) else Rows(self.opened[:last], self.text, self.ends[: last + 1])

    def cut(self, first: int, last: int) -> bytes:
        return self.text[self.ends[first] : self.ends[last]]


def recorded(rows: Sequence[Sequence[Any]], *, micro: bool) -> Rows:
    """Rows as somebody recorded them, exact to the last digit; only the unit of time is the one asked for."""
    ordered = sorted([_in_unit(int(row[0]), micro), *row[1:6], _in_unit(int(row[6]), micro), *row[7:]] for row in rows)
    texts = [msgspec.json.encode([*row[:8], int(row[8]), *row[9:]]) + b"," for row in ordered]
    opened = np.array([int(row[0]) // (1000 if micro else 1) for row in ordered], dtype=np.int64)
    return Rows(opened, b"".join(texts), _ends([len(text) for text in texts]))


def _in_unit(time: int, micro: bool) -> int:
    """A recorded time in ms or µs, in the unit asked for; the last ms of a candle becomes its last µs."""
    is_micro = time >= 10**14
    if micro == is_micro:
        return time
    return time // 1000 if is_micro else time * 1000 + (999 if time % 1000 == 999 else 0)  # noqa: PLR2004 - .999


def rendered(candles: Candles, closed: Ints, listing: Listing, *, micro: bool, padded: bool = True) -> Rows:
    """The candles as JSON rows, closing at the given milliseconds; decimals are `padded` to eight, or left alone."""
    n, tick, step = len(candles), listing.tick_decimals, listing.step_decimals
    factor, last = (1000, 999) if micro else (1, 0)
    tick_shown, step_shown = (DECIMALS, DECIMALS) if padded else (tick, step)
    prices = (candles.open, candles.high, candles.low, candles.close)
    columns = [
        _literal(b"[", n),
        _whole(candles.opened * factor),
        _literal(b',"', n),
        *_apart([_decimal(price, tick, tick_shown) for price in prices], n),
        _decimal(candles.volume, step, step_shown),
        _literal(b'",', n),
        _whole(closed * factor + last),
        _literal(b',"', n),
        _decimal(candles.quote, DECIMALS),
        _literal(b'",', n),
        _whole(candles.trades),
        _literal(b',"', n),
        *_apart([_decimal(candles.taker_volume, step, step_shown), _decimal(candles.taker_quote, DECIMALS)], n),
        _literal(b'0"],', n),
    ]
    text = np.concatenate([column for column, _ in columns], axis=1)
    keep = np.concatenate([mask for _, mask in columns], axis=1)
    return Rows(candles.opened, text[keep].tobytes(), _ends(keep.sum(axis=1)))


def _ends(lengths: Any) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


def _apart(columns: list[_Column], n: int) -> list[_Column]:
    """Columns of text, each followed by what separates two texts."""
    return [part for column in columns for part in (column, _literal(b'","', n))]


def _literal(text: bytes, n: int) -> _Column:
    row = np.frombuffer(text, dtype=np.uint8)
    return np.broadcast_to(row, (n, len(row))), np.ones((n, len(row)), dtype=np.bool_)


def _digits(values: Ints, width: int) -> _Bytes:
    """Decimal digits, leading zeros included."""
    quads = -(-width // 4)
    parts = np.empty((len(values), quads), dtype=np.int64)
    for place in range(quads - 1, -1, -1):
        values, parts[:, place] = np.divmod(values, 10_000)
    return _QUADS[parts].view(np.uint8)[:, quads * 4 - width :]


def _significant(values: Ints, width: int, least: int) -> Flags:
    """Which of `width` digits to keep: all but leading zeros, and never fewer than `least`."""
    digits = np.maximum(np.searchsorted(_POWERS, values, "right"), least)
    return np.arange(width) >= width - digits[:, None]


def _whole(values: Ints) -> _Column:
    width = len(str(values.max(initial=0)))
    return _digits(values, width), _significant(values, width, 1)


def _decimal(values: Ints, decimals: int, shown: int = DECIMALS) -> _Column:
    """A number of so many decimals, printed with as many or more."""
    n, width = len(values), max(len(str(values.max(initial=0))), decimals + 1)
    digits, keep = _digits(values, width), _significant(values, width, decimals + 1)
    point = width - decimals
    dot, zeros = _literal(b".", n), _literal(b"0" * (shown - decimals), n)
    text = np.concatenate([digits[:, :point], dot[0], digits[:, point:], zeros[0]], axis=1)
    return text, np.concatenate([keep[:, :point], dot[1], keep[:, point:], zeros[1]], axis=1)
