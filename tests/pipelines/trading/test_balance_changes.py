"""What the balances say of trades in unknown symbols, where the ledger can be read."""

from __future__ import annotations

from pathlib import Path

from support.lakes import at, put, small_lake

from pipelines.trading.balance_changes import clear, look, suspicion
from schemas.datasets.account import BALANCES
from schemas.datasets.ledgers import DEPOSITS
from schemas.model.instants import micros


def test_a_change_that_nobody_can_judge_is_not_noted_as_explained(tmp_path: Path) -> None:
    """With a ledger that cannot be read, two snapshots that differ stay to be compared; read again, they are."""
    lake = small_lake(tmp_path)
    for day, free in (("2026-01-01", "1"), ("2026-01-03", "2")):
        row = {"account": "main", "wallet": "spot", "asset": "BTC", "free": free, "locked": "0", "observed_at": day}
        put(lake, BALANCES, row, observed_at={"main/spot": day})
        if day == "2026-01-01":
            look(lake, "main", "spot")
    moved = {"account": "main", "deposit_id": "1", "version": 1, "asset": "ETH", "amount": "1", "status": 1}
    times = dict.fromkeys(("insert_time", "seen_at"), "2026-01-02")
    put(lake, DEPOSITS, moved | times | {"transfer_type": 0, "address": "x"})
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
