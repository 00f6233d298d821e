"""What command tests stand on: a process left as it was, and an exchange served beside the command's own loop."""

import os
from collections.abc import Iterator

import pytest
from support.beside import API_KEY, FLOWS, SECRET, Served


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Iterator[None]:
    """What a command sets in its process is not left to the next test."""
    environment, mask = dict(os.environ), os.umask(0o022)
    yield
    os.umask(mask)
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def served():
    """An exchange with an account that only reads, served while the test lasts."""
    with Served() as served:
        served.exchange.add_account(7, API_KEY, secret=SECRET, balances={"BTC": ("1.5", "0")})
        yield served


@pytest.fixture
def config(tmp_path, served):
    """A flows.yaml with a flow of each kind, on that exchange; its key is not set."""
    path = tmp_path / "flows.yaml"
    path.write_text(FLOWS.format(url=served.url))
    return path


@pytest.fixture
def key(monkeypatch):
    """The account's key, where flows.yaml says it is."""
    monkeypatch.setenv("KEY", API_KEY)
    monkeypatch.setenv("SECRET", SECRET)
