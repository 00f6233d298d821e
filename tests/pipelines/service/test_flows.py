"""Flows as Prefect sees them: run against the simulator, recorded by one real server that all tests here share."""

import asyncio
import gc
import json
import os
import re
import secrets
import socket
import sqlite3
import subprocess
import sys
from contextlib import AsyncExitStack, aclosing, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.browser import CHROMIUM, browser
from support.desks import UID
from support.trade_desk import pull

from connectors.lake import Lake
from connectors.simulator.protocol.faults import Body, Error
from pipelines.context.progress import Progress, Silent
from pipelines.context.receipts import Receipt
from pipelines.service.run_watch import watched
from pipelines.service.server import Api, recorder
from pipelines.settings.loader import load
from schemas.datasets.account import BALANCES
from schemas.datasets.journal import RUNS
from schemas.datasets.market import KLINES
from schemas.model.errors import AccessRefused, TryLater, UsageProblem

# Sockets that Prefect's clients leave unclosed are not ours to mend.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PRICES = {
    "kind": "market", "market": "spot", "datasets": ["symbols", "klines", "prices"],
    "symbols": ["BTCUSDT", "ETHUSDT"], "intervals": ["1h"], "since": "2026-11-01", "every": "5m",
}  # fmt: skip
ROOT = Path(__file__).parents[3]
BALANCE = {"kind": "account", "account": "main", "datasets": ["balances"], "values": False, "cron": "*/15 * * * *"}


@pytest.fixture(scope="module")
def prefect(tmp_path_factory, quick_server):
    """A real Prefect server with a home of its own."""
    homes = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        patch.setenv("PREFECT_HOME", str(homes / "client"))
        stack = AsyncExitStack()
        yield runner.run(stack.enter_async_context(quick_server(homes / "server")))
        runner.run(stack.aclose())
    gc.collect()  # what Prefect's clients leave unclosed warns here, and not in somebody else's test


@pytest.fixture
def homes(prefect):
    """The folder in which the homes of Prefect's server and client lie."""
    return Path(prefect.settings["PREFECT_HOME"]).parent


@pytest.fixture
def flows(prefect):  # noqa: ARG001 - Prefect reads the environment when it is imported
    """The module under test."""
    from pipelines.service import flows  # noqa: PLC0415 - as above

    return flows


@pytest.fixture
def recording(flows):  # noqa: ARG001 - as above
    """The module that has runs recorded."""
    from pipelines.service import recorder  # noqa: PLC0415 - as above

    return recorder


@pytest.fixture
def deployments(flows):  # noqa: ARG001 - as above
    """The module that serves flows on their schedules."""
    from pipelines.service import deployments  # noqa: PLC0415 - as above

    return deployments


@pytest.fixture
def file(tmp_path, exchange_url):
    """A function that writes a flows.yaml with the flows given."""
    accounts = {"main": {"api_key": "env:FLOW_KEY", "secret": "env:FLOW_SECRET"}}

    def written(**flows: Any) -> Path:
        path = tmp_path / "flows.yaml"
        path.write_text(json.dumps({"exchange": {"spot": exchange_url}, "accounts": accounts, "flows": flows}))
        return path

    return written


@pytest.fixture
def run(prefect, recording):
    """A function that runs a flow of a file, recorded."""
    return partial(_recorded_run, recording, prefect.api)


async def _recorded_run(
    recording: Any, api: Api, path: Path, name: str, progress: Progress | None = None, stop: asyncio.Event | None = None
) -> list[Receipt]:
    return await recording.recorded_run(
        path, name, api=api, progress=progress or Silent(), stop=stop or asyncio.Event()
    )


def owner(prefect):
    """A client that knows the server's password."""
    user, _, password = prefect.api.password.partition(":")
    return httpx.AsyncClient(base_url=prefect.api.url, auth=(user, password))


async def asked(prefect, what, body=None):
    """What the server answers to a question about its runs, tasks, artifacts or events."""
    async with owner(prefect) as client:
        answer = await client.post(f"/{what}/filter", json=body or {})
    return answer.raise_for_status().json()


async def last_run(prefect, name):
    """The last run of the flow of that name."""
    body = {"flow_runs": {"name": {"like_": name}}, "sort": "START_TIME_DESC", "limit": 1}
    (flow_run,) = await asked(prefect, "flow_runs", body)
    return flow_run


