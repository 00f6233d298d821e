"""The SQL shell, typed at through a pseudo-terminal."""

import re
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
from support.lakes import put, small_lake
from support.sampled import some_of
from support.terminals import ASCII, UTF8, Typist

from pipelines.cli import main
from schemas.datasets.market import PRICES

PROMPT = "binlake>"
ENTER, TAB, UP, CTRL_C, CTRL_D = "\r", "\t", "\x1b[A", "\x03", "\x04"


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A flows.yaml beside a lake of one price, and a state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    put(
        small_lake(tmp_path),
        PRICES,
        {"market": "spot", "symbol": "BTCUSDT", "price": "1.50", "observed_at": "2026-11-01"},
    )
    path = tmp_path / "flows.yaml"
    path.write_text("exchange: simulator\nflows:\n  p: {kind: market, market: spot, datasets: [prices]}\n")
    return path


def shell(config: Path, **options: Any) -> Typist:
    return Typist("sql", "--config", str(config), **options)


def answered(typist: Typist, number: int) -> list[str]:
    """The screen once the prompt of this number waits."""
    return typist.read_until(lambda lines: lines[-1:] == [PROMPT] and sum(map(prompted, lines)) == number)


def prompted(line: str) -> bool:
    return line.startswith(PROMPT)


@pytest.mark.parametrize(("width", "env"), some_of([(80, UTF8), (120, ASCII), (200, UTF8)], most=2))
def test_a_question_is_answered(config, width, env):
    """A question of two lines gets its table and its count of rows; what goes wrong is one sentence, and the shell goes on."""
    with shell(config, width=width, env=env) as typist:
        answered(typist, 1)
        typist.type(f"select symbol,{ENTER}price from prices;{ENTER}")
        lines = answered(typist, 2)
        assert lines[-6:-1][1:] == ["    ...> price from prices;", "symbol   price", "BTCUSDT    1.5", "1 row."]
        typist.type(f"select * from pricse;{ENTER}")
        assert "There is no table pricse. Did you mean prices?" in " ".join(answered(typist, 3))
        typist.type(f"drop table prices;{ENTER}")
        assert "Only a single SELECT is answered." in " ".join(answered(typist, 4))
        typist.type(CTRL_D)
        assert typist.process.wait() == 0


def test_questions_are_completed_and_remembered(config, tmp_path):
    """Tab completes the name of a column, and the next shell brings the question back; its file is the user's alone."""
    with shell(config) as typist:
        answered(typist, 1)
        typist.type(f"select min(observed_a{TAB}")
        typist.read_until(lambda lines: lines[-1].endswith("observed_at"))
        typist.type(f") as first from prices;{ENTER}")
        assert "2026-11-01T00:00:00Z" in answered(typist, 2)
        typist.type(f".quit{ENTER}")
        assert typist.process.wait() == 0
    history = tmp_path / "state" / "binlake" / "sql_history"
    assert "+select min(observed_at) as first from prices;" in history.read_text().splitlines()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    with shell(config) as typist:
        answered(typist, 1)
        typist.type(UP + UP)
        typist.read_until(lambda lines: lines[-1].endswith("select min(observed_at) as first from prices;"))


def test_the_lake_is_asked_as_it_is_now(config, tmp_path):
    """What a run brings while the shell is open is in the next answer."""
    with shell(config) as typist:
        answered(typist, 1)
        put(
            small_lake(tmp_path),
            PRICES,
            {"market": "spot", "symbol": "NEWUSDT", "price": "2", "observed_at": "2026-11-02"},
        )
        typist.type(f".format csv{ENTER}select symbol from prices order by 1;{ENTER}")
        assert answered(typist, 3)[-4:-1] == ["symbol", "BTCUSDT", "NEWUSDT"]


def test_ctrl_c_stops_a_question_and_not_the_shell(config):
    """At the prompt it empties the line; it stops an answer that has no end, and the next question is answered."""
    with shell(config) as typist:
        answered(typist, 1)
        typist.type(f"nonsense{CTRL_C}")
        answered(typist, 2)
        typist.type(f".format csv{ENTER}from range(100000000000);{ENTER}")
        typist.read_until(lambda lines: re.fullmatch(r"\d{3,}", lines[-2]) is not None)
        typist.process.send_signal(signal.SIGINT)
        typist.read_until(lambda lines: lines[-1] == PROMPT)
        typist.type(f"select 42 as n;{ENTER}")
        typist.read_until(lambda lines: lines[-3:] == ["n", "42", PROMPT])


def test_help_and_commands(config):
    """`.help` names the commands, `.tables` lists the views, and an unknown command is named."""
    with shell(config) as typist:
        answered(typist, 1)
        typist.type(f".help{ENTER}")
        assert any(line.startswith("  .format FORMAT") for line in answered(typist, 2))
        typist.type(f".tables{ENTER}")
        assert "latest_prices" in answered(typist, 3)
        typist.type(f".tabels{ENTER}")
        assert answered(typist, 4)[-2] == "binlake: There is no .tabels. `.help` lists what there is."


def test_without_a_terminal_the_other_way_is_named(config, capsys):
    """In a pipe there is nobody to prompt."""
    assert main(["sql", "--config", str(config)]) == 2
    assert "`binlake query` takes SQL from a file or a pipe." in capsys.readouterr().err
