"""Files of trades one after another: each is downloaded while those before it are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from functools import partial

from connectors.binance.archive.client import Archive
from connectors.binance.archive.files import Remote
from connectors.binance.archive.trades import Part, stream
from pipelines.archive.downloads import Bodies, at_once
from pipelines.concurrency import prefetch
from schemas.model.errors import Problem

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
    with Bodies() as bodies:
        async with prefetch(remotes, partial(bodies.verified, archive), stop, limit=at_once(remotes)) as files:
            async for remote, came in files:
                if stop.is_set():  # the one before it may have been left out
                    return
                if isinstance(came, Problem):
                    raise came
                fetched, body = came
                with body:
                    async with aclosing(stream(archive, fetched, body)) as parts:
                        yield remote, parts
