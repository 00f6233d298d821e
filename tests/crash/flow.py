"""Two runs of one flow, in a program that may be run again at any point.

`python flow.py FOLDER` prints what the lake in the folder holds when it begins and when it is done, one JSON line
each. The first run asks the exchange at FLOW_BEFORE, whose last candle is wrong, the second the one at FLOW_AFTER.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from connectors.lake import Lake
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow
from schemas.config.flows import FlowsFile
from schemas.datasets import DATASETS
from schemas.datasets.market import KLINES

SERIES = 3 * 2
PASSED_ON = {"seen_at", "first_seen", "confirmed_at", "valid_from"}  # instants of the run, different each time


class Here(ThreadPoolExecutor):
    """Threads that are none: what touches the disk does so in the program's own, where its calls can be counted."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - raised where the result is asked for
            done.set_exception(error)
        return done


def config(folder: Path, url: str) -> FlowsFile:
    """A symbol that is plain, one with an outage, one listed in between; across the end of a month."""
    return FlowsFile.model_validate({
        "lake": str(folder),
        "exchange": {"spot": url},
        "flows": {"prices": {
            "kind": "market", "market": "spot", "datasets": ["klines"], "symbols": ["BTCUSDT", "XRPUSDT", "XNOUSDT"],
            "intervals": ["15m", "1h"], "since": os.environ["FLOW_SINCE"],
        }},
    })  # fmt: skip


async def pull(folder: Path, url: str) -> None:
    asyncio.get_running_loop().set_default_executor(Here())
    state = folder.parent / f"state-{folder.name}" / "budget.sqlite"
    receipts = await run_flow(config(folder, url), "prices", progress=Silent(), stop=asyncio.Event(), state=state)
    assert [receipt.outcome for receipt in receipts] == ["done"], receipts


def ends(lake: Lake) -> list[int]:
    """Where the coverage of each series ends."""
    return [value for name, value in lake.table(KLINES).bounds().items() if name.endswith("#until")]


def tell(lake: Lake) -> None:
    """Rows without the run's own instants, and what of klines is covered."""
    found: dict[str, Any] = {"bounds": sorted(lake.table(KLINES).bounds().items())}
    for name in ("klines", "gaps", "corrections", "symbols"):
        rows = lake.table(DATASETS[name]).scan().to_pylist()
        found[name] = sorted(str({k: str(v) for k, v in row.items() if k not in PASSED_ON}) for row in rows)
    print(json.dumps(found))


def main(folder: Path) -> None:
    lake = Lake.open(folder, "simulator")
    tell(lake)
    first_end = int(os.environ["FLOW_FIRST_END_US"])
    if len(ends(lake)) < SERIES or min(ends(lake)) < first_end:
        asyncio.run(pull(folder, os.environ["FLOW_BEFORE"]))
    asyncio.run(pull(folder, os.environ["FLOW_AFTER"]))
    tell(lake)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
