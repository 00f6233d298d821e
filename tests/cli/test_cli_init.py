"""`binlake init` writes a file that works as it is."""

from datetime import UTC, date, datetime

from pipelines.cli import main
from pipelines.cli.init import example
from pipelines.settings.loader import load


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
