"""Which export a file is: by the names of its columns, and where several have the same ones, by the file's name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from schemas.model.errors import UsageProblem
from schemas.statements.exports import DAY_FIRST, DAYS_FIRST, EXPORTS, SPELLINGS, TIMES, Export

_IN_COLUMN = re.compile(r"\s*\((?P<zone>utc[^)]*)\)\s*")
_IN_NAME = re.compile(r"\((?P<zone>UTC[^)]*)\)")
_ZONE = re.compile(r"(?:utc)?(?P<sign>\+|--?)(?P<hours>\d{1,2})(?::(?P<minutes>\d\d))?", re.ASCII)
_NO_OFFSET = frozenset({"utc", "utc0", "utc00"})
_MOST_HOURS = 14
_SHOWN = 120  # characters of a header
_NEAR = 0.5  # of all names that a header and an export have
_HISTORY = (
    "Give a file as binance.com or its app exports it, such as the transaction history, which tells of every movement."
)


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone in which times are written: what a person calls it, and how far its clocks are ahead."""

    name: str
    offset: timedelta


@dataclass(frozen=True, slots=True)
class Layout:
    """An export, how its columns are called, and how its times are to be read."""

    export: Export
    columns: tuple[str, ...]  # as the file calls them
    zone: Zone
    times: tuple[str, ...]

    def place(self, column: str) -> int | None:
        """Where a column stands."""
        names = self.export.columns
        return names.index(column) if column in names else None

    def first(self, *columns: str) -> int | None:
        """Where the first of these columns stands that there is."""
        return next((place for each in columns if (place := self.place(each)) is not None), None)


def zone_of(text: str) -> Zone | None:
    """The zone that is meant by UTC, UTC+7, UTC--6 or +05:30; None where that cannot be known."""
    plain = text.strip().casefold()
    if plain in _NO_OFFSET:
        return Zone("UTC", timedelta())
    found = _ZONE.fullmatch(plain)
    if found is None:
        return None
    hours, minutes = int(found["hours"]), int(found["minutes"] or 0)
    if hours > _MOST_HOURS or minutes >= 60:  # noqa: PLR2004 - of an hour
        return None
    offset = timedelta(hours=hours, minutes=minutes)
    return _ahead(-offset if found["sign"].startswith("-") else offset)


def shifted(zone: Zone, by: timedelta) -> Zone:
    """The zone whose clocks are so much further ahead."""
    return _ahead(zone.offset + by)


def _ahead(offset: timedelta) -> Zone:
    hours, rest = divmod(abs(offset), timedelta(hours=1))
    clock = f"{hours}:{rest // timedelta(minutes=1):02}" if rest else f"{hours}"
    return Zone(f"UTC{'-' if offset < timedelta() else '+'}{clock}" if offset else "UTC", offset)


def layout_of(name: str, header: Sequence[str], zone: str | None, kind: str | None) -> Layout:
    """The layout of a file with this name and header; UsageProblem says what cannot be known of it."""
    plain, found_zones, days_first = _plain_header(header)
    export = _export(name, plain, header, kind)
    times = (*export.times, *((DAY_FIRST,) if days_first else ()))
    return Layout(export, tuple(header), _zone(name, header, found_zones, zone), times)


def _plain_header(header: Sequence[str]) -> tuple[tuple[str, ...], list[str], bool]:
    """The names as they are compared, the zones that stand in them, and whether days may come before months."""
    names, zones, days_first = list[str](), list[str](), False
    for each in header:
        name = each.strip().strip('"').casefold()
        if found := _IN_COLUMN.search(name):
            zones.append(found["zone"])
            name = _IN_COLUMN.sub("", name)
        name = re.sub(r"[\s_]+", " ", re.sub(r"[.*¹²³]", "", name)).strip()
        days_first = days_first or name in DAYS_FIRST
        if name == "utc time":
            zones.append("utc")
        names.append(_common_name(name, names))
    while names and not names[-1]:  # the app prints a comma too many
        names.pop()
    return tuple(names), zones, days_first


def _common_name(name: str, before: Sequence[str]) -> str:
    name = SPELLINGS.get(name, name)
    return "time" if name in TIMES and "time" not in before else name


def _export(name: str, plain: tuple[str, ...], header: Sequence[str], kind: str | None) -> Export:
    """The one export that has these columns."""
    fitting = [each for each in EXPORTS if each.columns == plain]
    if not fitting:
        raise UsageProblem(f"{name}, line 1: {_unknown(plain, header)}.", _HISTORY)
    if kind is not None:
        chosen = [each for each in fitting if each.kind == kind]
        if not chosen:
            kinds = " or ".join(sorted({each.kind for each in fitting}))
            raise UsageProblem(f"{name} is no export of {kind}: its columns are those of {kinds}.", "Correct --kind.")
        return chosen[0]
    named = [each for each in fitting if each.named and each.named in name.casefold()]
    unnamed = [each for each in fitting if not each.named]
    likely = named or unnamed or fitting
    if len(likely) > 1:
        kinds = " or ".join(sorted({each.kind for each in fitting}))
        raise UsageProblem(
            f"{name} may be an export of {kinds}: its columns are those of both.", "Say which with --kind."
        )
    return likely[0]


def _unknown(plain: Sequence[str], header: Sequence[str]) -> str:
    """What is wrong with columns that are those of no export: how they differ from those that are nearest."""
    has = set(plain)
    near = max(EXPORTS, key=lambda each: _shared(has, each))
    if _shared(has, near) < _NEAR:
        return f"the columns {','.join(header)[:_SHOWN]} are those of no export that binlake knows"
    found = ((near.columns, has, "missing"), (plain, near.columns, "unknown"))
    differ = [
        f"{what} {', '.join(names)[:_SHOWN]}"
        for columns, there, what in found
        if (names := [each for each in columns if each not in there])
    ]
    return f"its columns are nearly those of {near.kind}: {'; '.join(differ) or 'their order or number differs'}"


def _shared(columns: set[str], export: Export) -> float:
    """How many of all names both have."""
    return len(columns.intersection(export.columns)) / len(columns.union(export.columns))


def _zone(name: str, header: Sequence[str], in_header: Sequence[str], given: str | None) -> Zone:
    """The zone that the header or the file's name tells, else the one that was given."""
    column = next(
        (each.strip() for each in header if "time" in each.casefold() or "date" in each.casefold()), header[0]
    )
    told = [*in_header, *(found["zone"] for found in _IN_NAME.finditer(name))]
    zones = {zone.offset: zone for each in told if (zone := zone_of(each))}
    if len(zones) > 1:
        raise UsageProblem(f"{name} names two zones, {' and '.join(each.name for each in zones.values())}.")
    said = next(iter(zones.values()), None)
    if given is None:
        if said is None:
            raise UsageProblem(
                f"{name}, line 1: the column {column} does not say in which zone its times are.",
                "Say it with --zone, such as --zone UTC or --zone UTC+7.",
            )
        return said
    asked = zone_of(given)
    if asked is None:
        raise UsageProblem(f"--zone: '{given}' is no zone.", "Write it as UTC, UTC+7 or UTC-3:30.")
    if said is not None and said.offset != asked.offset:
        raise UsageProblem(f"{name} says that its times are in {said.name}, not in {asked.name}.", "Leave --zone out.")
    return asked
