"""What the view completeness takes over a log of a billion minutes, of which whole months need no reading.

The log and the footers are those of a lake of two years of a thousand symbols, after upkeep: files of half a gigabyte's
rows, each footer with as many row groups as so many rows have, and what it tells. The rows themselves are left out.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from stand import generated

from connectors.lake import Lake, Move
from connectors.lake.files.data_files import ROW_GROUP, DataFile, folder_name, summed_name
from connectors.lake.files.runs import RUNS_KEY
from connectors.lake.files.statistics import Statistics
from connectors.lake.sql.session import connect, run
from schemas.datasets.market import KLINES
from schemas.model.fields import TEXT, TIME
from schemas.model.grid import MINUTE_US
from schemas.model.instants import micros
from schemas.model.series import Series

MONTHS, IN_A_FILE = 24, 125
_STARTS = [micros(datetime(2024 + month // 12, month % 12 + 1, 1, tzinfo=UTC)) for month in range(MONTHS + 1)]
_ASKED = "SELECT status, count(*) AS months, sum(rows) AS rows FROM completeness GROUP BY ALL"


def billion(folder: Path, symbols: int) -> dict[str, Any]:
    """Make the log, and ask it in a session of its own."""
    lake = Lake.open(folder / "lake", "simulator")
    names, table = generated(symbols), lake.table(KLINES)
    moves = [_covered(name) for name in names]
    table._land(list(_files(table.root, names)), moves)  # noqa: SLF001 - no commit of rows writes files without them
    began, cpu = time.perf_counter(), time.process_time()
    with connect(Lake.at(folder / "lake")) as session:
        found = run(session, _ASKED).to_pylist()
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    rows = sum(int(one["rows"]) for one in found)
    assert [one["status"] for one in found] == ["complete"], found
    return {"rows": rows, "wall_s": wall_s, "cpu_s": cpu_s, "files": len(table.files())}


def _covered(symbol: str) -> Move:
    series = Series.of(KLINES, market="spot", symbol=symbol, interval="1m")
    bounds = {"since": _STARTS[0], "until": _STARTS[-1]}
    return Move(series, dict.fromkeys(bounds), bounds)


def _files(root: Path, names: list[str]) -> Iterator[DataFile]:
    for since, until in pairwise(_STARTS):
        month = f"{datetime.fromtimestamp(since // 1_000_000, UTC):%Y-%m}"
        for first in range(0, len(names), IN_A_FILE):
            yield _file(root, month, sorted(names)[first : first + IN_A_FILE], since, (until - since) // MINUTE_US)


def _file(root: Path, month: str, names: list[str], since: int, minutes: int) -> DataFile:
    """A file that tells these runs, and holds one row in each of its groups."""
    partition = {"market": "spot", "interval": "1m", "month": month}
    folder = root / folder_name(partition)
    folder.mkdir(parents=True, exist_ok=True)
    schema, draft = KLINES.file_schema, folder / "draft"
    row = pa.table([_one(field, names[0], since) for field in schema], schema=schema)
    told = {"partition": partition, "symbol": names, "first": [since] * len(names), "rows": [minutes] * len(names)}
    with pq.ParquetWriter(draft, schema) as writer:
        for _ in range(len(names) * minutes // ROW_GROUP + 1):
            writer.write_table(row)
        writer.add_key_value_metadata({RUNS_KEY: msgspec.json.encode(told).decode()})
    target = draft.rename(folder / summed_name(draft, "-runs"))
    statistics = Statistics(schema)
    statistics.add(row)
    told_of = statistics.json().replace('"numRecords":1', f'"numRecords":{len(names) * minutes}')
    return DataFile(str(target.relative_to(root)), partition, target.stat().st_size, len(names) * minutes, told_of, 0)


def _one(field: pa.Field[Any], symbol: str, since: int) -> pa.Array[Any]:
    value: Any = symbol if field.type == TEXT.arrow else since if field.type == TIME.arrow else 1
    return pa.array([value], field.type)


if __name__ == "__main__":
    json.dump(billion(Path(sys.argv[1]), int(sys.argv[2])), sys.stdout)
