"""`binlake init` writes a file that works as it is."""

from datetime import UTC, date, datetime
from pathlib import Path
from shlex import quote

from connectors.simulator.__main__ import DEMO_API_KEY
from pipelines.cli import main
from pipelines.cli.init import example
from pipelines.settings.credentials import keys_for
from pipelines.settings.loader import load
from schemas.config.flows import MarketFlow


def test_init_writes_a_valid_file_once(tmp_path, capsys):
    """The file is accepted as written, is the user's alone, and is never overwritten."""
    path = tmp_path / "flows.yaml"
    assert main(["init", "--config", str(path)]) == 0
    assert "binlake run" in capsys.readouterr().err
    written = path.read_text()
    config = load(path)
    assert config.lake == tmp_path / "lake"
    assert config.flows["prices"].since.replace(tzinfo=None) == datetime.fromisoformat(
        written.partition("since: ")[2][:10]
    )
    assert path.stat().st_mode & 0o077 == 0
    path.write_text(written + "# mine\n")
    assert main(["init", "--config", str(path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert path.read_text().endswith("# mine\n")


def test_history_begins_with_the_first_of_last_month(tmp_path):
    """So that the first run is short and the month is whole, also in January."""
    assert "since: 2025-12-01 " in example(tmp_path, date(2026, 1, 31))
    assert "since: 2026-02-01 " in example(tmp_path, date(2026, 3, 1))


def test_editors_find_the_schema(tmp_path):
    """The first line points at a schema that exists from where the file lies."""
    first = example(tmp_path, datetime.now(UTC).date()).splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    schema = tmp_path / first.partition("$schema=")[2]
    assert schema.exists()


def test_the_file_for_the_simulator_works_as_it_is(tmp_path, capsys, monkeypatch):
    """With --simulator the flows ask the offline exchange, with its published key out of two private files."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--simulator"]) == 0
    assert "`binlake simulator` in another terminal" in capsys.readouterr().err
    config = load(Path("flows.yaml"))
    assert config.exchange == "simulator"
    assert config.lake == tmp_path / "lake-simulator"
    key = keys_for(config, config.flows["balances"])
    assert key is not None
    assert key.api_key.reveal() == DEMO_API_KEY
    assert [path.name for path in tmp_path.iterdir() if path.stat().st_mode & 0o077] == []


def test_what_init_says_next_names_the_file(tmp_path, capsys):
    """A file under another name is named in the commands that follow."""
    path = tmp_path / "mine.yaml"
    assert main(["init", "--config", str(path)]) == 0
    assert f"`binlake run --config {quote(str(path))}`" in capsys.readouterr().err


def test_init_into_a_missing_folder(tmp_path, capsys):
    """A folder that is not there is named, in one sentence."""
    assert main(["init", "--config", str(tmp_path / "nowhere" / "flows.yaml")]) == 2
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


def test_all_keys_of_a_market_flow_stand_in_the_file(tmp_path):
    """The file names every key that a flow of candles can have, so that nobody has to guess."""
    text = example(tmp_path, datetime.now(UTC).date())
    assert [key for key in MarketFlow.model_fields if f"{key}:" not in text] == []
