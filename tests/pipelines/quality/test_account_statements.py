"""What is stated of an account: each ledger month by month, with a hash anyone can recompute, and each asset."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.lakes import at, put, small_lake, us
from support.tables import Tables

from connectors.lake import Lake, Move
from pipelines.cli import main
from pipelines.quality.statement_diff import load
from schemas.datasets import DATASETS
from schemas.datasets.account import BALANCES
from schemas.datasets.futures_account import INCOME
from schemas.datasets.journal import GAPS, RUNS
from schemas.datasets.ledgers import DEPOSITS, DIVIDENDS
from schemas.model.series import Series

DONE = {"flow": "books", "account": "main", "outcome": "done", "market": None}
FLOWS = """\
exchange: simulator
accounts:
  main: {api_key: env:KEY, secret: env:SECRET}
flows:
  books: {kind: account, account: main, datasets: [balances, deposits, dividends], since: 2026-01-01}
"""


def deposit(number: int, amount: str, instant: str, **values: Any) -> dict[str, Any]:
    row = {"account": "main", "deposit_id": str(number), "version": 1, "asset": "BTC", "amount": amount, "status": 1}
    return row | {"insert_time": instant, "seen_at": instant} | values


def covered(tables: Tables, since: str, until: str) -> None:
    tables.put(RUNS, DONE | {"run": "r", "dataset": "deposits", "started": until, "ended": until})
    tables.note(Series.of(DEPOSITS, account="main"), since=us(since), until=us(until))


def test_a_month_has_the_hash_of_its_movements(tables: Tables) -> None:
    """Anyone can recompute it from the ledger: a line a movement, in order of the bytes; of none, that of nothing."""
    covered(tables, "2017-07-01", "2026-03-10")
    tables.put(DEPOSITS, deposit(1, "2", "2026-01-05"), deposit(2, "0.5", "2026-01-31"), deposit(3, "1", "2026-03-01"))
    lines = [
        f"{us(instant)}\tspot\tBTC\t{amount}\tdeposit\t{number}\n"
        for instant, amount, number in (("2026-01-05", "2.000000000000", 1), ("2026-01-31", "0.500000000000", 2))
    ]
    stated = tables.tuples("SELECT month, since, until, rows, status, sha256 FROM ledger_months ORDER BY month")
    hashes = [hashlib.sha256("".join(each).encode()).hexdigest() for each in (sorted(lines), [])]
    assert stated[:2] == [
        ("2026-01", at("2026-01-01"), at("2026-02-01"), 2, "covered", hashes[0]),
        ("2026-02", at("2026-02-01"), at("2026-03-01"), 0, "covered", hashes[1]),
    ]
    assert stated[2][:5] == ("2026-03", at("2026-03-01"), at("2026-03-10"), 1, "covered")


def test_a_hash_depends_on_movements_alone(tables: Tables) -> None:
    """Neither the order in which rows are stored, nor how often a row was seen to change, matters; each digit does."""
    covered(tables, "2017-07-01", "2026-02-10")
    asked = "SELECT sha256 FROM ledger_months WHERE month = '2026-01'"
    tables.put(DEPOSITS, deposit(2, "2", "2026-01-06", status=0), deposit(1, "1", "2026-01-05"))
    tables.put(DEPOSITS, deposit(2, "2", "2026-01-06", version=2))
    first = tables.tuples(asked)
    tables.put(DEPOSITS, deposit(2, "2", "2026-01-06", version=3, confirm_times="9/9"))
    assert tables.tuples(asked) == first
    tables.put(DEPOSITS, deposit(2, "2.000000000001", "2026-01-06", version=4))
    assert tables.tuples(asked) != first


def test_what_was_not_retained_is_no_proof(tables: Tables) -> None:
    """A month of which the exchange no longer returned a part is not covered."""
    covered(tables, "2025-12-01", "2026-02-10")
    tables.put(DEPOSITS, deposit(1, "1", "2025-12-24"))
    gap = {"dataset": "deposits", "account": "main", "reason": "not_retained", "filled_at": None}
    tables.put(
        GAPS, gap | {"since": "2025-12-01", "until": "2026-01-02", "first_seen": "2026-02-01", "seen_at": "2026-02-01"}
    )
    stated = tables.tuples("SELECT month, status FROM ledger_months ORDER BY month")
    assert stated == [("2025-12", "not_retained"), ("2026-01", "not_retained"), ("2026-02", "covered")]


@pytest.mark.parametrize(
    ("code", "read", "unread"),
    [(3003, "covered", "covered"), (2015, "covered", "not_readable"), (1002, "covered", "not_readable"),
     (0, "covered", "not_readable"), (9999, "covered", "not_readable")],
)  # fmt: skip
def test_what_a_key_may_not_read_is_no_proof(code: int, read: str, unread: str, tables: Tables) -> None:
    """A key that loses a right proves no month after it; only that the account has none of it is an answer."""
    covered(tables, "2025-12-01", "2026-01-10")
    tables.note(Series.of(DEPOSITS, account="main"), absent_at=us("2026-02-10"), absent_code=code)
    tables.put(DEPOSITS, deposit(1, "1", "2025-12-24"))
    stated = tables.tuples("SELECT month, status FROM ledger_months WHERE dataset = 'deposits' ORDER BY month")
    assert stated == [("2025-12", read), ("2026-01", unread), ("2026-02", unread)]


def test_what_a_key_never_could_read_is_no_proof(tables: Tables) -> None:
    """No month of a ledger is covered that the key may not read from the first day on."""
    covered(tables, "2025-12-01", "2026-01-10")
    tables.put(DEPOSITS, deposit(1, "1", "2025-12-24"))
    tables.put(RUNS, DONE | {"run": "d", "dataset": "dividends", "started": "2026-01-10", "ended": "2026-01-10"})
    tables.note(Series.of(DIVIDENDS, account="main"), absent_at=us("2026-01-10"), absent_code=2015)
    stated = tables.tuples("SELECT month, status FROM ledger_months WHERE dataset = 'dividends' ORDER BY month")
    assert stated == [("2025-12", "not_readable"), ("2026-01", "not_readable")]


@pytest.mark.parametrize("market", ["usdm", "coinm"])
def test_what_one_wallet_lost_is_no_proof_for_another(market: str, tables: Tables) -> None:
    """A ledger of several wallets is covered where none of them lacks a part, whichever it is that does."""
    for each in ("usdm", "coinm"):
        tables.note(Series.of(INCOME, account="main", market=each), since=us("2025-12-01"), until=us("2026-02-10"))
    tables.put(RUNS, DONE | {"run": "r", "dataset": "income", "started": "2026-02-10", "ended": "2026-02-10"})
    of = {"account": "main", "market": market}
    tables.put(INCOME, of | {"tran_id": "1", "income": "1", "time": "2025-12-24", "gone_since": None})
    times = {"since": "2025-12-01", "until": "2026-01-02", "first_seen": "2026-02-01", "seen_at": "2026-02-01"}
    tables.put(GAPS, of | times | {"dataset": "income", "reason": "not_retained", "filled_at": None})
    stated = tables.tuples("SELECT month, status FROM ledger_months WHERE dataset = 'income' ORDER BY month")
    assert stated == [("2025-12", "not_retained"), ("2026-01", "not_retained"), ("2026-02", "covered")]


def test_an_asset_is_explained_when_every_interval_is(tables: Tables) -> None:
    """What is left over in one interval and comes back in another is not explained."""
    row = {"account": "main", "wallet": "funding", "locked": "0"}
    amounts = {"BTC": ("1", "1", "1"), "ETH": ("1", "2", "1")}
    tables.put(
        BALANCES,
        *(
            row | {"asset": asset, "free": free, "observed_at": f"2026-01-0{day}"}
            for asset, frees in amounts.items()
            for day, free in enumerate(frees, 1)
        ),
    )
    asked = "SELECT asset, intervals, explained, residual, status FROM reconciled_assets"
    assert tables.tuples(asked) == [
        ("BTC", 2, 2, Decimal(0), "explained"),
        ("ETH", 2, 0, Decimal(0), "not_comparable"),
    ]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A flows.yaml beside a lake that holds deposits of two months, and never asked for dividends."""
    (tmp_path / "flows.yaml").write_text(FLOWS)
    lake = small_lake(tmp_path)
    lake.pin("main", 7)
    fill(lake, deposit(1, "2", "2026-01-05"), deposit(2, "3", "2026-02-05"))
    return tmp_path


