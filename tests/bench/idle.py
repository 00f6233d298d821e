"""What a run costs that finds nothing new, or one candle a series."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stand import Figure, Place, candles, generated, simulator, until_second

from connectors.binance.decode import decode
from connectors.binance.endpoints import feeding
from schemas.datasets.market import KLINES
from schemas.model.series import Series

CPU_S = 3.0
SERIES_MS = 1.3


@dataclass(frozen=True, slots=True)
class Grown:
    """What a run added to a lake: data files of candles, entries to the busiest log, entries to that of runs."""

    data_files: int
    most_entries: int
    runs: int


def nothing_new(folder: Path, *, series: int = 500) -> list[Figure]:
    """The run after a run, within the same hour of hourly candles."""
    done, grown = run_again(folder, series=series)
    asked = done["requests"] / series
    return [
        Figure(
            name=f"A run with nothing new over {series} series",
            ours=f"{asked:.2g} requests a series, {done['cpu_s']:.1f} s of CPU, {grown.data_files} data files, "
            f"{grown.most_entries} log entry a table, {grown.runs} row of runs",
            goal=f"at most 1 request a series, under {CPU_S:g} s of CPU, no data file, 1 entry, 1 row",
            met=asked <= 1 and done["cpu_s"] < CPU_S and grown == Grown(0, 1, 1),
        )
    ]


def run_again(folder: Path, *, series: int) -> tuple[dict[str, Any], Grown]:
    """Run twice, and say what the second one took and left."""
    place, since = Place(folder), datetime.now(UTC) - timedelta(days=1)
    with simulator("--no-limits", "--weight-limit=10000000", f"--symbols={series}") as exchange:
        place.flows(exchange.url, bench=candles(generated(series), f"{since:%Y-%m-%d}", "1h"))
        if datetime.now(UTC).minute == 59:  # a new candle is about to close
            until_second(15)
        place.run("bench")
        before = _state(place)
        return place.run("bench"), _since(place, before)


def minute_later(folder: Path, *, series: int = 3000) -> list[Figure]:
    """The run that finds one new candle in each series, beside what reading its answers costs alone."""
    place, since = Place(folder), datetime.now(UTC) - timedelta(hours=2)
    names = generated(series)
    with simulator("--no-limits", "--weight-limit=10000000", f"--symbols={series}") as exchange:
        place.flows(exchange.url, bench=candles(names, f"{since:%Y-%m-%dT%H:%M:00Z}"))
        place.run("bench")
        until_second(15)
        done = place.run("bench")
        alone_ms = _decoding_ms(exchange.answer(f"/api/v3/klines?symbol={names[0]}&interval=1m&limit=3"), names)
    a_series_ms = (done["cpu_s"] - done["started_cpu_s"]) / series * 1000
    return [
        Figure(
            name=f"A run with a new candle in each of {series:,} series: CPU a series",
            ours=f"{a_series_ms:.2f} ms ({done['requests'] / series:.2g} requests a series, {done['rows']:,} rows)",
            peer=f"decoding its answers and nothing else: {alone_ms:.2f} ms",
            ratio=f"{a_series_ms / alone_ms:.1f} times",
            goal=f"under {SERIES_MS:g} ms",
            met=a_series_ms < SERIES_MS,
        )
    ]


def _decoding_ms(body: bytes, names: Sequence[str]) -> float:
    """What it takes on average to read an answer as if it came for each of these symbols."""
    began = time.process_time()
    for name in names:
        one = Series.of(KLINES, market="spot", symbol=name, interval="1m")
        decode(body, feeding(one), one.values)
    return (time.process_time() - began) / len(names) * 1000


def _state(place: Place) -> tuple[set[Path], dict[str, int]]:
    tables = [path.name for path in (place.folder / "lake").iterdir() if (path / "_delta_log").is_dir()]
    return place.data_files("klines"), {name: len(place.log(name)) for name in tables}


def _since(place: Place, before: tuple[set[Path], dict[str, int]]) -> Grown:
    files, logs = before
    files_now, logs_now = _state(place)
    grown = {name: count - logs.get(name, 0) for name, count in logs_now.items()}
    return Grown(len(files_now - files), max(grown.values()), grown["runs"])
