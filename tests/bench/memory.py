"""How much memory a long backfill takes, and whether a longer one takes more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from stand import Figure, Place, candles, generated, simulator

MOST_MB = 600
NOISE = 1.1  # allocators differ by so much from run to run
END = datetime(2026, 9, 1, tzinfo=UTC)


def backfill(folder: Path, *, rows: int = 5_000_000, symbols: int = 10) -> list[Figure]:
    """A backfill of so many candles, and one of twice as many."""
    peaks = {}
    with simulator("--no-limits", "--weight-limit=10000000", f"--symbols={symbols}") as exchange:
        for wanted in (rows, 2 * rows):
            place = Place(folder / str(wanted))
            place.folder.mkdir()
            since = END - timedelta(minutes=wanted // symbols)
            place.flows(exchange.url, bench=candles(generated(symbols), f"{since:%Y-%m-%d}"))
            done = place.run("bench", f"--since={since:%Y-%m-%dT%H:%M}", f"--until={END:%Y-%m-%d}")
            assert done["rows"] == wanted, f"{done['rows']} rows of {wanted}: {done['failures']}"
            peaks[wanted] = done["peak_mb"], done["wall_s"]
    return [_figure(wanted, *peaks[wanted], peaks[rows][0]) for wanted in peaks]


def _figure(rows: int, peak_mb: float, wall_s: float, first_mb: float) -> Figure:
    more = f", and no more than the one half as long (+{NOISE - 1:.0%})" if peak_mb != first_mb else ""
    return Figure(
        name=f"Peak memory of a backfill of {rows:,} candles",
        ours=f"{peak_mb:.0f} MB ({wall_s:.0f} s)",
        goal=f"under {MOST_MB} MB{more}",
        met=peak_mb < MOST_MB and peak_mb <= first_mb * NOISE,
    )
