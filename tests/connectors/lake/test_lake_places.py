"""A lake answers the same wherever its folder stands and whatever the folders above it are called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.lakes import put, rows_of, small_lake

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from schemas.datasets.market import KLINES, SYMBOLS
from schemas.model.errors import UsageProblem

# What a URL, a pattern of file names, SQL, a regular expression or a partitioned reader would take for its own.
NAMES = (
    "my lake", "a#b", "a?b", "50%", "é", "e\u0301", "湖", "it's", 'a"b', "[ab]", "a*b", "{a,b}", "$HOME", "~", "a;b",
    "a:b", "c:", "file:", "s3:", " a ", "a=1", "market=crypto", "MARKET=crypto", "interval=", "month=2020-01", ".hidden",
    "a.parquet", "..a",
)  # fmt: skip
ROW = {"market": "spot", "symbol": "50%/é", "interval": "1m", "close_time": "2026-01-02"}
MONTH_OVER = datetime.now(UTC) + timedelta(hours=2)


@pytest.mark.parametrize(
    "name", [*NAMES[::3], *(pytest.param(one, marks=pytest.mark.soak) for one in NAMES if one not in NAMES[::3])]
)
def test_a_lake_may_stand_anywhere(name: str, tmp_path: Path) -> None:
    """Rows are written, found by scan and by SQL, merged, corrected and read by a second opener under any name."""
    lake = small_lake(tmp_path / name)
    table = lake.table(KLINES)
    days = ["2026-01-01", "2026-01-02"]
    for day in days:
        put(lake, KLINES, ROW | {"open_time": day})
    corrected = rows_of(KLINES, ROW | {"open_time": days[0], "close": "7"})
    table.replace(corrected.select(KLINES.key), corrected, [])
    assert table.maintain(MONTH_OVER).merged
    for opened in (lake, Lake.at(lake.path)):
        assert opened.table(KLINES).scan(["close"])["close"].to_pylist() == [7, 1]
        assert all(Path(path).is_file() for path in opened.table(KLINES).files())
    with connect(Lake.at(lake.path)) as session:
        sql = "SELECT market, symbol, interval, month, close::INT AS close FROM klines WHERE market = 'spot' ORDER BY open_time"
        series = {"market": "spot", "symbol": "50%/é", "interval": "1m", "month": "2026-01"}
        assert run(session, sql).to_pylist() == [series | {"close": close} for close in (7, 1)]
        assert run(session, "FROM klines WHERE market = 'crypto'").num_rows == 0


def test_a_table_without_partitions_reads_none_from_the_folders_above(tmp_path: Path) -> None:
    """A column is never filled from the name of a folder above the lake."""
    lake = small_lake(tmp_path / "symbol=DOGE")
    put(lake, SYMBOLS, {"market": "spot", "symbol": "BTCUSDT", "valid_from": "2026-01-01"})
    with connect(lake) as session:
        assert run(session, "SELECT symbol FROM symbols").to_pylist() == [{"symbol": "BTCUSDT"}]


@pytest.mark.parametrize("name", ["a%25b", "a%2Fb", "a\nb", "_delta_log", "a\\b", "a\udcffb"])
def test_a_place_that_delta_cannot_name_is_refused(name: str, tmp_path: Path) -> None:
    """A folder that no Delta table can stand in is refused in one sentence, before anything is pulled."""
    with pytest.raises(UsageProblem, match="another folder"):
        small_lake(tmp_path / name)
