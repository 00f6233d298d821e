"""Whatever a person or a machine gets wrong ends in one sentence, the right exit code, and a lake that lost nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.beside import API_KEY, FLOWS, SECRET, Served
from support.sampled import some_of

from connectors.lake import Lake
from pipelines.cli import main
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow
from pipelines.settings.loader import load
from schemas.datasets import DATASETS

DATA = ("klines", "prices", "balances")
Rows = dict[str, list[Any]]


@dataclass
class House:
    """A person's folder: flows.yaml, a filled lake beside it, and an exchange at the other end."""

    config: Path
    served: Any
    monkeypatch: pytest.MonkeyPatch

    @property
    def lake(self) -> Path:
        return self.config.parent / "lake"

    def edit(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))

    def key_file(self, content: str | None, mode: int = 0o600) -> None:
        """Have the account sign with a private key in a file like this one; None for no file."""
        self.edit("secret: env:SECRET", "private_key: file:main.pem")
        if content is not None:
            (self.config.parent / "main.pem").write_text(content)
            (self.config.parent / "main.pem").chmod(mode)

    def other_key(self, uid: int, *permissions: str, secret: str = "c" * 64) -> None:
        """Take another key, which the exchange knows."""
        rights = ("enableReading", *permissions)
        self.served.exchange.add_account(uid, "b" * 64, secret="c" * 64, permissions=rights)
        self.monkeypatch.setenv("KEY", "b" * 64)
        self.monkeypatch.setenv("SECRET", secret)

    def label(self, old: str, new: str) -> None:
        """Make the lake another one than it was."""
        text = (self.lake / "lake.json").read_text()
        assert old in text
        (self.lake / "lake.json").write_text(text.replace(old, new))

    def damage(self) -> Path:
        """Lose the second half of a data file; its length stays."""
        file = next((self.lake / "prices").rglob("*.parquet"))
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2].ljust(len(content), b"\0"))
        return file

    def rows(self) -> Rows:
        """Every stored row of the data."""
        lake = Lake.at(self.lake)
        return {name: lake.table(DATASETS[name]).scan().to_pylist() for name in DATA}

    def files(self, lake: Path | None = None) -> dict[str, bytes]:
        """Every byte of the lake."""
        there = (path for path in (lake or self.lake).rglob("*") if path.is_file() and ".locks" not in path.parts)
        return {str(path): path.read_bytes() for path in there}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with candles, prices and balances, of an exchange that is gone."""
    folder = tmp_path_factory.mktemp("filled")
    with Served() as served, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("KEY", API_KEY)
        monkeypatch.setenv("SECRET", SECRET)
        served.exchange.add_account(7, API_KEY, secret=SECRET, balances={"BTC": ("1.5", "0")})
        (folder / "flows.yaml").write_text(FLOWS.format(url=served.url))
        config = load(folder / "flows.yaml")
        for flow in ("market", "wallet"):
            pull = run_flow(config, flow, progress=Silent(), stop=asyncio.Event(), state=folder / "budget.sqlite")
            asyncio.run(pull)
    return folder / "lake"


@pytest.fixture
def house(config: Path, served: Served, filled: Path, key: None, monkeypatch: pytest.MonkeyPatch) -> House:  # noqa: ARG001 - sets the key
    """The filled lake beside a flows.yaml that points at a living exchange, and the right key at hand."""
    house = House(config, served, monkeypatch)
    shutil.copytree(filled, house.lake)
    return house


Wrong = Callable[[House], object]


def told(capsys: pytest.CaptureFixture[str], sentence: str) -> str:
    """What was said on stderr: the sentence, once, and neither a traceback nor a secret."""
    said = capsys.readouterr()
    words = " ".join(said.err.split())
    assert words.count(sentence) == 1, said.err
    assert "Traceback" not in said.err
    assert not [secret for secret in (API_KEY, SECRET, "c" * 64) if secret in said.err + said.out]
    return said.err


# What single values can be is held against every verb in test_cli_pull.py.
FILE = [
    ("dataset of another kind", lambda h: h.edit("[klines, prices]", "[balances]"), "'balances' is not a valid market dataset"),
    ("unknown account", lambda h: h.edit("account: main", "account: mian"), "unknown account 'mian'; did you mean main?"),
    ("not a mapping", lambda h: h.config.write_text("- flows"), "it must be a mapping"),
    ("not text", lambda h: h.config.write_bytes(b"\xff\xfe"), "is not UTF-8 text"),
    ("no file", lambda h: h.config.unlink(), "Write one with `binlake init`"),
    ("no date", lambda h: h.edit("2026-10-01", "2026-13-01"), "is not a date"),
    ("a lake of another environment", lambda h: h.label("simulator", "live"), "holds data of live, not of simulator"),
    ("unknown check", lambda h: h.edit("flows:", "checks: {ohlc_sand: warn}\nflows:"), "there is no check 'ohlc_sand'; did you mean ohlc_sane?"),
    ("unknown severity", lambda h: h.edit("flows:", "checks: {ohlc_sane: info}\nflows:"), "'info' is not a valid severity; valid: error, warn"),
    ("a lake of a newer format", lambda h: h.label('"format": 1', '"format": 2'), "Upgrade binlake"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "sentence"), [each[1:] for each in FILE], ids=[each[0] for each in FILE])
def test_a_wrong_file_starts_nothing(house: House, capsys: pytest.CaptureFixture[str], wrong: Wrong, sentence: str):
    """What cannot be meant is said in one line before anything is asked or written."""
    wrong(house)
    before = house.files()
    assert main(["run", "--config", str(house.config)]) == 2
    problem = told(capsys, sentence).splitlines()[-1]
    assert problem.startswith("binlake: ")
    assert house.files() == before
    assert len(house.served.exchange.requests) == 0


WORDS = [
    (["run", "markte"], "There is no flow 'markte' in the file; did you mean market?"),
    (["plan", "markte"], "There is no flow 'markte'"),
    (["backfill", "markte", "--since", "2026-01-01"], "There is no flow 'markte'"),
    (["backfill", "wallet", "--since", "2026-01-01"], "has no history to go back to"),
    (["backfill", "market", "--since", "2126-01-01"], "--since: 2126-01-01 00:00 lies in the future"),
    (["backfill", "market", "--since", "tomorrow"], "--since: 'tomorrow' is not a date"),
    (["backfill", "market", "--since", "2026-02-01", "--until", "2026-01-01"], "is not before --until"),
    (["backfill", "market"], "Add --since YYYY-MM-DD, or --month YYYY-MM."),
    (["backfill", "market", "--month", "2026-13"], "--month: '2026-13' is no"),
    (["prove", "--month", "2026-13"], "--month: '2026-13' is not a month."),
    (["backfill", "market", "--month", "9/2026"], "--month: '9/2026' is not a month. Write it as YYYY-MM."),
    (["backfill", "market", "--month", "2026-01", "--until", "2026-02-01"], "Remove --since and --until."),
    (["backfill", "market", "--month", "2026-01", "--reload", "--dry-run"], "Use one of them."),
    (["check", "candel_grid"], "candle_grid"),
    (["query", ""], "There is no SQL"),
    (["query", "selct * from klines"], "syntax error"),
    (["query", "select nothing from prices"], "nothing"),
    (["query", "select * from klinse"], "There is no table klinse. Did you mean klines?"),
    (["query", "delete from klines"], "Only a single SELECT is answered"),
    (["query", "insert into prices select * from prices"], "Only a single SELECT is answered"),
    (["query", "create table t as select 1"], "Only a single SELECT is answered"),
    (["query", "copy klines to 'out.csv'"], "Only a single SELECT is answered"),
    (["query", "attach 'x.db'"], "Only a single SELECT is answered"),
    (["query", "set enable_external_access = true"], "Only a single SELECT is answered"),
    (["query", "select 1; drop view klines"], "Only a single SELECT is answered"),
    (["query", "select * from read_text('/etc/passwd')"], "reaches beyond the lake"),
    (["query", "select * from read_csv('flows.yaml')"], "reaches beyond the lake"),
    (["query", "select * from '/etc/passwd'"], "There is no table /etc/passwd"),
    (["query", "select getenv('SECRET')"], "getenv"),
    (["query", "select 1", "--timeout", "9" * 20], 'Invalid value "99999999999999999999" for --timeout.'),
    (["query", "select 1", "--max-rows", "9" * 20], 'Invalid value "99999999999999999999" for --max-rows.'),
    (["up", "--port", "65536"], 'Invalid value "65536" for --port.'),
    (["up", "--port", "-1"], 'Invalid value "-1" for --port.'),
]


@pytest.mark.parametrize(("argv", "sentence"), WORDS, ids=[" ".join(argv)[:40] for argv, _ in WORDS])
def test_wrong_words_change_nothing(house: House, capsys: pytest.CaptureFixture[str], argv: list[str], sentence: str):
    """A command that cannot be meant, or that would write or read elsewhere, is one line, and every byte stays."""
    before = house.files()
    assert main([*argv, "--config", str(house.config)]) == 2
    said = told(capsys, sentence)
    assert (said.startswith("binlake: "), said.count("\n")) == (True, 1)
    assert house.files() == before


RUNS = [
    ("unknown symbol", 1, lambda h: h.edit("BTCUSDT", "BTCUSTD"), "The exchange lists no symbol BTCUSTD. Did you mean BTCUSDT?"),
    ("missing key file", 4, lambda h: h.key_file(None), "cannot be read: No such file or directory"),
    ("empty key file", 4, lambda h: h.key_file(""), "is empty"),
    ("world-readable key file", 4, lambda h: h.key_file("x", 0o644), "chmod 600"),
    ("wrong type of key file", 4, lambda h: h.key_file("x"), "not a private key in PEM"),
    ("binary key file", 4, lambda h: h.key_file("\0"), "is not text"),
    ("key of another account", 4, lambda h: h.other_key(8), "belongs to another exchange account"),
    ("key that can trade", 4, lambda h: h.other_key(7, "enableSpotAndMarginTrading"), "This key may trade spot and margin"),
    ("key that can withdraw", 4, lambda h: h.other_key(7, "enableWithdrawals"), "This key may withdraw"),
    ("wrong secret", 4, lambda h: h.other_key(7, secret=SECRET), "the signature does not fit the key"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "wrong", "sentence"), some_of([each[1:] for each in RUNS], most=4), ids=[each[0] for each in RUNS]
)
def test_what_a_run_meets_costs_no_row(
    house: House, capsys: pytest.CaptureFixture[str], code: int, wrong: Wrong, sentence: str
):
    """What only the run itself finds out is said once, with its code; every row that was stored is still there."""
    before = house.rows()
    wrong(house)
    assert main(["run", "--config", str(house.config)]) == code
    told(capsys, sentence)
    after = house.rows()
    assert all(row in after[name] for name in DATA for row in before[name])
    if code == 4:
        assert after["balances"] == before["balances"]


def test_without_a_network_upkeep_still_works(house: House, capsys: pytest.CaptureFixture[str]):
    """Nobody answers: try later, 75, and no row is lost; what needs no exchange is done all the same."""
    house.edit(house.served.url, "http://127.0.0.1:1")
    before = house.rows()
    assert main(["run", "upkeep", "--config", str(house.config)]) == 0
    assert main(["run", "market", "--config", str(house.config)]) == 75
    told(capsys, "`binlake simulator` starts one.")
    assert house.rows() == before


def test_one_wrong_flow_stops_no_other(house: House):
    """A refused key does not keep prices from being pulled."""
    before = len(house.rows()["prices"])
    house.other_key(8)
    assert main(["run", "--config", str(house.config)]) == 4
    assert len(house.rows()["prices"]) == before + 2


def test_a_corrupt_file_is_named(house: House, capsys: pytest.CaptureFixture[str]):
    """Who reads a damaged Parquet file gets 3 and its name; it is left as it is, and runs go on storing."""
    damaged = house.damage()
    before = house.files()
    assert main(["query", "select * from prices", "--config", str(house.config)]) == 3
    assert told(capsys, f"The data file {damaged} is damaged or missing.").startswith("binlake: ")
    assert main(["check", "--json", "--config", str(house.config)]) == 3
    found = {each["name"]: each["sample"] for each in json.loads(capsys.readouterr().out) if not each["passed"]}
    assert str(damaged) in json.dumps(found, ensure_ascii=False)
    assert house.files() | before == house.files()  # the check adds its results
    assert main(["run", "market", "--config", str(house.config)]) == 0
    assert house.files()[str(damaged)] == before[str(damaged)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small file system; tests/crash fills the disk at each system call")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize(
    ("full", "sentence"),
    [("the lake", "Free space and run again."), ("the lake and the budget", "Free some space there.")],
)
def test_a_full_disk_costs_nothing(
    house: House, capsys: pytest.CaptureFixture[str], small_disk: Path, full: str, sentence: str
):
    """A run that finds no room ends with 1 and says so; with room again, the same command stores what was missing."""
    shutil.copytree(house.lake, small_disk / "lake")
    house.edit("exchange:", f"lake: {small_disk / 'lake'}\nexchange:")
    house.edit("since: 2026-10-01", "since: 2025-10-01")
    if "budget" in full:
        house.monkeypatch.setenv("XDG_STATE_HOME", str(small_disk / "state"))
    before = house.files(small_disk / "lake")
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))
    assert main(["run", "market", "--config", str(house.config)]) == 1
    said = capsys.readouterr().err
    assert "full" in said.lower()
    assert "Traceback" not in said
    assert sentence in " ".join(said.split())
    assert house.files(small_disk / "lake") == before
    (small_disk / "filler").unlink()
    assert main(["run", "market", "--config", str(house.config)]) == 0
    assert (
        main(["query", "select count(*) > 800 as n from klines", "--format", "csv", "--config", str(house.config)]) == 0
    )
    assert capsys.readouterr().out == "n\ntrue\n"
