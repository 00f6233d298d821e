"""`binlake show`: candles and volume of a symbol in the terminal."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from cyclopts import Parameter
from duckdb import DuckDBPyConnection

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.cli.charts import room_for, write_candles
from pipelines.cli.options import FLOWS_FILE, Config
from pipelines.cli.output import say
from pipelines.cli.tables import shown
from pipelines.settings.loader import load
from schemas.config.names import MARKETS
from schemas.config.values import shown as quoted
from schemas.derived.sql import literal
from schemas.model.errors import UsageProblem
from schemas.model.grid import INTERVALS, LENGTH_US
from schemas.model.nearest import did_you_mean

_STORED = "SELECT symbol, \"interval\" FROM coverage WHERE dataset = 'klines' AND market = {market}"
_LAST = """
SELECT * FROM (
    SELECT open_time, open::DOUBLE AS open, high::DOUBLE AS high, low::DOUBLE AS low, close::DOUBLE AS close,
        volume::DOUBLE AS volume
    FROM {candles} ORDER BY open_time DESC LIMIT {count}
) ORDER BY open_time
"""


def show(
    symbol: Annotated[str, Parameter(help="such as BTCUSDT")],
    *,
    interval: Annotated[str, Parameter(help="length of a candle, such as 1h; 1M is a month")] = "1d",
    market: Annotated[str, Parameter(help=" or ".join(MARKETS))] = "spot",
    config: Config = FLOWS_FILE,
) -> int:
    """Draw the last candles of a symbol and their volume; where these are not stored, shorter ones make them."""
    if interval not in INTERVALS:
        raise UsageProblem(f"There is no interval {quoted(interval)}.", f"There are {', '.join(INTERVALS)}.")
    if market not in MARKETS:
        raise UsageProblem(f"There is no market {quoted(market)}.", f"There are {', '.join(MARKETS)}.")
    with connect(Lake.at(load(config).lake)) as session:
        source = _source(session, market, symbol.upper(), interval)
        rows = run(session, _LAST.format(candles=source, count=room_for(sys.stdout))).to_pylist()
    if not rows:
        raise UsageProblem(f"The lake holds no candle of {symbol.upper()} yet.", "`binlake run` fetches candles.")
    say(_title(symbol.upper(), interval, rows))
    write_candles(rows, sys.stdout)
    return 0


def _source(session: DuckDBPyConnection, market: str, symbol: str, interval: str) -> str:
    """The candles in SQL: those stored, else made of the longest ones that are shorter."""
    stored = run(session, _STORED.format(market=literal(market))).to_pylist()
    symbols = {row["symbol"] for row in stored}
    if symbol not in symbols:
        way_out = did_you_mean(symbol, symbols, "`binlake status --series` lists what it holds.")
        raise UsageProblem(f"The lake holds no candles of {quoted(symbol)} on {quoted(market)}.", way_out)
    intervals = {row["interval"] for row in stored if row["symbol"] == symbol}
    if interval in intervals:
        same = f"market = {literal(market)} AND symbol = {literal(symbol)} AND \"interval\" = '{interval}'"
        return f"candles WHERE {same}"
    finer = [name for name in intervals if LENGTH_US[name] < LENGTH_US[interval] and name not in ("3d", "1w", "1M")]
    if not finer:
        held = ", ".join(sorted(intervals, key=INTERVALS.index))
        raise UsageProblem(f"The lake holds no candles of {symbol} as short as {interval}.", f"It holds {held}.")
    return f"resample({literal(market)}, {literal(symbol)}, '{max(finer, key=LENGTH_US.__getitem__)}', '{interval}')"


def _title(symbol: str, interval: str, rows: list[dict[str, Any]]) -> str:
    first, last = rows[0]["open_time"], rows[-1]
    change = last["close"] / rows[0]["open"] - 1
    period = f"{first:%Y-%m-%d %H:%M} to {last['open_time']:%Y-%m-%d %H:%M} UTC"
    prices = f"{shown(rows[0]['open'])} to {shown(last['close'])} ({change:+.1%})"
    return f"{symbol} {interval}, {len(rows):,} candles, {period}: {prices}. Falling candles are shaded."
