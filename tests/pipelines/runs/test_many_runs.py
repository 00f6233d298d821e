"""A process that runs flows again and again keeps nothing of the runs before."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Iterator
from functools import _lru_cache_wrapper
from types import ModuleType

import pytest
from support.trade_desk import TradeDesk

OURS = ("connectors.binance", "connectors.lake", "pipelines", "schemas")
FLOWS = ("prices", "trading", "upkeep")


def _modules() -> Iterator[ModuleType]:
    return (module for name, module in sorted(sys.modules.items()) if name.startswith(OURS))


def kept() -> Counter[str]:
    """Everything of ours that is alive: objects by class, and the entries of each module's collections and caches.

    A cache with a limit is left out: it is full some day, and no larger.
    """
    gc.collect()
    classes = (type(each) for each in gc.get_objects())
    found = Counter(f"{one.__module__}.{one.__qualname__}" for one in classes if str(one.__module__).startswith(OURS))
    for module in _modules():
        for name, value in vars(module).items():
            if isinstance(value, set | dict | list):
                found[f"entries of {module.__name__}.{name}"] = len(value)
            elif isinstance(value, _lru_cache_wrapper) and value.cache_parameters()["maxsize"] is None:
                found[f"entries of {module.__name__}.{name}"] = value.cache_info().currsize
    return found


@pytest.mark.soak
async def test_a_process_keeps_nothing_of_its_runs(trade_desk: TradeDesk) -> None:
    """Once every table is there, rounds of candles, prices, orders, fills and upkeep leave nothing of ours alive."""
    trade_desk.market(["BTCUSDT", "ETHUSDT"], datasets=["symbols", "klines", "prices", "tickers"])
    trade_desk.flows["upkeep"] = {"kind": "maintenance"}
    trade_desk.book.place("BTCUSDT", "BUY", 1, 50)
    alive = []
    for _ in range(5):
        for flow in FLOWS:
            assert {receipt.outcome for receipt in await trade_desk.run(flow)} == {"done"}
        trade_desk.clock.advance(300)
        trade_desk.book.fill("BTCUSDT", trade_desk.book.place("BTCUSDT", "BUY", 1, 60))
        alive.append(kept())
    assert alive[-1] - alive[2] == Counter()
