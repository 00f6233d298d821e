"""The simulator as a process: one line of output, steered over its own port, gone when it should be."""

from __future__ import annotations

import hmac
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.sampled import some_of

from connectors.simulator.__main__ import DEMO_API_KEY, DEMO_SECRET

COMMAND = [sys.executable, "-m", "connectors.simulator", "--port", "0", "--max-seconds", "600"]


@contextmanager
def _running() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A simulator with 3 more symbols and the demo account, and the address that it printed."""
    options = ["--symbols", "3", "--demo-account", "--weight-limit", "100", "--seed", "5"]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


@pytest.fixture
def running() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A simulator of this test's own."""
    with _running() as own:
        yield own


@pytest.fixture
def url(running: tuple[subprocess.Popen[str], str]) -> str:
    """The address of a simulator of this test's own."""
    return running[1]


@pytest.fixture(scope="module")
def shared_url() -> Iterator[str]:
    """The address of a simulator that no test changes."""
    with _running() as (_, url):
        yield url


def _call(url: str, method: str = "GET", order: Any = None) -> Any:
    body = None if order is None else json.dumps(order).encode()
    request = urllib.request.Request(url, body, method=method)  # noqa: S310 - loopback
    with urllib.request.urlopen(request) as response:  # noqa: S310 - loopback
        return json.load(response)


def test_it_is_steered_over_its_port(url: str) -> None:
    """Faults, delisting, the clock and balances are orders; what was asked and spent can be read."""
    assert url.startswith("http://127.0.0.1:")
    _call(f"{url}/simulator/faults", "POST", {"kind": "error", "code": -1001, "status": 503, "path": "/api/v3/time"})
    with pytest.raises(urllib.error.HTTPError, match="503"):
        _call(f"{url}/api/v3/time")
    _call(f"{url}/simulator/faults", "DELETE")
    _call(f"{url}/simulator/delist", "POST", {"symbol": "BTCUSDT"})
    _call(f"{url}/simulator/balance", "POST", {"uid": 354937868, "asset": "BNB", "free": "1.5"})
    before = _call(f"{url}/api/v3/time")["serverTime"]
    _call(f"{url}/simulator/clock", "POST", {"skew_s": 3600})
    assert _call(f"{url}/api/v3/time")["serverTime"] >= before + 3_600_000
    statuses = {each["symbol"]: each["status"] for each in _call(f"{url}/api/v3/exchangeInfo")["symbols"]}
    assert (statuses["BTCUSDT"], statuses["ZCAAUSDT"]) == ("BREAK", "TRADING")
    _call(f"{url}/simulator/spend", "POST", {"weight": 7})
    assert sum(_call(f"{url}/simulator/spent").values()) == 1 + 1 + 1 + 20 + 7
    assert [each["status"] for each in _call(f"{url}/simulator/requests")] == [503, 200, 200, 200]


def test_keys_are_orders_too(url: str) -> None:
    """A key is made, restricted and deleted over the port; a misspelt right is answered with the right ones."""
    stamp = f"timestamp={_call(f'{url}/api/v3/time')['serverTime']}"
    signature = hmac.new(DEMO_SECRET.encode(), stamp.encode(), "sha256").hexdigest()
    api_key = "k" * 64
    asked = urllib.request.Request(  # noqa: S310 - loopback
        f"{url}/sapi/v1/account/apiRestrictions?{stamp}&signature={signature}", headers={"X-MBX-APIKEY": api_key}
    )
    order = {"api_key": api_key, "uid": 354937868, "secret": DEMO_SECRET, "addresses": ["127.0.0.1"]}
    _call(f"{url}/simulator/key", "POST", order)
    with urllib.request.urlopen(asked) as response:  # noqa: S310 - loopback
        assert json.load(response)["ipRestrict"] is True
    with pytest.raises(urllib.error.HTTPError, match="400"):
        _call(f"{url}/simulator/key", "POST", {"api_key": api_key, "permissions": ["enableFlying"]})
    _call(f"{url}/simulator/key", "DELETE", {"api_key": api_key})
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(asked)  # noqa: S310 - loopback


