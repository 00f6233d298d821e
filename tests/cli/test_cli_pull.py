"""`plan`, `run` and `backfill` from the words of a person to the lake."""

import asyncio
import json
import os
from dataclasses import replace

import pyarrow.compute as pc
import pytest

from connectors.lake import Lake
from pipelines.cli import main
from pipelines.cli.pulling import pull_each
from pipelines.context.receipts import Receipt
from schemas.datasets.account import BALANCES
from schemas.datasets.journal import CORRECTIONS, RUNS
from schemas.datasets.market import KLINES


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


def test_upkeep_says_in_one_line_that_most_tables_had_nothing_to_do(config, capsys):
    """What has nothing new of many datasets is counted, and not listed one by one."""
    assert main(["run", "upkeep", "--config", str(config)]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("upkeep:")]
    assert len(lines) == 1
    assert "datasets done, nothing new, " in lines[0]


def test_a_line_counts_rows_that_cost_no_request():
    """What comes out of files alone is counted too, and what did nothing counts nothing."""
    done = Receipt(flow="p", dataset="klines", market="usdm", account=None, outcome="done", seconds=0.5)
    assert replace(done, rows=456).line() == "p: klines usdm done, 456 rows, 0.5 s"
    assert replace(done, requests=1, weight=2).line() == "p: klines usdm done, 0 rows, 1 request, weight 2, 0.5 s"
    assert done.line() == "p: klines usdm done, 0.5 s"


@pytest.mark.parametrize(
    ("file", "folder", "warned"),
    [(0o600, 0o700, False), (0o644, 0o755, False), (0o666, 0o700, True), (0o600, 0o777, True), (0o600, 0o1777, False)],
    ids=lambda value: oct(value) if value > 1 else str(value),
)
def test_a_file_that_others_can_change_is_named(config, capsys, file, folder, warned):
    """Who can write flows.yaml, or replace it, decides where keys are sent: `run` and `doctor` say so."""
    config.chmod(file)
    config.parent.chmod(folder)
    assert main(["run", "upkeep", "--config", str(config)]) == 0
    assert ("Other users can change" in capsys.readouterr().err) == warned
    main(["doctor", "--json", "--config", str(config)])
    (finding,) = [each for each in json.loads(capsys.readouterr().out) if each["what"] == "flows.yaml"]
    assert finding["level"] == ("warn" if warned else "ok")
    config.parent.chmod(0o700)


def test_a_file_that_a_group_can_change_is_named(config, capsys):
    """A group counts as others, unless it is the owner's own."""
    config.chmod(0o660)
    for group, warned in ((config.stat().st_uid, False), (config.stat().st_uid + 1, True)):
        try:
            os.chown(config, -1, group)
        except PermissionError:
            pytest.skip("only root may give a file to any group")
        main(["plan", "upkeep", "--config", str(config)])
        assert ("Other users can change" in capsys.readouterr().err) == warned


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


@pytest.mark.usefixtures("key")
def test_what_is_noted_about_a_key_is_told(config, capsys):
    """A key that works from any address is named in the receipt, in `runs`, and by `status` until a run without it."""
    note = "The key works from any address: restrict it to yours on the exchange."
    assert main(["run", "wallet", "--json", "--config", str(config)]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)[0]["note"] == note
    assert note in said.err
    assert stored(config, RUNS)["note"].drop_null().to_pylist() == [note]
    assert main(["status", "--config", str(config)]) == 0
    assert f"Flow wallet: {note}\n" in capsys.readouterr().err


def test_one_failing_symbol_stops_no_other(config, capsys):
    """The others are stored, what failed is shown with the reason, and the exit code says so."""
    config.write_text(config.read_text().replace("[BTCUSDT, ETHUSDT]", "[BTCUSTD, ETHUSDT]"))
    assert main(["run", "market", "--config", str(config)]) == 1
    said = capsys.readouterr().err
    assert "spot/BTCUSTD" in said
    assert "Did you mean BTCUSDT?" in said
    assert set(stored(config, KLINES)["symbol"].to_pylist()) == {"ETHUSDT"}


