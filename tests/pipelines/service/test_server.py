"""`binlake up` as a person runs it: a process that serves, and that ends with all it started, however it ends."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.service.server import home_of, recorder

ROOT = Path(__file__).parents[3]
START_S, FIRE_S, END_S = 120, 150, 30  # on a machine that has other work; alone it is a tenth of that
# What must not be obeyed: a proxy for what stays on this machine, and settings that lie in the folder one is in.
STRAY_PROXY = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_PROXY": "example.org"}
STRAY_SETTING = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
FLOWS = {
    "prices": {"kind": "market", "market": "spot", "datasets": ["prices"], "symbols": ["BTCUSDT"], "every": "1m"},
    "wallet": {"kind": "account", "account": "main", "datasets": ["balances"], "every": "1m"},
}


class Serving:
    """A flows.yaml, and what `binlake up` makes of it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "flows.yaml"
        self.said = folder / "said"
        self.mark = str(folder)
        self.env = {
            **os.environ,
            "BINLAKE_TEST": self.mark,
            "PYTHONPATH": f"{ROOT}:{os.environ['PYTHONPATH']}",
            **STRAY_PROXY,
        }
        folder.joinpath(".env").write_text(f"{STRAY_SETTING}=sqlite+aiosqlite:///{folder}/stray.db")
        self.home = home_of(self.file)
        self.started: list[subprocess.Popen[bytes]] = []
        self.asks("http://127.0.0.1:1")  # where nothing listens

    def asks(self, url: str) -> None:
        """Write the flows.yaml of an exchange."""
        accounts = {"main": {"api_key": "env:UNSET_KEY", "secret": "env:UNSET_SECRET"}}
        self.file.write_text(json.dumps({"exchange": {"spot": url}, "accounts": accounts, "flows": FLOWS}))

    def up(self) -> subprocess.Popen[bytes]:
        """Start it, and wait until it serves."""
        with self.said.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "pipelines", "up", "--config", self.file],
                env=self.env, cwd=self.file.parent, stdout=said, stderr=said,
            )  # fmt: skip
        self.started.append(process)
        until(lambda: process.poll() is not None or "Ctrl-C" in self.said.read_text(), START_S)
        assert process.poll() is None, self.said.read_text()
        return process

    def processes(self) -> dict[int, str]:
        """The commands of everything that descends from what was started here."""
        return {
            int(each.name): _read(each / "cmdline")
            for each in Path("/proc").glob("[0-9]*")
            if f"BINLAKE_TEST={self.mark}" in _read(each / "environ")
        }

    def states(self, flow: str = "prices") -> list[str]:
        """The states of the runs of a flow that have begun, in their order."""
        begun = (
            "SELECT state_name FROM flow_run WHERE name LIKE ? || ' %' AND start_time IS NOT NULL ORDER BY start_time"
        )
        with closing(sqlite3.connect(f"file:{self.home}/prefect.db?mode=ro", uri=True)) as database:
            return [state for (state,) in database.execute(begun, (flow,))]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").replace("\0", " ")
    except OSError:  # it has ended
        return ""


def open_to_others(home):
    """The files that others than their owner may read or change."""
    return [path for path in home.rglob("*") if path.stat().st_mode & 0o077]


def until(true, within_s):
    """Wait for what other processes do in their own time."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


@pytest.fixture
def serving(tmp_path):
    """A flows.yaml of this test; whatever it started is gone afterwards."""
    serving = Serving(tmp_path)
    yield serving
    for pid in serving.processes():
        os.kill(pid, signal.SIGKILL)
    for process in serving.started:
        process.wait()


@pytest.fixture
def simulator(serving):
    """A function that serves its exchange in a process, with some latency."""
    started = []

    def simulate(latency_ms: int) -> None:
        argv = ["--port", "0", "--latency-ms", str(latency_ms), "--max-seconds", "600"]
        command = [sys.executable, "-m", "connectors.simulator", *argv]
        started.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        serving.asks(started[-1].stdout.readline().strip())

    yield simulate
    for process in started:
        process.terminate()
        process.communicate()


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_schedules_fire_and_ctrl_c_ends_everything(serving, simulator, quick_home, capsys):
    """Flows run on their schedule, `binlake run` is recorded beside them, and one Ctrl-C leaves nothing running."""
    quick_home(serving.home)
    simulator(latency_ms=0)
    process = serving.up()
    said = serving.said.read_text()
    assert "prices: every 1m, beginning now" in said
    assert "wallet: not served, the key of account main is not set" in said
    assert f"asks for a password: {recorder(serving.file).password}" in said
    until(lambda: "Completed" in serving.states(), FIRE_S)
    until(
        lambda: re.search(r"\n[0-9: -]{19} prices: completed in [0-9.]+ s: 1 row\n", serving.said.read_text()), FIRE_S
    )

    run = [sys.executable, "-m", "pipelines", "run", "prices"]
    done = subprocess.run(run, env=serving.env, cwd=serving.file.parent, capture_output=True, text=True, check=True)
    assert f"Recorded by Prefect at {recorder(serving.file).url}" in done.stderr
    assert serving.states().count("Completed") >= 2

    assert main(["up", "--config", str(serving.file)]) == 2
    assert "serves this file already" in capsys.readouterr().err

    assert open_to_others(serving.home) == []
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=END_S) == 0
    assert serving.processes() == {}
    assert recorder(serving.file) is None
    assert "Traceback" not in serving.said.read_text()
    log = serving.home / "flows.log"
    assert f"The flows' log is {log}." in said
    assert "Finished in state Completed" in log.read_text()
    assert "leaked" not in log.read_text()


# What a library may do where nobody expects it: raise an error of no known kind, or take the process with it.
UNFORESEEN = """\
import os
import signal

