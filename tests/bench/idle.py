"""What a run costs that finds nothing new, or one candle a series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stand import Figure, Place, candles, generated, simulator, until_second

CPU_S = 3.0


@dataclass(frozen=True, slots=True)
class Grown:
    """What a run left in a lake."""

    data_files: int
    most_entries: int
    runs: int


def nothing_new(folder: Path, *, series: int = 500) -> list[Figure]:
    """The run after a run, and the one a minute later."""
    place, names = Place(folder), generated(series)
    since = datetime.now(UTC) - timedelta(hours=2)
    with simulator("--no-limits", "--weight-limit=10000000", f"--symbols={series}") as exchange:
        place.flows(exchange.url, bench=candles(names, f"{since:%Y-%m-%d}", "1h"), tail=candles(names, _iso(since)))
        place.run("bench")
        place.run("tail")
        before = _state(place)
        done = place.run("bench")
        figures = [_figure(f"A run with nothing new over {series} series", done, series, _since(place, before))]
        until_second(15)
        done = place.run("tail")
        return [*figures, _candle(done, series)]


def _iso(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:00Z}"


def _state(place: Place) -> tuple[set[Path], dict[str, int]]:
    tables = [path.name for path in (place.folder / "lake").iterdir() if (path / "_delta_log").is_dir()]
    return place.data_files("klines"), {name: len(place.log(name)) for name in tables}


def _since(place: Place, before: tuple[set[Path], dict[str, int]]) -> Grown:
    files, logs = before
    files_now, logs_now = _state(place)
    grown = {name: count - logs.get(name, 0) for name, count in logs_now.items()}
    return Grown(len(files_now - files), max(grown.values()), grown["runs"])


def _figure(name: str, done: dict[str, Any], series: int, grown: Grown) -> Figure:
    asked = done["requests"] / series
    return Figure(
        name=name,
        ours=f"{asked:.2g} requests a series, {done['cpu_s']:.1f} s of CPU, {grown.data_files} data files, "
        f"{grown.most_entries} log entry a table, {grown.runs} row of runs",
        goal=f"at most 1 request a series, under {CPU_S:g} s of CPU, no data file, 1 entry, 1 row",
        met=asked <= 1 and done["cpu_s"] < CPU_S and grown == Grown(0, 1, 1),
    )


def _candle(done: dict[str, Any], series: int) -> Figure:
    return Figure(
        name=f"The same with a new candle in each of {series} series",
        ours=f"{done['requests'] / series:.2g} requests a series, {done['rows']:,} rows, {done['cpu_s']:.1f} s of CPU",
    )
