"""What the flows of a file promise, against which lateness is measured."""

from datetime import UTC, datetime

import pytest

from connectors.lake import Lake
from pipelines.runs.schedules import schedules
from pipelines.settings.loader import load

MONDAY = datetime(2026, 11, 23, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path):
    return Lake.open(tmp_path / "lake", "live")


def promised(lake, flow):
    """What a file with this flow promises on a Monday at one in the morning."""
    path = lake.path.parent / "flows.yaml"
    account = "{api_key: env:NO_SUCH_KEY, secret: env:NO_SUCH_SECRET}"
    path.write_text(f"accounts: {{main: {account}}}\nflows:\n  f: {{{flow}}}\n")
    return list(schedules(load(path), lake, MONDAY))


def test_candles_are_promised_symbol_by_symbol(lake):
    """Each symbol and interval of a list; with `all`, each interval of whatever is covered."""
    market = "kind: market, market: spot, datasets: [klines, prices], intervals: [1m, 1h], since: 2026-10-01, every: 5m"
    found = promised(lake, f"{market}, symbols: [BTCUSDT, ETHUSDT]")
    assert [(each.dataset, each.symbol, each.interval) for each in found] == [
        ("klines", "BTCUSDT", "1m"),
        ("klines", "BTCUSDT", "1h"),
        ("klines", "ETHUSDT", "1m"),
        ("klines", "ETHUSDT", "1h"),
        ("prices", None, None),
    ]
    assert {each.every_s for each in found} == {300}
    found = promised(lake, f"{market}, symbols: all")
    assert [(each.symbol, each.interval) for each in found] == [(None, "1m"), (None, "1h"), (None, None)]


@pytest.mark.parametrize(
    ("schedule", "every_s"),
    [
        ("every: 1d", 86_400),
        ('cron: "*/5 * * * *"', 300),
        ('cron: "17 3 * * 1-5"', 2 * 86_400 + 21 * 3600 + 43 * 60),
    ],
)
def test_a_cron_line_may_pause(lake, schedule, every_s):
    """On a Monday before the first run, a flow of working days is not late."""
    found = promised(lake, f"kind: market, market: spot, datasets: [prices], {schedule}")
    assert [each.every_s for each in found] == [every_s]


@pytest.mark.parametrize(("dataset", "days"), [("klines", 8), ("funding_rates", 31 + 7 + 8)])
def test_files_are_late_once_they_could_be_there(lake, dataset, days):
    """Of the archive alone: the file of a day within eight days, that of a month so long after its first day is over."""
    flow = f"kind: market, market: usdm, datasets: [{dataset}], symbols: [BTCUSDT], since: 2026-10-01, source: archive"
    [promise] = promised(lake, f"{flow}, every: 1h" + (", intervals: [1h]" if dataset == "klines" else ""))
    assert 2 * promise.every_s == days * 86_400


def test_without_a_schedule_nothing_is_promised(lake):
    """A flow that runs when asked is never late, and neither is maintenance."""
    assert promised(lake, "kind: market, market: spot, datasets: [prices]") == []
    assert promised(lake, "kind: maintenance, every: 1d") == []


def test_an_account_without_a_key_promises_nothing_until_it_was_read(lake):
    """A key that was never set is no lateness; one that went away is."""
    flow = "kind: account, account: main, datasets: [balances], every: 1h"
    assert promised(lake, flow) == []
    lake.pin("main", 7)
    assert [(each.dataset, each.account, each.market, each.every_s) for each in promised(lake, flow)] == [
        ("balances", "main", None, 3600),
        ("prices", None, "spot", 3600),
    ]


def test_each_market_of_an_account_is_promised(lake):
    """What is traded or earned in several markets is promised of each that the flow means, the rest of the account."""
    lake.pin("main", 7)
    flow = "kind: account, account: main, every: 1h, values: false, symbols: traded"
    datasets = "[balances, orders, fills, income, deposits]"
    found = promised(lake, f"{flow}, wallets: [margin, usdm], datasets: {datasets}")
    assert [(each.dataset, each.market) for each in found[:3]] == [
        ("balances", None),
        ("deposits", None),
        ("income", "usdm"),
    ]
    assert sorted((each.dataset, str(each.market)) for each in found[3:]) == [
        (dataset, market) for dataset in ("fills", "orders") for market in ("isolated_margin", "margin", "usdm")
    ]


def test_what_rests_for_a_day_is_promised_once_a_day(lake):
    """Snapshots of a day are not asked for by each run."""
    lake.pin("main", 7)
    (found,) = promised(lake, "kind: account, account: main, datasets: [account_snapshots], every: 1h")
    assert found.every_s == 86_400
