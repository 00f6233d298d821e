"""`binlake keys`: the use of API keys reviewed."""

import json
from dataclasses import replace

import pytest
from support.beside import API_KEY

from connectors.simulator.account.accounts import READING
from pipelines.cli import main


def audit(capsys, config, *words: str):
    capsys.readouterr()
    code = main(["keys", "audit", *words, "--config", str(config)])
    return code, capsys.readouterr()


@pytest.fixture
def used(config, key):  # noqa: ARG001 - it is set
    """A lake into which one run with the key has pulled."""
    assert main(["run", "wallet", "--config", str(config)]) == 0
    return config


@pytest.mark.usefixtures("key")
def test_the_review_of_good_use(used, capsys):
    """One line a key says what it did and from where, no check is shown, and the exit code is 0."""
    code, said = audit(capsys, used)
    assert code == 0
    assert "main" in said.out
    assert "admitted" in said.out
    assert "(1 process)" in said.out
    assert "8 of 8 checks passed." in said.err


@pytest.mark.usefixtures("key")
def test_an_incident_is_shown_and_fails(used, served, capsys):
    """What a check finds is shown with its rows; a warning fails when --fail-on asks for it."""
    served.exchange.keys[API_KEY] = replace(served.exchange.keys[API_KEY], rights=READING | {"enableFixReadOnly"})
    assert main(["run", "wallet", "--config", str(used)]) == 0
    code, said = audit(capsys, used)
    assert code == 0
    assert "key_permissions: 1 of 1 offending rows" in said.out
    assert audit(capsys, used, "--fail-on", "warn")[0] == 3
    used.write_text(f"checks: {{key_permissions: error}}\n{used.read_text()}")
    assert audit(capsys, used)[0] == 3


@pytest.mark.usefixtures("key")
def test_as_json(used, capsys):
    """A program gets each key with its refusals by code, and every check with its rows."""
    code, said = audit(capsys, used, "--json", "--since", "1d")
    told = json.loads(said.out)
    [activity] = told["keys"]
    assert (code, activity["account"], activity["refused"], activity["refusals"]) == (0, "main", 0, {})
    assert {check["name"] for check in told["checks"] if check["passed"]} >= {"key_age", "key_retired"}


@pytest.mark.usefixtures("key")
def test_no_use_since_then(config, capsys):
    """Where nothing was signed, it says so."""
    assert main(["run", "market", "--config", str(config)]) == 0
    code, said = audit(capsys, config)
    assert code == 0
    assert "No request was signed" in said.err


@pytest.mark.parametrize("since", ["tomorrow", "2100-01-01"])
def test_an_instant_that_is_none(used, since, capsys):
    """A --since that is no instant, or lies in the future, is one sentence and exit 2."""
    code, said = audit(capsys, used, "--since", since)
    assert code == 2
    assert said.err.startswith("binlake: --since")


def test_without_a_lake(config, capsys):
    """Where no run has made a lake, there is nothing to review: exit 2."""
    code, said = audit(capsys, config)
    assert code == 2
    assert "There is no lake" in said.err


@pytest.mark.usefixtures("key")
def test_status_shows_the_keys(used, served, capsys):
    """`status` names the key of each account with what it may do, and each check about keys that does not hold."""
    served.exchange.keys[API_KEY] = replace(served.exchange.keys[API_KEY], rights=READING | {"enableFixReadOnly"})
    assert main(["run", "wallet", "--config", str(used)]) == 0
    capsys.readouterr()
    assert main(["status", "--config", str(used)]) == 0
    said = capsys.readouterr()
    assert "enableFixReadOnly, enableReading" in said.out
    assert "key_permissions: 1 row; `binlake keys audit` shows" in said.err


@pytest.mark.usefixtures("key")
def test_status_goes_on_without_the_journal(used, capsys):
    """Where the journal cannot be read, the rest of the status is shown, and exit 3 says what is damaged."""
    for file in (used.parent / "lake" / "key_fact_versions").glob("*.parquet"):
        file.chmod(0o600)
        file.write_bytes(b"")
    capsys.readouterr()
    assert main(["status", "--config", str(used)]) == 3
    said = capsys.readouterr()
    assert "balances" in said.out
    assert "The status of the API keys cannot be told" in said.err
