"""A month of trades that is killed in the middle of its file, again and again: no trade is lost, none is there twice."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pytest
from support.beside import Served
from support.killed import killed_behind

from connectors.lake import Lake
from connectors.simulator import Exchange, Limits
from pipelines.candles.commits import FLUSH_ROWS
from pipelines.cli import main
from schemas.datasets.trades import AGG_TRADES
from schemas.model.series import Series

ROOT = Path(__file__).parents[2]
FIRST_ID, ROWS = 5_000_000, 4 * FLUSH_ROWS + 123_456  # commits end where they end, and not with the file
MONTH = "data/spot/monthly/aggTrades/LONGUSDT/LONGUSDT-aggTrades-2026-10.zip"
FLOWS = """\
exchange: {{spot: '{url}', archive: '{url}', archive_list: '{url}'}}
flows:
  ticks: {{kind: market, market: spot, datasets: [agg_trades], symbols: [LONGUSDT], since: 2026-10-01, source: archive}}
"""


def published(folder: Path) -> pa.Table:
    """A month with a trade every second or so, put where the archive has it; its rows."""
    at = np.arange(ROWS)
    begun_us = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp()) * 1_000_000
    rows = pa.table({
        "agg_trade_id": at + FIRST_ID, "price": pc.binary_join_element_wise("1", (at % 9973).astype(str), "."),
        "qty": pc.binary_join_element_wise("0", (at % 97 + 1).astype(str), "."), "first": at + 3, "last": at + 3,
        "time": begun_us + at * 1_250_000, "maker": np.where(at % 3, "True", "False"), "best": pa.repeat("True", ROWS),
    })  # fmt: skip
    path = folder / MONTH
    path.parent.mkdir(parents=True)
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(path.with_suffix(".csv").name, "w") as file,
    ):
        pyarrow.csv.write_csv(rows, file, options)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}")
    return rows


def stored(lake: Path) -> tuple[pa.Table, int]:
    """The stored trades in order, and up to which id they are covered; nothing where there is no lake yet."""
    table = Lake.at(lake).table(AGG_TRADES)
    series = Series.of(AGG_TRADES, market="spot", symbol="LONGUSDT")
    return table.scan().sort_by("agg_trade_id"), series.bound("until_id", table.bounds()) or FIRST_ID


def killed_in_commit(version: int) -> dict[str, str]:
    """Have a process killed when it has written this entry of the log, which it then opens, without a mode, to sync it."""
    return killed_behind("open", f"{AGG_TRADES.table}/_delta_log/{version:020}.json None")


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_month_killed_inside_its_file_is_resumed_without_loss_or_doubles(tmp_path: Path) -> None:
    """SIGKILL in the first commit of each run, once it is there: what is stored is what is covered, and in the end all of the file."""
    printed = published(tmp_path / "archive")
    exchange = Exchange(seed=1, limits=Limits(enforced=False))
    exchange.replay_archive(tmp_path / "archive")
    flows, log = tmp_path / "flows.yaml", tmp_path / "lake" / AGG_TRADES.table / "_delta_log"
    with Served(exchange) as served:
        flows.write_text(FLOWS.format(url=served.url))
        run = ["run", "ticks", "--config", str(flows)]
        reached = [FIRST_ID]
        for _ in range(3):
            killed = killed_in_commit(max(len([*log.glob("*.json")]), 1))
            process = subprocess.run(
                [sys.executable, "-m", "pipelines", *run], cwd=ROOT, env=os.environ | killed, check=False
            )
            assert process.returncode == -signal.SIGKILL
            rows, until_id = stored(tmp_path / "lake")
            assert rows["agg_trade_id"].to_pylist() == list(range(FIRST_ID, until_id))
            reached.append(until_id)
        assert reached == sorted({*reached}), "each run went on where the one before was killed"
        assert reached[-1] < FIRST_ID + ROWS
        assert main(run) == 0
    rows, until_id = stored(tmp_path / "lake")
    assert until_id == FIRST_ID + ROWS
    assert rows["agg_trade_id"].to_pylist() == printed["agg_trade_id"].to_pylist()
    assert rows["time"].cast(pa.int64()).equals(printed["time"].cast(pa.int64()))
    assert rows["price"].equals(printed["price"].cast(rows["price"].type))
