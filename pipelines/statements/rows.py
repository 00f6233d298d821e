"""The lines of an export as rows of `statement_rows`: each is read rightly, or the file is refused, naming the line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.statements.assets import Assets
from pipelines.statements.layouts import Layout, layout_of
from pipelines.statements.legs import NO_AMOUNT, Legs, Moved, leg_reader
from pipelines.statements.raw import json_lines, unique
from pipelines.statements.records import AS_DOWNLOADED, Record, records
from pipelines.statements.sources import Source
from pipelines.statements.values import DOWNLOAD_AGAIN, Unreadable, instants, mark_of, quoted
from schemas.datasets.statements import STATEMENT_ROWS
from schemas.model.errors import UsageProblem
from schemas.model.fields import FINE, TIME
from schemas.model.grid import SECOND_US
from schemas.statements.exports import COIN_CONTRACT, CONTRACT, DOLLARS, FILL_BELOW

BATCH = 50_000  # records, also those by which it is known what stands before decimals
_NO_TIME, _NO_WALLET, _NOT_DONE = "no time", "no account", "its status does not say that it took place"
_STRANGE_FILL = "fills below orders in columns that binlake does not know"
_NO_MARKET = "it does not say which of the futures wallets moved"
_AMOUNT = re.compile(r"[+-]?[\d.,]+")
_ORDERS = "spot_orders"  # have their fills below them


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an export was asked for: its time in microseconds, [since, until), and the market of its contracts."""

    since: int
    until: int
    market: str


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
    question: Question | None = None
    assets: Assets = field(default_factory=Assets)
    lines: int = 0  # with a row
    open_end: int | None = None  # the last line, where it has no end and its last field is one that counts

    def batches(self) -> Iterator[pa.Table]:
        """The rows, a part at a time; UsageProblem names the line that cannot be read."""
        with self.source.text() as text:
            found = records(self.source.name, text)
            header = next(found, None)
            if header is None:
                raise UsageProblem(f"{self.source.name} is empty.", DOWNLOAD_AGAIN)
            layout = layout_of(self.source.name, header.fields, self.zone, self.kind)
            self.kind, self.zone = layout.export.kind, layout.zone.name
            batch = list(islice(found, BATCH))
            reader = _Reader(self, layout, mark_of(_amounts(layout, batch)))
            while batch:
                yield reader.table(batch)
                if batch[-1].cut and layout.export.columns[-1] in layout.export.counted:
                    self.open_end = batch[-1].line
                batch = list(islice(found, BATCH))

    def wrong(self, line: int, what: str, way_out: str = AS_DOWNLOADED) -> UsageProblem:
        """What is wrong with a line."""
        return UsageProblem(f"{self.source.name}, line {line:,}: {what}.", way_out)