def fill(lake: Lake, *rows: dict[str, Any]) -> None:
    """Store deposits with the run that brought them."""
    put(lake, DEPOSITS, *rows)
    series, table = Series.of(DEPOSITS, account="main"), lake.table(DEPOSITS)
    bounds = {"since": us("2026-01-01"), "until": us("2026-02-10")}
    table.commit(table.dataset.schema.empty_table(), [Move.of(series, bounds, table.bounds())])
    put(lake, RUNS, DONE | {"run": "r", "dataset": "deposits", "started": "2026-02-10", "ended": "2026-02-10"})


def prove(home: Path, *words: str) -> int:
    return main(["prove", *words, "--config", str(home / "flows.yaml")])


def test_prove_states_ledgers(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each month is covered or not; a ledger that the file promises and nobody pulled is missing, which ends with 3."""
    assert prove(home, "books", "--json") == 3
    stated = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [(one["dataset"], one["month"], one["rows"], one["status"]) for one in stated]
    assert told == [
        ("deposits", "2026-01", 1, "covered"),
        ("deposits", "2026-02", 1, "covered"),
        ("dividends", "2026-01", 0, "missing"),
    ]
    assert prove(home, "books") == 3
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("main/deposits", "main/dividends", "missing", stated[0]["sha256"][:16]))


def test_a_lake_whose_ledgers_are_held_is_sound(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0 when each month of each ledger of the flow is covered."""
    (home / "flows.yaml").write_text(FLOWS.replace(", dividends", ""))
    assert prove(home) == 0
    assert "main/deposits" in capsys.readouterr().out


def test_ledgers_are_held_against_a_file(home: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The months of a ledger that differ from somebody else's statements are named."""
    (home / "flows.yaml").write_text(FLOWS.replace(", dividends", ""))
    assert prove(home, "--json") == 0
    theirs = tmp_path / "theirs.jsonl"
    theirs.write_text(capsys.readouterr().out)
    assert len(load(theirs)[1]) == 2
    assert prove(home, "--against", str(theirs)) == 0
    assert "2 months compared, 0 differ" in capsys.readouterr().err
    put(Lake.at(home / "lake"), DEPOSITS, deposit(2, "4", "2026-02-05", version=2))
    assert prove(home, "--against", str(theirs), "--json") == 3
    (found,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (found["series"], found["month"], found["place"]) == ("main/deposits", "2026-02", "differs")


def test_damage_to_a_ledger_costs_no_candle(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a table of movements cannot be read, accounts are not stated, and the sentence says so."""
    for path in Lake.at(home / "lake").table(DATASETS["deposits"]).files():
        Path(path).chmod(0o600)
        Path(path).write_bytes(b"not Parquet at all")
    assert prove(home) == 3
    assert "nothing of accounts is stated" in capsys.readouterr().err
