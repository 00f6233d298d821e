"""Trades out of files and by id, in a program that may be run again at any point.

`python ticks.py FOLDER` pulls from the exchange at TICKS_URL, and prints what the lake in the folder holds at the end.
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

KINDS = ("agg_trades", "trades")


def config(folder: Path, url: str) -> FlowsFile:
    return FlowsFile.model_validate({
        "lake": str(folder),
        "exchange": {"spot": url, "archive": url, "archive_list": url},
        "flows": {"ticks": {
            "kind": "market", "market": "spot", "datasets": KINDS, "symbols": ["QUIET"], "since": "2026-10-12T23:00",
        }},
    })  # fmt: skip


async def pull(folder: Path, url: str) -> None:
    asyncio.get_running_loop().set_default_executor(Here())
    state = folder.parent / f"state-{folder.name}" / "budget.sqlite"
    receipts = await run_flow(config(folder, url), "ticks", progress=Silent(), stop=asyncio.Event(), state=state)
    assert {receipt.outcome for receipt in receipts} == {"done"}, receipts


def tell(lake: Lake) -> None:
    """Rows without the run's own instants, and which ids are covered: up to when nothing came, its clock says."""
    found: dict[str, Any] = {
        name: sorted(item for item in lake.table(DATASETS[name]).bounds().items() if item[0].endswith("_id"))
        for name in KINDS
    }
    for name in (*KINDS, "gaps", "archive_files"):
        rows = lake.table(DATASETS[name]).scan().to_pylist()
        found[f"rows of {name}"] = sorted(
            str({k: str(v) for k, v in row.items() if k not in PASSED_ON}) for row in rows
        )
    print(json.dumps(found))


def main(folder: Path) -> None:
    asyncio.run(pull(folder, os.environ["TICKS_URL"]))
    tell(Lake.at(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
