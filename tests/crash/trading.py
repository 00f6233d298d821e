"""Two runs of an account's flow, in a program that may be run again at any point.

`python trading.py FOLDER` prints what the lake in the folder holds when it begins and when it is done, one JSON line
each. The first run asks the exchange at TRADING_BEFORE, the second the same one a season later, at TRADING_AFTER.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from flow import Here

from connectors.lake import Lake
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow
from schemas.config.flows import FlowsFile
from schemas.datasets import DATASETS
from schemas.datasets.journal import RUNS
from schemas.model.dataset import Dataset

TOLD = ("orders", "fills", "allocations", "prevented_matches", "balances")
UNITS = 3
_OF_THE_LOOK = {"seen_at", "observed_at", "gone_since"}  # instants of the run, different each time


def config(folder: Path, url: str) -> FlowsFile:
    return FlowsFile.model_validate({
        "lake": str(folder),
        "exchange": {"spot": url},
        "accounts": {"main": {"api_key": "env:DESK_KEY", "secret": "env:DESK_SECRET"}},
        "flows": {"trading": {
            "kind": "account", "account": "main", "datasets": ["balances", "orders", "fills"], "symbols": "traded",
            "values": False,
        }},
    })  # fmt: skip


async def pull(folder: Path, url: str) -> None:
    asyncio.get_running_loop().set_default_executor(Here())
    state = folder.parent / f"state-{folder.name}" / "budget.sqlite"
    receipts = await run_flow(config(folder, url), "trading", progress=Silent(), stop=asyncio.Event(), state=state)
    assert [receipt.outcome for receipt in receipts] == ["done"] * UNITS, receipts


def was_done(lake: Lake) -> bool:
    """Whether some run ended well: what it saw is not asked of the earlier exchange again."""
    runs = lake.table(RUNS).scan(["run", "outcome"]).to_pylist()
    return UNITS in Counter(row["run"] for row in runs if row["outcome"] == "done").values()


def tell(lake: Lake) -> None:
    """Rows without the run's own instants, and what the log remembers of each series."""
    found: dict[str, Any] = {}
    for name in TOLD:
        rows = lake.table(DATASETS[name]).scan().to_pylist()
        plain = [{k: _plain(k, v) for k, v in row.items()} for row in rows]
        found[name] = sorted({str(row) for row in plain}) if name == "balances" else sorted(map(str, plain))
        found[f"{name} marks"] = _marks(lake, DATASETS[name])
    print(json.dumps(found))


def _plain(name: str, value: Any) -> Any:
    """Of an instant of the run only that there is one."""
    return value is not None if name in _OF_THE_LOOK else str(value)


def _marks(lake: Lake, dataset: Dataset) -> list[str]:
    """Ids as they are; of instants that there is one. Zero says nothing."""
    bounds = lake.table(dataset).bounds()
    return sorted(f"{name}={value if name.endswith('_id') else True}" for name, value in bounds.items() if value)


def main(folder: Path) -> None:
    lake = Lake.open(folder, "simulator")
    tell(lake)
    if not was_done(lake):
        asyncio.run(pull(folder, os.environ["TRADING_BEFORE"]))
    asyncio.run(pull(folder, os.environ["TRADING_AFTER"]))
    tell(lake)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
