"""A disk that fails or lies: one sentence, the right file named, and the table as it was."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from support.lakes import price_series, rows_of, small_lake

from connectors.lake import Lake, Move, Table
from connectors.lake.files import local_disk as durable
from connectors.lake.sql.session import connect, run
from schemas.datasets.market import PRICES
from schemas.model.errors import CorruptData, Problem, UsageProblem

LATER = datetime.now(UTC) + timedelta(hours=2)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    table = small_lake(tmp_path).table(PRICES)
    for number in range(2):
        put(table, number)
    return table


def put(table: Table, number: int) -> None:
    rows = rows_of(
        PRICES, *({"market": "spot", "symbol": f"S{n}", "observed_at": f"2026-01-0{1 + number}"} for n in range(500))
    )
    table.commit(rows, [Move.of(price_series(), {"observed_at": number + 1}, table.bounds())])


def flip(content: bytes) -> bytes:
    """One bit, in the middle of the data."""
    return content[:200] + bytes([content[200] ^ 1]) + content[201:]


@pytest.mark.parametrize(
    "damage", [flip, lambda content: content[:-9], lambda _: b"", lambda content: b"\0" * len(content), None]
)
@pytest.mark.parametrize(
    "use",
    [
        lambda table: table.scan(),
        lambda table: table.maintain(LATER),
        lambda table: table.replace(_keys(), PRICES.schema.empty_table(), []),
    ],
    ids=["scan", "maintain", "replace"],
)
def test_a_damaged_file_is_named(
    use: Callable[[Table], object], damage: Callable[[bytes], bytes] | None, table: Table
) -> None:
    """Reading, merging and replacing stop at a flipped bit, a cut, an empty or a lost file, and name it."""
    victim = Path(table.files()[0])
    if damage is None:
        victim.unlink()
    else:
        victim.write_bytes(damage(victim.read_bytes()))
    before = table.files()
    with pytest.raises(CorruptData) as refusal:
        use(table)
    assert str(victim) in str(refusal.value)
    assert table.files() == before


def _keys() -> pa.Table:
    days = [f"2026-01-0{day}" for day in (1, 2)]
    return rows_of(PRICES, *({"market": "spot", "symbol": "S1", "observed_at": day} for day in days)).select(PRICES.key)


@pytest.mark.parametrize(("code", "words"), [(errno.ENOSPC, "Disk full"), (errno.EIO, "Input/output error")])
def test_a_failed_write_leaves_nothing(code: int, words: str, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses to sync is one sentence; no draft stays, no row, no bound, and the next commit works."""
    before = table.bounds(), set(table.root.rglob("*"))

    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(durable.os, "fsync", refuse)
        with pytest.raises(Problem, match=rf"{words}.*nothing was committed") as refusal:
            put(table, 2)
    assert refusal.value.exit_code == 1
    assert (table.bounds(), set(table.root.rglob("*"))) == before
    put(table, 2)
    assert table.scan().num_rows == 1500


def test_names_are_durable_before_the_log_has_them(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit of several files syncs each of them, then their folder once, and only then its entry."""
    synced: list[int] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    before = set(table.files())
    parts = (rows_of(PRICES, {"market": "spot", "symbol": f"N{n}", "observed_at": "2026-01-03"}) for n in range(3))
    with monkeypatch.context() as patch:
        patch.setattr(durable.os, "fsync", noted)
        table.commit(parts, [Move.of(price_series(), {"observed_at": 3}, table.bounds())])
    files = [Path(path) for path in table.files() if path not in before]
    [folder] = {path.parent for path in files}
    entry = table.root / "_delta_log" / f"{table.version():020}.json"
    places = {path: synced.index(path.stat().st_ino) for path in (*files, folder, entry)}
    assert len(files) == 3
    assert synced.count(folder.stat().st_ino) == 1
    assert max(places[path] for path in files) < places[folder] < places[entry]


def test_a_disk_without_room_is_said_whoever_says_it(tmp_path: Path) -> None:
    """delta-rs gives the number in its text only; the sentence is the same."""
    with (
        pytest.raises(Problem, match=r"^Disk full while writing .*: nothing\. Free space"),
        durable.disk_problems(tmp_path, "nothing"),
    ):
        raise OSError("Generic error\n  No space left on device (os error 28)")


def test_a_disk_without_hard_links_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lake is made on such a disk, and one that was copied there says why it takes no commit."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(durable.os, "link", refuse)
    with pytest.raises(UsageProblem, match=r"has no hard links, which commits need. Put the lake on another disk"):
        small_lake(tmp_path)
    with pytest.raises(Problem, match="has no hard links"), durable.disk_problems(tmp_path, "nothing"):
        raise OSError("Generic error\n  Operation not permitted (os error 1)")
    assert not list(tmp_path.glob(".tmp-*"))


@pytest.mark.parametrize("place", ["data file", "entry", "checkpoint"])
def test_what_the_disk_will_not_give_is_not_called_damaged(place: str, table: Table) -> None:
    """A file that cannot be read now is told so, nothing is deleted, and it reads as before once the disk is well."""
    table.maintain()
    log = table.root / "_delta_log"
    found = {
        "data file": table.files()[0],
        "entry": max(log.glob("*.json")),
        "checkpoint": max(log.glob("*.checkpoint.*")),
    }
    path = Path(found[place])
    away = path.with_name("away")
    path.rename(away)
    path.mkdir()
    with pytest.raises(Problem, match=r"Could not read .*\(Is a directory\)") as refusal:
        Lake.at(table.root.parent).table(PRICES).scan()
    assert refusal.value.exit_code == 1
    with connect(Lake.at(table.root.parent)) as session, pytest.raises(Problem, match="Is a directory"):
        run(session, "SELECT sum(price) FROM prices")
    path.rmdir()
    away.rename(path)
    assert Lake.at(table.root.parent).table(PRICES).scan().num_rows == 1000