def test_what_cannot_be_asked_for_makes_no_lake(config, capsys):
    """A command that cannot be meant leaves nothing behind."""
    assert main(["run", "markt", "--config", str(config)]) == 2
    assert capsys.readouterr().out == ""
    assert not (config.parent / "lake").exists()


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("[klines, prices]", "[klins, prices]", "line 5: flows.market.datasets.0: 'klins' is not a valid market dataset; did you mean klines?"),
        ("market: spot", "market: spto", "'spto' is not a valid market; did you mean spot?"),
        ("[1d]", "[1D ay]", "'1D ay' is not a valid interval (1m is a minute, 1M a month)"),
        ("2026-10-01", "2126-10-01", "line 6: flows.market.since: 2126-10-01 00:00 lies in the future"),
        ("every: 1h", "evry: 1h", "unknown key 'evry'; did you mean every?"),
        ("flows:", "flows: :", "line 4: this is not YAML"),
        ("env:SECRET", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP", "a key itself never stands in this file"),
        ("exchange: {spot: 'http://127.0.0.1", "exchange: {spot: 'http://example.com", "line 1: `exchange.spot` would send keys"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["run", "plan", "status"])
def test_a_file_that_is_wrong(config, capsys, verb, right, wrong, sentence):
    """Whatever the verb: one sentence with file, line and key, exit 2, no lake; a pasted key is not repeated."""
    config.write_text(config.read_text().replace(right, wrong, 1))
    assert main([verb, "--config", str(config)]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "NhqPtm" not in said
    assert not (config.parent / "lake").exists()


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
    text = config.read_text().replace("[BTCUSDT, ETHUSDT]", "all").replace("every: 1h", "every: 1m", 1)
    config.write_text("budget: 1%\n" + text.replace("[1d]", "[1h, 2h, 4h, 6h, 8h, 12h, 1d, 3d, 1w]"))
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


def test_a_wrong_month_is_loaded_again(config, capsys):
    """A stored candle that is not what the exchange returns is replaced, and both versions are kept."""
    assert main(["run", "market", "--config", str(config)]) == 0
    table = lake(config).table(KLINES)
    right = table.scan().sort_by([(name, "ascending") for name in KLINES.key])
    wrong = right.slice(0, 1)
    at = wrong.schema.get_field_index("trade_count")
    table.replace(
        wrong.select(KLINES.key), wrong.set_column(at, wrong.schema.field(at), pc.add(wrong["trade_count"], 7)), []
    )
    month = f"{wrong['open_time'][0].as_py():%Y-%m}"
    capsys.readouterr()
    assert main(["backfill", "market", "--reload", "--month", month, "--json", "--config", str(config)]) == 0
    (receipt,) = json.loads(capsys.readouterr().out)
    assert receipt["rows"] == 1
    assert stored(config, KLINES).sort_by([(name, "ascending") for name in KLINES.key]).equals(right)
    assert stored(config, CORRECTIONS).num_rows == 1


@pytest.mark.usefixtures("key")
def test_status_says_what_was_looked_for(config, capsys):
    """`plan` says what it cannot know; `status --discovery` counts the symbols of each kind, and lists them."""
    text = config.read_text().replace("datasets: [balances]", "datasets: [orders, fills], symbols: traded")
    config.write_text(text)
    assert main(["plan", "wallet", "--config", str(config)]) == 0
    assert "comes on top and is known only when it comes" in capsys.readouterr().err
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


def test_a_surprise_fails_its_flow_alone(capsys):
    """An error that nobody foresaw fails one flow; those behind it run, and the exit code is 70 at the end."""

    async def pull(name, _progress, _stop) -> list[Receipt]:
        if name == "first":
            raise RuntimeError("secret=abc")
        return [Receipt(flow=name, dataset="prices", market="spot", account=None, outcome="done", rows=2)]

    assert asyncio.run(pull_each(["first", "second"], pull, json=True)) == 70
    shown = capsys.readouterr()
    assert [(each["flow"], each["outcome"]) for each in json.loads(shown.out)] == [
        ("first", "failed"),
        ("second", "done"),
    ]
    assert "A bug: RuntimeError in test_cli_pull.py" in shown.err
    assert "secret" not in shown.out + shown.err


def test_a_plan_without_a_network_is_tried_later(config, capsys):
    """An archive that nobody reaches is no fault of the file: exit code 75, as where the exchange is not reached."""
    nowhere = "http://127.0.0.1:9"
    config.write_text(
        f"exchange: {{spot: '{nowhere}', archive: '{nowhere}', archive_list: '{nowhere}', name: away}}\n"
        "flows:\n  p: {kind: market, market: spot, datasets: [klines], symbols: [BTCUSDT], intervals: [1m], "
        "since: 2026-01-01}\n"
    )
    assert main(["plan", "--config", str(config)]) == 75
    assert "No answer" in capsys.readouterr().err
