"""`plan`, `run` and `backfill` from the words of a person to the lake."""

import json

import pytest

from connectors.lake import Lake
from pipelines.cli import main
from schemas.account import BALANCES
from schemas.market import KLINES, PRICES


def lake(config):
    return Lake.at(config.parent / "lake")


def stored(config, dataset):
    return lake(config).table(dataset).scan()


def test_all_flows_run_and_one_without_its_key_is_skipped(config, capsys):
    """Prices come without a key; the account's flow is named as skipped, which is no failure."""
    assert main(["run", "--config", str(config)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "wallet: main skipped, the key of account main is not set" in said.err
    assert "market: klines spot done, " in said.err
    assert set(stored(config, KLINES)["symbol"].to_pylist()) == {"BTCUSDT", "ETHUSDT"}
    assert stored(config, BALANCES).num_rows == 0


def test_a_flow_asked_for_by_name_must_have_its_key(config, capsys):
    """Asked for by name, a flow without its key is access refused, and what to set is named."""
    assert main(["run", "wallet", "--config", str(config)]) == 4
    said = capsys.readouterr().err
    assert "env:KEY" in said
    assert "env:SECRET" in said


@pytest.mark.usefixtures("key")
def test_receipts_are_for_programs(config, capsys):
    """--json prints what each dataset got, and nothing else on stdout."""
    assert main(["run", "wallet", "market", "--json", "--config", str(config)]) == 0
    receipts = json.loads(capsys.readouterr().out)
    assert [(each["flow"], each["dataset"], each["outcome"]) for each in receipts] == [
        ("wallet", "balances", "done"),
        ("market", "klines", "done"),
        ("market", "prices", "done"),
    ]
    assert receipts[0]["rows"] == stored(config, BALANCES).num_rows == 1
    assert all(each["requests"] and each["weight"] for each in receipts)


def test_one_failing_symbol_stops_no_other(config, capsys):
    """The others are stored, what failed is shown with the reason, and the exit code says so."""
    config.write_text(config.read_text().replace("[BTCUSDT, ETHUSDT]", "[BTCUSTD, ETHUSDT]"))
    assert main(["run", "market", "--config", str(config)]) == 1
    said = capsys.readouterr().err
    assert "spot/BTCUSTD" in said
    assert "did you mean BTCUSDT?" in said
    assert set(stored(config, KLINES)["symbol"].to_pylist()) == {"ETHUSDT"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "markt"], "There is no flow 'markt' in the file; did you mean market?"),
        (["plan", "markt"], "There is no flow 'markt'"),
        (["backfill", "markt", "--since", "2026-01-01"], "There is no flow 'markt'"),
        (["backfill", "wallet", "--since", "2026-01-01"], "has no history to go back to"),
        (["backfill", "market", "--since", "2126-01-01"], "--since: 2126-01-01 00:00 lies in the future"),
        (["backfill", "market", "--since", "tomorrow"], "--since: 'tomorrow' is no date"),
        (["backfill", "market", "--since", "2026-02-01", "--until", "2026-01-01"], "--since 2026-02-01 is not before"),
    ],
)
def test_what_cannot_be_asked_for(config, capsys, words, sentence):
    """An unknown flow, a future date, a span that ends before it begins: one sentence, 2, and no lake."""
    assert main([*words, "--config", str(config)]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""
    assert not (config.parent / "lake").exists()


def test_no_network_is_try_later(config, capsys):
    """An address where nobody answers ends with 75 and names what was asked for."""
    config.write_text(config.read_text().replace("exchange: {", "exchange: {wallet: 'http://127.0.0.1:1', ").replace(
        "spot: 'http://127.0.0.1:", "spot: 'http://127.0.0.1:1', name: '"))  # fmt: skip
    assert main(["run", "market", "--config", str(config)]) == 75
    assert "Traceback" not in capsys.readouterr().err


def test_a_lake_of_another_environment_is_left_alone(config, capsys):
    """Data of two exchanges never mix: 2, and the lake is as it was."""
    Lake.open(config.parent / "lake", "live")
    assert main(["run", "--config", str(config)]) == 2
    assert "holds data of live" in capsys.readouterr().err
    assert stored(config, PRICES).num_rows == 0


@pytest.mark.parametrize(
    ("content", "mode", "sentence"),
    [
        ("", 0o600, "is empty"),
        ("x", 0o644, "chmod 600"),
        ("x", 0o600, "not a private key in PEM"),
        (None, 0, "cannot be read"),
    ],
)
def test_a_key_file_that_cannot_be_used(config, capsys, key, content, mode, sentence):  # noqa: ARG001 - sets the key
    """Missing, empty, open to others or of a wrong type: 4, the file and the fix; the other flows still run."""
    file = config.parent / "main.pem"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    config.write_text(config.read_text().replace("secret: env:SECRET", "private_key: file:main.pem"))
    assert main(["run", "--config", str(config)]) == 4
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert stored(config, PRICES).num_rows == 2


@pytest.mark.usefixtures("key")
def test_a_key_of_another_account_is_refused(config, served, capsys, monkeypatch):
    """An account's name stays bound to the exchange's account it first read."""
    assert main(["run", "wallet", "--config", str(config)]) == 0
    served.exchange.add_account(8, "B" * 64, secret="C" * 64, balances={"ETH": ("2", "0")})
    monkeypatch.setenv("KEY", "B" * 64)
    monkeypatch.setenv("SECRET", "C" * 64)
    assert main(["run", "wallet", "--config", str(config)]) == 4
    assert "belongs to another" in capsys.readouterr().err
    assert stored(config, BALANCES)["asset"].to_pylist() == ["BTC"]


@pytest.mark.parametrize("right", ["enableSpotAndMarginTrading", "enableWithdrawals"])
def test_a_key_that_can_do_more_than_read_is_refused(config, served, capsys, monkeypatch, right):
    """A key that can trade or withdraw is not used; nothing is stored with it."""
    served.exchange.add_account(9, "D" * 64, secret="E" * 64, permissions=("enableReading", right))
    monkeypatch.setenv("KEY", "D" * 64)
    monkeypatch.setenv("SECRET", "E" * 64)
    assert main(["run", "wallet", "--config", str(config)]) == 4
    assert "may" in capsys.readouterr().err
    assert stored(config, BALANCES).num_rows == 0


def test_plan_says_what_a_run_will_take(config, capsys):
    """Requests and rows of the plan are those of the run that follows; it makes no lake."""
    assert main(["plan", "market", "--json", "--config", str(config)]) == 0
    (plan,) = json.loads(capsys.readouterr().out)
    assert not (config.parent / "lake").exists()
    assert main(["run", "market", "--json", "--config", str(config)]) == 0
    receipts = json.loads(capsys.readouterr().out)
    assert plan["rows"] == next(each["rows"] for each in receipts if each["dataset"] == "klines")
    assert main(["plan", "--series", "--config", str(config)]) == 0
    assert "spot/BTCUSDT/1d" in capsys.readouterr().out


def test_plan_warns_of_a_schedule_that_cannot_be_kept(config, capsys):
    """When a run needs more weight than its period allows, that is said aloud."""
    many = ", ".join(f"A{number}USDT" for number in range(3000))
    config.write_text(config.read_text().replace("BTCUSDT, ETHUSDT", many).replace("every: 1h", "every: 1m", 1))
    assert main(["plan", "market", "--config", str(config)]) == 0
    assert "WARNING, flow market: Each run needs" in capsys.readouterr().err


def test_backfill_lowers_the_beginning(config, capsys):
    """History on demand: coverage reaches back; a dry run says what it would cost and fetches nothing."""
    assert main(["run", "market", "--config", str(config)]) == 0
    before = stored(config, KLINES).num_rows
    words = ["backfill", "market", "--since", "2026-09-01", "--symbol", "BTCUSDT", "--config", str(config)]
    capsys.readouterr()
    assert main([*words, "--dry-run", "--json"]) == 0
    (plan,) = json.loads(capsys.readouterr().out)
    assert stored(config, KLINES).num_rows == before
    assert main(words) == 0
    assert stored(config, KLINES).num_rows == before + 30
    assert plan["rows"] == 30


@pytest.mark.usefixtures("key")
def test_status_says_what_was_looked_for(config, capsys):
    """`status --discovery` counts the symbols of each kind, lists each with --series, and says what cannot be known."""
    text = config.read_text().replace("datasets: [balances]", "datasets: [orders, fills], symbols: traded")
    config.write_text(text)
    assert main(["run", "wallet", "--config", str(config)]) == 0
    capsys.readouterr()
    assert main(["status", "--discovery", "--config", str(config)]) == 0
    shown = capsys.readouterr()
    assert "cold" in shown.out
    assert "seen only while open" in shown.err
    assert main(["status", "--discovery", "--series", "--config", str(config)]) == 0
    assert "币安人生USDT" in capsys.readouterr().out
    assert main(["status", "--discovery", "--json", "--config", str(config)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["account"] for row in found} == {"main"}
    assert not any(row["state"] == "never looked at" for row in found)
