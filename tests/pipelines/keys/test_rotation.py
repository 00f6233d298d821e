"""Keys of runs: one is rotated while flows run, and one is looked at again while a run lasts."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.beside import API_KEY, SECRET, Served

from connectors.binance.endpoints.wallet import API_RESTRICTIONS
from connectors.binance.keys import Secret
from connectors.lake import Lake
from connectors.lake.files.local_disk import Busy
from connectors.simulator.protocol.faults import Error
from pipelines.context.key_log import known_keys
from pipelines.context.progress import Silent
from pipelines.keys.admission import needed
from pipelines.keys.candidate import Given
from pipelines.keys.changing import Changing
from pipelines.runs.run import open_run, run_flow
from pipelines.settings.loader import load
from schemas.config.flows import FlowsFile
from schemas.model.errors import AccessRefused, UsageProblem

NEW_KEY, NEW_SECRET = "n" * 64, "s" * 64
FLOWS = """\
exchange: {{spot: '{url}'}}
accounts: {{main: {{api_key: 'file:old.key', secret: 'file:old.secret'}}}}
flows:
  wallet: {{kind: account, account: main, datasets: [balances, deposits, fiat_payments], since: {since}}}
  orders: {{kind: account, account: main, datasets: [orders, fills], symbols: [ETHBTC]}}
