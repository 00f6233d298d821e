"""What a lake of a year of minutes of many symbols takes to ask, to prove and to compact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stand import Figure, measured

YEAR_ROWS = 365 * 1440
MOST_MB = 1000
GOALS_MS = {"month": 60, "year": 300}
NAMES = {"month": "one symbol and month", "year": "hours out of the minutes of one symbol and year"}


def held(folder: Path, *, symbols: int = 20) -> list[Figure]:
    """Grow a lake, prove it, compact it, prove it again, ask it."""
    size = f"{symbols * YEAR_ROWS / 1e6:.1f} M candles"
    work = {name: measured("grown.py", work, folder, symbols) for name, work in _WORK.items()}
    assert work["before"]["hash"] == work["after"]["hash"], "compaction changed a hash"
    return [*_upkeep(size, symbols * YEAR_ROWS, work), *_asked(size, work["ask"])]


_WORK = {"grow": "grow", "before": "state", "keep": "keep", "after": "state", "ask": "ask"}


def _upkeep(size: str, rows: int, work: dict[str, dict[str, Any]]) -> list[Figure]:
    names = {"after": "Proving", "keep": "Compacting (the same hashes before and after)"}
    return [
        Figure(
            name=f"{name} {size}, and the peak memory of it",
            ours=f"{rows / work[which]['wall_s'] / 1e6:.2f} M candles/s, {work[which]['peak_mb']:.0f} MB",
            goal=f"under {MOST_MB} MB",
            met=work[which]["peak_mb"] < MOST_MB,
        )
        for which, name in names.items()
    ]


def _asked(size: str, asked: dict[str, Any]) -> list[Figure]:
    ours, theirs = asked["ours_s"], asked["theirs_s"]
    figures = [
        Figure(
            name=f"Of {size}: {NAMES[question]}, beside a native DuckDB table",
            ours=f"{ours[question] * 1000:.0f} ms",
            peer=f"{theirs[question] * 1000:.0f} ms",
            ratio=f"{ours[question] / theirs[question]:.1f} times",
            goal=f"under {most_ms} ms",
            met=ours[question] * 1000 < most_ms,
        )
        for question, most_ms in GOALS_MS.items()
    ]
    return [*figures, Figure(name=f"The view completeness over {size}", ours=f"{ours['completeness']:.2f} s")]


def billion(folder: Path, *, symbols: int = 1000) -> list[Figure]:
    """Ask for the completeness of two years of minutes of so many symbols, of which only footers are there."""
    done = measured("billion.py", folder, symbols)
    return [
        Figure(
            name=f"The view completeness over the log and the footers of {done['rows'] / 1e6:,.0f} M candles",
            ours=f"{done['wall_s']:.2f} s, {done['cpu_s']:.2f} s of CPU, {done['files']} files",
            goal="under 5 s",
            met=done["wall_s"] < 5,
        )
    ]
