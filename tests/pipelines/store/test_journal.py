"""What two processes find out at the same time stands in the journals once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from connectors.lake import Lake
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.journal import CORRECTIONS, GAPS
from schemas.model.dataset import Dataset

ROOT, ROUNDS = Path(__file__).parents[3], 8
WRITER = """
import sys
from pathlib import Path
from connectors.binance.archive.client import Fetched
from connectors.binance.archive.files import ArchiveFile
from connectors.lake import Lake
from pipelines.archive.provenance import note_files
from pipelines.store.corrections import Correction, write_corrections
from pipelines.store.gaps import Gap, write_gaps
from schemas.datasets import DATASETS
from schemas.model.series import Series

lake, dataset = Lake.open(Path(sys.argv[1]), "live"), DATASETS["agg_trades"]
series = Series.of(dataset, market="usdm", symbol="BTCUSDT")
print("ready", flush=True)
for number, now in enumerate(map(int, sys.stdin), start=1):
    gap = Gap(since=number, until=number + 1, reason="skipped_ids", evidence={"ids": [[number, number]]}, first_seen=now)
    write_gaps(lake, [(series, gap)], now)
    file = ArchiveFile(series, f"2026-10-{number:02}")
    note_files(lake, [Fetched(file=file, size=1, sha256="0" * 64, etag="e", modified_us=1)], now)
    row = {name: None for name in dataset.schema.names} | series.values | {"agg_trade_id": number}
    write_corrections(lake, [Correction(series=series, before=row, after=row)], {series: number}, now)
    print("written", flush=True)
"""


def test_what_two_processes_find_out_at_once_is_written_once(tmp_path: Path):
    """A gap, a file of the archive and a correction are one row each, whether both write at one instant or not."""
    argv = [sys.executable, "-c", WRITER, str(tmp_path / "lake")]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(argv, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    heard = [iter(one.stdout or ()) for one in both]
    try:
        write_together(both, heard)
    finally:
        for process in both:
            process.communicate()
    lake = Lake.at(tmp_path / "lake")
    assert [written(lake, journal) for journal in (GAPS, ARCHIVE_FILES, CORRECTIONS)] == [{1: ROUNDS}] * 3


def write_together(both: list[subprocess.Popen[str]], heard: list[Iterator[str]]) -> None:
    assert [next(lines).strip() for lines in heard] == ["ready", "ready"]
    for number in range(ROUNDS):
        for process, more in zip(both, (0, number % 2), strict=True):
            assert process.stdin is not None
            process.stdin.write(f"{1_793_620_830_000_000 + number * 1000 + more}\n")
            process.stdin.flush()
        assert [next(lines).strip() for lines in heard] == ["written", "written"]


def written(lake: Lake, journal: Dataset) -> dict[int, int]:
    """How many things stand there once, twice, and so on."""
    key = [name for name in journal.key if name != "seen_at"]
    rows = lake.table(journal).scan(key).to_pylist()
    return dict(Counter(Counter(tuple(row.values()) for row in rows).values()))
