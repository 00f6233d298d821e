"""The values of flows.yaml: words out of a list, lengths of time, schedules, instants.

Every scalar arrives as the text that stands in the file, so that a symbol named NO or 1e3 is not mistaken for
something else. What is wrong with a value is said in one sentence with the nearest valid one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from cronsim import CronSim, CronSimError
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from schemas.model.nearest import did_you_mean
from schemas.model.redaction import without_keys

PERMISSION = r"[A-Za-z][a-z]+[A-Z_][A-Za-z0-9_]*"  # how the exchange spells one
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_SHOWN = 40
T = TypeVar("T")


def wrong(sentence: str, *below: str) -> PydanticCustomError:
    """One sentence about a value, or about what lies in it below these keys."""
    # Through the context, since braces of a person's text would otherwise be taken for a template.
    return PydanticCustomError("wrong", "{sentence}", {"sentence": sentence, "below": below})


def shown(value: object) -> str:
    """A value as an error may repeat it: quoted, and short."""
    text = without_keys(str(value))
    return f"'{text[:_SHOWN]}…'" if len(text) > _SHOWN else f"'{text}'"


def question(word: str, valid: Iterable[str]) -> str:
    """The question whether a close valid word was meant, to go on a sentence with; empty when none is close."""
    asked = did_you_mean(word, valid)
    return f"{asked[0].lower()}{asked[1:]} " if asked else ""


@dataclass(frozen=True)
class OneOf:
    """A word out of a list; a wrong one is answered with the nearest and with all that are valid."""

    what: str
    valid: tuple[str, ...]
    hints: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.valid)}

    def check(self, value: object) -> str:
        word = str(value)
        if word in self.valid:
            return word
        hint = self.hints.get(word) or question(word, self.valid)
        raise wrong(f"{shown(word)} is not a valid {self.what}; {hint}valid: {', '.join(self.valid)}.")


@dataclass(frozen=True)
class Written:
    """A value that stands in the file as text of one form, and the function that reads it."""

    read: Callable[[str, ValidationInfo], Any]
    pattern: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": self.pattern}

    def check(self, value: object, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            raise wrong("it must be text.")
        return self.read(value, info)


def share(value: str, _: ValidationInfo) -> float:
    found = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)%", value)
    if not found or not 1 <= float(found[1]) <= 100:  # noqa: PLR2004 - percent
        raise wrong(f"{shown(value)} is not a share; write a percentage from 1% to 100%, such as 90%.")
    return float(found[1]) / 100


def length(value: str, _: ValidationInfo) -> timedelta:
    found = _length(value)
    if found is None:
        raise wrong(f"{shown(value)} is not a length of time; write minutes, hours or days, such as 5m, 1h or 1d.")
    return found


def _length(text: str) -> timedelta | None:
    found = re.fullmatch(r"([1-9]\d{0,3})([mhd])", text)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def written_length(length: timedelta) -> str:
    """A length of time as flows.yaml writes it, in the largest unit that leaves no rest."""
    minutes = int(length.total_seconds()) // 60
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def cron(value: str, _: ValidationInfo) -> str:
    """Five fields of plain cron: what every scheduler reads alike."""
    if not re.fullmatch(r"[\dA-Za-z*/,-]+(?: +[\dA-Za-z*/,-]+){4}", value):
        raise wrong(f'{shown(value)} is not a cron line; write five fields, in UTC, such as "*/5 * * * *".')
    try:
        next(CronSim(value, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise wrong(f"{shown(value)} is not a cron line: {str(error).lower()}.") from None
    except StopIteration:
        raise wrong(f"the cron line {shown(value)} never comes due.") from None
    return value


def instant(text: str) -> datetime:
    """An ISO date or instant; without a zone it is UTC. ValueError carries the sentence."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a date; write 2026-10-01 or 2026-10-01T12:00:00Z.") from None
    if at.year < 2000:  # noqa: PLR2004 - older than any exchange of this kind
        raise ValueError(f"{shown(text)} is before any market; write 2017-01-01 to ask for all there is.")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def instant_or_ago(text: str, now: datetime) -> datetime:
    """An instant, or a length of time before now, such as 30d. ValueError carries the sentence."""
    ago = _length(text)
    return now - ago if ago is not None else instant(text)


def past(at: datetime, now: datetime) -> datetime:
    """The instant itself, unless it lies in the future. ValueError carries the sentence."""
    if at > now:
        raise ValueError(f"{at:%Y-%m-%d %H:%M} lies in the future: now it is {now:%Y-%m-%d %H:%M}, UTC.")
    return at


def since(value: str, info: ValidationInfo) -> datetime:
    try:
        return past(instant(value), context(info, "now", datetime.now(UTC)))
    except ValueError as error:
        raise wrong(str(error)) from None


def symbol(value: str, _: ValidationInfo) -> str:
    not_a_key(value)
    if not re.fullmatch(r"\S{1,64}", value):
        raise wrong(f"{shown(value)} is not a symbol; write the exchange's name, such as BTCUSDT.")
    if value != value.upper():
        raise wrong(f"{shown(value)} is not a symbol; did you mean {value.upper()}?")
    return value


def permission(value: str, _: ValidationInfo) -> str:
    """`trade`, or a permission as the exchange spells it."""
    if value != "trade" and not re.fullmatch(PERMISSION, value):
        hint = question(value, ("trade",))
        raise wrong(f"{shown(value)} is not a permission to allow; {hint}write trade, or a name such as enableMargin.")
    return value


def not_a_key(value: str) -> str:
    """The word, unless it looks like a key: as a name it would be stored and printed."""
    if without_keys(value) != value:
        raise wrong(
            f"{shown(value)} looks like a key; a key itself never stands in this file, and a name is something else."
        )
    return value


def placed(path: Path, folder: Path) -> Path:
    """A relative path starts from the folder of the file it stands in."""
    return folder / path.expanduser()


def lake_folder(path: Path, info: ValidationInfo) -> Path:
    return placed(path, context(info, "folder", Path()))


def context(info: ValidationInfo, name: str, default: T) -> T:
    """What the reader of the file knows beside its content."""
    found: T = (info.context or {}).get(name, default)
    return found
