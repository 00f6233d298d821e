"""`binlake doctor` finds what keeps binlake from working, and names the fix."""

import json

import pytest

from connectors.lake import Lake
from connectors.simulator.protocol.faults import Restricted
from pipelines.cli import main
from pipelines.service.doctor import Finding, examine


def findings(capsys, config):
    code = main(["doctor", "--json", "--config", str(config)])
    return code, {each["what"]: each for each in json.loads(capsys.readouterr().out)}


@pytest.mark.usefixtures("key")
def test_everything_in_order(config, capsys):
    """A machine where all is well: exit 0, every line ok but the advice to restrict the key to an address."""
    code, found = findings(capsys, config)
    assert code == 0
    assert {what for what, each in found.items() if each["level"] == "fail"} == set()
    assert "reads account 7" in found["account main"]["says"]
    assert "restrict it" in found["account main"]["fix"]


def test_a_missing_key_is_no_failure(config, capsys):
    """Without a key prices still work: a warning that names what to set."""
    code, found = findings(capsys, config)
    assert (code, found["account main"]["level"]) == (0, "warn")
    assert "env:KEY and env:SECRET" in found["account main"]["fix"]


def test_a_key_that_can_withdraw(config, served, capsys, monkeypatch):
    """Permissions are looked at, and the key is refused with 4."""
    served.exchange.add_account(9, "D" * 64, secret="E" * 64, permissions=("enableReading", "enableWithdrawals"))
    monkeypatch.setenv("KEY", "D" * 64)
    monkeypatch.setenv("SECRET", "E" * 64)
    code, found = findings(capsys, config)
    assert code == 4
    assert "withdraw" in found["account main"]["says"]


def test_a_place_that_is_not_served(config, served, capsys):
    """Where the main address answers 451, the market-data host is proposed."""
    served.exchange.inject(Restricted(count=None))
    code, found = findings(capsys, config)
    assert code == 4
    assert "data-api.binance.vision" in found["exchange"]["fix"]


def test_an_archive_that_is_all_that_is_asked(config, served, capsys):
    """Where every flow is served by files alone, the archive is looked at, and no exchange that refuses the address."""
    served.exchange.inject(Restricted(path="/api/v3/time", count=None))
    flow = "{kind: market, market: spot, datasets: [klines], symbols: [BTCUSDT], intervals: [1d], since: 2026-10-01, source: archive}"
    addresses = f"exchange: {{spot: '{served.url}', archive: '{served.url}', archive_list: '{served.url}'}}"
    config.write_text(f"{addresses}\nflows:\n  files: {flow}\n")
    code, found = findings(capsys, config)
    assert (code, found["archive"]["level"], "exchange" in found, "budget" in found) == (0, "ok", False, False)
    config.write_text(config.read_text().replace(f", archive: '{served.url}', archive_list: '{served.url}'", ""))
    code, found = findings(capsys, config)
    assert (code, found["archive"]["level"]) == (2, "fail")
    assert "write `source: auto`" in found["archive"]["fix"]


def test_a_file_that_is_wrong(tmp_path, capsys):
    """Nothing else is looked at when flows.yaml cannot be read."""
    code, found = findings(capsys, tmp_path / "absent.yaml")
    assert code == 2
    assert list(found) == ["flows.yaml"]
    assert "binlake init" in found["flows.yaml"]["fix"]


def test_a_lake_that_others_can_read(config, capsys):
    """File modes are looked at, and the command that mends them is named."""
    lake = Lake.open(config.parent / "lake", "simulator")
    lake.path.chmod(0o755)
    _, found = findings(capsys, config)
    assert found["lake"]["level"] == "warn"
    assert found["lake"]["fix"] == f"Run: chmod 700 {lake.path}"


def test_a_prefect_server_that_is_gone(config, capsys, monkeypatch):
    """An address of Prefect where nobody answers is a warning: runs would go unrecorded."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    code, found = findings(capsys, config)
    assert (code, found["Prefect"]["level"]) == (0, "warn")
    assert "unset PREFECT_API_URL" in found["Prefect"]["fix"]


async def test_a_clock_that_is_off(exchange_url, tmp_path):
    """The offset to the exchange's clock is measured and said."""
    path = tmp_path / "flows.yaml"
    path.write_text(f"exchange: {{spot: '{exchange_url}'}}\nflows:\n  u: {{kind: maintenance, every: 1d}}\n")
    found: dict[str, Finding] = {each.what: each async for each in examine(path)}
    assert found["exchange"].level == "warn"
    assert "this clock is" in found["exchange"].says


@pytest.mark.usefixtures("key")
def test_the_use_of_keys_is_looked_at(config, served, capsys):
    """What the lake tells about the use of keys is in order, or what is unusual is named with how to see it."""
    assert main(["run", "wallet", "--config", str(config)]) == 0
    capsys.readouterr()
    _, found = findings(capsys, config)
    assert found["key use"]["level"] == "ok"
    served.exchange.spend(10_000)
    assert main(["run", "wallet", "--config", str(config)]) == 0
    capsys.readouterr()
    code, found = findings(capsys, config)
    assert (code, found["key use"]["level"]) == (0, "warn")
    assert "foreign_weight" in found["key use"]["says"]
    assert "keys audit" in found["key use"]["fix"]


def test_for_people_it_is_a_table(config, capsys):
    """One line a finding: how it stands, and the fix."""
    assert main(["doctor", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "how it stands" in said
    assert "warn" in said


@pytest.mark.usefixtures("key")
def test_a_probe_writes_a_file_to_send(config, capsys):
    """Each statement is shown with what was found and what it means, and the file beside flows.yaml holds the words."""
    assert main(["doctor", "--probe", "--config", str(config)]) == 0
    said = capsys.readouterr()
    assert "Windows may be a whole day wide." in said.out
    assert "Not asked: " in said.err
    written = json.loads((config.parent / "binlake-probe.json").read_text())
    assert {"probe": "window of 24 hours", "outcome": "accepted"}.items() <= written["findings"][2].items()


@pytest.mark.usefixtures("key")
def test_a_probe_whose_file_cannot_be_written(config, capsys):
    """What the disk refuses is one sentence that names the file, and no draft stays: exit 1."""
    place = config.parent / "binlake-probe.json"
    place.mkdir()
    before = set(config.parent.iterdir())
    assert main(["doctor", "--probe", "--config", str(config)]) == 1
    assert f"Could not write {place} (Is a directory): the answers were not kept." in capsys.readouterr().err
    assert set(config.parent.iterdir()) == before


def test_a_probe_without_a_key(config, capsys):
    """Without a key nothing is asked or written: exit 4."""
    assert main(["doctor", "--probe", "--config", str(config)]) == 4
    assert "needs a key" in capsys.readouterr().err
    assert not (config.parent / "binlake-probe.json").exists()
