"""What the balances say of trades in unknown symbols, where the ledger can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.lakes import at, put, small_lake

from connectors.lake import Lake
from pipelines.trading.balance_changes import clear, look, suspicion
from schemas.datasets.account import BALANCES
from schemas.datasets.ledgers import DEPOSITS
from schemas.model.instants import micros


def hold(lake: Lake, day: str, free: str) -> None:
    """A snapshot of that day, which shows so many BTC."""
    row = {"account": "main", "wallet": "spot", "asset": "BTC", "free": free, "locked": "0", "observed_at": day}
    put(lake, BALANCES, row, observed_at={"main/spot": day})


def deposit(lake: Lake, day: str, asset: str = "BTC") -> None:
    row = {"account": "main", "deposit_id": day, "version": 1, "asset": asset, "amount": "1", "status": 1}
    times = dict.fromkeys(("insert_time", "seen_at"), day)
    put(lake, DEPOSITS, row | times | {"transfer_type": 0, "address": "x"})


def test_a_change_that_nobody_can_judge_is_not_noted_as_explained(tmp_path: Path) -> None:
    """With a ledger that cannot be read, two snapshots that differ stay to be compared; read again, they are."""
    lake = small_lake(tmp_path)
    for day, free in (("2026-01-01", "1"), ("2026-01-03", "2")):
        hold(lake, day, free)
        if day == "2026-01-01":
            look(lake, "main", "spot")
    deposit(lake, "2026-01-02", "ETH")
    (damaged,) = (lake.path / DEPOSITS.table).rglob("*.parquet")
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-100])
    look(lake, "main", "spot")
    assert lake.table(BALANCES).bounds()["main/spot#explained_at"] == micros(at("2026-01-01"))
    assert suspicion(lake, "main", "spot") is None
    damaged.write_bytes(content)
    look(lake, "main", "spot")
    found = suspicion(lake, "main", "spot")
    assert found is not None
    assert found.assets == {"BTC", "ETH"}
    clear(lake, "main", "spot")
    assert lake.table(BALANCES).bounds()["main/spot#explained_at"] == micros(at("2026-01-03"))


@pytest.mark.parametrize(
    ("between", "deposited", "suspects"), [("2", False, {"BTC"}), ("1", True, {"BTC"}), ("1", False, None)]
)
def test_changes_that_cancel_each_other_are_each_looked_into(
    between: str, deposited: bool, suspects: set[str] | None, tmp_path: Path
) -> None:
    """The same total at both ends hides neither a change in between nor something unknown that undid what is known."""
    lake = small_lake(tmp_path)
    hold(lake, "2026-01-01", "1")
    look(lake, "main", "spot")
    hold(lake, "2026-01-02", between)
    hold(lake, "2026-01-03", "1")
    if deposited:
        deposit(lake, "2026-01-02 12:00")
    look(lake, "main", "spot")
    found = suspicion(lake, "main", "spot")
    assert (found and found.assets) == suspects
