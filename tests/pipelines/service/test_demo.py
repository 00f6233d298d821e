"""`binlake demo`, as a newcomer runs it."""

import asyncio
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.lake import Lake
from connectors.simulator import Exchange, serve
from connectors.simulator.__main__ import DEMO_API_KEY, DEMO_SECRET, add_demo_account
from pipelines import connect
from pipelines.cli import main
from pipelines.cli.demo import command, what_next
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow
from pipelines.service import demo
from pipelines.settings.loader import load
from schemas.config.flows import FlowsFile

ROOT = Path(__file__).parents[3]


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_the_demo_answers_and_leaves_nothing_running(tmp_path):
    """Without a terminal, key or network: flows recorded, checks passed, questions answered, and no process left."""
    env = {**os.environ, "BINLAKE_TEST": str(tmp_path), "PYTHONPATH": f"{ROOT}:{os.environ['PYTHONPATH']}"}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "demo"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(question in done.stdout for question, _ in demo.questions()[:-1])
    assert re.search(r"^(\d+) of \1 checks pass\.$", done.stdout, re.MULTILINE)
    assert done.stdout.count("Completed") == 6
    assert "exchange_outage" in done.stdout
    assert demo.questions()[-1][0] in done.stdout
    assert "┤" in done.stdout
    assert "binlake-demo" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [each for each in Path("/proc").glob("[0-9]*/environ") if f"BINLAKE_TEST={tmp_path}" in _read(each)]
    assert not _secret_in(tmp_path / "binlake-demo")
    with connect(tmp_path / "binlake-demo" / "flows.yaml") as lake:
        assert lake.sql("SELECT count(*) = count(DISTINCT (symbol, interval, open_time)) FROM klines").fetchall() == [
            (True,)
        ]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it has ended
        return ""


def _secret_in(folder: Path) -> bool:
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return any(secret.encode() in file for file in files for secret in (DEMO_API_KEY, DEMO_SECRET))


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, capsys):
    """The demo deletes only what an earlier demo left."""
    precious = tmp_path / "precious"
    precious.touch()
    assert main(["demo", "--folder", str(tmp_path)]) == 2
    assert "holds something else than an earlier demo" in capsys.readouterr().err
    assert precious.exists()


def test_an_earlier_demo_makes_room(tmp_path):
    """The second demo starts afresh, in the same folder."""
    folder = tmp_path / "demo"
    demo.make_fresh(folder)
    (folder / "lake").mkdir()
    demo.make_fresh(folder)
    assert {each.name for each in folder.iterdir()} == {".binlake-demo", "notebook.ipynb"}


def test_the_flows_of_the_demo_are_valid(tmp_path):
    """The file it writes is one that a person could have written, and its history holds an outage to explain."""
    config = load(demo.write_flows(tmp_path, "http://127.0.0.1:1"))
    assert isinstance(config, FlowsFile)
    assert datetime.now(UTC) - config.flows["prices"].since >= demo.HISTORY
    assert config.lake == tmp_path / "lake"


@pytest.mark.soak
async def test_every_question_of_the_demo_has_an_answer(tmp_path, monkeypatch):
    """Its flows, run directly, fill a lake on which no check fails and no question goes without rows."""
    monkeypatch.setenv("BINLAKE_DEMO_API_KEY", DEMO_API_KEY)
    monkeypatch.setenv("BINLAKE_DEMO_API_SECRET", DEMO_SECRET)
    exchange = Exchange()
    add_demo_account(exchange, demo.HISTORY.days)
    async with serve(exchange) as url:
        config = load(demo.write_flows(tmp_path, url))
        for name in config.flows:
            receipts = await run_flow(config, name, progress=Silent(), stop=asyncio.Event())
            assert [receipt.exit_code for receipt in receipts] == [0] * len(receipts)
    shown = {}
    lake = Lake.at(config.lake)
    demo.check(lake, lambda title, _header, rows: shown.update({title: rows}))
    assert [title for title in shown if re.fullmatch(r"(\d+) of \1 checks pass\.", title)]
    demo.answer(lake, lambda title, _header, rows: shown.update({title.partition("\n")[0]: rows}))
    assert all(shown[question] for question, _ in demo.questions()[:-1])
    drawn = []
    demo.draw(lake, lambda title, _header, _rows: drawn.append(title), lambda *line: drawn.append(line))
    title, (times, closes) = drawn
    assert title.startswith(demo.questions()[-1][0])
    assert len(times) == len(closes) > 24 * 28


def test_what_the_demo_says_next_can_be_typed(tmp_path, monkeypatch):
    """Each command names the place of this installation; `init` is in it only where no flows.yaml is."""
    monkeypatch.chdir(tmp_path)
    folder = Path("demo of mine")
    folder.mkdir()
    demo.write_flows(folder, "http://127.0.0.1:1")
    Lake.open(folder / "lake", "simulator")
    asked, pulled, _ = (line for line in list(what_next(folder, command()))[1:] if not line.startswith("#"))
    done = subprocess.run(asked, shell=True, capture_output=True, text=True, check=False)  # noqa: S602 - as typed
    assert (done.returncode, "klines" in done.stdout) == (0, True), done.stderr
    assert " init && " in pulled
    subprocess.run(pulled.partition(" && ")[0], shell=True, check=True, capture_output=True)  # noqa: S602 - as typed
    assert " init " not in "".join(what_next(folder, command()))
