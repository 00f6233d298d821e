"""One export into the lake: all of it in one commit, or nothing; a file that is there already adds nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from connectors.lake import Lake, Table
from pipelines.statements.assets import known_assets
from pipelines.statements.rows import Question, Reading
from pipelines.statements.sources import Source
from pipelines.statements.zones import better_zone
from schemas.datasets.statements import STATEMENT_ROWS
from schemas.model.errors import UsageProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of one file."""

    name: str
    file: str  # its hash
    account: str
    kind: str | None  # None where it was there already
    zone: str | None
    uid: str | None
    lines: int
    open_end: int | None = None  # the last line, where nothing shows that it is all there

    @property
    def known(self) -> bool:
        """Whether it was imported before, under this name or another."""
        return self.kind is None


def import_statement(
    lake: Lake,
    source: Source,
    account: str,
    now: int,
    *,
    zone: str | None = None,
    kind: str | None = None,
    question: Question | None = None,
) -> Imported:
    """Commit every row of an export; UsageProblem, and nothing committed, where one line of it cannot be read.

    Rows beside what was asked for with a `question` cannot be read either.
    """
    table, file = lake.table(STATEMENT_ROWS), source.sha256()
    with lake.alone(STATEMENT_ROWS.table):  # two at once would both find it new
        if known := _owner(table, file):
            if known != account:
                raise UsageProblem(f"{source.name} was imported as one of account {known}.", "Name the right account.")
            return Imported(name=source.name, file=file, account=account, kind=None, zone=None, uid=None, lines=0)
        uid = _known_uid(lake, table, account)
        reading = Reading(
            source=source, account=account, file=file, imported_at=now, uid=uid, zone=zone, kind=kind,
            assets=known_assets(lake), question=question,
        )  # fmt: skip
        with _uncollected():
            table.commit(_in_its_zone(lake, reading) if zone else reading.batches(), [])
    pa.default_memory_pool().release_unused()  # what reading took, matching may take
    return Imported(
        name=source.name, file=file, account=account, kind=reading.kind, zone=reading.zone, uid=reading.uid,
        lines=reading.lines, open_end=reading.open_end,
    )  # fmt: skip


def forget_statement(lake: Lake, source: Source, account: str) -> int:
    """Take out every row of an export, and return how many there were; UsageProblem where it was not imported."""
    table, file = lake.table(STATEMENT_ROWS), source.sha256()
    with lake.alone(STATEMENT_ROWS.table):
        if _owner(table, file) != account:
            raise UsageProblem(f"{source.name} was not imported for account {account}.")
        rows = table.scan(list(STATEMENT_ROWS.key), pc.field("file") == file)
        table.replace(rows, STATEMENT_ROWS.schema.empty_table(), [])
    return len(rows)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave the collector of circles off: a million lines have none, and to look for them takes a fifth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _in_its_zone(lake: Lake, reading: Reading) -> Iterator[pa.Table]:
    """The rows, unless the API told of the same movements in another zone than a person gave."""
    for number, rows in enumerate(reading.batches()):
        if number == 0 and (better := better_zone(lake, rows, reading.account, str(reading.zone))):
            raise UsageProblem(
                f"{reading.source.name}: its times are in {better} rather than {reading.zone}, going by the movements "
                "that the API told.",
                f"Import it with --zone {better}.",
            )
        yield rows


def _owner(table: Table, file: str) -> str | None:
    """The account that a file was imported for."""
    found = table.scan(["account"], pc.field("file") == file)["account"]
    return found[0].as_py() if len(found) else None


def _known_uid(lake: Lake, table: Table, account: str) -> str | None:
    """The uid that the lake knows an account by: from its key, else from what was imported before."""
    if account in lake.accounts:
        return str(lake.accounts[account])
    found = table.scan(["uid"], (pc.field("account") == account) & pc.field("uid").is_valid())["uid"]
    return found[0].as_py() if len(found) else None
