"""Files of an account's futures, in a program that may be run again at any point.

`python quota_pull.py FOLDER` asks the exchange at QUOTA_URL for them, and prints how often each was asked for and what
came of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from flow import Here

from connectors.lake import Lake
from pipelines.context.progress import Silent
from pipelines.runs.exports import run_exports
from pipelines.runs.registry import Window
from pipelines.statements.asked_files import asked_files
from schemas.config.flows import FlowsFile
from schemas.datasets.statements import STATEMENT_ROWS

ACCOUNT = "main"
SINCE, UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)


def config(folder: Path, url: str) -> FlowsFile:
    return FlowsFile.model_validate({
        "lake": str(folder),
        "exchange": {"spot": url, "usdm": url},
        "accounts": {ACCOUNT: {"api_key": "env:QUOTA_KEY", "secret": "env:QUOTA_SECRET"}},
        "flows": {"books": {"kind": "account", "account": ACCOUNT, "datasets": ["income"], "wallets": ["usdm"]}},
    })  # fmt: skip


async def pull(folder: Path, url: str) -> None:
    asyncio.get_running_loop().set_default_executor(Here())
    state = folder.parent / f"state-{folder.name}" / "budget.sqlite"
    window = Window(SINCE, UNTIL)
    await run_exports(config(folder, url), "books", window, progress=Silent(), stop=asyncio.Event(), state=state)


def tell(lake: Lake) -> None:
    """How often each stretch was asked for, how each question stands, and the rows that came."""
    files = asked_files(lake, ACCOUNT)
    rows = lake.table(STATEMENT_ROWS).scan(["time", "amount", "line"]).to_pylist()
    print(json.dumps({
        "asked": sorted(Counter(f"{file.since}" for file in files).items()),
        "states": sorted(file.state for file in files),
        "rows": sorted(str(row) for row in rows),
        "kept": sorted(path.name for path in (lake.path / ".downloads").glob("[a-z]*")),
    }))  # fmt: skip


def main(folder: Path) -> None:
    asyncio.run(pull(folder, os.environ["QUOTA_URL"]))
    tell(Lake.at(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
