"""How much of the exchange's budget is used when there is enough to fetch, as the exchange counts it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from stand import USABLE, Figure, Place, Simulator, candles, generated, result, simulator

MINUTE_S = 60
SLACK_S = 5  # our minute begins a little after the exchange's
ENOUGH = "2024-01-01"


def one_series(folder: Path) -> list[Figure]:
    """One long series far away: windows are fetched ahead, so that latency does not bind it.

    Three years take less than a minute, so there is no full minute in them; the series here goes back to 2017.
    """
    place = Place(folder)
    with simulator("--latency-ms=150") as exchange:
        place.flows(exchange.url, bench=candles(["BTCUSDT"], "2017-08-17"))
        spent, refused = _full_minute(exchange, place, ["bench"])
    return [_share("One symbol's 1m since 2017, 150 ms latency, live limits", spent, refused, 0.80)]


def many_series(folder: Path, *, processes: int = 1, symbols: int = 24) -> list[Figure]:
    """Many series, by one process or several that share the budget's file and the lake."""
    place, names = Place(folder), generated(symbols)
    with simulator(f"--symbols={symbols}") as exchange:
        flows = {f"part{number}": candles(names[number::processes], ENOUGH) for number in range(processes)}
        place.flows(exchange.url, **flows)
        spent, refused = _full_minute(exchange, place, list(flows))
    who = f"{processes} processes at once" if processes > 1 else "one process"
    return [_share(f"{symbols} symbols, {who}, live limits", spent, refused, 0.95)]


def _full_minute(exchange: Simulator, place: Place, flows: Sequence[str]) -> tuple[int, int]:
    """Run flows through the whole of a UTC minute: the weight spent in it, and the number of refusals."""
    minute = int((time.time() + SLACK_S) // MINUTE_S + 1) * MINUTE_S
    time.sleep(max(0.0, minute - time.time() - 2 * SLACK_S))
    run_for(place, flows, minute + MINUTE_S + 1 - time.time())
    return exchange.spent().get(minute, 0), exchange.refused()


def run_for(place: Place, flows: Sequence[str], seconds: float) -> int:
    """Run flows at once, each in a process of its own, and stop them after so long; how many rows they stored."""
    children = [place.begin(flow, f"--seconds={seconds}") for flow in flows]
    done = [result(child) for child in children]
    failures = [why for one in done for why in one["failures"]]
    assert not failures, failures
    return sum(one["rows"] for one in done)


def _share(name: str, spent: int, refused: int, goal: float) -> Figure:
    return Figure(
        name=f"{name}: share of the usable {USABLE:,} weight spent in a full minute",
        ours=f"{spent / USABLE:.1%}, {refused} refused",
        goal=f"at least {goal:.0%}, none refused",
        met=spent >= goal * USABLE and not refused,
    )