async def tasks_of(prefect, flow_run):
    """The tasks of a flow run by name, once the server has all of them: it hears of them behind the run."""
    body = {"flow_runs": {"id": {"any_": [flow_run["id"]]}}}
    tasks = await until(
        lambda: asked(prefect, "task_runs", body), lambda tasks: all(task["end_time"] for task in tasks)
    )
    return {task["name"]: task for task in tasks}


async def until(ask, good):
    """The first answer that is a good one; the test's own timeout is the limit."""
    while not (answer := await ask()) or not good(answer):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.1)
    return answer


def found_in(homes, text):
    """Whether a text is in a file of Prefect's homes, or in a cell of its database."""
    with closing(sqlite3.connect(f"file:{homes}/server/prefect.db?mode=ro", uri=True)) as database:
        cells = any(text in line for line in database.iterdump())
    return cells or any(text.encode() in path.read_bytes() for path in homes.rglob("*") if path.is_file())


async def test_a_run_is_recorded_with_its_tasks_summary_and_events(prefect, run, file):
    """Prefect shows each dataset as a task, one summary under a stable key, and an event for what advanced."""
    path, since = file(Main_prices=PRICES), datetime.now(UTC)
    receipts = await run(path, "Main_prices")
    assert [(each.dataset, each.outcome) for each in receipts] == [(name, "done") for name in PRICES["datasets"]]
    flow_run = await last_run(prefect, "Main_prices")
    tasks = await tasks_of(prefect, flow_run)
    assert flow_run["state"]["type"] == "COMPLETED"
    assert re.fullmatch(r"Main_prices \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", flow_run["name"])
    assert flow_run["infrastructure_pid"] == f"{socket.gethostname()}:{os.getpid()}"
    assert flow_run["state"]["message"] == f"{sum(each.rows for each in receipts):,} rows"
    assert flow_run["parameters"] == {"flow": "Main_prices"}
    assert {name: task["state"]["type"] for name, task in tasks.items()} == {
        "symbols-spot": "COMPLETED", "klines-spot": "COMPLETED", "prices-spot": "COMPLETED",
    }  # fmt: skip
    (summary,) = await asked(prefect, "artifacts", {"artifacts": {"key": {"any_": ["binlake-main-prices"]}}})
    rows = {row["dataset"]: row for row in json.loads(summary["data"])}
    assert {name: row["new rows"] for name, row in rows.items()} == {each.dataset: each.rows for each in receipts}
    assert rows["klines"]["covered since"] == "2026-11-01 00:00:00"
    assert (rows["klines"]["lag s"] > 0, rows["klines"]["open gaps"], rows["klines"]["corrections"]) == (True, 0, 0)
    rows_in_all = sum(each.rows for each in receipts)
    assert summary["description"].startswith(f"Done, {rows_in_all:,} rows. What flow Main_prices did")
    assert "No check was run yet" in summary["description"]
    body = {"logs": {"flow_run_id": {"any_": [flow_run["id"]]}}}
    logged = await until(lambda: asked(prefect, "logs", body), lambda found: len(found) > 3)
    told = {line["message"] for line in logged if line["task_run_id"]}
    assert {each.line() for each in receipts} <= told
    wanted = {"filter": {"event": {"name": ["binlake.dataset.advanced"]}, "occurred": {"since": since.isoformat()}}}
    events = await until(lambda: asked(prefect, "events", wanted), lambda found: found["total"] == 3)
    assert {event["resource"]["prefect.resource.id"] for event in events["events"]} == {
        "binlake.simulator.symbols.spot", "binlake.simulator.klines.spot", "binlake.simulator.prices.spot",
    }  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="it needs Debian's chromium, which .ci/run installs")
@pytest.mark.timeout(300)  # a browser, on a machine that has other work
async def test_the_artifacts_open_in_a_browser(prefect, run, file, tmp_path):
    """Prefect's list of artifacts names each flow's summary, and its page shows what the last run did."""
    await run(file(seen=PRICES), "seen")
    async with browser(tmp_path) as page:
        await page.open(f"{prefect.ui}/artifacts")
        await page.shows("Prefect")
        await page.evaluate(f"localStorage.setItem('prefect-password', btoa('{prefect.api.password}'))")
        await page.open(f"{prefect.ui}/artifacts?signed-in")
        await page.shows("binlake-seen")
        await page.open(f"{prefect.ui}/artifacts/key/binlake-seen")
        await page.shows("What flow seen did", "No check was run yet")


