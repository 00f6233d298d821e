"""How long short commands take, as whole processes."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from stand import Figure, environment

CANNED = {"format": 1, "environment": "simulator", "accounts": {}}


def commands(folder: Path, *, repeat: int = 5) -> list[Figure]:
    """The median of some runs of each command."""
    (folder / "lake").mkdir()
    (folder / "lake" / "lake.json").write_text(json.dumps(CANNED))
    flow = {"kind": "maintenance"}
    (folder / "flows.yaml").write_text(json.dumps({"lake": "./lake", "exchange": "simulator", "flows": {"keep": flow}}))
    return [_timed(folder, repeat, 0.5, "--help"), _timed(folder, repeat, 1.5, "query", "select 1")]


def _timed(folder: Path, repeat: int, goal_s: float, *words: str) -> Figure:
    taken = []
    for _ in range(repeat):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "pipelines", *words],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        taken.append(time.perf_counter() - began)
    median = statistics.median(taken)
    return Figure(
        name=f"The whole of `binlake {' '.join(words)}`",
        ours=f"{median:.2f} s",
        goal=f"under {goal_s:g} s",
        met=median < goal_s,
    )
