"""Kill or fail a program at every call by which it changes a folder, and see what one plain rerun makes of it.

A program is any module whose `main` works in a folder, may be run again at any time, and prints one line for each
state it passes through. It is traced once to find its calls; each is then hit in a fresh folder.

strace counts `when=n` for each call's name and each thread on its own, and threads share work differently each time.
So a call on a path that every run has is named by that path; calls on files with random names are counted in the first
thread alone, whose count does not vary, when they are made there. Every point must be seen to fire.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Self

CALLS = ["write", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate", "fallocate", "mkdir", "mkdirat", "rmdir"]
CALLS += ["rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat"]
_CALL = re.compile(r"^(?P<thread>\d+)\s+(?P<name>\w+)\((?P<rest>.*)")
_VARIED = re.compile(r"=[^/]+|[0-9a-f-]*[0-9][0-9a-f-]*")
ROOT = Path(__file__).parents[2]
WORKERS = 1 if "PYTEST_XDIST_WORKER" in os.environ else 2  # the cores are taken by the others
NEVER = 50  # of so many points one may never be met
TRIES = 6  # for a point that a run came to in another thread, or one call earlier or later


@dataclass(frozen=True, order=True)
class Point:
    """The n-th call of a name in its thread, of those on a path below the folder if one is given."""

    name: str
    n: int
    path: str = ""
    first_thread: bool = False


@dataclass(frozen=True)
class Ended:
    """How a run ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str
    process: str


