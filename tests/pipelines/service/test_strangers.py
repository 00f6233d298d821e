"""What the Prefect server of `binlake up` tells whoever does not know its password: other users, and pages of the web."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import AsyncExitStack, chdir, closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest

from pipelines.service.processes import listening

NOBODY = 65534

pytestmark = pytest.mark.timeout(400)  # a server starts in ten seconds on a machine that does nothing else

# Runs as another user. It asks as itself, then with a wrong password, and tries the owner's files and port.
STRANGER = f"""
import base64, encodings.idna, http.client, json, os, socket, sys  # all of it now: later it cannot be read
port, home = int(sys.argv[1]), sys.argv[2]
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})

def asked(method, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, "{{}}" if method == "POST" else None, headers)
    return connection.getresponse().status

def attempt(work):
    try:
        return str(work())
    except OSError as error:
        return type(error).__name__

def taken(option):
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, option, 1)
        stranger.bind(("127.0.0.1", port))

wrong = {{"Authorization": "Basic " + base64.b64encode(b"binlake:wrong").decode()}}
socket_key = {{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eDEyMzQ1Njc4OTAxMjM0NQ=="}}
paths = [("POST", "/api/flow_runs/filter"), ("POST", "/api/flow_runs/"), ("POST", "/api/deployments/filter"),
    ("POST", "/api/logs/filter"), ("POST", "/api/variables/filter"), ("GET", "/api/admin/settings"), ("GET", "/api/nothing")]
print(json.dumps({{
    "asked": [asked(*path, headers) for path in paths for headers in ({{}}, wrong)],
    "listened": [asked("GET", f"/api/{{path}}", socket_key) for path in ("events/out", "events/in", "logs/out")],
    "read": [attempt(lambda: open(f"{{home}}/{{name}}").read()) for name in ("prefect.db", "server.log")],
    "taken": [attempt(lambda: taken(option)) for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT)],
}}))
"""


@pytest.fixture(scope="module")
def prefect(quick_server):
    """A running server whose home lies where everybody may look, and was given seen from the working folder."""
    with TemporaryDirectory() as folder, asyncio.Runner() as runner:
        Path(folder).chmod(0o755)
        stack = AsyncExitStack()
        with chdir(folder):
            started = runner.run(stack.enter_async_context(quick_server(Path("home"))))
        yield started
        runner.run(stack.aclose())


def asked(prefect, method, path, headers=None):
    """The status and the headers of an answer."""
    with closing(HTTPConnection(urlsplit(prefect.ui).netloc, timeout=30)) as connection:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}


def test_without_the_password_nothing_is_answered(prefect):
    """Another user gets no answer, no event, no file and not the port; the password is new each time and not shown."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    home, port = prefect.settings["PREFECT_HOME"], str(urlsplit(prefect.ui).port)
    done = subprocess.run([sys.executable, "-c", STRANGER, port, home], check=False, capture_output=True, text=True)
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "asked": [401] * 14,
        "listened": [403] * 3,
        "read": ["PermissionError"] * 2,
        "taken": ["OSError"] * 2,
    }


def test_pages_of_the_web_are_not_answered(prefect):
    """No foreign page may read answers, and a foreign name that leads to this address is not this server's."""
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin, allowed in (("http://example.org", None), ("null", None), (prefect.ui, prefect.ui)):
        _, headers = asked(prefect, "OPTIONS", "/api/flow_runs/filter", preflight | {"Origin": origin})
        assert headers.get("access-control-allow-origin") == allowed
    for host in ("example.org", "localhost", "127.0.0.1.example.org"):
        assert asked(prefect, "GET", "/api/health", {"Host": host})[0] == 400
    assert asked(prefect, "GET", "/api/health")[0] == 200
    assert prefect.api.password not in repr(prefect)


def test_what_answers_is_the_server_that_was_started(prefect):
    """The port is held also while the server that was started is gone, so that nobody else can answer there."""
    os.killpg(prefect.process.pid, 9)  # the last test that needs it: to start another takes ten seconds
    with suppress(ChildProcessError):  # asyncio may have been told of its end already
        os.waitid(os.P_PID, prefect.process.pid, os.WEXITED | os.WNOWAIT)
    assert listening(urlsplit(prefect.ui).port) is None
