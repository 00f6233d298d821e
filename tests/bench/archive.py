"""How fast the public archive comes in: zips off a loopback server, verified, exact, into committed Parquet."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import time
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
from stand import HERE, LONGEST_S, Figure, Place, candles, generated, simulator

from connectors.simulator import Exchange, MovableClock, gateway
from connectors.simulator.archive import names as published
from connectors.simulator.archive.kinds import KINDS
from connectors.simulator.archive.names import File, Period
from connectors.simulator.protocol.messages import Asked

AGAINST_FLOOR = 0.35
CANDLES_A_SECOND = 1_000_000
MOST_MB = 1000
# Other importers, each run by a Python that has it: NAME=PYTHON, by spaces.
IMPORTERS = dict(named.split("=", 1) for named in os.environ.get("BENCH_IMPORTERS", "").split())
_TYPES = [pa.int64() if place in {0, 6, 8} else pa.decimal128(38, 8) for place in range(12)]
FASTER = {"freqtrade": 7, "nautilus_trader": 15, "binance-syncer": 4}


def imported(folder: Path, *, symbols: int = 10, months: int = 20) -> list[Figure]:
    """Months of many symbols, beside what reading the same bytes costs without keeping anything."""
    periods, names, files = _periods(months), generated(symbols), folder / "files"
    zips = _zips(files, names, periods)
    rows = symbols * sum(period.until_ms - period.since_ms for period in periods) // 60_000
    least_s = floor_s(zips, _TYPES)
    done = _ours(Place(folder / "place"), files, names, periods)
    assert done["rows"] == rows, f"{done['rows']} rows of {rows}: {done['failures']}"
    figures = _figures(rows, done["wall_s"], done["peak_mb"], least_s)
    found = _others(folder / "job", files, names, periods, zips) if IMPORTERS else {}
    return [*figures, *(beside(name, "candles", done, other, FASTER[name]) for name, other in found.items())]


def _ours(place: Place, files: Path, names: list[str], periods: Sequence[Period]) -> dict[str, Any]:
    """One backfill out of the files alone."""
    since, until = periods[0].first, periods[-1].next().first
    place.folder.mkdir()
    os.sync()  # what was written before is no part of it
    with simulator(f"--symbols={len(names)}", f"--archive={files}") as exchange:
        exchange.warm(files)
        place.flows(exchange.url, archive=True, bench=candles(names, f"{since}"))
        done = place.run("bench", f"--since={since}", f"--until={until}")
        asked = [request["target"] for request in exchange.requests()]
    assert not [target for target in asked if target.startswith("/api/v3/klines")]
    return done


def _periods(months: int) -> list[Period]:
    """The last months whose files are surely there."""
    now = datetime.now(UTC)
    last = now.year * 12 + now.month - 2
    starts = [divmod(month - 1, 12) for month in range(last - months + 1, last + 1)]
    return [Period(date(year, month + 1, 1), monthly=True) for year, month in starts]


def days_of(period: Period) -> Iterator[Period]:
    day = Period(period.first, monthly=False)
    while day.first < period.next().first:
        yield day
        day = day.next()


def _zips(folder: Path, symbols: Sequence[str], periods: Sequence[Period]) -> list[Path]:
    """The same candles as files of every symbol, each with its CHECKSUM."""
    written = []
    for period in periods:
        model = _file(symbols[0], period)
        packed = _packed(model)
        for symbol in symbols:
            file = _file(symbol, period)
            content = packed.replace(model.stem.encode(), file.stem.encode())  # the member's name, in both its places
            written.append(put(folder / file.path, content))
    return written


def put(target: Path, content: bytes) -> Path:
    """A file with its CHECKSUM beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    Path(f"{target}.CHECKSUM").write_text(f"{hashlib.sha256(content).hexdigest()}  {target.name}")
    return target


def _file(symbol: str, period: Period) -> File:
    return File(published.Place("spot", KINDS["klines"], period.monthly, symbol, "1m"), period)


def _packed(file: File) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{file.stem}.csv", _csv(_file("BTCUSDT", file.period)))
    return packed.getvalue()


def _csv(file: File) -> bytes:
    answer = gateway.answer(Exchange(clock=MovableClock(time.time())), Asked("GET", f"/{file.path}", {}))
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        return archive.read(f"{file.stem}.csv")


