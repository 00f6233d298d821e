"""`binlake simulator` as a person starts it."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path
from socket import socket

import pytest
from ruamel.yaml import YAML

from connectors.binance.sites import DEFAULT_SIMULATOR, resolve
from pipelines.cli import main
from pipelines.cli.simulator import _usage

ROOT = Path(__file__).parents[2]
FILE = "data/spot/daily/klines/NEWUSDT/1m/NEWUSDT-1m-2026-01-01.zip"


def test_its_archive_has_a_folder_of_files_too(tmp_path: Path):
    """A file below data/ is served as it is, and listed."""
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_bytes(b"as it is")
    command = ["-m", "pipelines", "simulator", "--port=0", "--max-seconds=60", f"--archive={tmp_path}"]
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        answers = [_read(f"{url}/{what}") for what in (FILE, f"?prefix={FILE.removesuffix('.zip')}")]
        running.terminate()
    assert answers[0] == b"as it is"
    assert FILE.encode() in answers[1]
    assert running.returncode == 0


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A slip of the pen does not start an empty archive."""
    assert main(["simulator", "--archive", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - loopback
        content: bytes = answer.read()
    return content


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]):
    """One sentence says so, with the way out; exit 2."""
    with socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["simulator", f"--port={port}"]) == 2
    assert capsys.readouterr().err == (
        f"binlake: Port {port} of 127.0.0.1 cannot be used: Address already in use. "
        "Name another with --port; 0 takes a free one.\n"
    )


def test_it_says_how_to_use_it():
    """Its address is data on stdout; stderr says what to type, or what to write into flows.yaml."""
    command = [sys.executable, "-m", "pipelines", "simulator", "--port=0", "--max-seconds=0.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    url = done.stdout.strip()
    assert f"answers at {url}; Ctrl-C ends it." in done.stderr
    exchange = YAML(typ="safe").load(done.stderr.partition("In flows.yaml: ")[2])["exchange"]
    assert set(resolve(exchange).urls.values()) == {url}
    assert list(_usage(DEFAULT_SIMULATOR))[-1].endswith("binlake init --simulator && binlake run")
