"""One pass of a flow in a process of its own, as `binlake run` makes it, and what it took.

Time counts from after the imports; CPU and peak memory are those of the whole process, of which it had used
`started_cpu_s` by then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from datetime import UTC, datetime
from pathlib import Path

from peak import peak_mb

from pipelines.context.progress import Silent
from pipelines.runs.registry import Window
from pipelines.runs.run import run_flow
from pipelines.settings.loader import load


async def _passed(options: argparse.Namespace) -> dict[str, object]:
    stop = asyncio.Event()
    if options.seconds:
        asyncio.get_running_loop().call_later(options.seconds, stop.set)
    window = Window(options.since, options.until) if options.since else None
    began, started = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    receipts = await run_flow(load(options.flows), options.flow, progress=Silent(), stop=stop, window=window)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall_s": time.perf_counter() - began,
        "cpu_s": used.ru_utime + used.ru_stime,
        "started_cpu_s": started.ru_utime + started.ru_stime,
        "peak_mb": peak_mb(),
        "rows": sum(receipt.rows for receipt in receipts),
        "requests": sum(receipt.requests for receipt in receipts),
        "weight": sum(receipt.weight for receipt in receipts),
        "failures": [failure.why for receipt in receipts for failure in receipt.failures],
    }


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flows", type=Path)
    parser.add_argument("flow")
    parser.add_argument("--since", type=_instant)
    parser.add_argument("--until", type=_instant)
    parser.add_argument("--seconds", type=float, help="stop as the first Ctrl-C does, after so long")
    print(json.dumps(asyncio.run(_passed(parser.parse_args()))))


if __name__ == "__main__":
    main()
