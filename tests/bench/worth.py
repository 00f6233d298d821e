"""How long it takes to compute what 200,000 fills of five years gained, and what an account was worth each day."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from adds_up import ASSETS, natively, store, took

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from schemas.datasets.account import BALANCES
from schemas.datasets.market import KLINES
from schemas.datasets.orders import FILLS

YEARS = 5
GAINS = "SELECT count(*) AS lots, sum(gain) AS gain FROM realized_gains('USDT', 'fifo')"
WORTH = "SELECT count(*) AS days, sum(value) AS value FROM equity_daily('USDT')"
# The year of fills is stretched over five; balances are seen once a day, and each day has a candle.
_STRETCHED = f"UPDATE {FILLS.table} SET time = TIMESTAMPTZ '2021-01-01 00:00:00+00' + {YEARS} * (time - TIMESTAMPTZ '2025-01-01 00:00:00+00')"
_DAILY = f"""
DELETE FROM {BALANCES.table} WHERE observed_at::TIMETZ <> '00:00:30+00';
UPDATE {BALANCES.table}
SET observed_at = TIMESTAMPTZ '2021-01-01 00:00:30+00' + {YEARS} * (observed_at - TIMESTAMPTZ '2025-01-01 00:00:30+00')
"""
_CANDLES = f"""
SELECT 'spot' AS market, symbol, '1d' AS "interval", day AS open_time, 1.5 AS open, 1.5 AS high, 1.5 AS low,
    1.5 AS close, 1 AS volume, day + INTERVAL 1 DAY - INTERVAL 1 MILLISECOND AS close_time, 1.5 AS quote_volume,
    1 AS trade_count, 1 AS taker_buy_volume, 1.5 AS taker_buy_quote_volume
FROM (SELECT 'A' || n || 'USDT' AS symbol FROM range({ASSETS}) AS each(n) UNION ALL SELECT 'BNBUSDT'),
    range(TIMESTAMPTZ '2021-01-01 00:00:00+00', TIMESTAMPTZ '2026-01-01 00:00:00+00', INTERVAL 1 DAY) AS days(day)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("fills", type=int)
    options = parser.parse_args()
    native = natively(options.fills)
    native.execute(f"{_STRETCHED}; {_DAILY}")
    native.execute(f"INSERT INTO {KLINES.table} BY NAME {_CANDLES}")
    lake = Lake.open(options.folder / "lake", "simulator")
    store(lake, native, (KLINES, "open_time"))
    with connect(lake) as session:
        (gains,) = run(session, GAINS).to_pylist()
        (worth,) = run(session, WORTH).to_pylist()
        done: dict[str, float] = {"lots": gains["lots"], "days": worth["days"]}
        done |= took("gains", lambda: run(session, GAINS)) | took("worth", lambda: run(session, WORTH))
    print(json.dumps(done))


if __name__ == "__main__":
    main()
