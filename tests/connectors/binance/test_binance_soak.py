"""Real processes, real minutes, the live limits: the budget is used up and the exchange never has to refuse."""

import json
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest

USABLE = 5400
SECONDS = 130  # holds at least one whole minute

WORKER = """
import asyncio, pathlib, sys, time
from connectors.binance.budget import Budget
from connectors.binance.client import Client
from connectors.binance.endpoints.spot import KLINES
from connectors.binance.sites import resolve

async def main(url, path, seconds):
    site, end = resolve({"spot": url}), time.monotonic() + seconds
    with Budget(pathlib.Path(path), site.environment) as budget:
        async with Client(site, budget) as client:
            async def work():
                while time.monotonic() < end:
                    await client.body(KLINES, symbol="BTCUSDT", interval="1m", limit=1)
            try:
                async with asyncio.timeout(seconds + 2):
                    await asyncio.gather(*(work() for _ in range(20)))
            except TimeoutError:
                pass
    print(time.process_time())

asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
"""


@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("processes", [1, 4])
def test_a_real_minute_is_used_up_and_never_exceeded(tmp_path, processes):
    """At least 95 % of the usable budget in a full minute, no 429, alone and with four processes at once."""
    command = [sys.executable, "-m", "connectors.simulator", "--port", "0", "--latency-ms", "50"]
    with subprocess.Popen([*command, "--max-seconds", "300"], stdout=subprocess.PIPE, text=True) as simulator:
        url = simulator.stdout.readline().strip()
        work = [sys.executable, "-c", WORKER, url, str(tmp_path / "budget.sqlite"), str(SECONDS)]
        began_s = time.time()
        workers = [subprocess.Popen(work, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
        cpu_s = sum(float(worker.communicate(timeout=SECONDS + 60)[0]) for worker in workers)
        spent = {int(minute): weight for minute, weight in told(url, "spent").items()}
        refused = [request for request in told(url, "requests") if request["status"] != 200]
        simulator.terminate()
    full = [weight for minute, weight in spent.items() if began_s + 5 <= minute and minute + 60 <= began_s + SECONDS]
    requests = sum(spent.values()) / 2
    print(f"{processes} processes: {full} of {USABLE} in full minutes, {cpu_s / requests * 1000:.2f} ms CPU a request")
    assert not refused
    assert full
    assert min(full) >= 0.95 * USABLE


def told(url, order):
    with urlopen(f"{url}/simulator/{order}") as answer:  # noqa: S310 - loopback
        return json.load(answer)
