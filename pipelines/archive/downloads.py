"""Files that are read as they are unpacked: each is downloaded while those before it are read."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import IO

from connectors.binance.archive.blocks import MOST_PACKED
from connectors.binance.archive.client import IN_MEMORY, Archive, Fetched
from connectors.binance.archive.downloader import DOWNLOADS
from connectors.binance.archive.files import Remote

LARGE_AT_ONCE = 2  # the one that is read, and the next: each may take a GB of the folder for temporary files


def at_once(remotes: Iterable[Remote]) -> int:
    """How many files may wait at once, of which each is closed once it was read."""
    return DOWNLOADS if all(0 < one.size <= IN_MEMORY for one in remotes) else LARGE_AT_ONCE


class Bodies(ExitStack):
    """Where downloads wait to be read; what is left of them goes at the end of the block."""

    async def verified(self, archive: Archive, remote: Remote) -> tuple[Fetched, IO[bytes]]:
        """A file that came, verified, and its bytes; it has a reason where it is to be set aside."""
        body = self.enter_context(SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115 - the block closes it
        return await archive.verified(remote, body, MOST_PACKED), body
