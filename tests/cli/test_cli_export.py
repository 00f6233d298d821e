"""`binlake export`: which forms there are, of which accounts, and where they are written."""

import csv

import pytest
from support.lakes import put, small_lake

from pipelines.cli import main
from schemas.datasets.ledgers import DEPOSITS

ROW = {"asset": "BTC", "status": 1, "insert_time": "2026-11-01", "seen_at": "2026-11-01", "version": 1}


@pytest.fixture
def config(tmp_path):
    """A flows.yaml of two accounts, beside a lake with a deposit of each."""
    lake = small_lake(tmp_path)
    for account, amount in (("main", "1.5"), ("other", "20")):
        put(lake, DEPOSITS, ROW | {"account": account, "deposit_id": f"{account}1", "amount": amount})
    path = tmp_path / "flows.yaml"
    path.write_text(
        "exchange: simulator\n"
        "accounts:\n"
        "  main: {api_key: env:A, secret: env:B}\n"
        "  other: {api_key: env:C, secret: env:D}\n"
        "flows:\n  b: {kind: account, account: main, datasets: [balances]}\n"
    )
    return path


def test_a_file_holds_one_account_or_all(config, tmp_path, capsys):
    """Without --account every account is exported; with it, that one. Amounts end in no zeros that say nothing."""
    for words, amounts in (([], ["1.5", "20"]), (["--account", "other"], ["20"])):
        path = tmp_path / "koinly.csv"
        assert main(["export", "koinly", *words, "-o", str(path), "--config", str(config)]) == 0, (
            capsys.readouterr().err
        )
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert [row["Received Amount"] for row in rows] == amounts


@pytest.mark.parametrize("form", ["hledger", "beancount"])
def test_a_journal_is_written_to_stdout(form, config, capsys):
    """A journal goes to stdout as text, and names what it books."""
    assert main(["export", "ledger", "--format", form, "--account", "main", "--config", str(config)]) == 0
    assert "Assets:Binance:Main:Spot  1.500000000000 BTC" in capsys.readouterr().out


def test_what_cannot_be_exported_is_said(config, capsys):
    """A form that is no journal, an unknown account, a file inside the lake: one sentence and exit code 2."""
    for words, said in (
        (["koinly", "--format", "beancount"], "koinly is imported as CSV"),
        (["koinly", "--account", "nobody"], "nobody"),
        (["koinly", "-o", str(config.parent / "lake" / "x.csv")], "lies in the lake"),
    ):
        assert main(["export", *words, "--config", str(config)]) == 2
        assert said in capsys.readouterr().err