class _Reader:
    """Reads the records of one file in its layout."""

    def __init__(self, reading: Reading, layout: Layout, mark: str) -> None:
        self._reading = reading
        self._export = layout.export
        self._width = len(layout.export.columns)
        self._names = unique(layout.columns[: self._width])
        self._instant = instants(layout.times, layout.zone.offset)
        self._legs = leg_reader(layout, mark, reading.assets) if layout.export.legs else None
        self._time_at = layout.place("time") or 0
        self._known_uid = reading.uid  # by what the lake has
        self._uid_at = layout.first("user id", "uid")
        self._operation_at = layout.first("operation", "type")
        self._status_at, self._remark_at = layout.place("status"), layout.place("remark")
        self._wallet_at = layout.place(layout.export.wallet or "account")
        self._symbol_at = layout.place("symbol")
        self._market = reading.question.market if reading.question else None
        self._asset_at = layout.place("asset")
        self._fill_names: Sequence[str] = ()  # columns of the fills below an order
        self._order: Sequence[str] = ()  # fields of the one above them
        self._order_at = (layout.place("pair"), layout.first("side", "type"))
        self._fill_legs = leg_reader(Layout(FILL_BELOW, FILL_BELOW.columns, layout.zone, ()), mark, reading.assets)
        self._full = False  # whether a line had every field

    def table(self, batch: Sequence[Record]) -> pa.Table:
        """The rows of so many records, one for each of their legs."""
        self._market = self._market or self._named_market(batch)
        orders, fills = list[Record](), list[Record]()
        for record in batch:
            if self._export.kind != _ORDERS or record.fields[0].strip():
                orders.append(record)
                self._order = record.fields
            elif (fill := self._fill(record)) is not None:
                fills.append(fill)
        parts = [*([self._lines(orders)] if orders else []), *([self._fills(fills)] if fills else [])]
        return pa.concat_tables(parts) if parts else STATEMENT_ROWS.schema.empty_table()

    def _named_market(self, batch: Sequence[Record]) -> str | None:
        """The futures wallet of the contracts that are named, where it is one."""
        at = self._symbol_at
        if self._export.wallet != CONTRACT or at is None:
            return None
        named = {record.fields[at].strip() for record in batch if at < len(record.fields)} - {""}
        markets = {_market_of(symbol) for symbol in named}
        return markets.pop() if len(markets) == 1 else None

    def _lines(self, batch: Sequence[Record]) -> pa.Table:
        """The rows of lines with all columns."""
        lines = [record.line for record in batch]
        fields = [self._whole(record, self._width) for record in batch]
        columns = list(zip(*fields, strict=True))
        self._check_uid(lines, columns)
        times = self._times(lines, columns[self._time_at])
        self._check_times(lines, times)
        status = self._texts(columns, self._status_at, len(lines))
        wallets = self._wallets(columns, len(lines))
        of_line: dict[str, Any] = {
            "line": pa.array(lines, pa.int64()),
            "time": times,
            "uid": self._texts(columns, self._uid_at, len(lines)),
            "wallet": wallets,
            "status": status,
            "remark": self._texts(columns, self._remark_at, len(lines)),
            "against": self._against(times, status, wallets),
            "raw": json_lines(self._names, fields),
        }
        return self._with_legs(of_line, [self._moved(line, each) for line, each in zip(lines, fields, strict=True)])

    def _with_legs(self, of_line: dict[str, Any], moved: Sequence[Sequence[Moved]]) -> pa.Table:
        """What is told of each line, as often as it has legs, beside these."""
        self._reading.lines += len(moved)
        columns = pa.table(of_line)
        operations, assets, amounts, problems, wallets = zip(*chain.from_iterable(moved), strict=True)
        legs = pa.array([number for each in moved for number in range(1, len(each) + 1)], pa.int64())
        if len(legs) > len(moved):
            columns = columns.take(pa.array([place for place, each in enumerate(moved) for _ in each], pa.int64()))
        first = pc.equal(legs, 1)
        same = {
            "account": self._reading.account,
            "file": self._reading.file,
            "file_name": self._reading.source.file_name,
            "kind": self._reading.kind,
            "zone": self._reading.zone,
        }
        found: dict[str, Any] = {
            name: columns[name] for name in columns.column_names if name in STATEMENT_ROWS.schema.names
        }
        found |= {name: pa.repeat(pa.scalar(value, pa.string()), len(legs)) for name, value in same.items()}
        found |= {
            "leg": legs,
            "wallet": _known(pc.coalesce(pa.array(wallets, pa.string()), columns["wallet"])),
            "operation": pa.array(operations, pa.string()),
            "asset": pa.array(assets, pa.string()),
            "amount": pa.array(amounts, pa.string()).cast(FINE.arrow),
            "problem": pc.coalesce(columns["against"], pa.array(problems, pa.string())),
            "raw": pc.if_else(first, columns["raw"], pa.scalar(None, pa.string())),
            "imported_at": pa.repeat(pa.scalar(self._reading.imported_at, pa.int64()), len(legs)).cast(TIME.arrow),
        }
        return pa.table({name: found[name] for name in STATEMENT_ROWS.schema.names}).cast(STATEMENT_ROWS.schema)

    def _moved(self, line: int, fields: list[str]) -> Sequence[Moved]:
        place = self._operation_at
        operation = (fields[place].strip() if place is not None else "") or self._export.kind
        if self._legs is None:
            return (Moved(operation, None, None, self._export.unmoved),)
        return self._read(self._legs, line, fields, operation)

    def _read(self, legs: Legs, line: int, fields: list[str], operation: str) -> Sequence[Moved]:
        try:
            return legs(fields, operation) or (Moved(operation, None, None, NO_AMOUNT),)
        except Unreadable as error:
            raise self._reading.wrong(line, str(error), error.way_out or AS_DOWNLOADED) from None

    def _against(self, times: pa.Array[Any], status: pa.Array[Any], wallets: pa.Array[Any]) -> pa.Array[Any]:
        """Why lines move nothing, whatever they tell."""
        words = pa.array(self._export.done, pa.string())
        done = pc.is_in(pc.utf8_lower(status), value_set=words) if self._export.done else pa.scalar(True)
        nothing = pa.scalar(None, pa.string())
        late = pc.if_else(done, nothing, pa.scalar(_NOT_DONE))
        missing = pa.scalar(_NO_MARKET if self._export.wallet == CONTRACT else _NO_WALLET)
        placed = pc.if_else(pc.is_valid(wallets), late, missing) if self._legs else late
        against: pa.Array[Any] = pc.if_else(pc.is_valid(times), placed, pa.scalar(_NO_TIME))
        return against

    def _whole(self, record: Record, width: int) -> list[str]:
        """As many fields as there are columns: only a remark may be left out, and only empty ones be too many."""
        line, fields, cut = record
        missing = width - len(fields)
        if missing == 0:
            self._full = True
            return fields
        if missing == 1 and self._export.columns[-1] == "remark" and not (cut and self._full):
            return [*fields, ""]
        if missing > 0 or any(fields[width:]):
            what = f"it has {len(fields)} fields where the header has {width}"
            raise self._reading.wrong(line, what, DOWNLOAD_AGAIN)
        return fields[:width]

    def _times(self, lines: Sequence[int], printed: Sequence[str]) -> pa.Array[Any]:
        found: list[int | None] = []
        for line, text in zip(lines, printed, strict=True):
            try:
                found.append(self._instant(text) if text else None)
            except Unreadable as error:
                raise self._reading.wrong(line, f"{quoted(text)} {error}") from None
        return pa.array(found, pa.int64()).cast(TIME.arrow)

    def _check_times(self, lines: Sequence[int], times: pa.Array[Any]) -> None:
        """An answer is held against its question."""
        if (asked := self._reading.question) is None:
            return
        for line, time in zip(lines, times.cast(pa.int64()).to_pylist(), strict=True):
            if time is not None and not asked.since // SECOND_US * SECOND_US <= time < asked.until:
                raise self._reading.wrong(line, "its time is not one that was asked for", DOWNLOAD_AGAIN)

    def _check_uid(self, lines: Sequence[int], columns: Sequence[Sequence[str]]) -> None:
        """A file may name one account only, which has to be this one."""
        if self._uid_at is None:
            return
        named = columns[self._uid_at]
        for uid in dict.fromkeys(each.strip() for each in dict.fromkeys(named)):
            self._reading.uid = self._reading.uid or uid or None
            if uid and uid != self._reading.uid:
                line = next(line for line, each in zip(lines, named, strict=True) if each.strip() == uid)
                raise self._of_another(line, uid)

    def _of_another(self, line: int, uid: str) -> UsageProblem:
        reading = self._reading
        if self._known_uid is None:
            what = f"it is of uid {uid}, while the lines above it are of uid {reading.uid}"
            return reading.wrong(line, what, "Import the exports of each account apart.")
        what = f"it is of uid {uid}, while account {reading.account} is uid {self._known_uid}"
        return reading.wrong(line, what, "Name the account that the file is of with --account.")

    def _wallets(self, columns: Sequence[Sequence[str]], count: int) -> pa.Array[Any]:
        """The wallet of the export, else the one that each line names, if only by its contract."""
        if self._export.wallet == CONTRACT:
            symbols = columns[self._symbol_at or 0]
            assets = columns[self._asset_at] if self._asset_at is not None else [""] * count
            return pa.array(map(self._futures_wallet, symbols, assets), pa.string())
        if self._wallet_at is not None or self._export.wallet is None:
            return self._texts(columns, self._wallet_at, count)
        return pa.repeat(pa.scalar(self._export.wallet, pa.string()), count)

    def _futures_wallet(self, symbol: str, asset: str) -> str | None:
        if symbol := symbol.strip():
            return _market_of(symbol)
        return "usdm" if asset.strip() in DOLLARS else self._market

    def _texts(self, columns: Sequence[Sequence[str]], place: int | None, count: int) -> pa.Array[Any]:
        """A column without the blanks around it, NULL where nothing else is."""
        if place is None:
            return pa.nulls(count, pa.string())
        return _known(pc.utf8_trim_whitespace(pa.array(columns[place], pa.string())))

    def _fill(self, record: Record) -> Record | None:
        """A line below an order, without the blank before it; None where it names the columns of those that follow."""
        if record.fields[1].strip() == self._names[self._time_at]:
            fields = record.fields[1:]
            while not fields[-1].strip():
                fields.pop()
            self._fill_names = unique(fields)
            return None
        if not self._fill_names:
            raise self._reading.wrong(record.line, "it is neither an order nor a fill below one")
        own = self._whole(record._replace(fields=record.fields[1:]), len(self._fill_names))
        of_order = [self._order[place] if place is not None else "" for place in self._order_at]
        return record._replace(fields=own + of_order)

    def _fills(self, fills: Sequence[Record]) -> pa.Table:
        lines = [fill.line for fill in fills]
        nothing = pa.nulls(len(fills), pa.string())
        fields = [fill.fields[: len(self._fill_names)] for fill in fills]
        of_line: dict[str, Any] = {
            "line": pa.array(lines, pa.int64()),
            "time": self._times(lines, [fill.fields[0] for fill in fills]),
            "uid": nothing,
            "wallet": pa.repeat(pa.scalar("spot", pa.string()), len(fills)),
            "status": nothing,
            "remark": nothing,
            "against": nothing,
            "raw": json_lines(self._fill_names, fields),
        }
        return self._with_legs(of_line, [self._fill_moved(fill) for fill in fills])

    def _fill_moved(self, fill: Record) -> Sequence[Moved]:
        if len(fill.fields) != len(FILL_BELOW.columns):
            return (Moved("fill", None, None, _STRANGE_FILL),)
        return self._read(self._fill_legs, fill.line, fill.fields, "fill")


def _known(texts: Any) -> pa.Array[Any]:
    """The texts, NULL where they are empty."""
    found: pa.Array[Any] = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    return found


def _market_of(symbol: str) -> str:
    return "coinm" if COIN_CONTRACT.fullmatch(symbol) else "usdm"


def _amounts(layout: Layout, batch: Iterable[Record]) -> Iterator[str]:
    """The numbers that are printed for amounts."""
    places = {place for leg in layout.export.legs if (place := layout.place(leg.amount)) is not None}
    printed = (record.fields[place].strip() for record in batch for place in places if place < len(record.fields))
    return (found[0] for each in printed if (found := _AMOUNT.match(each)))
