"""The summary of a run: what changed, and how the lake stands after it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from support.lakes import filled, put

from connectors.lake import Lake
from pipelines.context.receipts import Failure, Receipt
from pipelines.service.run_summary import summary
from schemas.datasets.futures_account import INCOME
from schemas.datasets.journal import CHECK_RESULTS, CORRECTIONS, GAPS
from schemas.datasets.market import KLINES

NOW = datetime(2026, 1, 3, tzinfo=UTC)
SERIES = {"market": "spot", "symbol": "BTCUSDT", "interval": "1m"}
NONE = dict.fromkeys(("account", "wallet", "type"))
DONE = Receipt(flow="p", dataset="klines", market="spot", account=None, outcome="done", rows=7)


def lake_with_candles(folder: Path) -> Lake:
    """A lake with a covered day of minutes, in which a gap is open and a candle was corrected."""
    lake = Lake.open(folder / "lake", "simulator")
    bounds = {"spot/BTCUSDT/1m": "2026-01-01"}, {"spot/BTCUSDT/1m": "2026-01-02"}
    put(lake, KLINES, filled(KLINES) | SERIES, since=bounds[0], until=bounds[1])
    put(lake, GAPS, filled(GAPS) | SERIES | NONE | {"dataset": "klines", "filled_at": None})
    put(lake, CORRECTIONS, filled(CORRECTIONS) | SERIES | NONE | {"dataset": "klines"})
    return lake


def test_how_the_lake_stands(tmp_path):
    """Each dataset has what is new, its coverage, lag, gaps and corrections."""
    (row,), said = summary(lake_with_candles(tmp_path), [DONE], NOW)
    shown = ("new rows", "covered since", "covered until", "lag s", "open gaps", "corrections")
    assert [row[name] for name in shown] == [7, "2026-01-01 00:00:00", "2026-01-02 00:00:00", 86_400, 1, 1]
    assert said == "No check was run yet; `binlake check` runs them."


def test_each_market_of_an_account_has_its_own_coverage(tmp_path):
    """What income of USD-M reaches says nothing of that of COIN-M; of all markets, the one that is behind counts."""
    lake = Lake.open(tmp_path / "lake", "simulator")
    until = {"main/usdm": "2026-01-02", "main/coinm": "2026-01-01", "other/usdm": "2025-12-01"}
    put(lake, INCOME, since=dict.fromkeys(until, "2025-01-01"), until=until)
    receipt = Receipt(flow="p", dataset="income", market=None, account="main", outcome="done")
    receipts = [replace(receipt, market=market) for market in ("usdm", "coinm", None)]
    rows, _ = summary(lake, receipts, NOW)
    assert [(row["of"], row["covered until"]) for row in rows] == [
        ("main usdm", "2026-01-02 00:00:00"),
        ("main coinm", "2026-01-01 00:00:00"),
        ("main", "2026-01-01 00:00:00"),
    ]


def test_checks_that_failed_are_named(tmp_path):
    """Only the last result of a check counts."""
    lake = Lake.open(tmp_path / "lake", "simulator")
    for name, hour, passed in (("a", 1, False), ("a", 2, True), ("b", 1, True), ("b", 2, False)):
        result = {"run": f"{hour}", "check_name": name, "passed": passed, "checked_at": f"2026-01-02T0{hour}:00"}
        put(lake, CHECK_RESULTS, filled(CHECK_RESULTS) | result)
    _, said = summary(lake, [DONE], NOW)
    assert said == "Checks as of 2026-01-02 02:00:00, the last time each was run: failed: b."


def test_a_damaged_table_costs_only_the_summary(tmp_path):
    """What the run did is told, and why the rest is not."""
    lake = lake_with_candles(tmp_path)
    Path(lake.table(GAPS).files()[0]).write_bytes(b"x")
    failed = Receipt.of_flow("p", Failure("spot/BTCUSDT", "No answer."))
    rows, said = summary(Lake.at(lake.path), [DONE, failed], NOW)
    assert [(row["outcome"], row["failed"]) for row in rows] == [("done", ""), ("failed", "spot/BTCUSDT: No answer.")]
    assert said.startswith("The lake cannot be summed up: ")


def test_a_line_names_the_market_of_an_accounts_dataset():
    """Income is pulled of two markets, and each of its lines says of which."""
    lines = [replace(DONE, dataset="income", account="main", market=market).line() for market in ("usdm", "coinm")]
    assert [line.split(" done")[0] for line in lines] == ["p: income main usdm", "p: income main coinm"]
