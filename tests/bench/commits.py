"""How long a commit takes in a young lake and in an old one, with the upkeep that every run does."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from connectors.lake import Lake, Move
from pipelines.runs import tidy
from schemas.market import KLINES

SYMBOLS = [f"SYM{number}USDT" for number in range(50)]
MINUTES = 5  # a flow that runs every five minutes
START = datetime(2026, 9, 1, tzinfo=UTC)
AROUND = 20  # commits whose median is taken
SECOND_US = 1_000_000


def _rows(since: datetime) -> pa.Table:
    """What one run brings: five minutes of fifty symbols."""
    price = Decimal("64000.12")
    return pa.Table.from_pylist(
        [
            {
                "market": "spot", "symbol": symbol, "interval": "1m", "open_time": opened,
                "open": price, "high": price, "low": price, "close": price, "volume": Decimal("5.25"),
                "close_time": opened + timedelta(seconds=59, milliseconds=999), "quote_volume": price,
                "trade_count": 7, "taker_buy_volume": Decimal("2.5"), "taker_buy_quote_volume": price,
            }
            for symbol in SYMBOLS
            for opened in (since + timedelta(minutes=minute) for minute in range(MINUTES))
        ],
        schema=KLINES.schema,
    )  # fmt: skip


def _moves(number: int) -> list[Move]:
    start_us = int(START.timestamp()) * SECOND_US
    since, until = (start_us + (number + ahead) * MINUTES * 60 * SECOND_US for ahead in (0, 1))
    series = [KLINES.series_id({"market": "spot", "symbol": symbol, "interval": "1m"}) for symbol in SYMBOLS]
    if number:
        return [Move(one, {"until": since}, {"until": until}) for one in series]
    return [Move(one, {"since": None, "until": None}, {"since": since, "until": until}) for one in series]


def commit_often(folder: Path, commits: int) -> list[float]:
    """Seconds of each commit; the upkeep is done in between, as a run does it, and not counted."""
    lake = Lake.open(folder / "lake", "simulator")
    table, taken = lake.table(KLINES), []
    for number in range(commits):
        rows, moves = _rows(START + timedelta(minutes=MINUTES * number)), _moves(number)
        began = time.perf_counter()
        table.commit(rows, moves)
        taken.append(time.perf_counter() - began)
        tidy(lake, [KLINES.name])
    assert table.scan(["open_time"]).num_rows == commits * len(SYMBOLS) * MINUTES
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("commits", type=int)
    options = parser.parse_args()
    taken = commit_often(options.folder, options.commits)
    young, old = taken[AROUND // 2 : AROUND // 2 + AROUND], taken[-AROUND:]
    print(json.dumps({"young_s": statistics.median(young), "old_s": statistics.median(old), "total_s": sum(taken)}))


if __name__ == "__main__":
    main()
