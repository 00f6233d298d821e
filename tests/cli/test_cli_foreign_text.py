"""What comes from elsewhere cannot steer the terminal, and a key in the wrong place is not repeated."""

from __future__ import annotations

import csv
import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from support.beside import API_KEY, SECRET, Served
from support.lakes import price_series
from support.sampled import some_of

from connectors.lake import Lake, Move
from connectors.simulator.protocol.faults import Error
from pipelines.cli import main
from schemas.datasets.market import PRICES

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202eX[/bold]"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
SYMBOLS = "select symbol from prices"


class Terminal(io.StringIO):
    """A stream that says it is a terminal, and keeps what would have reached it."""

    def isatty(self) -> bool:
        return True


def on_terminal(*argv: str) -> tuple[int, str]:
    """The exit code of a command, and what it wrote to the terminal at its stdout and stderr."""
    terminal = Terminal()
    os.environ["TERM"] = "dumb"  # no bold headers of our own
    with redirect_stdout(terminal), redirect_stderr(terminal):
        code = main([*argv])
    return code, terminal.getvalue()


def steering(text: str) -> set[str]:
    """The characters that a terminal would obey, line ends apart."""
    return {each for each in text if not each.isprintable() and each != "\n"}


@pytest.fixture
def hostile_lake(config: Path) -> Path:
    """A lake that holds the price of a symbol whose name steers terminals; gives its flows.yaml."""
    row = {"market": "spot", "symbol": HOSTILE, "price": Decimal(1), "observed_at": NOON}
    move = Move.of(price_series(), {"observed_at": int(NOON.timestamp()) * 1_000_000}, {})
    rows = pa.Table.from_pylist([row], schema=PRICES.schema)
    Lake.open(config.parent / "lake", "simulator").table(PRICES).commit(rows, [move])
    return config


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_stored_text_cannot_steer_the_terminal(hostile_lake: Path, form: str):
    """A name with escape sequences, C1 controls and direction marks is shown on a terminal without them, in each form."""
    code, shown = on_terminal("query", SYMBOLS, "--format", form, "--config", str(hostile_lake))
    assert code == 0
    assert "owned" in shown
    assert "X[/bold]" in shown
    assert steering(shown) == set()


def test_data_in_a_pipe_is_exact(hostile_lake: Path, capsys: pytest.CaptureFixture[str]):
    """What a program reads is the name as it is: CSV keeps each character, JSON reads back the same from plain text."""
    assert main(["query", SYMBOLS, "--format", "csv", "--config", str(hostile_lake)]) == 0
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [["symbol"], [HOSTILE]]
    assert main(["query", SYMBOLS, "--format", "json", "--config", str(hostile_lake)]) == 0
    said = capsys.readouterr().out
    assert json.loads(said) == [{"symbol": HOSTILE}]
    assert steering(said) == set()


def test_words_of_the_command_line_cannot_steer_the_terminal(hostile_lake: Path, monkeypatch: pytest.MonkeyPatch):
    """Whatever is typed or pasted as verb, option, flow, file or SQL comes back without control characters."""
    monkeypatch.chdir(hostile_lake.parent)
    for argv in (
        [HOSTILE],
        ["run", f"--{HOSTILE}"],
        ["run", HOSTILE],
        ["plan", "--config", HOSTILE],
        ["plan", "--debug", "--config", HOSTILE],
        ["query", f'select "{HOSTILE}" from prices'],
        ["backfill", "market", "--since", HOSTILE],
    ):
        code, shown = on_terminal(*argv)
        assert (code, steering(shown)) == (2, set()), argv
        assert "owned" in shown, argv


def test_words_of_the_file_cannot_steer_the_terminal(config: Path):
    """A flows.yaml from elsewhere with escape sequences in keys and values is refused without them."""
    text = config.read_text()
    escaped = json.dumps(HOSTILE)
    for old, new in (("BTCUSDT", escaped), ("market:", f"{escaped}:"), ("kind: market", f"kind: {escaped}")):
        config.write_text(text.replace(old, new, 1))
        code, shown = on_terminal("plan", "--config", str(config))
        assert (code, steering(shown)) == (2, set()), new
        assert "owned" in shown, new


@pytest.mark.usefixtures("key")
def test_words_of_the_exchange_cannot_steer_the_terminal(config: Path, served: Served):
    """An error of the exchange is told without what would steer the terminal."""
    served.exchange.inject(Error(path="/api/v3/account", code=-9999, status=400, msg=HOSTILE, count=None))
    _, shown = on_terminal("run", "wallet", "--config", str(config))
    assert "owned" in shown
    assert not [sequence for sequence in ("\x1b]", "\x07", "\x9b", "\u202e", "\x1b[2J\x9b") if sequence in shown]


FILES = [
    ("markte:", "market:", f"{API_KEY}:"),
    ("flow", "kind: market", f"kind: {API_KEY}"),
    ("dataset", "klines", API_KEY),
    ("symbol", "BTCUSDT", API_KEY),
    ("symbol in upper case", "BTCUSDT", API_KEY.upper()),
    ("interval", "[1d]", f"[{API_KEY}]"),
    ("date", "2026-10-01", API_KEY),
    ("account", "account: main", f"account: {API_KEY}"),
    ("permission", "secret: env:SECRET", f"secret: env:SECRET, allow: [{API_KEY}]"),
    ("key", "api_key: env:KEY", f"api_key: {API_KEY}"),
    ("variable", "api_key: env:KEY", f"api_key: env:{API_KEY}"),
    ("key file", "secret: env:SECRET", f"secret: file:{API_KEY}"),
    ("unknown key", "every: 1d", f"{API_KEY}: 1d"),
    ("schedule", "every: 1d", f"every: {API_KEY}"),
    ("tag", "every: 1d", f"every: !{API_KEY} 1d"),
    ("address", "{spot: ", f"{{spot: https://{API_KEY}@127.0.0.1, wallet: "),
    ("exchange", "exchange: {spot: ", f"exchange: {API_KEY}\nlake: {{spot: "),
]


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(("old", "new"), some_of([each[1:] for each in FILES], most=8), ids=[each[0] for each in FILES])
def test_a_key_in_the_wrong_line_is_not_repeated(config: Path, capsys: pytest.CaptureFixture[str], old: str, new: str):
    """Wherever in flows.yaml a key is pasted, what is said about it holds at most its first letters."""
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new, 1))
    for verb in (["run"], ["run", "--json"], ["doctor"], ["run", "--debug"]):
        main([*verb, "--config", str(config)])
    told = capsys.readouterr()
    assert API_KEY[4:12].casefold() not in (told.out + told.err).casefold()


@pytest.mark.parametrize(
    "argv",
    [
        ["run", SECRET],
        [SECRET],
        ["run", f"--{SECRET}"],
        ["run", "--debug", SECRET],
        ["query", f"select {SECRET}"],
        ["query", f"select '{SECRET}' +"],
        ["backfill", "market", "--since", SECRET],
        ["check", SECRET],
        ["plan", "--config", SECRET],
        ["plan", "--config", f"/nowhere/{SECRET}/flows.yaml"],
    ],
    ids=lambda argv: " ".join(argv).replace(SECRET, "KEY"),
)
def test_a_key_on_the_command_line_is_not_repeated(
    hostile_lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, argv: list[str]
):
    """A key typed in place of any word is not printed back."""
    monkeypatch.chdir(hostile_lake.parent)
    assert main(argv) == 2
    told = capsys.readouterr()
    assert told.err
    assert SECRET[4:12] not in told.err + told.out
