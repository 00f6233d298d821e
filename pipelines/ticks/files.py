"""Files of trades one after another: each is downloaded while those before it are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, aclosing
from tempfile import SpooledTemporaryFile
from typing import IO

from connectors.binance.archive.blocks import MOST_PACKED
from connectors.binance.archive.client import DOWNLOADS, IN_MEMORY, Archive, Fetched
from connectors.binance.archive.files import Remote
from connectors.binance.archive.trades import Part, stream
from pipelines.concurrency import prefetch
from schemas.model.errors import Problem

LARGE_AT_ONCE = 2  # the one that is read, and the next: each may take a GB of the folder for temporary files

Parts = AsyncGenerator[Part, None]


def streams(
    archive: Archive, remotes: Sequence[Remote], stop: asyncio.Event
) -> AbstractAsyncContextManager[AsyncGenerator[tuple[Remote, Parts], None]]:
    """The block gets files in order, each with its parts, which come until the next file is asked for.

    ArchiveTrouble is raised in the turn of a file that cannot be asked for. Behind a stop there are no more files.
    """
    return aclosing(_streams(archive, remotes, stop))


async def _streams(
    archive: Archive, remotes: Sequence[Remote], stop: asyncio.Event
) -> AsyncGenerator[tuple[Remote, Parts], None]:
    at_once = DOWNLOADS if all(0 < one.size <= IN_MEMORY for one in remotes) else LARGE_AT_ONCE
    with ExitStack() as bodies:

        async def download(remote: Remote) -> tuple[Fetched, IO[bytes]]:
            body = bodies.enter_context(SpooledTemporaryFile(IN_MEMORY))
            return await archive.verified(remote, body, MOST_PACKED), body

        async with prefetch(remotes, download, stop, limit=at_once) as files:
            async for remote, came in files:
                if stop.is_set():  # the one before it may have been left out
                    return
                if isinstance(came, Problem):
                    raise came
                fetched, body = came
                with body:
                    async with aclosing(stream(archive, fetched, body)) as parts:
                        yield remote, parts
