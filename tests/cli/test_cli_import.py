"""`binlake import` keeps a person's exports row by row, all of a file or nothing of it, and says what is in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.lakes import at, put

from connectors.lake import Lake
from pipelines.cli import main
from pipelines.cli.import_ import told
from pipelines.statements.importing import Imported
from schemas.datasets.ledgers import DIVIDENDS
from schemas.datasets.statements import STATEMENT_ROWS

FLOWS = """\
exchange: simulator
lake: ./lake
accounts:
  main: {api_key: env:KEY, secret: env:SECRET}
flows:
  upkeep: {kind: maintenance, every: 1d}
"""
HEADER = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark"
LINES = (
    "7,2024-01-10 10:00:00,Spot,Deposit,USDT,1000,",
    "7,2024-01-11 10:00:00,Spot,Transaction Buy,BTC,0.01,",
    "7,2024-01-11 10:00:00,Spot,Transaction Buy,BTC,0.01,",
    "7,2024-01-11 10:00:00,Spot,Transaction Spend,USDT,-900,",
    "7,2024-01-12 10:00:00,Spot,Moon Landing,BTC,1,",
)


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """A flows.yaml with one account, whose key nobody has set."""
    path = tmp_path / "flows.yaml"
    path.write_text(FLOWS)
    return path


def export(folder: Path, name: str = "history.csv", lines: tuple[str, ...] = LINES) -> str:
    """The path of a transaction history of these lines."""
    (folder / name).write_text("\n".join((HEADER, *lines)) + "\n")
    return str(folder / name)


def run(flows: Path, *words: str) -> int:
    return main(["import", *words, "--config", str(flows)])


def stored(flows: Path) -> list[dict[str, object]]:
    """The rows of the lake."""
    rows = Lake.at(flows.parent / "lake").table(STATEMENT_ROWS).scan().to_pylist()
    return sorted(rows, key=lambda row: (row["file_name"], row["line"]))


def asked(flows: Path, capsys: pytest.CaptureFixture[str], sql: str) -> list[dict[str, object]]:
    """The answer of the command line to a question."""
    capsys.readouterr()
    assert main(["query", sql, "--format", "json", "--config", str(flows)]) == 0
    answer: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return answer


def test_every_row_is_kept(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, period, uid and the operations that nobody knows are said; equal rows are two movements."""
    assert run(flows, export(tmp_path)) == 0
    said = capsys.readouterr().err
    assert "history.csv (transaction_history): 5 rows, 2024-01-10T10:00:00Z to 2024-01-12T10:00:00Z, uid 7." in said
    assert "Unknown operations, which move nothing in `ledger`: Moon Landing (1)." in said
    rows = stored(flows)
    assert [row["line"] for row in rows] == [2, 3, 4, 5, 6]
    assert rows[0]["time"] == at("2024-01-10 10:00")
    assert json.loads(str(rows[1]["raw"]))["Operation"] == "Transaction Buy"
    count = "SELECT count(*) AS count FROM statement_movements WHERE operation = 'Transaction Buy'"
    assert asked(flows, capsys, count) == [{"count": 2}]


