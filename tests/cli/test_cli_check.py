"""`binlake check` holds the lake against its promises and records what it found."""

import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.lake import Lake
from pipelines.cli import main
from schemas.datasets.journal import CHECK_RESULTS
from schemas.datasets.market import KLINES, PRICES


@pytest.fixture
def pulled(config, capsys):
    """A lake with a month of daily candles and a snapshot of prices."""
    assert main(["run", "market", "--config", str(config)]) == 0
    capsys.readouterr()
    return config


def spoil(config):
    """Turn the first candle's low above its high, as no exchange would print it."""
    table = Lake.at(config.parent / "lake").table(KLINES)
    rows = table.scan(KLINES.schema.names).slice(0, 1)
    worse = pa.Table.from_pylist([rows.to_pylist()[0] | {"low": Decimal(99999999)}], schema=KLINES.schema)
    table.replace(rows.select(list(KLINES.key)), worse, [])


def test_a_sound_lake_passes(pulled, capsys):
    """Exit 0, nothing but a summary, and a row of check_results for each; `--all` has one line per check."""
    assert main(["check", "--config", str(pulled)]) == 0
    shown = capsys.readouterr()
    results = Lake.at(pulled.parent / "lake").table(CHECK_RESULTS).scan()
    assert (shown.out, shown.err) == ("", f"{results.num_rows} of {results.num_rows} checks passed.\n")
    assert all(results["passed"].to_pylist())
    assert main(["check", "--all", "--config", str(pulled)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) - 1 == results.num_rows
    assert all(line.startswith("ok ") for line in lines[1:])


def test_offending_rows_are_shown(pulled, capsys):
    """A check of severity error that fails ends with 3 and shows the first offending rows."""
    spoil(pulled)
    assert main(["check", "ohlc_sane", "freshness", "--config", str(pulled)]) == 3
    said = capsys.readouterr().out
    assert "FAILED" in said
    assert "ohlc_sane: 1 of 1 offending rows" in said
    assert "99999999" in said
    assert main(["check", "ohlc_sane", "--json", "--config", str(pulled)]) == 3
    (result,) = json.loads(capsys.readouterr().out)
    assert (result["name"], result["passed"], result["offending_rows"]) == ("ohlc_sane", False, 1)
    assert result["sample"][0]["symbol"] in {"BTCUSDT", "ETHUSDT"}


def test_lateness_is_a_warning(pulled, capsys):
    """A symbol that the file promises and the lake lacks is named; a warning does not change the exit code."""
    promise_more(pulled)
    assert main(["check", "ohlc_sane", "freshness", "--config", str(pulled)]) == 0
    shown = capsys.readouterr()
    assert next(line.split()[:2] for line in shown.out.splitlines() if "freshness" in line) == ["warning", "freshness"]
    assert "BNBUSDT" in shown.out
    assert "ohlc_sane" not in shown.out
    assert shown.err.endswith(" checks passed; 1 warned.\n")


def promise_more(config):
    """Promise a symbol that the lake lacks, so that a check warns."""
    config.write_text(config.read_text().replace("ETHUSDT]", "ETHUSDT, BNBUSDT]"))


def test_a_warning_may_fail(pulled, capsys):
    """With `--fail-on warn` a warning ends with 3, and a lake without one with 0."""
    words = ["--fail-on", "warn", "--config", str(pulled)]
    assert main(["check", *words]) == 0
    promise_more(pulled)
    assert main(["check", "freshness", *words]) == 3
    assert "1 warned" in capsys.readouterr().err


def test_the_file_may_set_a_severity(pulled, capsys):
    """Under `checks` a warning becomes an error and an error a warning, also where results are recorded."""
    promise_more(pulled)
    pulled.write_text(f"checks: {{freshness: error, ohlc_sane: warn}}\n{pulled.read_text()}")
    assert main(["check", "freshness", "--config", str(pulled)]) == 3
    assert capsys.readouterr().err == "0 of 1 checks passed; 1 failed.\n"
    spoil(pulled)
    assert main(["check", "ohlc_sane", "--config", str(pulled)]) == 0
    recorded = Lake.at(pulled.parent / "lake").table(CHECK_RESULTS).scan(["check_name", "severity"]).to_pylist()
    assert {row["check_name"]: row["severity"] for row in recorded} == {"freshness": "error", "ohlc_sane": "warn"}


def test_checking_makes_no_lake(config, capsys):
    """Before the first run there is nothing to check: one sentence, and no folder that is bound to an exchange."""
    for verb in (["check"], ["status"], ["prove"], ["query", "select 1"]):
        assert main([*verb, "--config", str(config)]) == 2
        assert "There is no lake at" in capsys.readouterr().err
    assert not (config.parent / "lake").exists()


def test_an_unknown_check(pulled, capsys):
    """The nearest check is named."""
    assert main(["check", "ohlc_sand", "--config", str(pulled)]) == 2
    assert "Did you mean ohlc_sane?" in capsys.readouterr().err


def test_results_that_cannot_be_recorded_are_still_shown(pulled, capsys):
    """A lake that takes no more rows is checked all the same: what was found is shown, and that it is not recorded."""
    (pulled.parent / "lake" / CHECK_RESULTS.table).write_text("in the way")
    assert main(["check", "--all", "files_intact", "--config", str(pulled)]) == 0
    shown = capsys.readouterr()
    assert "files_intact" in shown.out
    assert "The results were not recorded: Could not write" in shown.err


def test_a_damaged_file_is_told_beside_all_other_results(pulled, capsys):
    """One flipped bit ends with 3 and the file's name; every check is answered."""
    path = Path(Lake.at(pulled.parent / "lake").table(KLINES).files()[0])
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert main(["check", "--all", "--config", str(pulled)]) == 3
    said = capsys.readouterr().out
    assert path.name in said
    assert "symbols_unique_key" in said


def test_what_cannot_be_read_is_not_checked(pulled, capsys):
    """Exit 3; the checks that need a missing file say so with its name, in the table, as JSON and in check_results."""
    path = Path(Lake.at(pulled.parent / "lake").table(PRICES).files()[0])
    path.unlink()
    assert main(["check", "prices_unique_key", "ohlc_sane", "--config", str(pulled)]) == 3
    said = capsys.readouterr().out
    verdicts = {line.split("  ")[0] for line in said.splitlines() if "prices_unique_key" in line and "  " in line}
    assert verdicts == {"not checked"}
    [reason] = [line for line in said.splitlines() if line.startswith("Not checked: ")]
    assert "prices_unique_key" in reason
    assert path.name in reason
    assert main(["check", "prices_not_null", "--json", "--config", str(pulled)]) == 3
    [result] = json.loads(capsys.readouterr().out)
    assert (result["passed"], result["offending_rows"]) == (False, 0)
    assert path.name in result["not_checked"]
    recorded = Lake.at(pulled.parent / "lake").table(CHECK_RESULTS).scan().to_pylist()
    assert all("not_checked" in row["sample"] for row in recorded if row["check_name"] == "prices_not_null")
