"""The lines of an export as rows of `statement_rows`: each is read rightly, or the file is refused, naming the line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from pipelines.statements.layouts import Layout, layout_of
from pipelines.statements.legs import NO_AMOUNT, Moved, leg_reader
from pipelines.statements.records import AS_DOWNLOADED, Record, records
from pipelines.statements.sources import DOWNLOAD_AGAIN, Source
from pipelines.statements.values import Unreadable, instants, mark_of
from schemas.datasets.statements import STATEMENT_ROWS
from schemas.model.errors import UsageProblem

BATCH = 100_000  # rows
_PEEKED = 1000  # records by which the mark before decimals is known
_NO_TIME, _NOT_DONE, _TOLD_ELSEWHERE = "no time", "did not take place", "another export tells what moved"
_AMOUNT = re.compile(r"[+-]?[\d.,]+")
_ORDERS = "spot_orders"  # have their fills below them
_TYPES = {"line": pa.int64(), "leg": pa.int64(), "time": pa.int64()}


@dataclass(kw_only=True)
class Reading:
    """One file while it is read: what is known of it before, and what it turned out to be."""

    source: Source
    account: str
    file: str  # its hash
    imported_at: int
    uid: str | None = None  # the only one that it may name
    zone: str | None = None
    kind: str | None = None
    lines: int = 0  # with a row

    def batches(self) -> Iterator[pa.Table]:
        """The rows, a part at a time; UsageProblem names the line that cannot be read."""
        with self.source.text() as text:
            found = records(self.source.name, text)
            header = next(found, None)
            if header is None:
                raise UsageProblem(f"{self.source.name} is empty.", DOWNLOAD_AGAIN)
            layout = layout_of(self.source.name, header.fields, self.zone, self.kind)
            self.kind, self.zone = layout.export.kind, layout.zone.name
            peeked = list(islice(found, _PEEKED))
            reader = _Reader(self, layout, peeked)
            rows = (row for record in chain(peeked, found) for row in reader.rows(record))
            while batch := list(islice(rows, BATCH)):
                yield self._table(batch)

    def wrong(self, line: int, what: str, way_out: str = AS_DOWNLOADED) -> UsageProblem:
        """What is wrong with a line."""
        return UsageProblem(f"{self.source.name}, line {line:,}: {what}.", way_out)

    def _table(self, rows: Sequence[_Row]) -> pa.Table:
        columns: dict[str, Any] = {
            name: pa.array(values, _TYPES.get(name, pa.string()))
            for name, values in zip(_Row._fields, zip(*rows, strict=True), strict=True)
        }
        same = {"account": self.account, "file": self.file, "file_name": self.source.file_name}
        for name, value in {**same, "kind": self.kind, "zone": self.zone}.items():
            columns[name] = pa.repeat(pa.scalar(value, pa.string()), len(rows))
        columns["imported_at"] = pa.repeat(pa.scalar(self.imported_at, pa.int64()), len(rows))
        return pa.table({name: columns[name] for name in STATEMENT_ROWS.schema.names}).cast(STATEMENT_ROWS.schema)


class _Row(NamedTuple):
    """What differs from row to row of a file."""

    line: int
    leg: int
    uid: str | None
    time: int | None
    wallet: str | None
    operation: str
    asset: str | None
    amount: str | None
    status: str | None
    remark: str | None
    problem: str | None
    raw: str | None


class _Reader:
    """Reads the records of one file in its layout."""

    def __init__(self, reading: Reading, layout: Layout, peeked: Sequence[Record]) -> None:
        self._reading = reading
        self._export = layout.export
        self._width = len(layout.export.columns)
        self._names = _unique(layout.columns[: self._width])
        self._instant = instants(layout.times, layout.zone.offset)
        self._legs = leg_reader(layout, _mark(layout, peeked)) if layout.export.legs else None
        self._time_at = layout.place("time") or 0
        self._uid_at = next((place for name in ("user id", "uid") if (place := layout.place(name)) is not None), None)
        self._operation_at = next(
            (place for name in ("operation", "type") if (place := layout.place(name)) is not None), None
        )
        self._wallet_at, self._status_at, self._remark_at = map(layout.place, ("account", "status", "remark"))
        self._below: Sequence[str] = ()  # names of the columns of fills below an order
        self._full = False  # whether a line had every field

    def rows(self, record: Record) -> Iterator[_Row]:
        """The rows of one record, one for each of its legs."""
        line, fields, cut = record
        if self._export.kind == _ORDERS and not fields[0].strip():
            yield from self._fill(line, fields)
            return
        fields = self._whole(line, fields, cut=cut)
        time = self._time(line, fields[self._time_at])
        uid = self._uid(line, fields)
        status = _field(fields, self._status_at)
        against = _NO_TIME if time is None else self._against(status)
        wallet, remark = self._export.wallet or _field(fields, self._wallet_at), _field(fields, self._remark_at)
        raw: str | None = _json(self._names, fields)
        self._reading.lines += 1
        for number, (operation, asset, amount, problem) in enumerate(self._moved(line, fields), start=1):
            row = line, number, uid, time, wallet, operation, asset, amount, status, remark, against or problem, raw
            yield _Row(*row)
            raw = None

    def _moved(self, line: int, fields: list[str]) -> Sequence[Moved]:
        operation = _field(fields, self._operation_at) or self._export.kind
        if self._legs is None:
            return (Moved(operation, None, None, _TOLD_ELSEWHERE),)
        try:
            return self._legs(fields, operation) or (Moved(operation, None, None, NO_AMOUNT),)
        except Unreadable as error:
            raise self._reading.wrong(line, str(error)) from None

    def _against(self, status: str | None) -> str | None:
        """Why a row moves nothing, whatever it tells."""
        done = not self._export.done or (status or "").casefold() in self._export.done
        return None if done else _NOT_DONE

    def _whole(self, line: int, fields: list[str], *, cut: bool) -> list[str]:
        """As many fields as there are columns: only a remark may be left out, and only empty ones be too many."""
        missing = self._width - len(fields)
        if missing == 0:
            self._full = True
            return fields
        if missing == 1 and self._export.columns[-1] == "remark" and not (cut and self._full):
            return [*fields, ""]
        if missing > 0 or any(fields[self._width :]):
            what = f"it has {len(fields)} fields where the header has {self._width}"
            raise self._reading.wrong(line, what, DOWNLOAD_AGAIN)
        return fields[: self._width]

    def _time(self, line: int, text: str) -> int | None:
        try:
            return self._instant(text) if text.strip() else None
        except Unreadable as error:
            raise self._reading.wrong(line, f"'{text}' {error}") from None

    def _uid(self, line: int, fields: list[str]) -> str | None:
        """The id of the account that a line names; a file may name one only, which has to be this account's."""
        uid = _field(fields, self._uid_at)
        if uid is None or uid == self._reading.uid:
            return uid
        if self._reading.uid is not None:
            what = f"it is of uid {uid}, while account {self._reading.account} is uid {self._reading.uid}"
            raise self._reading.wrong(line, what, "Name the account that the file is of with --account.")
        self._reading.uid = uid
        return uid

    def _fill(self, line: int, fields: list[str]) -> Iterator[_Row]:
        """A fill below its order, or the names of its columns."""
        if not fields[1][:1].isdigit():
            self._below = fields
            return
        self._reading.lines += 1
        named = zip(self._below, fields, strict=False)
        raw = msgspec.json.encode({name: each for name, each in named if name}).decode()
        time = self._time(line, fields[1])
        yield _Row(line, 1, None, time, "spot", "fill", None, None, None, None, _TOLD_ELSEWHERE, raw)


def _mark(layout: Layout, records: Iterable[Record]) -> str:
    """What stands before decimals in the amounts of a file."""
    places = {place for leg in layout.export.legs if (place := layout.place(leg.amount)) is not None}
    printed = (fields[place].strip() for _, fields, _ in records for place in places if place < len(fields))
    numbers = (found[0] for each in printed if (found := _AMOUNT.match(each)))
    return mark_of(numbers)


def _field(fields: Sequence[str], place: int | None) -> str | None:
    return fields[place].strip() or None if place is not None else None


def _unique(names: Iterable[str]) -> list[str]:
    """The names of columns, those that stand there twice with their number."""
    seen: list[str] = []
    for each in map(str.strip, names):
        count = sum(other.partition(" #")[0] == each for other in seen) + 1
        seen.append(each if count == 1 else f"{each} #{count}")
    return seen


def _json(names: Sequence[str], fields: Sequence[str]) -> str:
    return msgspec.json.encode(dict(zip(names, fields, strict=True))).decode()
