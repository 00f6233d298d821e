"""What comes along time, pulled twice in a program that may be run again at any point.

`python time_pull.py FOLDER` asks the exchange at TIMES_BEFORE, which lacks a count and misprints one, then the one at
TIMES_AFTER, and prints what the lake in the folder holds at the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from flow import PASSED_ON, Here

from connectors.lake import Lake
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow
from schemas.config.flows import FlowsFile
from schemas.datasets import DATASETS
from schemas.model.grid import MINUTE_US

KINDS = ("open_interest", "funding_rates")


def config(folder: Path, url: str) -> FlowsFile:
    return FlowsFile.model_validate({
        "lake": str(folder),
        "exchange": {"spot": url, "usdm": url},
        "flows": {"times": {
            "kind": "market", "market": "usdm", "datasets": KINDS, "symbols": ["BTCUSDT"], "source": "rest",
            "since": os.environ["TIMES_SINCE"],
        }},
    })  # fmt: skip


async def pull(folder: Path, url: str) -> None:
    asyncio.get_running_loop().set_default_executor(Here())
    state = folder.parent / f"state-{folder.name}" / "budget.sqlite"
    receipts = await run_flow(config(folder, url), "times", progress=Silent(), stop=asyncio.Event(), state=state)
    assert {receipt.outcome for receipt in receipts} == {"done"}, receipts


def has_begun(lake: Lake) -> bool:
    """Whether all of the first pull is there."""
    return all(lake.table(DATASETS[name]).bounds() for name in KINDS)


def tell(lake: Lake) -> None:
    """Rows without the run's own instants, and what is covered, to the minute: its seconds are those of the run."""
    found: dict[str, Any] = {
        name: sorted((bound, at // MINUTE_US) for bound, at in lake.table(DATASETS[name]).bounds().items())
        for name in KINDS
    }
    for name in (*KINDS, "gaps", "corrections"):
        rows = lake.table(DATASETS[name]).scan().to_pylist()
        found[f"rows of {name}"] = sorted(map(_told, rows))
    print(json.dumps(found))


def _told(row: dict[str, Any]) -> str:
    same = {name: str(value) for name, value in row.items() if name not in PASSED_ON | {"filled_at"}}
    return str(same | {"filled": row.get("filled_at") is not None})


def main(folder: Path) -> None:
    if not has_begun(lake := Lake.open(folder, "simulator")):
        asyncio.run(pull(folder, os.environ["TIMES_BEFORE"]))
    asyncio.run(pull(folder, os.environ["TIMES_AFTER"]))
    tell(lake)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
