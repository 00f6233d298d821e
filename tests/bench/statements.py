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
COINS = ("BTC", "ETH", "BNB", "ADA", "XRP", "SOL", "DOT")
MOVED = ("Distribution", "Deposit", "Withdraw")


def _write(path: Path, rows: int) -> None:
    """So many rows of some months, in their order: trades of three rows, and what comes and goes."""
    drawn, instant, left = random.Random(1), datetime(2021, 1, 1, tzinfo=UTC), rows
    with path.open("w") as into:
        into.write(HEADER)
        while left:
            instant += timedelta(seconds=1 + drawn.randrange(40))
            for operation, coin, change in _event(drawn)[:left]:
                into.write(f"7,{instant:%Y-%m-%d %H:%M:%S},Spot,{operation},{coin},{change:.8f},\n")
                left -= 1


def _event(drawn: random.Random) -> list[tuple[str, str, float]]:
    coin, amount = drawn.choice(COINS), drawn.random() * 10 + 0.00000001
    if drawn.random() < 0.5:
        spent = -amount * (1 + drawn.random())
        return [("Buy", coin, amount), ("Transaction Related", "USDT", spent), ("Fee", "BNB", -0.00075 * amount - 1e-8)]
    operation = drawn.choice(MOVED)
    return [(operation, coin, -amount if operation == "Withdraw" else amount)]


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
