"""What the lake holds of each series and month, said so that a stranger can hold it against their own.

Months are read partition by partition in pieces of bounded size, so that a lake of any size can be proven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Lake, Table
from connectors.lake.sql.session import connect
from pipelines.quality.digests import Digest
from pipelines.quality.month_counts import CANDLES, UNNAMED, Key, Known, Stretch, Want, held_checks, known
from pipelines.store.filters import between
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.journal import GAPS
from schemas.derived.canonical import FORM, columns, records
from schemas.model.errors import CorruptData, Problem, TryLater
from schemas.model.grid import DAY_US
from schemas.model.instants import micros

PIECE_ROWS = 250_000  # read at once: some 45 MB of Arrow, and a few times that to sort and to hash
ALL_CANDLES = "all_candles"
SOUND = frozenset({"complete", "explained"})

Damage = Callable[[Key | str, Problem], None]  # told of a month that cannot be proven, or a table by its name


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of one series and month. Two who hold the same rows have the same `sha256`."""

    form: int = FORM
    dataset: str = UNNAMED
    market: str
    symbol: str
    interval: str
    month: str
    since: datetime
    until: datetime
    rows: int
    expected_rows: int
    explained_rows: int
    missing_rows: int
    status: str
    sources: tuple[str, ...] | None = ()  # None where they could not be examined, and so for gaps
    gaps: tuple[Stretch, ...] | None = ()
    checks: Mapping[str, int] = {}  # offending rows by name
    sha256: str
    days: Mapping[str, str]  # the first digits of the hash of each day's rows
    candles: Mapping[str, str] | None = None  # the first digits of the hash of each row

    @property
    def key(self) -> Key:
        return Key(self.dataset, self.market, self.interval, self.month, self.symbol)

    @property
    def sound(self) -> bool:
        """Whether nothing is missing and no check has found anything."""
        return self.status in SOUND and not any(self.checks.values())


def _raise(_: Key | str, problem: Problem) -> None:
    raise problem


def prove(
    lake: Lake,
    wanted: Sequence[Want],
    now: datetime,
    *,
    pick: Callable[[Key], bool] = lambda _: True,
    detailed: Callable[[Key], bool] = lambda _: False,
    on_damage: Damage = _raise,
    piece_rows: int = PIECE_ROWS,
) -> Iterator[Statement]:
    """One statement for each wanted month that `pick` picks, in order of key; `detailed` ones name every candle.

    At most `piece_rows` rows are read at once, or those of one day.

    What cannot be examined is told to `on_damage`, and all else goes on: a month whose rows cannot be read, or that
    lacks candles where the gaps cannot be read, has no statement.
    """
    # Before what is counted, lest rows committed meanwhile look like damage.
    versions = dict(_versions(lake, on_damage))
    if versions.keys() != CANDLES.keys():  # the bounds of all are read together
        return
    try:
        with connect(lake) as session:
            counted = known(session, lake, wanted, now)
    except TryLater:
        raise
    except Problem as problem:
        on_damage(ALL_CANDLES, problem)
        return
    for table, why in counted.unread.items():
        on_damage(table, why)
    tables = {name: lake.table(CANDLES[name]) for name in versions}
    yield from _proven(tables, versions, counted, pick, detailed, on_damage, piece_rows)


def _versions(lake: Lake, on_damage: Damage) -> Iterator[tuple[str, int]]:
    """The version of each table of candles whose log can be read."""
    for name, dataset in CANDLES.items():
        try:
            table = lake.table(dataset)
            table.parts()  # which a log that is damaged does not tell
            yield name, table.version()
        except TryLater:
            raise
        except Problem as problem:
            on_damage(name, problem)


def _proven(
    tables: Mapping[str, Table],
    versions: Mapping[str, int],
    known: Known,
    pick: Callable[[Key], bool],
    detailed: Callable[[Key], bool],
    on_damage: Damage,
    piece_rows: int,
) -> Iterator[Statement]:
    """The statements of the months picked, of which all but the hashes is known."""
    months = known.months
    picked = sorted(key for key in months if pick(key))
    unknown = {key: why for key in picked if (why := known.why_unknown(key))}
    for key, why in unknown.items():
        on_damage(key, why)

    def read(piece: list[Key]) -> dict[Key, Digest]:
        digests = {
            key: Digest(micros(months[key]["since"]), micros(months[key]["until"]), each=detailed(key)) for key in piece
        }
        table = tables[piece[0].dataset]
        # Of files that were left out no rows were counted: only reading tells whose they are.
        _read(table, digests, sum(months[key]["rows"] for key in piece) or int(known.holey), piece_rows)
        _refuse_other_rows(table, versions[piece[0].dataset], digests, months)
        return digests

    for piece in _pieces((key for key in picked if key not in unknown), months, piece_rows):
        for key, digest in _readable(piece, read, on_damage):
            yield _statement(key, digest, known)


