"""How long a commit takes in a young lake and in an old one, with the upkeep that every run does."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from connectors.lake import Lake, Move
from pipelines.runs.upkeep import tidy
from schemas.datasets.market import KLINES
from schemas.model.series import Series

SYMBOLS = [f"SYM{number}USDT" for number in range(50)]
MINUTES = 5  # a flow that runs every five minutes
START = datetime(2026, 9, 1, tzinfo=UTC)
FIRST = 40  # commits whose median stands for the twentieth
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
    series = [Series.of(KLINES, market="spot", symbol=symbol, interval="1m") for symbol in SYMBOLS]
    if number:
        return [Move(one, {"until": since}, {"until": until}) for one in series]
    return [Move(one, {"since": None, "until": None}, {"since": since, "until": until}) for one in series]


class Growing:
    """A lake that a flow commits to every five minutes, with the upkeep that each run does.

    Entries of its log are dated as if that had taken its time: upkeep drops old ones.
    """

    def __init__(self, folder: Path, commits: int) -> None:
        self.lake = Lake.open(folder, "simulator")
        self.table = self.lake.table(KLINES)
        self.commits = self.most_files = 0
        self._log = folder / KLINES.table / "_delta_log"
        self._began_s = time.time() - commits * MINUTES * 60

    def grow(self) -> float:
        """Seconds of one more commit, the upkeep after it not counted."""
        rows, moves = _rows(START + timedelta(minutes=MINUTES * self.commits)), _moves(self.commits)
        began = time.perf_counter()
        self.table.commit(rows, moves)
        taken = time.perf_counter() - began
        self.commits += 1
        self.most_files = max(self.most_files, len(self.table.files()))
        tidy(self.lake, [KLINES.name])
        self._date_log()
        return taken

    def _date_log(self) -> None:
        dated_s = self._began_s + self.commits * MINUTES * 60
        for path in self._log.iterdir():
            if path.stat().st_mtime > dated_s:
                os.utime(path, (dated_s, dated_s))


def compared(folder: Path, commits: int) -> dict[str, float]:
    """An old lake's last commits and a new one's first, in turn, so that other load meets both."""
    old, young = Growing(folder / "old", commits), Growing(folder / "young", FIRST)
    while old.commits < commits - FIRST:
        old.grow()
    taken = [(old.grow(), young.grow()) for _ in range(FIRST)]
    assert old.table.scan(["open_time"]).num_rows == commits * len(SYMBOLS) * MINUTES
    old_s, young_s = map(statistics.median, zip(*taken, strict=True))
    return {"old_s": old_s, "young_s": young_s, "most_files": old.most_files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("commits", type=int)
    options = parser.parse_args()
    print(json.dumps(compared(options.folder, options.commits)))


if __name__ == "__main__":
    main()
