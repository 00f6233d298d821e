"""The lines of an archive's CSV: those that are rows, and the few that are not.

A line that two rows were fused into, or that was cut, says nothing of its neighbours, which are kept. What a
spreadsheet has saved is another matter: it also rounds numbers, and that does not show.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from connectors.binance.archive.layouts import Layout
from connectors.binance.archive.zip import Defect
from schemas.datasets.archive import Reason
from schemas.model.counted import counted
from schemas.model.fields import DECIMALS, FLAG, ID, TIME

MOST_LEFT_OUT = 100  # rows or lines; a file with more is not one with a few mistakes
_NAMED = 10
_SHOWN = 60
CAREFUL_DIGITS = 30  # Arrow scales text of more digits beyond 128 bits, and wraps around in silence
_COUNT, _TEXT, _ANYTHING = "[0-9]{1,18}", '[^,"]+', "[^,]*"
_TEXT_TIME, _FLAG = "20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", "[Tt]rue|[Ff]alse"
_MANGLED = re.compile(rb"[0-9][eE][+-]?[0-9]|[\"';\x80-\xff]|\d[-/:]\d|#")

_MANGLED_NUMBER = re.compile(rb"(?:^|,)[0-9.]+[eE][+-]?[0-9]+(?:,|$)")  # where dates and quotes are no marks of it


class Sifted(NamedTuple):
    """The lines that are rows, and what is said of the others."""

    rows: bytes
    left_out: Defect | None


def sift(body: bytes, layout: Layout, first: int) -> Sifted:
    """Keep the lines that are rows; raises Defect where a spreadsheet was at work, or more than a few are none.

    `first` is the number of the first line in its file.
    """
    rows: list[bytes] = []
    others: list[tuple[int, bytes]] = []
    fits = _row(layout).fullmatch
    for number, line in enumerate(body.splitlines(), first):
        if fits(line):
            rows.append(line)
        elif line.strip():
            others.append((number, line))
    odd = _odd(others, _MANGLED_NUMBER if layout.has_text else _MANGLED)
    if odd is not None and (odd.reason is Reason.MANGLED_NUMBERS or len(others) > MOST_LEFT_OUT or not rows):
        raise odd
    return Sifted(b"\n".join(rows), odd)


@cache
def _row(layout: Layout) -> re.Pattern[bytes]:
    """What a line that is a row looks like."""
    return re.compile(",".join(_cell(layout, name) for name in layout.columns).encode())


def _cell(layout: Layout, name: str) -> str:
    if name not in layout.read:
        return _ANYTHING
    column = layout.dataset.column(name)
    form = {TIME: _COUNT, ID: _COUNT, FLAG: _FLAG}.get(column.type, _TEXT)
    if column.type in DECIMALS:
        scale: int = column.type.arrow.scale  # type: ignore[attr-defined]  # of a decimal
        form = f"{'-?' if column.signed else ''}[0-9]{{1,{CAREFUL_DIGITS - scale}}}(?:\\.[0-9]{{1,{scale}}})?"
    elif name in layout.text_times:
        form = _TEXT_TIME
    return f'(?:{form}|(?:"")?)' if column.nullable else f"(?:{form})"


def defect_of(line: bytes, detail: str) -> Defect:
    """A spreadsheet leaves exponents, quotes and dates behind; whatever else does not fit is a bad row."""
    return Defect(Reason.MANGLED_NUMBERS if _MANGLED.search(line) else Reason.BAD_ROW, detail)


def _odd(others: list[tuple[int, bytes]], mark: re.Pattern[bytes]) -> Defect | None:
    if not others:
        return None
    mangled = [(number, line) for number, line in others if mark.search(line)]
    named = mangled or others
    told = ", ".join(f"line {number} {shown(line)}" for number, line in named[:_NAMED])
    more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
    return Defect(
        Reason.MANGLED_NUMBERS if mangled else Reason.BAD_ROW,
        f"{counted(len(named), 'line')} without a row: {told}{more}",
    )


def shown(line: bytes) -> str:
    """The beginning of a line, fit for a terminal."""
    return repr(line[:_SHOWN].decode("utf-8", "replace")) + ("..." if len(line) > _SHOWN else "")