def _readable(
    piece: list[Key], read: Callable[[list[Key]], dict[Key, Digest]], on_damage: Damage
) -> Iterable[tuple[Key, Digest]]:
    """The digests of a piece; where it holds damage, those of the keys that can be read alone."""
    try:
        return read(piece).items()
    except TryLater:
        raise
    except Problem as problem:
        if len(piece) == 1:
            on_damage(piece[0], problem)
            return ()
    return [found for key in piece for found in _readable([key], read, on_damage)]


def _pieces(keys: Iterable[Key], months: Mapping[Key, Mapping[str, Any]], most_rows: int) -> Iterator[list[Key]]:
    """Keys of one dataset, market, interval and month, as many as may be read at once; at least one."""
    for _, group in groupby(keys, key=lambda key: key[:4]):
        piece: list[Key] = []
        rows = 0
        for key in group:
            if piece and rows + months[key]["rows"] > most_rows:
                yield piece
                piece, rows = [], 0
            piece.append(key)
            rows += months[key]["rows"]
        yield piece


def _read(table: Table, digests: Mapping[Key, Digest], rows: int, most_rows: int) -> None:
    """Give every digest its rows in order; a month too long to be read at once comes by days."""
    dataset = table.dataset
    begin, end = min(one.since for one in digests.values()), max(one.until for one in digests.values())
    symbols = pa.array([key.symbol for key in digests])
    for since, until in _slices(begin, end, DAY_US if rows > most_rows else end - begin) if rows else ():
        found = table.scan(["symbol", *columns(dataset)], _inside(next(iter(digests)), symbols, since, until))
        words, numbers = records(dataset, found), np.asarray(pc.index_in(found["symbol"], value_set=symbols))
        order = np.lexsort((words[:, 0], numbers))
        words = words if (np.diff(order) > 0).all() else words[order]
        ends = np.searchsorted(numbers[order], np.arange(len(symbols) + 1))
        for digest, first, last in zip(digests.values(), ends, ends[1:], strict=False):
            digest.add(words[first:last])


def _refuse_other_rows(table: Table, version: int, digests: Mapping[Key, Digest], months: Mapping[Key, Any]) -> None:
    """End where two ways of counting rows differ: by a commit in between, or by damage that one of them fell for."""
    differing = [key for key, digest in digests.items() if digest.rows != months[key]["rows"]]
    if not differing:
        return
    if table.version() != version:
        raise TryLater("The lake changed while it was being proven.", "Run it again.")
    raise CorruptData(
        f"The log of {table.dataset.table} and its data files disagree on {differing[0]}.",
        "`binlake check files_intact` names damaged files; if it finds none, restore the table from a copy.",
    )


def _slices(begin: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    return ((since, min(since + step, end)) for since in range(begin, end, step))


def _inside(key: Key, symbols: pa.Array[Any], since: int, until: int) -> pc.Expression:
    """The candles of some symbols, in order of name, in a part of the key's month."""
    return (
        (pc.field("market") == key.market)
        & (pc.field("interval") == key.interval)
        & (pc.field("month") == CANDLES[key.dataset].stored_month(key._asdict(), key.month))
        & (pc.field("symbol") >= symbols[0])  # what statistics can rule out
        & (pc.field("symbol") <= symbols[-1])
        & pc.field("symbol").isin(symbols)
        & between("open_time", since, until)
    )


def _statement(key: Key, digest: Digest, known: Known) -> Statement:
    month = known.months[key]
    reaching = (
        gap
        for gap in known.gaps.get(key.series, ())
        if gap.since < month["until"] and (gap.until is None or gap.until > month["since"])
    )
    checked = dict.fromkeys(held_checks(key.dataset), 0) | {"unique_key": digest.repeated, **known.found.get(key, {})}
    stated = {**month, "sources": None if ARCHIVE_FILES.name in known.unread else tuple(month["sources"])}
    return Statement(
        **stated,
        gaps=None if GAPS.name in known.unread else tuple(reaching),
        checks=checked,
        sha256=digest.sha256,
        days=digest.days,
        candles=digest.candles,
    )
