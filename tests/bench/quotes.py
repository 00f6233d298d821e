"""How long the simulator takes to say what all of thousands of symbols cost."""

from __future__ import annotations

import time
from pathlib import Path

from stand import Figure

from connectors.simulator import Exchange, MovableClock, gateway
from connectors.simulator.protocol.messages import Asked

MOST_MS = 50
_ASKED = ("ticker/price", "ticker/bookTicker", "ticker/24hr", "exchangeInfo")
_BEGUN_S = 1_795_900_000.0


def answered(_folder: Path, *, symbols: int = 3000) -> list[Figure]:
    """An answer about all symbols of spot: the first there is, the first of a minute, and a second later."""
    return [_figure(path, symbols, _taken_ms(path, symbols)) for path in _ASKED]


def _taken_ms(path: str, symbols: int) -> list[float]:
    clock = MovableClock(_BEGUN_S)
    exchange, taken = Exchange(clock=clock, extra_symbols=symbols, limits=False), list[float]()
    for seconds in (0, 60, 1):
        clock.advance(seconds)
        began = time.process_time()
        answer = gateway.answer(exchange, Asked("GET", f"/api/v3/{path}", {}))
        taken.append((time.process_time() - began) * 1000)
        assert answer.status == 200, answer.body
    return taken


def _figure(path: str, symbols: int, taken_ms: list[float]) -> Figure:
    first, minute, second = taken_ms
    return Figure(
        name=f"The simulator's `{path}` of {symbols:,} symbols",
        ours=f"{second:.0f} ms of CPU; the first of a minute {minute:.0f} ms, the first of all {first:.0f} ms",
        goal=f"under {MOST_MS} ms",
        met=second < MOST_MS,
    )