def test_a_line_without_its_end_is_said(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that may have been cut within its last amount is imported, and the line is named."""
    (tmp_path / "earn.csv").write_text("Date(UTC);Product Name;Coin;Amount\n2024-01-10 10:00:00;LDO;LDO;0.5")
    assert run(flows, str(tmp_path / "earn.csv")) == 0
    assert "  line 2 has no end, as in a file that was cut: see that it is whole." in capsys.readouterr().err
    assert len(stored(flows)) == 1


def test_a_file_is_imported_once(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second time, under another name too, it is said and adds nothing."""
    assert run(flows, export(tmp_path)) == 0
    assert run(flows, export(tmp_path), export(tmp_path, "renamed.csv")) == 0
    assert capsys.readouterr().err.count("was imported before; nothing was added.") == 2
    assert len(stored(flows)) == len(LINES)


def test_a_file_may_be_taken_out_again(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was imported in a wrong zone is forgotten and imported rightly; the rows of other files stay."""
    (tmp_path / "local.csv").write_text(f"{HEADER.replace('UTC_Time', 'Time')}\n{LINES[0]}\n{LINES[1]}\n")
    local = str(tmp_path / "local.csv")
    assert run(flows, export(tmp_path), local, "--zone", "UTC") == 0
    assert run(flows, local, "--zone", "UTC+7") == 0
    assert "local.csv was imported before; nothing was added. `--forget` takes it out." in capsys.readouterr().err
    assert run(flows, local, "--forget") == 0
    assert "local.csv: 2 rows taken out." in capsys.readouterr().err
    assert len(stored(flows)) == len(LINES)
    assert run(flows, local, "--forget") == 2
    assert "local.csv was not imported for account main." in capsys.readouterr().err
    assert run(flows, local, "--zone", "UTC+7") == 0
    times = [row["time"] for row in stored(flows) if row["file_name"] == "local.csv"]
    assert times == [at("2024-01-10 03:00"), at("2024-01-11 03:00")]


def test_the_status_tells_of_imports(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A lake of exports alone is not called empty: how many there are, and over which days, is said."""
    assert run(flows, export(tmp_path)) == 0
    assert main(["status", "--config", str(flows)]) == 0
    said = capsys.readouterr().err
    assert "Nothing is covered yet; `binlake run` fetches it." in said
    assert "Imported for main: 1 export with 5 rows, 2024-01-10 to 2024-01-12." in said


def test_overlapping_files_move_nothing_twice(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """D14: as many of equal rows count as one file has, also where an operation has got another name since."""
    later = "7,2024-01-13 10:00:00,Spot,Deposit,USDT,1000,"
    again = export(tmp_path, "again.csv", (*(line.replace("Transaction Buy", "Buy") for line in LINES[1:4]), later))
    assert run(flows, export(tmp_path), again) == 0
    assert len(stored(flows)) == len(LINES) + 4
    sums = "SELECT asset, sum(amount)::VARCHAR AS sum FROM statement_movements WHERE kind IS NOT NULL GROUP BY ALL ORDER BY ALL"
    found = {row["asset"]: float(str(row["sum"])) for row in asked(flows, capsys, sums)}
    assert found == {"BTC": 0.02, "USDT": 1100}


def test_nothing_is_imported_half(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One bad line keeps the whole file out; those named before it are in, and exit is 2."""
    bad = export(tmp_path, "bad.csv", (*LINES, "7,2024-01-10 10:00:00,Spot,Deposit,BTC,1.2E-05,"))
    assert run(flows, export(tmp_path), bad) == 2
    assert "binlake: bad.csv, line 7: Change '1.2E-05' was written by a spreadsheet" in capsys.readouterr().err
    assert {row["file_name"] for row in stored(flows)} == {"history.csv"}


def test_one_file_stops_no_other(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files named after one that is refused, or that is not there, are imported all the same, and exit is 2."""
    bad = export(tmp_path, "bad.csv", ("7,yesterday,Spot,Deposit,BTC,1,",))
    assert run(flows, str(tmp_path / "none.csv"), bad, export(tmp_path)) == 2
    said = capsys.readouterr().err
    assert "binlake: none.csv cannot be read: No such file or directory." in said
    assert "told by no API, and counted in `ledger` from now on: " in said
    assert "binlake: bad.csv, line 2: 'yesterday' is no time as the exchange prints it." in said
    assert {row["file_name"] for row in stored(flows)} == {"history.csv"}


def test_more_than_can_be_matched(flows: Path, tmp_path: Path) -> None:
    """Where memory and disk do not do to match what was imported, it is said how to ask for it; the rest is told."""
    assert run(flows, export(tmp_path)) == 0
    (row, *_), lake = stored(flows), Lake.at(tmp_path / "lake")
    same = {"account": "main", "kind": "transaction_history", "zone": "UTC", "uid": "7", "lines": len(LINES)}
    lines = told(lake, Imported(name="history.csv", file=str(row["file"]), **same), memory_mb=(10,))  # type: ignore[arg-type]
    assert "5 rows" in lines[0]
    assert "To match so many takes more memory than an import may have" in lines[1]
    assert "Moon Landing (1)" in lines[2]


def test_more_memory_is_tried_where_little_does_not_do(flows: Path, tmp_path: Path) -> None:
    """What was imported is told in full where the first limit of memory is too low and a later one is not."""
    assert run(flows, export(tmp_path)) == 0
    (row, *_), lake = stored(flows), Lake.at(tmp_path / "lake")
    same = {"account": "main", "kind": "transaction_history", "zone": "UTC", "uid": "7", "lines": len(LINES)}
    imported = Imported(name="history.csv", file=str(row["file"]), **same)  # type: ignore[arg-type]
    assert told(lake, imported, memory_mb=(10, 400)) == told(lake, imported)
    assert not any("more memory" in line for line in told(lake, imported))


def test_what_is_dated_after_its_import_is_said(
    flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of the future are kept and counted, and how many there are is said, as their zone or year may be wrong."""
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d %H:%M:%S}"
    assert run(flows, export(tmp_path, lines=(*LINES, f"7,{tomorrow},Spot,Deposit,USDT,5,"))) == 0
    assert "  dated after this import, as in a wrong zone or year: 1 row." in capsys.readouterr().err
    assert len(stored(flows)) == len(LINES) + 1


def test_wallets_that_nothing_checks_are_said(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What moves a wallet without balances, as under a name that is new, counts, and the wallet is named."""
    strange = tuple(f"7,2024-01-13 10:00:00,{name},Deposit,USDT,1," for name in ("Moonbase", "Funding", "P2P"))
    assert run(flows, export(tmp_path, lines=strange)) == 0
    assert "  In wallets of which no balance is pulled to check it by: moonbase (1).\n" in capsys.readouterr().err


def test_another_accounts_export(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An export of another uid than the account's is refused, be it known from a key or from an earlier export."""
    foreign = export(tmp_path, "foreign.csv", tuple(line.replace("7,", "8,", 1) for line in LINES))
    assert run(flows, export(tmp_path)) == 0
    assert run(flows, foreign) == 2
    assert "foreign.csv, line 2: it is of uid 8, while account main is uid 7." in capsys.readouterr().err
    Lake.at(tmp_path / "lake").pin("main", 8)
    assert run(flows, foreign) == 0


def test_an_export_of_nothing(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """D13: one sentence in the place of rows is no row."""
    assert run(flows, export(tmp_path, lines=("No data matches the criteria.",))) == 0
    assert "history.csv (transaction_history) is an export of no rows." in capsys.readouterr().err


def test_a_wrong_zone(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """D13: a zone in which the movements are not where the API has them is refused, with the one in which they are."""
    lake = Lake.open(tmp_path / "lake", "simulator")
    row = {"account": "main", "asset": "BNB", "version": 1, "direction": 1, "seen_at": at("2024-02-01")}
    days = [f"2024-01-{day}" for day in (10, 11, 12, 13)]
    given = ({"dividend_id": day, "amount": f"0.{day}", "div_time": at(f"{days[day]} 03:00")} for day in range(4))
    put(lake, DIVIDENDS, *(row | one for one in given))
    text = "\n".join(f"7,{day} 10:00:00,Spot,Distribution,BNB,0.{number}," for number, day in enumerate(days))
    (tmp_path / "local.csv").write_text(f"{HEADER.replace('UTC_Time', 'Time')}\n{text}\n")
    assert run(flows, str(tmp_path / "local.csv"), "--zone", "UTC") == 2
    assert "its times are in UTC+7 rather than UTC" in capsys.readouterr().err
    assert stored(flows) == []
    assert run(flows, str(tmp_path / "local.csv"), "--zone", "UTC+7") == 0
    assert "told by the API too: 3 movements." in capsys.readouterr().err


def test_which_account_is_meant(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two accounts one has to be named; one that is not in the file is refused."""
    flows.write_text(FLOWS.replace("accounts:\n", "accounts:\n  other: {api_key: env:A, secret: env:B}\n"))
    assert run(flows, export(tmp_path)) == 2
    assert run(flows, export(tmp_path), "--account", "mine") == 2
    assert "Name one of them with --account NAME." in capsys.readouterr().err
    assert run(flows, export(tmp_path), "--account", "other") == 0
    assert {row["account"] for row in stored(flows)} == {"other"}


def test_where_there_is_no_account(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an account in flows.yaml the way to add one is said."""
    flows.write_text(FLOWS.replace("accounts:\n  main: {api_key: env:KEY, secret: env:SECRET}\n", ""))
    assert run(flows, export(tmp_path)) == 2
    assert "flows.yaml has no account. `binlake keys add NAME` adds one." in capsys.readouterr().err


def test_the_answer_for_programs(flows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json tells of each file what it was."""
    assert run(flows, export(tmp_path), "--json") == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["lines"], told["uid"], told["zone"]) == ("transaction_history", 5, "7", "UTC")
