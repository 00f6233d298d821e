"""`binlake up`: a Prefect server with its UI, and the schedules of flows.yaml, in one process tree."""

from __future__ import annotations

import asyncio
import hashlib
import os
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, chdir, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe
from socket import socket
from tempfile import TemporaryDirectory

import msgspec

from connectors.binance.budget import default_path
from connectors.lake.files.local_disk import Busy, held, held_by_another
from pipelines.service.processes import LOOPBACK, answering, answers, listening, port_of, private_file, running
from pipelines.settings.credentials import unset_secret
from pipelines.settings.loader import load
from schemas.config.flows import Flow, FlowsFile
from schemas.config.values import written_length
from schemas.model.errors import Problem, UsageProblem

Say = Callable[[str], None]

USUAL_PORT = 4200
START_S = 120.0
SERVED_FILE = "BINLAKE_SERVED_FILE"  # the variable that tells our own processes which flows.yaml, and nobody else
_PASSWORD_BYTES = 24
_WORD, _LOCK, _FLOWS_LOG = "up.json", "up.lock", "flows.log"  # the word is for its owner's eyes only
_SERVE = "from pipelines.service.deployments import main; main()"  # with -m its flows would be __main__'s
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
    "PREFECT_LOGGING_FORMATTERS_STANDARD_DATEFMT": "%Y-%m-%d %H:%M:%S",  # it is kept over restarts
    "PREFECT_LOGGING_EXTRA_LOGGERS": "connectors,pipelines",
}


@dataclass(frozen=True, slots=True)
class Api:
    """Where a Prefect server is asked, and its password; None leaves that to Prefect's own settings."""

    url: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Server:
    """A running Prefect server: how it is asked, and the settings with which a program finds it."""

    api: Api
    settings: Mapping[str, str] = field(repr=False)
    process: Process

    @property
    def ui(self) -> str:
        return self.api.url.removesuffix("/api")


def recorder(path: Path) -> Api | None:
    """The API of the Prefect server that records runs: PREFECT_API_URL, or the one `up` started; None without one.

    It costs a few milliseconds, unlike importing Prefect.
    """
    wanted = os.environ.get("PREFECT_API_URL")
    api = Api(wanted) if wanted else _api_of_up(home_of(path))
    return api if api and answers(f"{api.url}/health") else None


@contextmanager
def apart() -> Iterator[None]:
    """Work in an empty folder: Prefect obeys a `.env`, prefect.toml or pyproject.toml of the one it finds itself in.

    It reads them when it is imported and at each change of its settings. Relative paths mean nothing meanwhile.
    """
    with TemporaryDirectory(prefix="binlake-") as folder, chdir(folder):
        yield


def home_of(path: Path) -> Path:
    """Where the server of a flows.yaml keeps its database: a folder for each file, so that several can be up."""
    base = Path(os.environ.get("PREFECT_HOME") or default_path().parent / "prefect").absolute()
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
            with _word_left(home, prefect.api):
                for line in _announcement(prefect, config, home):
                    say(line)
                telling = asyncio.create_task(_tell(prefect.api, say))
                try:
                    await _stopped(stop, prefect.process, flows, home)
                finally:
                    telling.cancel()


@asynccontextmanager
async def server(home: Path, port: int | None = None, *, secrets: Collection[str] = ()) -> AsyncIterator[Server]:
    """A Prefect server on the loopback that lives as long as this block; it is not told the secrets named.

    It answers nobody but who knows its password, which is new each time. Its port is this process's from before it
    starts until after it ends, so that whatever answers there is the server.
    """
    home = _private(home)
    with _listener(port) as listener:
        url, password = f"http://{LOOPBACK}:{port_of(listener)}", f"binlake:{token_urlsafe(_PASSWORD_BYTES)}"
        settings = _SETTINGS | _place(home, url, password)
        env = {name: value for name, value in {**os.environ, **settings}.items() if name not in secrets}
        argv, log = ["-m", "pipelines.service.prefect_server", str(listener.fileno())], home / "server.log"
        async with running(argv, env=env, log=log, listener=listener) as process:
            await answering(f"{url}/api/health", process, within_s=START_S, log=log)
            yield Server(Api(f"{url}/api", password), settings, process)


def _flows(path: Path, prefect: Server, home: Path) -> AbstractAsyncContextManager[Process]:
    """The process that runs the flows of a file on their schedules."""
    env = {**os.environ, **prefect.settings, SERVED_FILE: str(path.absolute())}
    return running(["-c", _SERVE], env=env, log=home / _FLOWS_LOG)


def _place(home: Path, url: str, password: str) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": url,
    }


def _private(folder: Path) -> Path:
    """The folder, made for its owner alone, by a name that holds in processes that work elsewhere."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # it was there, or the umask is odd; a stranger's folder is refused
    return folder.absolute()


def _listener(wanted: int | None) -> socket:
    listener = listening(USUAL_PORT) or listening() if wanted is None else listening(wanted)
    if listener is None:
        raise UsageProblem(f"Port {wanted} is taken.", "Name another with --port, or omit it.")
    return listener


def secret_names(config: FlowsFile) -> frozenset[str]:
    """The environment variables in which the keys of the accounts lie."""
    places = (place for account in config.accounts.values() for place in account.places)
    return frozenset(place.name for place in places if place.place == "env")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold what only one `up` of a file may hold; the system lets go of it however the process ends."""
    _private(home)
    with ExitStack() as stack:
        try:
            stack.enter_context(held(home / _LOCK, patience_s=0))
        except Busy:
            api = _api_of_up(home)
            raise UsageProblem(
                f"`binlake up` serves this file already{f', at {api.url}' if api else ''}.", "End that one first."
            ) from None
        yield


@contextmanager
def _word_left(home: Path, api: Api) -> Iterator[None]:
    """Leave word where the server is and what its password is, for as long as this block."""
    with private_file(home / _WORD) as file:
        file.write(msgspec.json.encode(api))
    try:
        yield
    finally:
        (home / _WORD).unlink()


def _api_of_up(home: Path) -> Api | None:
    """The server of a running `up`; one that was killed has left its word but no lock."""
    try:
        api = msgspec.json.decode((home / _WORD).read_bytes(), type=Api)
        return api if held_by_another(home / _LOCK) else None
    except (OSError, msgspec.DecodeError):
        return None


async def _tell(api: Api, say: Say) -> None:
    """Say how each run ends."""
    from pipelines.service.run_watch import watched  # noqa: PLC0415 - `recorder` must not cost an import of httpx

    async for line in watched(api.url, api.password or "", datetime.now(UTC)):
        say(line)


def _announcement(prefect: Server, config: FlowsFile, home: Path) -> Iterator[str]:
    yield f"Prefect is at {prefect.ui} and asks for a password: {prefect.api.password}"
    for name, flow in config.flows.items():
        account = unset_secret(config, name)
        yield f"  {name}: {f'not served, the key of account {account} is not set' if account else schedule(flow)}"
    yield f"The flows' log is {home / _FLOWS_LOG}."
    yield "Ctrl-C ends all of it. A line for each run that ends:"


def schedule(flow: Flow) -> str:
    """When a flow runs, in words."""
    if flow.cron is not None:
        return f"at {flow.cron} UTC"
    return f"every {written_length(flow.every)}, beginning now" if flow.every else "when asked, in the UI"


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
