"""`python -m pipelines.service.supervisor COMMAND...`: run a command that ends when its starter ends, in any way.

The starter holds the other end of stdin. When that closes, on purpose or because the starter was killed, the command
is interrupted, and after a while its whole process group is killed. It must be the leader of its own group.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Sequence
from contextlib import suppress

GRACE_S = 10.0


async def lead(argv: Sequence[str]) -> None:
    """Run the command until it ends or is let go of; then nothing of its process group is left, this one included."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _nothing)  # who wants it to end closes stdin
    child = await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, close_fds=False)  # a socket may be for it
    ended, let_go = asyncio.create_task(child.wait()), asyncio.create_task(_let_go())
    await asyncio.wait((ended, let_go), return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        child.send_signal(signal.SIGINT)
        with suppress(TimeoutError):
            await asyncio.wait_for(ended, GRACE_S)
    os.killpg(0, signal.SIGKILL)


def _nothing() -> None: ...


async def _let_go() -> None:
    """Return when the other end of stdin is closed."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    asyncio.run(lead(sys.argv[1:]))