def test_signatures_are_not_told(shared_url: str) -> None:
    """Who reads what was asked of the simulator sees neither signatures nor keys."""
    with pytest.raises(urllib.error.HTTPError):
        _call(f"{shared_url}/api/v3/account?timestamp=1&signature=c8db56825ae71d6d&recvWindow=5000")
    seen = _call(f"{shared_url}/simulator/requests")[-1]
    assert seen["target"] == "/api/v3/account?timestamp=1&signature=hidden&recvWindow=5000"


@pytest.mark.parametrize("path", ["/simulator/faults", "/simulator/requests", "/api/v3/time"])
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}, {"Host": ""}],
    ids=str,
)
def test_web_pages_are_refused(path: str, headers: dict[str, str], shared_url: str) -> None:
    """Neither a page of another origin nor a name that was rebound to this machine steers or reads the simulator."""
    method = "DELETE" if path.endswith("faults") else "GET"
    request = urllib.request.Request(f"{shared_url}{path}", headers=headers, method=method)  # noqa: S310 - loopback
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)  # noqa: S310 - loopback


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:8390"])
def test_programs_on_this_machine_are_answered(host: str, shared_url: str) -> None:
    """Every name of this machine will do."""
    request = urllib.request.Request(f"{shared_url}/api/v3/time", headers={"Host": host})  # noqa: S310 - loopback
    with urllib.request.urlopen(request) as response:  # noqa: S310 - loopback
        assert response.status == 200


@pytest.mark.parametrize(
    ("path", "order", "status"),
    [
        ("faults", {"kind": "earthquake"}, 400),
        ("faults", {"kind": "latency", "second": 1}, 400),
        ("delist", {"symbol": "NOSUCH"}, 400),
        ("nothing", {}, 404),
    ],
)
def test_a_wrong_order_is_refused(path: str, order: Any, status: int, shared_url: str) -> None:
    """An order that makes no sense changes nothing and says so."""
    with pytest.raises(urllib.error.HTTPError, match=str(status)):
        _call(f"{shared_url}/simulator/{path}", "POST", order)


@pytest.mark.parametrize("number", some_of([signal.SIGINT, signal.SIGTERM]))
def test_a_signal_ends_it_cleanly(number: signal.Signals, running: tuple[subprocess.Popen[str], str]) -> None:
    """Ctrl-C and termination are orderly ends: exit code 0, also with a connection open."""
    process, url = running
    _call(f"{url}/api/v3/ping")
    process.send_signal(number)
    assert process.wait() == 0


def test_it_dies_with_its_parent() -> None:
    """When the process that started it is gone, it goes too."""
    code = (
        "import subprocess, sys;"
        f"child = subprocess.Popen({COMMAND!r}, stdout=subprocess.PIPE, text=True);"
        "child.stdout.readline(); print(child.pid, flush=True)"
    )
    reading, writing = os.pipe()
    parent = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=writing, text=True, check=True)
    os.close(writing)
    assert int(parent.stdout) > 0
    with os.fdopen(reading) as held_by_the_orphan:
        assert held_by_the_orphan.read() == ""  # its end comes when the last process that holds it is gone


def test_it_ends_by_itself() -> None:
    """After --max-seconds it is over."""
    done = subprocess.run([*COMMAND[:-1], "0.1"], capture_output=True, text=True, check=True)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


@pytest.mark.soak
def test_the_demo_account_has_a_past(shared_url: str) -> None:
    """Its key reads two years of orders and fills."""
    for path, least in (("allOrders", 500), ("myTrades", 500)):
        payload = (
            f"symbol=BTCUSDT&limit=1000&recvWindow=60000&timestamp={_call(f'{shared_url}/api/v3/time')['serverTime']}"
        )
        signature = hmac.new(DEMO_SECRET.encode(), payload.encode(), "sha256").hexdigest()
        target = f"{shared_url}/api/v3/{path}?{payload}&signature={signature}"
        request = urllib.request.Request(target, headers={"X-MBX-APIKEY": DEMO_API_KEY})  # noqa: S310 - loopback
        with urllib.request.urlopen(request) as response:  # noqa: S310 - loopback
            assert len(json.load(response)) > least
