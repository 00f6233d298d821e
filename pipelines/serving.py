"""`binlake up`: a Prefect server with its UI, and the schedules of flows.yaml, in one process tree."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec

from connectors.binance.budget import default_path
from pipelines.access import unset_secret
from pipelines.config import load
from pipelines.processes import LOOPBACK, answering, answers, free_port, running
from schemas.config import Flow, FlowsFile
from schemas.errors import Problem, UsageProblem

Say = Callable[[str], None]

USUAL_PORT = 4200
START_S = 120.0
_ADDRESS, _LOCK = "up.json", "up.lock"
_SERVE = "import sys; from pipelines.flows import main; main(sys.argv[1])"  # with -m its flows would be __main__'s
_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",  # into a file
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",  # else a 5-minute flow fills the disk
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 86_400),
    "PREFECT_RUNNER_POLL_FREQUENCY": "5",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "connectors,pipelines",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running Prefect server: its UI, and the settings with which a program finds it."""

    ui: str
    settings: Mapping[str, str]
    process: Process

    @property
    def api(self) -> str:
        return f"{self.ui}/api"


class _Address(msgspec.Struct, frozen=True):
    """up.json: where the server of a running `up` is."""

    api: str
    pid: int


def recorder(path: Path) -> str | None:
    """The API of the Prefect server that records runs: PREFECT_API_URL, or the one `up` started; None without one.

    It costs a few milliseconds, unlike importing Prefect.
    """
    api = os.environ.get("PREFECT_API_URL") or _address_of_up(home_of(path))
    return api if api and answers(f"{api}/health") else None


def home_of(path: Path) -> Path:
    """Where the server of a flows.yaml keeps its database: a folder for each file, so that several can be up."""
    base = Path(os.environ.get("PREFECT_HOME") or default_path().parent / "prefect")
    return base / f"up-{hashlib.sha256(bytes(path.resolve())).hexdigest()[:12]}"


async def up(path: Path, *, say: Say, stop: asyncio.Event, port: int | None = None) -> None:
    """Serve the flows of a file until `stop` is set; then everything it started is ended.

    Raises UsageProblem when it runs already, Problem when a part of it ends by itself.
    """
    config, home = load(path), home_of(path)
    with _alone(home):
        say("Starting the Prefect server; this takes about ten seconds.")
        secrets = secret_names(config)
        async with server(home, port, secrets=secrets) as prefect, _flows(path, prefect, home) as flows:
            with _address(home, prefect):
                for line in _announcement(prefect, config):
                    say(line)
                await _stopped(stop, prefect.process, flows, home)


@asynccontextmanager
async def server(home: Path, port: int | None = None, *, secrets: Collection[str] = ()) -> AsyncIterator[Server]:
    """A Prefect server on the loopback that lives as long as this block; it is not told the secrets named."""
    settings = _SETTINGS | _place(home, _port(port))
    env = {name: value for name, value in {**os.environ, **settings}.items() if name not in secrets}
    log = home / "server.log"
    async with running(["-m", "prefect", "server", "start"], env=env, log=log) as process:
        started = Server(settings["PREFECT_API_URL"].removesuffix("/api"), settings, process)
        await answering(f"{started.api}/health", process, within_s=START_S, log=log)
        yield started


def _flows(path: Path, prefect: Server, home: Path) -> AbstractAsyncContextManager[Process]:
    """The process that runs the flows of a file on their schedules."""
    argv, env = ["-c", _SERVE, str(path.absolute())], {**os.environ, **prefect.settings}
    return running(argv, env=env, log=home / "flows.log")


def _place(home: Path, port: int) -> dict[str, str]:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": LOOPBACK,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_API_URL": f"http://{LOOPBACK}:{port}/api",
    }


def _port(wanted: int | None) -> int:
    port = free_port(USUAL_PORT) or free_port() if wanted is None else free_port(wanted)
    if port is None:
        raise UsageProblem(f"Port {wanted} is taken.", "Name another with --port, or leave it away.")
    return port


def secret_names(config: FlowsFile) -> frozenset[str]:
    """The environment variables in which the keys of the accounts lie."""
    places = [place for each in config.accounts.values() for place in (each.api_key, each.secret) if place]
    return frozenset(place.removeprefix("env:") for place in places if place.startswith("env:"))


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold what only one `up` of a file may hold; the system lets go of it however the process ends."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = _address_of_up(home)
            raise UsageProblem(
                f"`binlake up` serves this file already{f', at {where}' if where else ''}.", "End that one first."
            ) from None
        yield


@contextmanager
def _address(home: Path, prefect: Server) -> Iterator[None]:
    """Leave word where the server is, for as long as this block."""
    (home / _ADDRESS).write_bytes(msgspec.json.encode(_Address(prefect.api, os.getpid())))
    try:
        yield
    finally:
        (home / _ADDRESS).unlink()


def _address_of_up(home: Path) -> str | None:
    """Where the server of a running `up` is; one that was killed has left its word but no lock."""
    try:
        address = msgspec.json.decode((home / _ADDRESS).read_bytes(), type=_Address)
        with (home / _LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return address.api
    except (OSError, msgspec.DecodeError):
        pass
    return None


def _announcement(prefect: Server, config: FlowsFile) -> Iterator[str]:
    yield f"Prefect is at {prefect.ui}"
    for name, flow in config.flows.items():
        account = unset_secret(config, name)
        yield f"  {name}: {f'not served, the key of account {account} is not set' if account else schedule(flow)}"
    yield "Ctrl-C ends all of it."


def schedule(flow: Flow) -> str:
    """When a flow runs, in words."""
    if flow.cron is not None:
        return f"at {flow.cron} UTC"
    return f"every {_length(flow.every)}, beginning now" if flow.every else "when asked, in the UI"


def _length(every: timedelta) -> str:
    minutes = int(every.total_seconds()) // 60
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


async def _stopped(stop: asyncio.Event, server: Process, flows: Process, home: Path) -> None:
    """Return when told to stop. Problem when the server or the flows end before."""
    waiting = [asyncio.create_task(each) for each in (stop.wait(), server.wait(), flows.wait())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    if not stop.is_set():
        raise Problem("A part of `binlake up` has ended by itself.", f"What it said is in {home}; start it again.")