async def request(session, method, url, **more):
    if "ticker/24hr" in str(url):
        raise RuntimeError("nobody foresaw this")
    if "klines" in str(url):
        os.kill(os.getpid(), signal.SIGKILL)
    return await asked(session, method, url, **more)

if "BINLAKE_SERVED_FILE" in os.environ:  # what runs flows, and not the server
    import aiohttp
    asked = aiohttp.ClientSession._request
    aiohttp.ClientSession._request = request
"""
ODD = {
    "odd": {"kind": "market", "market": "spot", "datasets": ["tickers"], "symbols": ["BTCUSDT"], "every": "1m"},
    "fatal": {
        "kind": "market", "market": "spot", "datasets": ["klines"], "symbols": ["BTCUSDT"], "intervals": ["1h"],
        "since": "2026-11-01", "every": "1m",
    },
}  # fmt: skip


@pytest.mark.soak
@pytest.mark.timeout(800)
def test_a_flow_that_breaks_is_shown_and_stops_no_other(serving, simulator):
    """One flow raises what nobody foresaw, another kills its process: both are shown as such, and a third runs on."""
    simulator(latency_ms=0)
    (serving.file.parent / "lib").mkdir()
    (serving.file.parent / "lib" / "sitecustomize.py").write_text(UNFORESEEN)
    serving.env["PYTHONPATH"] = f"{serving.file.parent / 'lib'}:{ROOT}"
    serving.file.write_text(json.dumps(json.loads(serving.file.read_text()) | {"flows": FLOWS | ODD}))
    process = serving.up()
    until(lambda: {"Failed"} <= set(serving.states("odd")) and {"Crashed"} <= set(serving.states("fatal")), 2 * FIRE_S)
    before = serving.states().count("Completed")
    until(lambda: serving.states().count("Completed") > before, FIRE_S)
    assert process.poll() is None
    assert "Completed" not in {*serving.states("odd"), *serving.states("fatal")}
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=END_S) == 0
    with closing(sqlite3.connect(f"file:{serving.home}/prefect.db?mode=ro", uri=True)) as database:
        (message,) = database.execute(
            "SELECT state.message FROM flow_run_state AS state JOIN flow_run ON flow_run.id = flow_run_id "
            "WHERE flow_run.name LIKE 'odd %' AND state.type = 'FAILED' LIMIT 1"
        ).fetchone()
    assert "A bug: RuntimeError in sitecustomize.py" in message
    assert "nobody foresaw" not in message


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_killed_it_leaves_nothing_behind_and_its_runs_are_closed(serving, simulator):
    """After kill -9 in the middle of a run nothing runs on; the next `up` closes that run, and the flow runs again."""
    simulator(latency_ms=4000)
    process = serving.up()
    until(lambda: serving.states() == ["Running"], FIRE_S)
    assert open_to_others(serving.home) == [], "of a first start, which makes the database"
    process.kill()
    process.wait()
    until(lambda: serving.processes() == {}, END_S)
    assert serving.states() == ["Running"]
    assert recorder(serving.file) is None
    before = (serving.home / "flows.log").read_text()

    process = serving.up()
    until(lambda: serving.states() == ["Crashed", "Completed"], FIRE_S)
    assert before
    assert (serving.home / "flows.log").read_text().startswith(before)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=END_S) == 0
    assert serving.processes() == {}


@pytest.mark.soak
@pytest.mark.timeout(400)
def test_when_the_server_dies_the_rest_ends(serving):
    """A half of it is of no use: it says so, exits with 1 and leaves nothing running."""
    process = serving.up()
    (server,) = [
        pid
        for pid, command in serving.processes().items()
        if " -m pipelines.service.prefect_server" in command and "supervisor" not in command
    ]
    os.kill(server, signal.SIGKILL)
    assert process.wait(timeout=END_S) == 1
    assert "has ended by itself" in serving.said.read_text()
    assert serving.processes() == {}


def test_a_port_that_is_taken_is_a_usage_problem(serving, capsys):
    """A port of somebody else's is named, and nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["up", "--config", str(serving.file), "--port", str(port)]) == 2
    assert f"Port {port} is taken." in capsys.readouterr().err


def test_word_of_a_server_that_was_killed_counts_for_nothing(serving):
    """What a killed `up` left behind names a server only as long as its lock is held."""
    home = home_of(serving.file)
    home.mkdir(parents=True)
    (home / "up.lock").touch()
    (home / "up.json").write_text('{"url": "http://127.0.0.1:9/api", "password": "binlake:x"}')
    assert recorder(serving.file) is None


def test_a_direct_run_never_imports_prefect(serving, simulator):
    """Without a server `binlake run` says so and does not pay for Prefect."""
    simulator(latency_ms=0)
    script = "import sys; from pipelines.cli import main; code = main(['run', 'prices']); sys.exit(code or 'prefect' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=serving.env,
        cwd=serving.file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        0,
        "No Prefect server is up; running directly, without a record.",
    )
