"""A backfill out of the archive that is killed: what it downloads again is bounded, and nothing is missing after."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.beside import Served

from connectors.lake import Lake
from connectors.simulator import Exchange, Limits
from pipelines.candles.commits import FLUSH_FILES
from pipelines.candles.pull import FILES_AHEAD
from pipelines.cli import main
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.market import KLINES

ROOT = Path(__file__).parents[2]
IN_FLIGHT = FILES_AHEAD + 2 * FLUSH_FILES  # asked for, gathered, and being committed
SYMBOLS, MONTHS, QUARTERS = 10, 8, 243 * 24 * 4  # January to August of 2025
FLOWS = """\
exchange: {{spot: '{url}', archive: '{url}', archive_list: '{url}'}}
flows:
  history: {{kind: market, market: spot, datasets: [klines], symbols: [{symbols}], intervals: [15m],
             since: 2025-01-01, source: archive}}
"""


@pytest.mark.soak
def test_a_killed_backfill_downloads_at_most_the_files_in_flight_again(tmp_path: Path) -> None:
    """SIGKILL once 64 of 80 small files were asked for: the second run asks again for no more than 32 of them."""
    exchange = Exchange(seed=1, limits=Limits(enforced=False), extra_symbols=SYMBOLS)
    with Served(exchange) as served:
        flows = tmp_path / "flows.yaml"
        names = ", ".join(f"Z{letter}AAUSDT" for letter in "ABCDEFGHIJ"[:SYMBOLS])
        flows.write_text(FLOWS.format(url=served.url, symbols=names))
        backfill = ["backfill", "history", "--since", "2025-01-01", "--until", "2025-09-01", "--config", str(flows)]
        with (
            subprocess.Popen([sys.executable, "-m", "pipelines", *backfill], cwd=ROOT) as process,
            exchange.requests.when(".zip.CHECKSUM", 64, process.kill),
        ):
            process.wait()
        assert process.returncode == -signal.SIGKILL
        assert main(backfill) == 0
        asked = zips(exchange)
    assert len(asked) == SYMBOLS * MONTHS
    assert sum(times - 1 for times in asked.values()) <= IN_FLIGHT
    lake = Lake.at(tmp_path / "lake")
    assert lake.table(KLINES).scan(["open_time"]).num_rows == SYMBOLS * QUARTERS
    assert lake.table(ARCHIVE_FILES).scan(["path"]).num_rows == SYMBOLS * MONTHS


def zips(exchange: Exchange) -> Counter[str]:
    """How often each file of the archive was asked for."""
    return Counter(seen.target for seen in list(exchange.requests) if seen.target.endswith(".zip"))
