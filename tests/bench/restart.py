"""What a backfill that was killed downloads again: of small files many are on their way to one commit."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from stand import LONGEST_S, Figure, Place, Simulator, candles, generated, simulator

from pipelines.candles.commits import FLUSH_FILES
from pipelines.candles.pull import FILES_AHEAD

SINCE, UNTIL, MONTHS = "2025-01-01", "2025-11-01", 10
IN_FLIGHT = FILES_AHEAD + 2 * FLUSH_FILES  # asked for, gathered, and being committed


def killed(folder: Path, *, symbols: int = 100) -> list[Figure]:
    """Kill a backfill once half of its files were asked for, run it again, and count what was asked for twice."""
    place, files = Place(folder), symbols * MONTHS
    with simulator(f"--symbols={symbols}") as exchange:
        place.flows(exchange.url, archive=True, bench=candles(generated(symbols), SINCE, "15m") | {"source": "archive"})
        window = f"--since={SINCE}", f"--until={UNTIL}"
        _kill_after(exchange, files // 2, place, window)
        done = place.run("bench", *window)
        asked = _zips(exchange)
    again = sum(times - 1 for times in asked.values())
    assert (len(asked), done["failures"]) == (files, []), f"{len(asked)} files of {files}: {done['failures']}"
    return [
        Figure(
            name=f"{files:,} files of the archive, the run killed half-way and started again",
            ours=f"{again} files downloaded twice",
            goal=f"at most the {IN_FLIGHT} in flight",
            met=again <= IN_FLIGHT,
        )
    ]


def _kill_after(exchange: Simulator, files: int, place: Place, window: tuple[str, str]) -> None:
    """End a backfill without a warning once so many files were asked for."""
    with place.begin("bench", *window) as process:
        until = time.monotonic() + LONGEST_S
        while len(_zips(exchange)) < files and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert process.poll() is None, "the backfill ended before it could be killed"
        process.kill()


def _zips(exchange: Simulator) -> Counter[str]:
    """How often each file was asked for."""
    return Counter(request["target"] for request in exchange.requests() if request["target"].endswith(".zip"))
