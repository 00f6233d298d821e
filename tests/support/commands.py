"""Several commands in one process: to start Python and import everything takes longer than most of them."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

# For each line of words runs a module as `python -m` does, and tells how it ended and what it printed. The command itself
# is called with its words, since as a module it ends its process at once.
PROGRAM = """
import contextlib, io, json, runpy, sys
for line in sys.stdin:
    sys.argv, code = json.loads(line), 0
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            if sys.argv[0] == "pipelines":
                from pipelines.cli import main
                code = main(sys.argv[1:])
            else:
                runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            code = ended.code
    print(json.dumps([code, *(each.buffer.getvalue().decode() for each in (out, err))]), flush=True)
"""


@dataclass
class Commands:
    """A process that runs one command after another."""

    process: Process

    async def run(self, *words: str) -> tuple[int | None, str, str]:
        """Run a module with words to its end: its exit code, and what it printed and complained of."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(words).encode() + b"\n")
        answer = await self.process.stdout.readline()
        assert answer, f"the process ended at {words}"
        code, printed, complained = json.loads(answer)
        return code, printed, complained


@asynccontextmanager
async def commands(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Commands]:
    """A process in a folder, from which it imports, that ends with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, cwd=folder, env=environment, stdin=PIPE, stdout=PIPE,
        limit=16 * 1024**2,
    )  # fmt: skip
    try:
        yield Commands(process)
    finally:
        await process.communicate(b"")  # its input ends, and so does it