"""


@pytest.fixture
def served():
    """An exchange on which one account has two keys."""
    with Served() as served:
        served.exchange.add_account(7, API_KEY, secret=SECRET, balances={"BTC": ("1.5", "0")})
        served.exchange.add_account(7, NEW_KEY, secret=NEW_SECRET)
        yield served


@pytest.fixture
def flows(tmp_path, served) -> Path:
    """A flows.yaml that reads all an account has."""
    for name, content in {"old.key": API_KEY, "old.secret": SECRET}.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "flows.yaml"
    path.write_text(written(served.url))
    return path


def written(url: str) -> str:
    return FLOWS.format(url=url, since=datetime.now(UTC).date() - timedelta(days=2))


def rotate(flows: Path) -> None:
    typed = {"API key": NEW_KEY, "API secret": NEW_SECRET}
    Changing(flows=flows, given=Given(), ask=lambda what: Secret(typed[what]), say=lambda *_: None).rotate("main")


async def run(config: FlowsFile, name: str) -> list[str]:
    receipts = await run_flow(config, name, progress=Silent(), stop=asyncio.Event())
    return [receipt.outcome for receipt in receipts]


async def test_a_run_that_has_begun_ends_with_its_key(flows, served):
    """Both keys are in use side by side until the run has ended; the next one signs with the new key alone."""
    async with open_run(load(flows), "wallet", progress=Silent(), stop=asyncio.Event()) as opened:
        await asyncio.to_thread(rotate, flows)
        served.exchange.requests.clear()
        receipt = await opened.pull(opened.units[0])
    assert receipt.outcome == "done"
    assert {seen.api_key for seen in served.exchange.requests if seen.api_key} == {API_KEY}
    served.exchange.delete_key(API_KEY)
    served.exchange.requests.clear()
    assert set(await run(load(flows), "wallet")) == {"done"}
    assert {seen.api_key for seen in served.exchange.requests if seen.api_key} == {NEW_KEY}


async def test_the_new_key_reads_all_that_the_flows_read(flows, served):
    """Before the switch, every path that a run of the flows signs a request for was read with the new key."""
    config = load(flows)
    for name in config.flows:
        assert set(await run(config, name)) == {"done"}
    signed = {seen.path for seen in served.exchange.requests if seen.api_key == API_KEY}
    served.exchange.requests.clear()
    await asyncio.to_thread(rotate, flows)
    asked = [seen for seen in served.exchange.requests if seen.api_key == NEW_KEY]
    read = {seen.path for seen in asked if seen.status == 200}
    no_order = {(seen.path, seen.status) for seen in asked} - {(path, 200) for path in read}
    assert no_order == {("/api/v3/order", 400)}, "there is no order 1: an answer about the order, not about the key"
    assert signed <= read
    assert {endpoint.path for endpoint in needed(config, "main", served.exchange.now_ms)} < read | {"/api/v3/order"}
    assert "/api/v3/myPreventedMatches" in read
    assert API_RESTRICTIONS.path in read


async def test_a_key_that_cannot_read_something_is_not_switched_to(flows, served):
    """A refusal of a single endpoint leaves flows.yaml and the old key in use."""
    before = flows.read_text()
    served.exchange.inject(Error(status=401, code=-2015, path="/sapi/v1/fiat/payments"))
    with pytest.raises(AccessRefused, match="fiat/payments"):
        await asyncio.to_thread(rotate, flows)
    assert flows.read_text() == before
    assert not list(flows.parent.glob("keys/main-*"))


async def test_what_the_account_does_not_have_is_not_asked_of_the_new_key(flows, served):
    """What a run was told that there is none of keeps no key from taking the place of the old one."""
    served.exchange.inject(Error(status=401, code=-2015, path="/sapi/v1/fiat/payments", count=None))
    assert set(await run(load(flows), "wallet")) == {"done"}
    served.exchange.requests.clear()
    await asyncio.to_thread(rotate, flows)
    read = {seen.path for seen in served.exchange.requests if seen.api_key == NEW_KEY}
    assert "/sapi/v1/fiat/payments" not in read
    assert "/sapi/v1/capital/deposit/hisrec" in read


async def test_two_rotations_at_once_are_one(flows):
    """While one rotation waits for its owner, another one is told to wait."""
    met = asyncio.Event()
    loop, go_on = asyncio.get_running_loop(), asyncio.Event()

    def ask(what: str) -> Secret:
        loop.call_soon_threadsafe(met.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        return Secret({"API key": NEW_KEY, "API secret": NEW_SECRET}[what])

    first = Changing(flows=flows, given=Given(), ask=ask, say=lambda *_: None)
    waiting = asyncio.create_task(asyncio.to_thread(first.rotate, "main"))
    await asyncio.wait({waiting, asyncio.create_task(met.wait())}, return_when=asyncio.FIRST_COMPLETED)
    with pytest.raises(Busy, match="has held"):
        await asyncio.to_thread(rotate, flows)
    go_on.set()
    assert (await waiting).keys.api_key.reveal() == NEW_KEY


async def test_a_file_that_someone_edits_meanwhile_is_left_alone(flows):
    """What was written into flows.yaml while the owner was asked is not lost: the same command is to be run again."""

    def ask(what: str) -> Secret:
        flows.write_text(written("http://127.0.0.1:1"))
        return Secret({"API key": NEW_KEY, "API secret": NEW_SECRET}[what])

    assert set(await run(load(flows), "wallet")) == {"done"}
    lake = Lake.at(load(flows).lake)
    with pytest.raises(UsageProblem, match="was changed by someone else"):
        await asyncio.to_thread(Changing(flows=flows, given=Given(), ask=ask, say=lambda *_: None).rotate, "main")
    assert flows.read_text() == written("http://127.0.0.1:1")
    assert {row["state"] for row in known_keys(lake, "main").values()} == {"admitted"}


async def test_a_long_run_looks_at_its_key_again(flows, served):
    """When an hour is over, a run whose key has gained a right signs nothing more with it, and ends as refused."""
    async with open_run(load(flows), "wallet", progress=Silent(), stop=asyncio.Event()) as opened:
        units = {unit.dataset: unit for unit in opened.units}
        served.exchange.change_key(API_KEY, permissions={"enableReading", "enableWithdrawals"})
        assert (await opened.pull(units["balances"])).outcome == "done"
        opened.session.client.key_watch.every_s = 0.0  # as if the hour were over
        served.exchange.requests.clear()
        receipt = await opened.pull(units["deposits"])
    assert (receipt.outcome, receipt.exit_code) == ("failed", 4)
    assert "may withdraw" in receipt.failures[0].why
    assert {seen.path for seen in served.exchange.requests if seen.api_key} == {API_RESTRICTIONS.path}