async def test_each_run_that_ends_is_one_line(prefect, run, file):
    """`up` says of a run when it ended, how, how long it took, and what it brought or why it failed."""
    since = datetime.now(UTC)
    await run(file(good=PRICES), "good")
    await run(file(bad=PRICES | {"symbols": ["BTCUSTD"]}), "bad")
    good, bad = await lines(prefect, since, 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d good: completed in \d+\.\d s: [\d,]+ rows", good)
    assert re.search(r" bad: failed in .* s: spot/BTCUSTD: The exchange lists no symbol BTCUSTD. Did you mean", bad)


async def lines(prefect, since, count):
    """The first lines that `up` would print from an instant on."""
    async with asyncio.timeout(60), aclosing(watched(prefect.api.url, prefect.api.password, since)) as saying:
        return [await anext(saying) for _ in range(count)]


async def test_a_run_that_is_due_while_the_one_before_goes_on_is_skipped(prefect, deployments, recording, file):
    """It does not look cancelled, in Prefect or on the terminal, and is called after its flow."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - it reads the environment on import
    from prefect.states import Pending  # noqa: PLC0415 - as above

    since = datetime.now(UTC)
    (deployment,) = await deployments.deployments(file(busy=PRICES), now=since)
    with recording.asking(prefect.api):
        async with get_client() as client:
            made = await deployment.aapply()
            runs = [await client.create_flow_run_from_deployment(made) for _ in range(2)]
            answers = [await client.set_flow_run_state(one.id, Pending()) for one in runs]
            assert [answer.state.type.value for answer in answers] == ["PENDING", "CANCELLED"]
            (line,) = await lines(prefect, since, 1)
            skipped = await client.read_flow_run(runs[1].id)
            await client.delete_deployment(made)
    assert line.endswith(" busy: skipped: The run before was still going on; the next one does its work.")
    assert (skipped.state.type.value, skipped.state.name) == ("COMPLETED", "Skipped")
    assert skipped.name.startswith("busy 2")


async def test_a_recorded_run_stores_what_a_direct_one_stores(run, file, tmp_path):
    """Rows go straight into the lake, and the next run fetches no candle again."""
    path = file(prices=PRICES)
    first, second = await run(path, "prices"), await run(path, "prices")
    table = Lake.at(tmp_path / "lake").table(KLINES)
    assert table.scan().num_rows == first[1].rows == 2 * 36
    assert (second[1].rows, second[1].requests) == (0, 0)


async def test_a_run_that_prefect_ends_is_not_done(run, file, monkeypatch):
    """A flow run that the server's trouble ends before anything is pulled says so, and is no run without receipts."""
    from prefect.client.orchestration import PrefectClient  # noqa: PLC0415 - it reads the environment on import

    async def troubled(*_: Any, **__: Any) -> None:
        raise httpx.HTTPError("503 database is locked")

    monkeypatch.setattr(PrefectClient, "update_flow_run", troubled)
    with pytest.raises(TryLater, match="ended flow 'prices' before anything was pulled"):
        await run(file(prices=PRICES), "prices")


async def test_what_failed_fails_the_run_with_its_sentence(prefect, run, file):
    """One unknown symbol: the others are stored, and Prefect shows the flow and the task as failed, and why."""
    receipts = await run(file(wrong=PRICES | {"symbols": ["BTCUSTD", "ETHUSDT"]}), "wrong")
    assert [each.exit_code for each in receipts] == [0, 1, 0]
    flow_run = await last_run(prefect, "wrong")
    tasks = await tasks_of(prefect, flow_run)
    assert flow_run["state"]["type"] == tasks["klines-spot"]["state"]["type"] == "FAILED"
    assert "Did you mean BTCUSDT?" in flow_run["state"]["message"]
    assert "Did you mean BTCUSDT?" in tasks["klines-spot"]["state"]["message"]
    assert tasks["prices-spot"]["state"]["type"] == "COMPLETED"
    assert tasks["klines-spot"]["run_count"] == 1  # what one symbol is to blame for is not tried again


async def test_a_dataset_that_failed_as_a_whole_is_tried_again(prefect, run, file, exchange, tmp_path):
    """A failure that may be over soon costs one more try; one receipt and one row of `runs` speak of both."""
    exchange.inject(Error(path="/api/v3/ticker/price", code=-1121, status=400, msg="Invalid symbol."))
    receipts = await run(file(again=PRICES), "again")
    assert [(each.dataset, each.outcome) for each in receipts] == [(name, "done") for name in PRICES["datasets"]]
    assert receipts[2].requests == 2
    tasks = await tasks_of(prefect, await last_run(prefect, "again"))
    assert tasks["prices-spot"]["run_count"] == 2
    stored = Lake.at(tmp_path / "lake").table(RUNS).scan(["dataset", "outcome", "requests"]).to_pylist()
    assert [row for row in stored if row["dataset"] == "prices"] == [
        {"dataset": "prices", "outcome": "done", "requests": 2}
    ]


@pytest.mark.soak
async def test_a_recorded_run_asks_again(prefect, trade_desk, monkeypatch):
    """With a Prefect server, `binlake run --again` asks now for what a check names, and a plain run does not."""
    book, symbol = trade_desk.book, "BTCUSDT"
    monkeypatch.setenv("PREFECT_API_URL", prefect.api.url)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", prefect.api.password)
    trade_desk.trading([symbol])
    book.place(symbol, "BUY", 1, 40)
    await pull(trade_desk)
    book.fill(symbol, book.place(symbol, "BUY", 1, 50))
    trade_desk.exchange.inject(Body(path="/api/v3/myTrades", text="[]", count=None))
    trade_desk.clock.advance(86_400)
    await pull(trade_desk)
    trade_desk.exchange.heal()
    async with trade_desk.commands() as run:
        for words, rows in (((), 0), (("--again",), 1)):
            code, _, said = await run("run", "trading", *words)
            assert (code, f"Recorded by Prefect at {prefect.api.url}" in said) == (0, True), said
            assert len(trade_desk.rows("fills")) == rows
    assert (await last_run(prefect, "trading"))["state"]["type"] == "COMPLETED"


async def test_stopping_is_recorded_as_cancelled(prefect, run, file):
    """The first Ctrl-C lets the page be committed; Prefect then shows the run as cancelled, not as failed."""
    stop = asyncio.Event()

    class Impatient(Silent):
        def advance(self, **_: int) -> None:
            stop.set()

    receipts = await run(file(stopped=PRICES), "stopped", progress=Impatient(), stop=stop)
    assert receipts[-1].outcome == "interrupted"
    assert (await last_run(prefect, "stopped"))["state"]["type"] == "CANCELLED"


async def test_a_bug_keeps_its_text_from_prefect(prefect, run, file, homes):
    """Prefect only learns the kind of a bug and where it is, since its text may hold anything."""
    text = secrets.token_hex(16)

    class Broken(Silent):
        def advance(self, **_: int) -> None:
            raise RuntimeError(text)

    assert {each.exit_code for each in await run(file(bug=PRICES), "bug", progress=Broken())} == {70}
    flow_run = await last_run(prefect, "bug")
    assert flow_run["state"]["type"] == "FAILED"
    assert "A bug: RuntimeError" in flow_run["state"]["message"]
    assert not found_in(homes, text)


async def test_no_secret_is_in_anything_prefect_keeps(prefect, run, file, exchange, homes, monkeypatch):
    """Key, secret and signature are in no table and no file of Prefect, whether the account was read or refused."""
    key, good, bad = secrets.token_hex(32), secrets.token_hex(32), secrets.token_hex(32)
    exchange.add_account(UID, key, secret=good, balances={"BTC": ("1.5", "0")})
    path = file(wallet=BALANCE)
    monkeypatch.setenv("FLOW_KEY", key)
    monkeypatch.setenv("FLOW_SECRET", good)
    assert {receipt.exit_code for receipt in await run(path, "wallet")} == {0}
    assert "(The key works from any address" in (await last_run(prefect, "wallet"))["state"]["message"]
    monkeypatch.setenv("FLOW_SECRET", bad)
    with pytest.raises(AccessRefused):
        await run(path, "wallet")
    flow_run = await last_run(prefect, "wallet")
    assert flow_run["state"]["type"] == "FAILED"
    assert Lake.at(path.parent / "lake").table(BALANCES).scan().num_rows == 1
    signatures = [seen.target.partition("signature=")[2] for seen in exchange.requests if "signature=" in seen.target]
    assert len(signatures) >= 2
    for canary in (key, good, bad, "signature=", *signatures):
        assert not found_in(homes, canary)
    assert found_in(homes, "wallet")  # the search finds what is there


async def test_runs_whose_process_was_killed_are_closed(prefect, deployments):
    """A run stays RUNNING for ever when its process is killed; closing finds it by its process, and no other run."""
    async with owner(prefect) as client:
        market = (await client.post("/flows/", json={"name": "market"})).raise_for_status().json()
        for pid, name in ((os.getpid(), "alive"), (_ended_process(), "dead")):
            body = {"flow_id": market["id"], "name": name, "state": {"type": "RUNNING"}}
            flow_run = (await client.post("/flow_runs/", json=body)).raise_for_status().json()
            body = {"infrastructure_pid": f"{socket.gethostname()}:{pid}"}
            (await client.patch(f"/flow_runs/{flow_run['id']}", json=body)).raise_for_status()
    assert await deployments.close_zombies(prefect.api) == 1
    assert [(await last_run(prefect, name))["state"]["type"] for name in ("alive", "dead")] == ["RUNNING", "CRASHED"]


def _ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


async def test_an_unknown_flow_is_a_usage_problem(run, file):
    """A name that is not in the file is told before anything is recorded."""
    with pytest.raises(UsageProblem, match="no flow 'prizes'"):
        await run(file(prices=PRICES), "prizes")


async def test_where_keys_are_sent_is_no_matter_of_a_flow_run(prefect, run, flows, recording, file):
    """A flow run that names another flows.yaml is refused, and one in a process that serves no file fails."""
    assert [each.exit_code for each in await run(file(prices=PRICES), "prices")] == [0, 0, 0]
    for kind in flows.FLOWS.values():
        assert set(kind.parameters.properties) == {"flow"}
    with pytest.raises(TypeError, match="config"):
        await flows.account(config="/somewhere/else/flows.yaml", flow="prices")
    with recording.asking(prefect.api):
        state = await flows.market(flow="prices", return_state=True)
        await recording.sent()
    assert (state.type.value, state.message) == (
        "FAILED",
        "No flows.yaml is served here. `binlake up` and `binlake run` say which one.",
    )


async def test_deployments_follow_the_file(deployments, file, monkeypatch):
    """Each flow that can run here is deployed once, with its schedule, one run at a time, and no secret."""
    quiet = {"kind": "maintenance"}
    path = file(prices=PRICES, wallet=BALANCE, upkeep=quiet)
    now = load(path).flows["prices"].since
    assert {each.name for each in await deployments.deployments(path, now=now)} == {"prices", "upkeep"}
    monkeypatch.setenv("FLOW_KEY", "x")
    monkeypatch.setenv("FLOW_SECRET", "y")
    deployed = {each.name: each for each in await deployments.deployments(path, now=now)}
    (every,), (cron,) = (deployed[name].schedules for name in ("prices", "wallet"))
    assert every.schedule.interval == timedelta(minutes=5)
    assert (cron.schedule.cron, cron.schedule.timezone) == ("*/15 * * * *", "UTC")
    assert deployed["upkeep"].schedules == []
    for name, each in deployed.items():
        assert each.parameters == {"flow": name}
        assert each.entrypoint == f"pipelines.service.flows.{each.flow_name}"
        assert (each.concurrency_limit, each.concurrency_options.collision_strategy.value) == (1, "CANCEL_NEW")


@pytest.mark.parametrize("name", ["prices", "Main_prices", "A-1_b"])
def test_artifact_keys_are_of_the_letters_prefect_allows(flows, name):
    """Whatever flows.yaml allows as a name has a key."""
    assert re.fullmatch(r"[a-z0-9-]+", flows.artifact_key(name))


def test_the_recorder_is_the_server_that_answers(prefect, tmp_path, monkeypatch):
    """PREFECT_API_URL counts only while something answers there; without it there is no recorder."""
    path = tmp_path / "flows.yaml"
    assert recorder(path) is None
    monkeypatch.setenv("PREFECT_API_URL", prefect.api.url)
    assert recorder(path) == Api(prefect.api.url)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert recorder(path) is None


STRAY = {
    ".env": "PREFECT_API_REQUEST_TIMEOUT=soon",
    "prefect.toml": "[api]\nrequest_timeout = 'soon'",
    "pyproject.toml": "[tool.prefect.api]\nrequest_timeout = 'soon'",
}


@pytest.mark.soak
@pytest.mark.timeout(300)  # a process that imports Prefect, on a machine that has other work
async def test_settings_in_the_working_folder_are_not_obeyed(prefect, file, tmp_path):
    """A recorded run from a folder with stray settings of Prefect, each of which would end it, goes as from any other."""
    path, here = file(prices=PRICES), tmp_path / "here"
    here.mkdir()
    for name, content in STRAY.items():
        (here / name).write_text(content)
    known = {"PREFECT_API_URL": prefect.api.url, "PREFECT_API_AUTH_STRING": prefect.api.password}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pipelines", "run", "prices", "--config", f"../{path.name}", cwd=here,
        env={**os.environ, **known, "PYTHONPATH": f"{ROOT}:{os.environ['PYTHONPATH']}"}, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    assert "Recorded by Prefect" in said.decode()
    assert process.returncode == 0, said.decode()