class Program:
    """A module of this folder whose `main` works in a folder, and the variables it needs; runs are forked."""

    def __init__(self, module: str, variables: Mapping[str, str]) -> None:
        self.command = [sys.executable, str(Path(__file__).with_name(f"{module}.py"))]
        self.environment = dict(os.environ) | {"OPENBLAS_NUM_THREADS": "1"} | variables
        self.environment["PYTHONPATH"] = f"{ROOT}:{os.environ['PYTHONPATH']}"
        self._forks = [self._imported(module) for _ in range(WORKERS)]
        self._idle = SimpleQueue[subprocess.Popen[str]]()
        for process in self._forks:
            self._idle.put(process)

    def _imported(self, module: str) -> subprocess.Popen[str]:
        argv = [sys.executable, str(Path(__file__).with_name("forks.py")), module]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen(argv, env=self.environment, text=True, **pipes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._forks:
            process.communicate(timeout=60)  # its input ends, and so does it

    def run(self, folder: Path, *tracer: str) -> Ended:
        """Run it in a folder, traced from its first call on if told how."""
        forks = self._idle.get()
        try:
            return self._forked(forks, folder, tracer)
        finally:
            self._idle.put(forks)

    @staticmethod
    def _forked(forks: subprocess.Popen[str], folder: Path, tracer: Sequence[str]) -> Ended:
        assert forks.stdin is not None
        assert forks.stdout is not None
        out, err = (folder.with_name(f"{what}-{folder.name}") for what in ("out", "err"))
        for path in (out, err):
            path.unlink(missing_ok=True)
        print(json.dumps({"folder": str(folder), "out": str(out), "err": str(err)}), file=forks.stdin, flush=True)
        process = forks.stdout.readline().strip()
        with _attached(tracer, process) if tracer else nullcontext():
            print(file=forks.stdin, flush=True)
            returncode = int(forks.stdout.readline())
        return Ended(returncode, out.read_text(), err.read_text(), process)


@contextmanager
def _attached(tracer: Sequence[str], process: str) -> Iterator[None]:
    """Trace a process until it ends."""
    with subprocess.Popen([*tracer, "-p", process], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        said = running.stderr.readline()
        assert "attached" in said, said
        yield
        running.communicate(timeout=60)


@dataclass(frozen=True)
class Aftermath:
    """What a hit left: how the program ended, what a plain rerun printed, and the folder then."""

    point: Point
    ended: Ended
    rerun: Ended
    folder: Path


def can_trace() -> bool:
    """Whether strace is here; a build must have it."""
    there = shutil.which("strace") is not None
    assert there or os.environ.get("CI") != "true", "strace is missing: install it where the whole suite must run"
    return there


def find_points(program: Program, folder: Path) -> tuple[list[Point], list[str]]:
    """Every call that changes the folder in an undisturbed run, and the states that run prints."""
    runs = [_trace(program, folder / name) for name in ("one", "two")]
    (calls, ended), _ = runs
    shared = set.intersection(*({path for _, _, path in calls} for calls, _ in runs))
    everywhere: Counter[tuple[str, str]] = Counter()
    on_path: Counter[tuple[str, str, str]] = Counter()
    points = set()
    for thread, name, path in calls:
        everywhere[thread, name] += 1
        on_path[thread, name, path] += 1
        if path in shared and path:
            points.add(Point(name, on_path[thread, name, path], path))
        elif path:
            points.add(Point(name, everywhere[thread, name], first_thread=thread == ended.process))
    return sorted(points), ended.stdout.splitlines()


def of_each_kind(points: Sequence[Point]) -> list[Point]:
    """One point of each kind of call and file."""
    return list({(point.name, _VARIED.sub("*", point.path)): point for point in points}.values())


def _trace(program: Program, folder: Path) -> tuple[list[tuple[str, str, str]], Ended]:
    """The thread, name and path below the folder ("" if elsewhere) of each call, and how the run ended."""
    trace = folder.with_suffix(".trace")
    done = program.run(folder, *_tracer(trace, "trace=" + ",".join(CALLS)), "-f")
    assert done.returncode == 0, done.stderr
    below = re.compile(re.escape(_as_traced(folder)) + r"/?([^\">]*)")
    calls = []
    for call in filter(None, map(_CALL.match, trace.read_text().splitlines())):
        paths = below.findall(call["rest"])
        calls.append((call["thread"], call["name"], (paths[0] or ".") if paths else ""))
    return calls, done


def sweep(
    program: Program,
    points: Iterable[Point],
    fault: str,
    folder: Path,
    complaint: Callable[[Aftermath], str | None],
) -> list[str]:
    """Hit each point with `signal=KILL` or `error=ENOSPC`, rerun plainly, and gather what is complained about.

    Which thread makes which call is the scheduler's choice: a few points may be met by no run, but few.
    """
    numbers, wanted, never = count(), list(points), list[str]()

    def hit(point: Point) -> str | None:
        for _ in range(TRIES):
            place = folder / f"{point.name}-{point.n}-{next(numbers)}"
            ended = _hit(program, point, fault, place)
            if ended is not None:
                found = complaint(Aftermath(point, ended, program.run(place), place))
                if not found:
                    shutil.rmtree(place)
                return found and f"{point} with {fault}: {found}"
        never.append(f"{point} with {fault} never fired")
        return None

    with ThreadPoolExecutor(WORKERS) as pool:
        complaints = [found for found in pool.map(hit, wanted) if found]
    return complaints + (never if len(never) > max(1, len(wanted) // NEVER) else [])


def _hit(program: Program, point: Point, fault: str, folder: Path) -> Ended | None:
    """Run with one fault; None when the run never came to that point."""
    trace = folder.with_suffix(".trace")
    inject = f"inject={point.name}:{fault}:when={point.n}"
    where = [] if point.first_thread else ["-f"]
    where += ["-P", os.path.normpath(folder / point.path)] if point.path else []
    ended = program.run(folder, *_tracer(trace, f"trace={point.name}", inject), *where)
    return ended if _fired(trace.read_text().splitlines(), _as_traced(folder)) else None


def _fired(trace: list[str], folder: str) -> bool:
    """Whether the fault hit a call on the folder, and not one that happened to have the same number."""
    killed = any("killed by SIGKILL" in line for line in trace)
    hit = [line for line in trace if "(" in line][-1:] if killed else [line for line in trace if "(INJECTED)" in line]
    return any(folder in line for line in hit)


def _as_traced(path: Path) -> str:
    """The path as strace prints it: bytes beyond ASCII in octal."""
    return "".join(chr(byte) if byte < 0x80 else f"\\{byte:o}" for byte in os.fsencode(path))


def _tracer(trace: Path, *expressions: str) -> list[str]:
    return ["strace", "-y", "-o", str(trace), *(word for expression in expressions for word in ("-e", expression))]
