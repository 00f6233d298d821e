"""Processes that never outlive us, and waiting until they answer."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from pipelines.service.proxies import without_loopback
from schemas.model.errors import Problem

LOOPBACK = "127.0.0.1"
LONG_LOG_BYTES = 10_000_000
_SERVER_ERROR = 500
_LOOK_S = 0.1
_ROOT = str(Path(__file__).parents[2])
_straight = build_opener(ProxyHandler({}))


@asynccontextmanager
async def running(
    argv: Sequence[str], *, env: Mapping[str, str], log: Path, listener: socket.socket | None = None
) -> AsyncIterator[Process]:
    """Run `python ARGV...` and all it starts for as long as this block, or until this process is killed.

    It works in the folder of its log, so that it obeys no settings file of this one, and it inherits the listener.
    """
    found = without_loopback(env) | {
        "PYTHONPATH": os.pathsep.join(filter(None, (_ROOT, env.get("PYTHONPATH")))),
        "PYTHONSAFEPATH": "1",
    }
    with _kept_log(log) as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pipelines.service.supervisor", sys.executable, *argv,
            stdin=PIPE, stdout=sink, stderr=sink, env={**env, **found}, start_new_session=True, umask=0o077,
            cwd=log.parent, pass_fds=() if listener is None else (listener.fileno(),),
        )  # fmt: skip
    try:
        yield process
    finally:
        assert process.stdin is not None  # noqa: S101 - asked for above
        process.stdin.close()
        await process.wait()


def private_file(path: Path, how: int = os.O_TRUNC) -> BinaryIO:
    """A new file that is its owner's alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600), "wb")


def _kept_log(path: Path) -> BinaryIO:
    """A log that goes on where the last process ended; one that has grown long is set aside, in place of the last."""
    if path.exists() and path.stat().st_size > LONG_LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return private_file(path, os.O_APPEND)


async def answering(url: str, process: Process, *, within_s: float, log: Path) -> None:
    """Wait until the process answers at a URL. Problem when it ends before, or takes longer than that."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not await asyncio.to_thread(answers, url):
        if process.returncode is not None:
            raise Problem("A process that binlake needs has ended at its start.", f"What it said is in {log}.")
        if asyncio.get_running_loop().time() > deadline:
            raise Problem(f"Nothing answered at {url} within {within_s:.0f} s.", f"What it said is in {log}.")
        await asyncio.sleep(_LOOK_S)


def answers(url: str, *, within_s: float = 1.0) -> bool:
    """Whether an HTTP server there says something other than that it is broken. No proxy is asked."""
    try:
        with _straight.open(url, timeout=within_s):
            return True
    except HTTPError as error:
        return error.code < _SERVER_ERROR
    except (URLError, OSError, HTTPException, ValueError):
        return False


def listening(wanted: int = 0) -> socket.socket | None:
    """A socket that listens on the wanted port of the loopback, or on any when 0; None when another process has it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, wanted))
        listener.listen()
    except OSError:
        listener.close()
        return None
    return listener


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def free_port() -> int:
    """A port of the loopback that no process has at this moment."""
    listener = listening()
    if listener is None:
        raise Problem("No port of the loopback is free.")
    with listener:
        return port_of(listener)


def alive(pid: int) -> bool:
    """Whether a process of this machine still is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
