"""A Prefect server that starts quickly: its database is a copy of one that Prefect has made before."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest

from pipelines.service.server import Server, server


@pytest.fixture(scope="session")
def kept(pytestconfig: pytest.Config) -> Path:
    """Where the database of this version of Prefect is kept, once one was made: its first start takes 139 steps."""
    return pytestconfig.cache.mkdir("prefect") / f"{version('prefect')}.db"


@pytest.fixture(scope="session")
def quick_home(kept: Path) -> Callable[[Path], None]:
    """A function that begins a home of Prefect with the database that is kept, if one is."""
    return partial(_begin, kept=kept)


@pytest.fixture(scope="session")
def quick_server(kept: Path) -> Callable[[Path], AbstractAsyncContextManager[Server]]:
    """A function that serves in a folder; of a version of Prefect once with a first start in full."""

    @asynccontextmanager
    async def started(home: Path) -> AsyncIterator[Server]:
        _begin(home, kept)
        async with server(home) as prefect:
            _keep(home / "prefect.db", kept)
            yield prefect

    return started


def _begin(home: Path, kept: Path) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if kept.exists():
        shutil.copy(kept, home / "prefect.db")
        (home / "prefect.db").chmod(0o600)


def _keep(database: Path, kept: Path) -> None:
    if kept.exists():
        return
    draft = kept.with_name(f"draft-of-{os.getpid()}.db")
    with closing(sqlite3.connect(database)) as made, closing(sqlite3.connect(draft)) as copy:
        made.backup(copy)
    draft.replace(kept)
