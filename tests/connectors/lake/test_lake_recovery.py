"""What a kill or a power loss may leave in a log is mended on the next opening, and only what nobody was told of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable
from lakes import rows_of, small_lake

from connectors.lake import Lake, Move, Table
from connectors.lake.recovery import examine, recover
from schemas.errors import CorruptData
from schemas.market import PRICES

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
    lake.table(PRICES).commit(rows, [Move("spot", {}, {"observed_at": number + 1})])


def reopened(table: Table) -> Table:
    """The same table as a new process opens it."""
    return Lake.at(table._root.parent).table(PRICES)


def log(table: Table) -> Path:
    return table._root / "_delta_log"


def entry(table: Table, version: int) -> Path:
    return log(table) / f"{version:020}.json"


def checkpoint(table: Table, version: int = COMMITS - 2) -> Path:
    return log(table) / f"{version:020}.checkpoint.parquet"


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def holds(table: Table, commits: int) -> None:
    """Rows and bounds are those of so many commits, and the table goes on from there to the whole."""
    after = reopened(table)
    assert sorted(after.scan(["symbol"])["symbol"].to_pylist()) == [f"S{number}" for number in range(commits)]
    assert after.bounds().get("spot#observed_at", 0) == commits
    lake = Lake.at(table._root.parent)
    for number in range(commits, COMMITS):
        snapshot(lake, number)
    assert reopened(table).scan().num_rows == COMMITS
    assert DeltaTable(str(table._root)).to_pyarrow_table().num_rows == COMMITS


@pytest.mark.parametrize("damage", [tear, empty])
def test_a_damaged_last_entry_is_set_aside(damage: Callable[[Path], None], table: Table) -> None:
    """The table opens as it was before the commit that was never reported, and the commit can be made again."""
    damage(entry(table, COMMITS))
    holds(table, COMMITS - 1)
    assert len(list(log(table).glob("*.json.torn-*"))) == 1


def test_an_entry_above_a_hole_is_set_aside(table: Table) -> None:
    """An entry whose predecessor is lost was never reported either."""
    entry(table, COMMITS - 1).unlink()
    holds(table, COMMITS - 2)


def test_a_lost_beginning_is_begun_again(tmp_path: Path) -> None:
    """A table whose creation did not survive is simply created again."""
    lake = small_lake(tmp_path)
    snapshot(lake, 0)
    table = lake.table(PRICES)
    empty(entry(table, 0))
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
    recover(table._root)
    assert {path.name for path in log(table).iterdir()} == before


def test_recovery_does_its_work_once(table: Table) -> None:
    """Recovering what is whole changes nothing, also right after a repair."""
    tear(entry(table, COMMITS))
    tear(checkpoint(table))
    recover(table._root)
    before = {path.name: path.read_bytes() for path in log(table).iterdir()}
    recover(table._root)
    assert {path.name: path.read_bytes() for path in log(table).iterdir()} == before


def test_reported_commits_are_never_set_aside(table: Table) -> None:
    """Damage below entries that were reported is said, and left as it is for a person to mend."""
    checkpoint(table).unlink()
    tear(entry(table, 1))
    before = {path.name: path.read_bytes() for path in log(table).iterdir()}
    with pytest.raises(CorruptData, match="entry 1 is missing or torn"):
        reopened(table).bounds()
    assert {path.name: path.read_bytes() for path in log(table).iterdir()} == before


def test_a_cleaned_log_is_never_begun_again(table: Table) -> None:
    """When the only checkpoint is damaged and the entries below it were cleaned up, nothing is deleted."""
    for version in range(COMMITS - 2):
        entry(table, version).unlink()
    tear(checkpoint(table))
    with pytest.raises(CorruptData, match="missing or torn"):
        examine(log(table))
