"""The import of a long transaction history, with what it says of the movements that the API told."""

from __future__ import annotations

import argparse
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, process_time

from peak import peak_mb

from pipelines.cli import main as binlake

FLOWS = """\
exchange: simulator
lake: ./lake
accounts:
  main: {api_key: env:KEY, secret: env:SECRET}
flows:
  upkeep: {kind: maintenance, every: 1d}
"""
HEADER = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark\n"
COINS = ("BTC", "ETH", "BNB", "USDT", "ADA", "XRP", "SOL", "DOT")
OPERATIONS = {"Transaction Buy": "", "Transaction Spend": "-", "Fee": "-", "Distribution": "", "Withdraw": "-"}


def _write(path: Path, rows: int) -> None:
    """So many rows of some months, in their order."""
    drawn, instant = random.Random(1), datetime(2021, 1, 1, tzinfo=UTC)
    with path.open("w") as into:
        into.write(HEADER)
        for _ in range(rows):
            instant += timedelta(seconds=drawn.randrange(40))
            operation = drawn.choice(tuple(OPERATIONS))
            change = f"{OPERATIONS[operation]}{drawn.random() * 10 + 0.00000001:.8f}"
            into.write(f"7,{instant:%Y-%m-%d %H:%M:%S},Spot,{operation},{drawn.choice(COINS)},{change},\n")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int)
    asked = parser.parse_args()
    (asked.folder / "flows.yaml").write_text(FLOWS)
    history = asked.folder / "history.csv"
    _write(history, asked.rows)
    began_s, began_cpu_s = monotonic(), process_time()
    code = binlake(["import", str(history), "--config", str(asked.folder / "flows.yaml")])
    took = {"wall_s": monotonic() - began_s, "cpu_s": process_time() - began_cpu_s, "peak_mb": peak_mb(), "code": code}
    print(json.dumps(took))


if __name__ == "__main__":
    main()
