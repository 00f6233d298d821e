"""Rates of exchange out of a CSV file: what one asset was worth in another where the exchange has no pair of them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.lake import Lake
from pipelines.store.rows import rows_of, with_instants
from schemas.datasets.rates import RATES
from schemas.model.errors import UsageProblem
from schemas.model.instants import micros

_COLUMNS = ("base", "quote", "rate")
_MOST = 50_000_000  # characters: the rates of forty assets over fifty years are half of that
_DECIMALS, _DIGITS = 16, 22
_ASSET = re.compile(r"[A-Z0-9]{1,32}")
_WAY_OUT = "Mend the line; the columns are date (2026-10-01) or time (2026-10-01T12:00:00Z), base, quote, rate."

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class RatesFile:
    """A CSV file with a header; fields are separated by commas, or all of them by semicolons."""

    path: Path

    def rates(self) -> dict[Key, Decimal]:
        """What one of `base` is worth in `quote`, by both and the instant from which on it holds, in microseconds.

        UsageProblem names the file and line that cannot be read, and then nothing of it is.
        """
        found: dict[Key, Decimal] = {}
        lines: dict[Key, int] = {}
        for line, row in self._rows(self._text().splitlines()):
            key, rate = self._read(line, row)
            if key in lines:
                raise self._wrong(line, f"it gives the rate of line {lines[key]} again")
            found[key], lines[key] = rate, line
        return found

    def _text(self) -> str:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                text = file.read(_MOST + 1)
        except OSError as error:
            raise UsageProblem(
                f"The rates in {self.path} cannot be read: {error.strerror}.", "Check `rates` in flows.yaml."
            ) from None
        except UnicodeDecodeError:
            raise UsageProblem(f"{self.path} is not UTF-8 text.", "Save it as UTF-8.") from None
        if len(text) > _MOST:
            raise UsageProblem(
                f"{self.path} has more than {_MOST:,} characters.", "Leave out what nothing is valued by."
            )
        return text

    def _rows(self, lines: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
        header = lines[0] if lines else ""
        separator = ";" if ";" in header else ","
        names = [name.strip().lower() for name in header.split(separator)]
        when = [name for name in names if name in {"date", "time"}]
        if len(when) != 1 or sorted(names) != sorted([*_COLUMNS, *when]):
            raise self._wrong(1, "its columns are not date or time, base, quote and rate")
        for line, text in enumerate(lines[1:], start=2):
            row = self._fields(line, text, separator)
            if len(row) == len(names):
                yield line, {name: value.strip() for name, value in zip(names, row, strict=True)}
            elif row:
                raise self._wrong(line, f"it has {len(row)} fields, not {len(names)}")

    def _fields(self, line: int, text: str, separator: str) -> list[str]:
        """The fields of one line; none has a line break in it."""
        try:
            return next(csv.reader([text], delimiter=separator, strict=True), [])
        except csv.Error as error:
            raise self._wrong(line, f"it cannot be read as CSV: {error}") from None

    def _read(self, line: int, row: dict[str, str]) -> tuple[Key, Decimal]:
        base, quote = row["base"], row["quote"]
        for asset in (base, quote):
            if not _ASSET.fullmatch(asset):
                raise self._wrong(line, f"{asset!r} is no asset such as EUR")
        if base == quote:
            raise self._wrong(line, f"{base} is quoted in itself")
        return (base, quote, self._instant(line, row)), self._rate(line, row["rate"])

    def _instant(self, line: int, row: dict[str, str]) -> int:
        """A date begins at midnight UTC; a time says its zone."""
        text = row.get("date") or row.get("time") or ""
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise self._wrong(line, f"{text!r} is neither a date nor a time") from None
        is_date = len(text) == len("2026-10-01")
        if is_date != ("date" in row):
            raise self._wrong(line, f"{text!r} is {'a date' if is_date else 'a time'}, which its column is not for")
        if not is_date and at.tzinfo is None:
            raise self._wrong(line, f"{text!r} does not say its zone, such as Z or +02:00")
        return micros(at.replace(tzinfo=UTC) if is_date else at)

    def _rate(self, line: int, text: str) -> Decimal:
        rate = Decimal(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else None
        if not rate:
            raise self._wrong(line, f"{text!r} is no rate above zero with a decimal point")
        whole, _, decimals = text.partition(".")
        if len(decimals) > _DECIMALS:
            raise self._wrong(line, f"{text!r} has more than {_DECIMALS} decimals")
        if len(whole) > _DIGITS:
            raise self._wrong(line, f"{text!r} has more than {_DIGITS} digits before the point")
        return rate

    def _wrong(self, line: int, what: str) -> UsageProblem:
        return UsageProblem(f"{self.path}, line {line}: {what}.", _WAY_OUT)


def keep_rates(lake: Lake, path: Path, now: int) -> int:
    """Store what a file says that the lake does not, and what it no longer says; how many versions that was.

    UsageProblem, and nothing stored, where one line of it cannot be read.
    """
    said, table = RatesFile(path).rates(), lake.table(RATES)
    with lake.alone(RATES.table):
        rows = with_instants(table.scan().sort_by("seen_at"))
        last = {(row["base_asset"], row["quote_asset"], row["time"]): row for row in rows}
        news = [
            {**_named(key), "rate": rate, "file": path.name, "seen_at": now, "gone_since": None}
            for key, rate in said.items()
            if key not in last or last[key]["rate"] != rate or last[key]["gone_since"] is not None
        ]
        gone = [
            {**row, "seen_at": now, "gone_since": now}
            for key, row in last.items()
            if key not in said and row["gone_since"] is None
        ]
        return table.commit(rows_of(RATES, [*news, *gone]), []).rows if news or gone else 0


def _named(key: Key) -> dict[str, Any]:
    return dict(zip(("base_asset", "quote_asset", "time"), key, strict=True))
