"""A Prefect server that starts quickly: its database is a copy of one that Prefect has made before."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from importlib.metadata import version
from pathlib import Path

import pytest

from pipelines.service.server import Server, server


@pytest.fixture(scope="session")
def quick_server(pytestconfig: pytest.Config) -> Callable[[Path], AbstractAsyncContextManager[Server]]:
    """A function that serves in a folder; of a version of Prefect, whose first start takes 139 steps, once in full."""
    kept = pytestconfig.cache.mkdir("prefect") / f"{version('prefect')}.db"

    @asynccontextmanager
    async def started(home: Path) -> AsyncIterator[Server]:
        _begin(home, kept)
        async with server(home) as prefect:
            _keep(home / "prefect.db", kept)
            yield prefect

    return started


def _begin(home: Path, kept: Path) -> None:
    home.mkdir(exist_ok=True)
    if kept.exists():
        shutil.copy(kept, home / "prefect.db")


def _keep(database: Path, kept: Path) -> None:
    if kept.exists():
        return
    draft = kept.with_name(f"draft-of-{os.getpid()}.db")
    with closing(sqlite3.connect(database)) as made, closing(sqlite3.connect(draft)) as copy:
        made.backup(copy)
    draft.replace(kept)
