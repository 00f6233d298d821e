"""Numbers and instants as exports print them; what a spreadsheet has damaged is refused, and never guessed at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from schemas.model.instants import micros
from schemas.statements.exports import DAY_FIRST, DAYS, EPOCH_MS, MONTH_FIRST

DOWNLOAD_AGAIN = "Download it again."

DOT, COMMA = "dot", "comma"  # what stands before the decimals

_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_DOT_GROUPS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\.\d+", re.ASCII)
_COMMA_PLAIN = re.compile(r"[+-]?\d+(?:,\d*)?", re.ASCII)
_COMMA_GROUPS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+", re.ASCII)
_EXPONENT = re.compile(r"(?P<number>[+-]?\d(?:\.(?P<decimals>\d+))?)[eE](?P<exponent>[+-]?\d{1,3})", re.ASCII)
_SURELY_COMMA = re.compile(r"[+-]?\d+,(?:\d{1,2}|\d{4,})|[+-]?\d{1,3}(?:\.\d{3})+,\d+")
_SURELY_DOT = re.compile(r"[+-]?\d+\.(?:\d{1,2}|\d{4,})|[+-]?\d{1,3}(?:,\d{3})+\.\d+")
_SMALLEST = 8  # decimals that the exchange prints; a power with fewer may have been rounded
_SHOWN = 40  # characters of a value that cannot be read
MOST_DIGITS, MOST_DECIMALS = 20, 12  # before and behind the decimal mark; a million of such amounts have a sum

_FIRST_US = micros(datetime(2017, 7, 1, tzinfo=UTC))  # before the exchange opened nothing took place
_LAST_US = micros(datetime(2090, 1, 1, tzinfo=UTC))  # years of two digits and of five are mistakes


class Unreadable(ValueError):  # noqa: N818 - it is what is the matter with a value
    """Why a value cannot be read, in a few words, and the way out where it is not to download the file again."""

    def __init__(self, why: str, way_out: str | None = None) -> None:
        super().__init__(why)
        self.way_out = way_out


def quoted(text: str) -> str:
    """The beginning of what a file prints, as one line."""
    printed = " ".join(text.split())
    return f"'{printed}'" if len(printed) <= _SHOWN else f"'{printed[:_SHOWN]}...'"


def number(text: str, mark: str) -> str:
    """The number that is printed, as plain digits; Unreadable where it is none, or may have been rounded."""
    plain = _digits(text.strip(), mark)
    if len(plain.partition(".")[0].lstrip("+-0")) > MOST_DIGITS:
        raise Unreadable("is larger than any balance")
    return plain


def _digits(printed: str, mark: str) -> str:
    if mark == DOT:
        if _PLAIN.fullmatch(printed):
            return printed
        if _DOT_GROUPS.fullmatch(printed):
            return printed.replace(",", "")
    elif _COMMA_PLAIN.fullmatch(printed):
        return printed.replace(",", ".")
    elif _COMMA_GROUPS.fullmatch(printed):
        return printed.replace(".", "").replace(",", ".")
    return _power(printed.replace(",", ".") if mark == COMMA else printed)


def _power(printed: str) -> str:
    """A number with an exponent, where no digit can have been lost on the way."""
    found = _EXPONENT.fullmatch(printed)
    if found is None:
        raise Unreadable("is no number")
    decimals = len(found["decimals"] or "") - int(found["exponent"])
    # The exchange itself prints one digit after the E; a spreadsheet prints two and may cut what stands before it.
    own = re.fullmatch(r"-[1-9]", found["exponent"]) is not None
    if not own and decimals < _SMALLEST and float(found["number"]) != 0:
        raise Unreadable("was written by a spreadsheet, which may have rounded it")
    return f"{float(0):.1f}" if float(found["number"]) == 0 else _plain(found["number"], decimals)


def _plain(number: str, decimals: int) -> str:
    sign = "-" if number.startswith("-") else ""
    digits = number.lstrip("+-").replace(".", "").rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def mark_of(numbers: Iterable[str]) -> str:
    """What stands before decimals in a file: a comma where some number can mean nothing else, and none needs a dot."""
    commas = False
    for each in numbers:
        if _SURELY_DOT.fullmatch(each):
            return DOT
        commas = commas or _SURELY_COMMA.fullmatch(each) is not None
    return COMMA if commas else DOT


def too_fine(plain: str) -> bool:
    """Whether a number has more decimals than are kept."""
    return len(plain.partition(".")[2].rstrip("0")) > MOST_DECIMALS


Instant = Callable[[str], int]

_ISO = r"(?P<year>\d{4}|\d{2})-(?P<month>\d\d)-(?P<day>\d\d)"
_CLOCK = r"[ T](?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<part>\d{1,6})\d*)?"
_FORMS = {
    "": re.compile(_ISO + _CLOCK),
    DAYS: re.compile(_ISO + r"(?:\(UTC0?\))?"),
    DAY_FIRST: re.compile(r"(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>\d{4})" + _CLOCK),
    MONTH_FIRST: re.compile(
        r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4}) (?P<hour>\d{1,2}):(?P<minute>\d\d)(?P<second>)(?P<part>)"
    ),
    EPOCH_MS: re.compile(r"(?P<ms>\d{13})"),
}


def instants(forms: tuple[str, ...], offset: timedelta) -> Instant:
    """What reads the times of one file: in the forms that its export has, in one zone, and all in the same order."""
    known: list[str] = []

    @lru_cache(100_000)
    def read(text: str) -> int:
        printed = text.strip()
        for form in ("", *forms):
            if found := _FORMS[form].fullmatch(printed):
                _refuse_mixed(known, form)
                return _instant(found, offset)
        raise Unreadable("is no time as the exchange prints it")

    return read


def _refuse_mixed(known: list[str], form: str) -> None:
    """Whether days or months come first cannot change within a file."""
    if form == DAYS or form in known:
        return
    if known:
        raise Unreadable("is a time in another form than those above it")
    known.append(form)


def _instant(found: re.Match[str], offset: timedelta) -> int:
    parts = found.groupdict()
    if "ms" in parts:
        return _plausible(int(parts["ms"]) * 1000)
    year = int(parts["year"]) + (2000 if len(parts["year"]) == 2 else 0)  # noqa: PLR2004 - two digits of a century
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    part = int((parts.get("part") or "").ljust(6, "0"))
    try:
        local = datetime(year, int(parts["month"]), int(parts["day"]), hour, minute, second, part, tzinfo=UTC)
    except ValueError:
        raise Unreadable("is no day of the calendar") from None
    return _plausible(micros(local) - offset // timedelta(microseconds=1))


def _plausible(instant_us: int) -> int:
    if instant_us < _FIRST_US:
        raise Unreadable("lies before the exchange opened")
    if instant_us >= _LAST_US:
        raise Unreadable("lies too far in the future")
    return instant_us