def floor_s(zips: Sequence[Path], types: Sequence[pa.DataType]) -> float:
    """`unzip -p | sha256sum`, then pyarrow's CSV reader over the same bytes into these types; nothing is kept."""
    kinds = pa_csv.ConvertOptions(column_types={f"f{place}": kind for place, kind in enumerate(types)})
    unnamed = pa_csv.ReadOptions(autogenerate_column_names=True)
    began = time.perf_counter()
    for path in zips:
        subprocess.run(["sh", "-c", 'unzip -p "$0" | sha256sum', path], check=True, stdout=subprocess.DEVNULL)
    took_s = time.perf_counter() - began
    for path in zips:
        with zipfile.ZipFile(path) as archive:
            text = pa.BufferReader(archive.read(archive.namelist()[0]))
        began = time.perf_counter()
        pa_csv.read_csv(text, unnamed, convert_options=kinds)
        took_s += time.perf_counter() - began
    return took_s


def _others(
    job: Path, files: Path, names: list[str], periods: Sequence[Period], zips: Sequence[Path]
) -> dict[str, dict[str, float]]:
    """What other importers take; of freqtrade's daily files there are as many as there are days."""
    _zips(files, names, [day for period in periods for day in days_of(period)])
    since, until = periods[0].first, periods[-1].next().first
    told = {"symbols": names, "since": f"{since}", "until": f"{until}", "months": months_of(zips, files)}
    return others(job, files, told, f"--symbols={len(names)}")


def months_of(zips: Sequence[Path], files: Path) -> list[str]:
    return [str(path.relative_to(files)) for path in zips]


def others(job: Path, files: Path, told: dict[str, Any], *options: str) -> dict[str, dict[str, float]]:
    """What each of the other importers takes for a job, one after another."""
    taken = {}
    with simulator(*options, f"--archive={files}") as exchange:
        exchange.warm(files)
        job.write_text(json.dumps({"url": exchange.url, **told}))
        for name, python in IMPORTERS.items():
            os.sync()
            command = [python, str(HERE / "importers.py"), name, str(job)]
            printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LONGEST_S).stdout
            taken[name] = json.loads(printed.splitlines()[-1])
    return taken


def beside(name: str, what: str, done: dict[str, Any], other: dict[str, float], faster: float) -> Figure:
    """What another importer took of the same rows."""
    rows, wall_s = done["rows"], done["wall_s"]
    assert other["rows"] == rows, f"{name} imported {other['rows']} rows of {rows}"
    return Figure(
        name=f"{rows:,} {what} from the archive, beside {name} (floats, nothing verified)",
        ours=f"{wall_s:.1f} s, {done['cpu_s'] - done['started_cpu_s']:.1f} s of CPU",
        peer=f"{name}: {other['wall_s']:.1f} s, {other['cpu_s']:.1f} s of CPU, {other['peak_mb']:.0f} MB",
        ratio=f"{other['wall_s'] / wall_s:.1f} times",
        goal=f"at least {faster:g} times",
        met=other["wall_s"] / wall_s >= faster,
    )


def _figures(rows: int, wall_s: float, peak_mb: float, least_s: float) -> list[Figure]:
    return [
        Figure(
            name=f"{rows:,} candles from monthly zips: downloaded, verified, exact, committed",
            ours=f"{rows / wall_s / 1e6:.2f} M/s ({wall_s:.1f} s)",
            goal=f"at least {CANDLES_A_SECOND / 1e6:g} M/s",
            met=rows / wall_s >= CANDLES_A_SECOND,
        ),
        Figure(
            name="the same, beside reading the same bytes and keeping nothing",
            ours=f"{wall_s:.1f} s",
            peer=f"`unzip -p`, `sha256sum` and pyarrow's CSV reader: {least_s:.1f} s",
            ratio=f"{wall_s / least_s:.2f} times",
            goal=f"at most {AGAINST_FLOOR:g} times",
            met=wall_s / least_s <= AGAINST_FLOOR,
        ),
        Figure(
            name=f"Peak memory of loading {rows:,} candles from the archive",
            ours=f"{peak_mb:.0f} MB",
            goal=f"under {MOST_MB} MB",
            met=peak_mb < MOST_MB,
        ),
    ]
