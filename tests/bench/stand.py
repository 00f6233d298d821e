"""What every figure stands on: a simulator as a process, children that measure themselves, and a table of results."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PYTHON = Path(sys.executable)
ROOT = HERE.parents[1]
LONGEST_S = 900  # no simulator and no child outlives this
USABLE = 5400  # weight a minute: 90 % of the exchange's 6,000


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. Without a goal a figure only informs."""

    name: str
    ours: str
    peer: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool = True


@dataclass(frozen=True, slots=True)
class Simulator:
    """An exchange in a process of its own."""

    url: str

    def spent(self) -> dict[int, int]:
        """Weight by minute, as epoch seconds."""
        return {int(minute): weight for minute, weight in self._ask("spent").items()}

    def requests(self) -> list[dict[str, Any]]:
        """The last 20,000 requests."""
        return list(self._ask("requests"))

    def refused(self) -> int:
        """How many of them were answered 429 or 418."""
        return sum(request["status"] in {418, 429} for request in self.requests())

    def warm(self, files: Path) -> None:
        """Have it hash and name the files it serves, months and days, as a real store does when they are put there."""
        for folder in sorted({str(path.parent.relative_to(files)) for path in files.rglob("*.zip")}):
            for one in {folder, folder.replace("/monthly/", "/daily/")}:
                self.answer(f"/?prefix={one}/")

    def answer(self, target: str) -> bytes:
        """What it answers to anybody."""
        with urllib.request.urlopen(f"{self.url}{target}", timeout=60) as answer:  # noqa: S310 - loopback
            body: bytes = answer.read()
            return body

    def _ask(self, what: str) -> Any:
        return json.loads(self.answer(f"/simulator/{what}"))


@contextmanager
def simulator(*options: str) -> Iterator[Simulator]:
    """Start a simulator on a free port, and end it whatever happens."""
    command = [sys.executable, "-m", "connectors.simulator", "--port=0", f"--max-seconds={LONGEST_S}", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert process.stdout is not None
        yield Simulator(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.communicate(timeout=10)


def environment(state: Path | None = None) -> dict[str, str]:
    """The environment of a child: this checkout's code, and a weight budget of its own where it needs one."""
    users = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**users, "PYTHONPATH": str(ROOT)} | ({"XDG_STATE_HOME": str(state)} if state else {})


def begin(script: str, *arguments: object, state: Path | None = None, python: Path = PYTHON) -> subprocess.Popen[str]:
    """Start a script of this folder; it prints what it measured as JSON."""
    command = [str(python), str(HERE / script), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(state))


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a child measured; it is killed when it takes too long."""
    try:
        printed, _ = process.communicate(timeout=LONGEST_S)
    finally:
        process.kill()
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    measured: dict[str, Any] = json.loads(printed)
    return measured


def measured(script: str, *arguments: object, state: Path | None = None, python: Path = PYTHON) -> dict[str, Any]:
    """Run a script of this folder to its end."""
    return result(begin(script, *arguments, state=state, python=python))


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with a flows.yaml, a lake and a weight budget of its own."""

    folder: Path

    def flows(self, url: str, *, archive: bool = False, **flows: dict[str, Any]) -> None:
        """Write flows.yaml; JSON is YAML."""
        families = ("spot", "wallet", *(("archive", "archive_list") if archive else ()))
        content = {"lake": "./lake", "exchange": dict.fromkeys(families, url), "flows": flows}
        (self.folder / "flows.yaml").write_text(json.dumps(content))

    def begin(self, flow: str, *options: object) -> subprocess.Popen[str]:
        return begin("ours.py", self.folder / "flows.yaml", flow, *options, state=self.folder / "state")

    def run(self, flow: str, *options: object) -> dict[str, Any]:
        """One pass of a flow in a process of its own."""
        return result(self.begin(flow, *options))

    def data_files(self, table: str) -> set[Path]:
        return set((self.folder / "lake" / table).rglob("*.parquet")) - set(self.log(table))

    def log(self, table: str) -> list[Path]:
        """Entries and checkpoints of a table's log."""
        return list((self.folder / "lake" / table / "_delta_log").glob("*"))


def candles(symbols: Sequence[str], since: str, *intervals: str) -> dict[str, Any]:
    """A flow of nothing but candles."""
    return {
        "kind": "market",
        "market": "spot",
        "datasets": ["klines"],
        "symbols": list(symbols),
        "intervals": list(intervals or ("1m",)),
        "since": since,
    }


def generated(count: int, first: int = 0) -> list[str]:
    """Names of the symbols that `--symbols` adds to the simulator."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    numbers = range(first, first + count)
    return [f"Z{''.join(letters[number // 26**place % 26] for place in range(3))}USDT" for number in numbers]


def until_second(second: float) -> None:
    """Wait until the minute has come to this second."""
    time.sleep((second - time.time()) % 60)


def machine() -> str:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}, {platform.system()}"


def table(figures: Sequence[Figure]) -> str:
    """The figures in Markdown; one that stands beside several others is named once."""
    head = "| Figure | binlake | beside it | ratio | goal | |\n|---|---|---|---|---|---|\n"
    return head + "".join(
        f"| {'' if before and before.name == one.name else one.name} | {one.ours} | {one.peer} | {one.ratio} "
        f"| {one.goal} | {('met' if one.met else '**missed**') if one.goal else ''} |\n"
        for before, one in pairwise([None, *figures])
        if one
    )
