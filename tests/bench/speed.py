"""How fast candles come in, beside clients that stop at lists in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stand import Figure, Place, candles, generated, measured, simulator

SINCE = datetime(2026, 3, 1, tzinfo=UTC)


def fetch(folder: Path, *, symbols: int = 20, pages: int = 10, repeat: int = 5) -> list[Figure]:
    """The same candles into committed Parquet, and by others into memory; the quickest of some runs in turn, since other load only adds."""
    names, rows = generated(symbols), symbols * pages * 1000
    asked = (int(SINCE.timestamp() * 1000), pages, *names)
    with simulator("--no-limits", "--weight-limit=10000000", "--latency-ms=5", f"--symbols={symbols}") as exchange:

        def ours(number: int) -> dict[str, Any]:
            place = Place(folder / f"run{number}")
            place.folder.mkdir()
            place.flows(exchange.url, bench=candles(names, f"{SINCE:%Y-%m-%d}"))
            return place.run("bench", f"--since={SINCE:%Y-%m-%d}", f"--until={_end(pages):%Y-%m-%dT%H:%M}")

        def peer(name: str) -> Callable[[int], dict[str, Any]]:
            return lambda _: measured("peers.py", name, exchange.url, *asked)

        peer("ccxt-unlimited")(0)  # so that everyone meets candles that are rendered already
        runners = {"binlake": ours, **{name: peer(name) for name in ("ccxt", "ccxt-unlimited", "python-binance")}}
        walls: dict[str, list[float]] = {name: [] for name in runners}
        for number in range(repeat):
            for name, run in runners.items():
                done = run(number)
                assert done["rows"] == rows, f"{name} fetched {done['rows']} rows of {rows}"
                walls[name].append(done["wall_s"])
    return _compared(rows, {name: min(times) for name, times in walls.items()})


def _end(pages: int) -> datetime:
    return SINCE + timedelta(minutes=pages * 1000)


def _compared(rows: int, walls: dict[str, float]) -> list[Figure]:
    ours = walls["binlake"]
    titles = {
        "ccxt": "ccxt async, as shipped",
        "ccxt-unlimited": "ccxt async, its limiter off",
        "python-binance": "python-binance async, as shipped",
    }
    figures = []
    for name, title in titles.items():
        goal = 3.0 if name == "ccxt" else None
        figures.append(
            Figure(
                name=f"{rows:,} candles, 5 ms latency: ours into committed Parquet, theirs into memory",
                ours=f"{ours:.2f} s",
                peer=f"{title}: {walls[name]:.2f} s",
                ratio=f"{walls[name] / ours:.1f} times",
                goal=f"at least {goal:g} times" if goal else "",
                met=goal is None or walls[name] / ours >= goal,
            )
        )
    return figures
