"""How fast candles come in, beside clients that stop at lists in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stand import Figure, Place, Simulator, candles, generated, measured, simulator

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
PEERS = {
    "ccxt": "ccxt async, as shipped",
    "ccxt-unlimited": "ccxt async, its limiter off",
    "python-binance": "python-binance async, as shipped",
}
GOALS = {"ccxt": 3.0}  # times as fast


def fetch(folder: Path, *, symbols: int = 20, pages: int = 10, repeat: int = 5) -> list[Figure]:
    """The same candles by each client: the quickest of some runs in turn, since other load only adds."""
    names, rows = generated(symbols), symbols * pages * 1000
    walls: dict[str, list[float]] = {name: [] for name in ("binlake", *PEERS)}
    with simulator("--no-limits", "--weight-limit=10000000", "--latency-ms=5", f"--symbols={symbols}") as exchange:
        _theirs("ccxt-unlimited", exchange, names, pages)  # so that everyone meets candles that are rendered already
        for number in range(repeat):
            done = {"binlake": _ours(folder / f"run{number}", exchange, names, pages)}
            done |= {peer: _theirs(peer, exchange, names, pages) for peer in PEERS}
            for name, one in done.items():
                assert one["rows"] == rows, f"{name} fetched {one['rows']} rows of {rows}"
                walls[name].append(one["wall_s"])
    ours = min(walls["binlake"])
    return [_beside(peer, rows, ours, min(walls[peer])) for peer in PEERS]


def _ours(folder: Path, exchange: Simulator, names: list[str], pages: int) -> dict[str, Any]:
    folder.mkdir()
    place, until = Place(folder), SINCE + timedelta(minutes=pages * 1000)
    place.flows(exchange.url, bench=candles(names, f"{SINCE:%Y-%m-%d}"))
    return place.run("bench", f"--since={SINCE:%Y-%m-%d}", f"--until={until:%Y-%m-%dT%H:%M}")


def _theirs(peer: str, exchange: Simulator, names: list[str], pages: int) -> dict[str, Any]:
    return measured("peers.py", peer, exchange.url, int(SINCE.timestamp() * 1000), pages, *names)


def _beside(peer: str, rows: int, ours_s: float, theirs_s: float) -> Figure:
    goal = GOALS.get(peer)
    return Figure(
        name=f"{rows:,} candles, 5 ms latency: ours into committed Parquet, theirs into memory",
        ours=f"{ours_s:.2f} s",
        peer=f"{PEERS[peer]}: {theirs_s:.2f} s",
        ratio=f"{theirs_s / ours_s:.1f} times",
        goal=f"at least {goal:g} times" if goal else "",
        met=goal is None or theirs_s / ours_s >= goal,
    )
