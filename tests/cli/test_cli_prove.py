"""`binlake prove` states what the lake holds, and names what differs from somebody else's."""

import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from support.lakes import rows_of
from support.sampled import some_of

from connectors.lake import Lake
from pipelines.cli import main
from schemas.datasets.archive import ARCHIVE_FILES
from schemas.datasets.journal import GAPS
from schemas.datasets.market import KLINES
from schemas.model.fields import TIME


@pytest.fixture
def pulled(config, capsys):
    """A lake with a month of daily candles."""
    assert main(["run", "market", "--config", str(config)]) == 0
    capsys.readouterr()
    return config


def change(config):
    """Store the first candle one unit higher."""
    table = Lake.at(config.parent / "lake").table(KLINES)
    rows = table.scan(KLINES.schema.names).slice(0, 1)
    [row] = rows.to_pylist()
    new = pa.Table.from_pylist([row | {"quote_volume": row["quote_volume"] + Decimal("0.00000001")}], KLINES.schema)
    table.replace(rows.select(list(KLINES.key)), new, [])
    return row


def test_a_sound_lake(pulled, capsys):
    """Exit 0; a table for people, JSON lines for programs, the same hashes in both."""
    assert main(["prove", "--config", str(pulled)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert main(["prove", "market", "--json", "--config", str(pulled)]) == 0
    stated = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(stated) == len(shown) - 1
    assert {one["status"] for one in stated} == {"complete"}
    assert {one["sha256"][:16] for one in stated} == {line.split()[-1] for line in shown[1:]}


def test_what_is_missing_ends_with_3(pulled, capsys):
    """A symbol that the file promises and the lake lacks is missing in every month since."""
    pulled.write_text(pulled.read_text().replace("ETHUSDT]", "ETHUSDT, BNBUSDT]"))
    assert main(["prove", "--symbol", "BNBUSDT", "--config", str(pulled)]) == 3
    said = capsys.readouterr().out.splitlines()[1:]
    assert said
    assert all("spot/BNBUSDT/1d" in line and "missing" in line for line in said)
    assert main(["prove", "--symbol", "BTCUSDT", "--config", str(pulled)]) == 0


def test_a_lake_against_itself_and_after_a_change(pulled, capsys, tmp_path):
    """The same rows do not differ; the one candle that was changed is named to the instant."""
    assert main(["prove", "--json", "--candles", "--config", str(pulled)]) == 0
    theirs = tmp_path / "theirs.jsonl"
    theirs.write_text(capsys.readouterr().out)
    assert main(["prove", "--against", str(theirs), "--config", str(pulled)]) == 0
    assert "0 differ" in capsys.readouterr().err
    row = change(pulled)
    assert main(["prove", "--against", str(theirs), "--json", "--config", str(pulled)]) == 3
    [found] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (found["what"], found["series"], found["place"]) == ("candle", f"spot/{row['symbol']}/1d", "differs")
    assert found["since"] == f"{row['open_time']:%Y-%m-%dT%H:%M:%SZ}"


def test_a_month_that_only_they_have(pulled, capsys, tmp_path):
    """What a file states and the lake does not hold is a difference."""
    assert main(["prove", "--json", "--config", str(pulled)]) == 0
    theirs = tmp_path / "theirs.jsonl"
    theirs.write_text(capsys.readouterr().out.replace("BTCUSDT", "XRPUSDT"))
    assert main(["prove", "--against", str(theirs), "--config", str(pulled)]) == 3
    captured = capsys.readouterr()
    assert "spot/XRPUSDT/1d" in captured.out
    assert "only there" in captured.out


def test_a_damaged_file_costs_its_months_only(pulled, capsys, tmp_path):
    """Exit 3; what can be read is stated, and what cannot is named, never taken for absent."""
    known = set(Lake.at(pulled.parent / "lake").table(KLINES).files())
    pulled.write_text(pulled.read_text().replace("ETHUSDT]", "ETHUSDT, BNBUSDT]"))
    assert main(["run", "market", "--config", str(pulled)]) == 0
    capsys.readouterr()
    assert main(["prove", "--json", "--config", str(pulled)]) == 0
    theirs, stated = tmp_path / "theirs.jsonl", capsys.readouterr().out
    theirs.write_text(stated)
    [damaged] = set(Lake.at(pulled.parent / "lake").table(KLINES).files()) - known
    Path(damaged).unlink()
    assert main(["prove", "--json", "--config", str(pulled)]) == 3
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [line for line in stated.splitlines() if "BNBUSDT" not in line]
    assert "spot/BNBUSDT/1d of 2026-10 cannot be proven" in shown.err
    assert damaged in shown.err
    assert main(["prove", "--against", str(theirs), "--config", str(pulled)]) == 3
    shown = capsys.readouterr()
    assert "only there" not in shown.out
    assert "spot/BNBUSDT/1d of 2026-10 cannot be proven" in shown.err


@pytest.mark.parametrize(
    ("dataset", "says"),
    some_of(
        [
            (GAPS, "The table gaps cannot be examined, so months that lack candles are not stated"),
            (ARCHIVE_FILES, "The table archive_files cannot be examined, so the sources of candles are not stated"),
            (KLINES, "The table klines cannot be examined, so nothing is proven"),
        ]
    ),
)
def test_a_table_that_cannot_be_examined_is_named(pulled, capsys, tmp_path, dataset, says):
    """Exit 3 and one sentence with the way out; what does not need the table is stated and compared all the same."""
    lake = Lake.at(pulled.parent / "lake")
    if dataset is not KLINES:
        row = {column.name: "2026-10-01" for column in dataset.columns if column.type is TIME}
        lake.table(dataset).commit(rows_of(dataset, row), [])
    assert main(["prove", "--json", "--config", str(pulled)]) == 0
    theirs, stated = tmp_path / "theirs.jsonl", capsys.readouterr().out
    theirs.write_text(stated)
    for entry in (lake.path / dataset.table / "_delta_log").glob("*.json"):
        entry.unlink()
        entry.mkdir()
    assert main(["prove", "--json", "--config", str(pulled)]) == 3
    shown = capsys.readouterr()
    assert says in shown.err
    assert "Mend the disk" in shown.err
    months = 0 if dataset is KLINES else len(stated.splitlines())
    assert len(shown.out.splitlines()) == months
    assert main(["prove", "--against", str(theirs), "--config", str(pulled)]) == 3
    shown = capsys.readouterr()
    assert "only there" not in shown.out
    assert f"{months:,} months compared, 0 differ" in shown.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nobody"], "There is no flow"),
        (["wallet"], "pull nothing that can be proven"),
        (["--month", "2018-01"], "covers nothing of these"),
        (["--against", "nowhere.jsonl"], "cannot be read"),
    ],
)
def test_what_cannot_be_proven(pulled, capsys, words, says):
    """One sentence says what was asked for wrongly."""
    assert main(["prove", *words, "--config", str(pulled)]) == 2
    assert says in capsys.readouterr().err
