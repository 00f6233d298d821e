"""What a kill or a power loss may leave in a log is mended on the next opening, and only what nobody was told of."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import DeltaTable
from support.lakes import price_series, rows_of, small_lake

from connectors.lake import Lake, Move, Table
from connectors.lake.files import local_disk as durable
from connectors.lake.files.local_disk import held
from connectors.lake.log import reported
from connectors.lake.log.recovery import examine, recover
from connectors.lake.sql.session import connect, run
from schemas.datasets.market import PRICES
from schemas.model.errors import CorruptData, TryLater
from schemas.model.fields import TEXT, Column

COMMITS = 4  # and version 0, which creates the table


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """A table of a few snapshots with a checkpoint below the last two."""
    lake = small_lake(tmp_path)
    for number in range(COMMITS - 2):
        snapshot(lake, number)
    lake.table(PRICES).maintain()
    for number in range(COMMITS - 2, COMMITS):
        snapshot(lake, number)
    return lake.table(PRICES)


def snapshot(lake: Lake, number: int) -> None:
    rows = rows_of(PRICES, {"market": "spot", "symbol": f"S{number}", "observed_at": "2026-01-01"})
    lake.table(PRICES).commit(rows, [Move.of(price_series(), {"observed_at": number + 1}, lake.table(PRICES).bounds())])


def reopened(table: Table) -> Table:
    """The same table as a new process opens it."""
    return Lake.at(table.root.parent).table(PRICES)


def log(table: Table) -> Path:
    return table.root / "_delta_log"


def entry(table: Table, version: int) -> Path:
    return log(table) / f"{version:020}.json"


def checkpoint(table: Table, version: int = COMMITS - 2) -> Path:
    return log(table) / f"{version:020}.checkpoint.parquet"


def unreported(table: Table, since: int) -> None:
    """Have the log as it was before these entries were reported."""
    noted = log(table) / reported.NAME
    lines = noted.read_text().splitlines(keepends=True)
    noted.write_text("".join(line for line in lines if int(line[:20]) < since))


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zero(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def other_digit(path: Path) -> None:
    """Valid JSON that says something else."""
    path.write_bytes(path.read_bytes().replace(b'"version":', b'"version":9', 1))


def not_utf8(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"path":"', b'"path":"\xff', 1))


def holds(table: Table, commits: int) -> None:
    """Rows and bounds are those of so many commits, and the table goes on from there to the whole."""
    after = reopened(table)
    assert sorted(after.scan(["symbol"])["symbol"].to_pylist()) == [f"S{number}" for number in range(commits)]
    assert after.bounds().get("spot#observed_at", 0) == commits
    lake = Lake.at(table.root.parent)
    for number in range(commits, COMMITS):
        snapshot(lake, number)
    assert reopened(table).scan().num_rows == COMMITS
    assert DeltaTable(str(table.root)).to_pyarrow_table().num_rows == COMMITS


@pytest.mark.parametrize("damage", [tear, empty])
def test_a_damaged_last_entry_is_set_aside(damage: Callable[[Path], None], table: Table) -> None:
    """The table opens as it was before the commit that was never reported, and the commit can be made again."""
    damage(entry(table, COMMITS))
    unreported(table, COMMITS)
    holds(table, COMMITS - 1)
    assert len(list(log(table).glob("*.json.torn-*"))) == 1


def test_an_entry_above_a_hole_is_set_aside(table: Table) -> None:
    """An entry whose predecessor is lost was never reported either."""
    entry(table, COMMITS - 1).unlink()
    unreported(table, COMMITS - 1)
    holds(table, COMMITS - 2)


def test_a_lost_beginning_is_begun_again(tmp_path: Path) -> None:
    """A table whose creation did not survive is simply created again."""
    lake = small_lake(tmp_path)
    snapshot(lake, 0)
    table = lake.table(PRICES)
    empty(entry(table, 0))
    unreported(table, 0)
    holds(table, 0)


@pytest.mark.parametrize("damage", [tear, empty])
@pytest.mark.parametrize("hint", ["kept", "gone"])
def test_a_damaged_checkpoint_is_deleted(damage: Callable[[Path], None], hint: str, table: Table) -> None:
    """Rows and bounds come from the entries instead, with or without the hint that names the checkpoint."""
    damage(checkpoint(table))
    if hint == "gone":
        (log(table) / "_last_checkpoint").unlink()
    holds(table, COMMITS)
    assert not checkpoint(table).exists()


def test_a_checkpoint_without_its_entry_is_deleted(table: Table) -> None:
    """A table that would open but never take a commit again is brought back to its last whole version."""
    for version in (COMMITS - 1, COMMITS):
        entry(table, version).unlink()
    entry(table, COMMITS - 2).unlink()
    unreported(table, COMMITS - 2)
    holds(table, COMMITS - 3)


@pytest.mark.parametrize("content", [None, b"", b'{"ver', b'{"version":99,"size":1}'])
def test_a_bad_hint_is_deleted(content: bytes | None, table: Table) -> None:
    """A hint that is missing, torn, or names a checkpoint that is not there does not close the table."""
    hint = log(table) / "_last_checkpoint"
    if content is None:
        hint.unlink()
    else:
        hint.write_bytes(content)
    holds(table, COMMITS)


def test_leftovers_of_a_killed_writer_go(table: Table) -> None:
    """Half-named entries are removed, and nothing else is."""
    before = {path.name for path in log(table).iterdir()}
    for name in (f"{COMMITS + 1:020}.json#1", f"{COMMITS:020}.checkpoint.parquet#1", "_last_checkpoint#2"):
        (log(table) / name).write_bytes(b"{")
    recover(table.root)
    assert {path.name for path in log(table).iterdir()} == before


def test_recovery_does_its_work_once(table: Table) -> None:
    """Recovering what is whole changes nothing, also right after a repair."""
    tear(entry(table, COMMITS))
    unreported(table, COMMITS)
    tear(checkpoint(table))
    recover(table.root)
    before = {path.name: path.read_bytes() for path in log(table).iterdir()}
    recover(table.root)
    assert {path.name: path.read_bytes() for path in log(table).iterdir()} == before


def test_reported_commits_are_never_set_aside(table: Table) -> None:
    """Damage below entries that were reported is said, and left as it is for a person to mend."""
    checkpoint(table).unlink()
    tear(entry(table, 1))
    before = {path.name: path.read_bytes() for path in log(table).iterdir()}
    with pytest.raises(CorruptData, match="entry 1 is missing, or not what was written"):
        reopened(table).bounds()
    assert {path.name: path.read_bytes() for path in log(table).iterdir()} == before


@pytest.mark.parametrize("damage", [tear, empty, zero, other_digit, not_utf8, Path.unlink])
def test_the_newest_commit_is_not_taken_back_in_silence(damage: Callable[[Path], object], table: Table) -> None:
    """An entry that was reported and has changed since is named, and so is how to go on without it."""
    damage(entry(table, COMMITS))
    with pytest.raises(CorruptData, match=rf"entry {COMMITS} is missing, or not what was written.*delete .*_reported"):
        reopened(table).bounds()
    (log(table) / reported.NAME).unlink()
    if damage is not other_digit:  # which nobody can tell from a good one then
        holds(table, COMMITS - 1)


def test_an_old_entry_matters_to_nobody(table: Table) -> None:
    """Damage below the newest checkpoint closes no table: it is not read."""
    for version in range(COMMITS - 2):
        tear(entry(table, version))
    holds(table, COMMITS)


def test_an_entry_that_loses_its_statistics_is_damaged(table: Table) -> None:
    """Statistics that nobody can read would let readers skip or repeat rows, so their entry counts as torn."""
    path = entry(table, COMMITS)
    path.write_bytes(path.read_bytes().replace(b'{\\"numRecords', b'(\\"numRecords'))
    unreported(table, COMMITS)
    holds(table, COMMITS - 1)


def test_readers_wait_for_no_writer(table: Table) -> None:
    """A process that was stopped while it held the lock keeps nobody from reading, half-named entries or not."""
    (log(table) / f"{COMMITS + 1:020}.json#1").write_bytes(b"{")
    with held(table.root.parent / ".locks" / f"{PRICES.table}.commit"):
        assert reopened(table).scan().num_rows == COMMITS
        with connect(Lake.at(table.root.parent)) as session:
            assert run(session, "FROM prices").num_rows == COMMITS


def test_a_wait_for_a_lock_says_so_and_ends(
    table: Table, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who waits for a lock says for which process, gives up in the end, and has changed nothing."""
    monkeypatch.setattr(durable, "SAY_AFTER_S", 0.0)
    monkeypatch.setattr(durable, "PATIENCE_S", 0.05)
    before = set(table.root.rglob("*"))
    refused = pytest.raises(TryLater, match=f"Process {os.getpid()} has held .*prices.commit")
    with held(table.root.parent / ".locks" / f"{PRICES.table}.commit"), refused:
        snapshot(Lake.at(table.root.parent), COMMITS)
    assert f"Waiting for process {os.getpid()}" in caplog.text
    assert set(table.root.rglob("*")) == before


def test_reading_writes_nothing(table: Table) -> None:
    """Whatever is read, no byte below the table changes, also of a table that lacks a column."""
    later = replace(PRICES, columns=(*PRICES.columns, Column("note", TEXT, "said later", null="in old rows")))
    before = {path: path.read_bytes() for path in table.root.rglob("*") if path.is_file()}
    for dataset in (PRICES, later):
        opened = Lake.at(table.root.parent).table(dataset)
        assert opened.scan().num_rows == COMMITS
        assert opened.bounds()
        assert opened.files()
    assert {path: path.read_bytes() for path in table.root.rglob("*") if path.is_file()} == before


def test_a_cleaned_log_is_never_begun_again(table: Table) -> None:
    """When the only checkpoint is damaged and the entries below it were cleaned up, nothing is deleted."""
    for version in range(COMMITS - 2):
        entry(table, version).unlink()
    tear(checkpoint(table))
    with pytest.raises(CorruptData, match="missing, or not what was written"):
        examine(log(table))
