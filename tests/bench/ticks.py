"""How fast a month of trades comes in: a zip off a loopback server, verified, exact, into committed Parquet.

And how fast bars are made of one day of them, among many.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from archive import IMPORTERS, beside, days_of, floor_s, months_of, others, put
from stand import Figure, Place, simulator

from connectors.simulator.archive import names as published
from connectors.simulator.archive.kinds import KINDS
from connectors.simulator.archive.names import File, Period

SYMBOL = "BENCHUSDT"  # which the simulator does not list, so that it publishes no files of its own
TRADES_PER_S = 2_000_000
MOST_MB = 1000
FASTER = {"freqtrade": 5, "nautilus_trader": 15, "binance-syncer": 1.5}
TIME = "f5"  # where a line has its time
_BLOCK_ROWS = 1_000_000
_MONEY = pa.decimal128(18, 8)
_TYPES = [pa.int64(), _MONEY, _MONEY, pa.int64(), pa.int64(), pa.int64(), pa.bool_(), pa.bool_()]


def imported(folder: Path, *, rows: int = 3_000_000) -> list[Figure]:
    """A month of aggregates, beside what reading the same bytes costs without keeping anything, and other importers."""
    files, month = folder / "files", _month()
    path = _zip(files, month, _blocks(month, rows))
    least_s = floor_s([path], _TYPES)
    done = _ours(Place(folder / "place"), files, month, rows)
    return [_speed(done, least_s), _memory(done), *_beside(folder / "job", files, month, path, done)]


def large(folder: Path, *, rows: int = 40_000_000) -> list[Figure]:
    """A month whose text has 3 GB; nothing of it is measured but ours."""
    files, month = folder / "files", _month()
    _zip(files, month, _blocks(month, rows))
    done = _ours(Place(folder / "place"), files, month, rows)
    return [_speed(done), _memory(done)]


def _ours(place: Place, files: Path, month: Period, rows: int) -> dict[str, Any]:
    """One run out of the file alone."""
    place.folder.mkdir()
    os.sync()
    with simulator(f"--archive={files}") as exchange:
        exchange.warm(files)
        place.flows(exchange.url, archive=True, bench=_flow(month))
        done = place.run("bench")
        asked = [request["target"] for request in exchange.requests()]
    assert done["rows"] == rows, f"{done['rows']} rows of {rows}: {done['failures']}"
    assert not [target for target in asked if target.startswith("/api/")]
    return done


def _beside(job: Path, files: Path, month: Period, path: Path, done: dict[str, Any]) -> list[Figure]:
    """What other importers take; freqtrade reads daily files."""
    if not IMPORTERS:
        return []
    by_day: dict[Period, list[pa.Table]] = {}
    for day, block in _of_days(month, _blocks(month, done["rows"])):
        by_day.setdefault(day, []).append(block)
    for day, some in by_day.items():
        _zip(files, day, some)
    told = {"symbols": [SYMBOL], "since": f"{month.first}", "until": f"{month.next().first}", "kind": "aggTrades"}
    found = others(job, files, {**told, "months": months_of([path], files)})
    return [beside(name, "aggregate trades", done, other, FASTER[name]) for name, other in found.items()]


def _flow(month: Period) -> dict[str, object]:
    return {
        "kind": "market", "market": "spot", "datasets": ["agg_trades"], "symbols": [SYMBOL], "source": "archive",
        "since": f"{month.first}",
    }  # fmt: skip


def _month() -> Period:
    """The last month whose file is surely there."""
    return Period((datetime.now(UTC).date() - timedelta(days=45)).replace(day=1), monthly=True)


def _zip(folder: Path, period: Period, blocks: Iterable[pa.Table]) -> Path:
    """A month or day of aggregates as spot prints them."""
    file = File(published.Place("spot", KINDS["aggTrades"], period.monthly, SYMBOL), period)
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(f"{file.stem}.csv", "w", force_zip64=True) as text,
    ):
        for block in blocks:
            pa_csv.write_csv(block, text, pa_csv.WriteOptions(include_header=False, quoting_style="none"))
    return put(folder / file.path, packed.getvalue())


def _of_days(month: Period, blocks: Iterable[pa.Table]) -> Iterator[tuple[Period, pa.Table]]:
    """The same, each day by itself."""
    for block in blocks:
        times = block[TIME].to_numpy()
        for day in days_of(month):
            first, end = np.searchsorted(times, (day.since_ms * 1000, day.until_ms * 1000)).tolist()
            if first < end:
                yield day, block.slice(first, end - first)


def _blocks(month: Period, rows: int) -> Iterator[pa.Table]:
    """Aggregates of one to three trades, spread over the month, whose price wanders."""
    random, price, traded = np.random.default_rng(1), 6_500_000, 1
    length_us = (month.until_ms - month.since_ms) * 1000
    for first in range(0, rows, _BLOCK_ROWS):
        ids = np.arange(first, min(first + _BLOCK_ROWS, rows))
        prices = np.maximum(price + np.cumsum(random.integers(-5, 6, len(ids))), 1)
        last = traded + np.cumsum(random.integers(1, 4, len(ids))) - 1
        flags = pa.array(["False", "True"]).take(pa.array(random.integers(0, 2, len(ids))))
        columns = [
            pa.array(ids),
            _decimals(prices * 1_000_000),
            _decimals(random.integers(1, 200_000, len(ids)) * 1000),
            pa.array(np.r_[traded, last[:-1] + 1]),
            pa.array(last),
            pa.array(month.since_ms * 1000 + (ids * (length_us / rows)).astype(np.int64)),
            flags,
            pa.array(["True"] * len(ids)),
        ]
        yield pa.table(columns, names=[f"f{place}" for place in range(len(columns))])
        price, traded = int(prices[-1]), int(last[-1]) + 1


def _decimals(units: np.ndarray) -> pa.Array:
    """Units of 0.00000001, printed with all their digits."""
    words = np.stack([units, np.zeros_like(units)], axis=1)
    return pa.Array.from_buffers(pa.decimal128(38, 8), len(units), [None, pa.py_buffer(words)])


def _speed(done: dict[str, Any], least_s: float | None = None) -> Figure:
    rows, wall_s = done["rows"], done["wall_s"]
    return Figure(
        name=f"{rows:,} aggregate trades from a monthly zip: downloaded, verified, exact, committed",
        ours=f"{rows / wall_s / 1e6:.2f} M/s ({wall_s:.1f} s, {done['cpu_s'] - done['started_cpu_s']:.1f} s of CPU)",
        peer=f"`unzip -p`, `sha256sum` and pyarrow's CSV reader: {least_s:.1f} s" if least_s else "",
        ratio=f"{wall_s / least_s:.1f} times" if least_s else "",
        goal=f"at least {TRADES_PER_S / 1e6:g} M/s",
        met=rows / wall_s >= TRADES_PER_S,
    )


def _memory(done: dict[str, Any]) -> Figure:
    return Figure(
        name=f"Peak memory of loading {done['rows']:,} aggregate trades from a monthly zip",
        ours=f"{done['peak_mb']:.0f} MB",
        goal=f"under {MOST_MB} MB",
        met=done["peak_mb"] < MOST_MB,
    )
