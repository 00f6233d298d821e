"""Which candles value an account: what was asked for and did not come is asked for again before it counts as missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.lakes import filled, put, small_lake, us

from connectors.lake.sql.session import connect, run
from pipelines.candles.minutes import MinutesWanted
from pipelines.store.account_symbols import Needed, needed, remembered_days
from pipelines.store.remembered import Remembered
from schemas.config.flows import AccountSymbols
from schemas.datasets.account import BALANCES
from schemas.datasets.journal import GAPS
from schemas.datasets.market import KLINES, SYMBOLS
from schemas.datasets.orders import FILLS
from schemas.datasets.rates import RATES
from schemas.datasets.valuation import MINUTE_CLOSES
from schemas.model.errors import CorruptData
from schemas.model.grid import HOUR_US

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.lake import Lake

WANTED = AccountSymbols(account="main", quote="USDT")
MINUTE, ITS_DAY, DAY_BEFORE = us("2026-10-05T12:00"), us("2026-10-05"), us("2026-10-04")
PAIRS = [("XRP", "USDT"), ("XRP", "BTC"), ("BTC", "USDT")]
LATER = us("2026-11-01")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake in which a fee of XRP was paid, of which one pair and one way through another asset lead to USDT."""
    lake = small_lake(tmp_path)
    list_pairs(lake, "2026-10-01")
    traded = {"market": "spot", "symbol": "BTCUSDT", "time": "2026-10-05T12:00:30", "commission_asset": "XRP"}
    put(lake, FILLS, {"account": "main", **traded})
    return lake


def list_pairs(lake: Lake, seen_at: str, status: str = "TRADING") -> None:
    """List the pairs; that of both assets has this status."""
    rows = [
        {"market": "spot", "symbol": f"{base}{quote}", "base_asset": base, "quote_asset": quote, "valid_from": seen_at,
         "seen_at": seen_at, "status": status if (base, quote) == ("XRP", "USDT") else "TRADING"}
        for base, quote in PAIRS
    ]  # fmt: skip
    put(lake, SYMBOLS, *rows)


def asked_without_a_candle(lake: Lake, *times: str) -> None:
    of = {"market": "spot", "symbol": "XRPUSDT", "open_time": "2026-10-05T12:00"}
    put(lake, MINUTE_CLOSES, *({**of, "asked_at": time} for time in times))


def covered_days(lake: Lake) -> None:
    """Cover October's first days of XRPUSDT, of which no candle came."""
    put(lake, KLINES, since={"spot/XRPUSDT/1d": "2026-10-01"}, until={"spot/XRPUSDT/1d": "2026-10-06"})


def missing(lake: Lake, reason: str = "exchange_outage", until: str | None = "2026-10-06", **more: str) -> None:
    """Note that the fourth and fifth of October are missing."""
    of = {"dataset": "klines", "market": "spot", "symbol": "XRPUSDT", "interval": "1d", "reason": reason}
    seen = {"first_seen": "2026-10-06", "seen_at": more.get("confirmed_at", "2026-10-06")}
    put(lake, GAPS, {**of, **seen, "since": "2026-10-04", "until": until, **more})


def minutes(lake: Lake, now: str) -> dict[str, list[int]]:
    """What is asked for of the fee's asset."""
    windows = MinutesWanted(WANTED, frozenset(), archived=False).windows(lake, us(now))
    return {one.series["symbol"]: list(one.minutes) for one in windows if one.series["symbol"].startswith("XRP")}


def test_one_empty_answer_closes_no_minute(lake: Lake) -> None:
    """A minute without a candle is asked for again an hour after it was asked for first, however old it is."""
    assert minutes(lake, "2026-11-01T12:00") == {"XRPUSDT": [MINUTE]}
    asked_without_a_candle(lake, "2026-11-01T12:00")
    assert minutes(lake, "2026-11-01T12:59") == {}
    assert minutes(lake, "2026-11-01T13:00") == {"XRPUSDT": [MINUTE]}


def test_two_empty_answers_an_hour_apart_close_a_minute(lake: Lake) -> None:
    """Two answers within an hour are one; with the second an hour later the next way to the quote asset is tried."""
    asked_without_a_candle(lake, "2026-11-01T12:00", "2026-11-01T12:59")
    assert minutes(lake, "2026-11-01T13:30") == {"XRPUSDT": [MINUTE]}
    asked_without_a_candle(lake, "2026-11-01T13:30")
    assert minutes(lake, "2026-11-01T13:30") == {"XRPBTC": [MINUTE]}


def test_a_day_in_doubt_is_gone_around_and_asked_again(lake: Lake) -> None:
    """While no second look confirms that a pair has no candle of a day, it stays among those that are asked."""
    covered_days(lake)
    missing(lake)
    assert needed(lake, WANTED, LATER) == Needed(("BTCUSDT", "XRPBTC", "XRPUSDT"), DAY_BEFORE)
    missing(lake, confirmed_at="2026-10-07")
    assert needed(lake, WANTED, LATER) == Needed(("BTCUSDT", "XRPBTC"), DAY_BEFORE)


def test_what_no_movement_brought_was_held_since_the_first_one_of_its_wallet(lake: Lake) -> None:
    """What a wallet's first snapshot shows beyond its movements is valued from the day before these begin."""
    held = {"account": "main", "wallet": "spot", "observed_at": "2026-10-20", "free": "1"}
    put(
        lake, BALANCES, {**held, "asset": "XRP"}, {**held, "asset": "ETH"},
        observed_at={"main/spot": "2026-10-20"},
    )  # fmt: skip
    points = "SELECT asset, min(open_time)::DATE::VARCHAR AS first FROM valuation_points WHERE \"interval\" = '1d' GROUP BY 1"
    with connect(lake) as session:
        first = {row["asset"]: row["first"] for row in run(session, points).to_pylist()}
    assert first == {"BTC": "2026-10-04", "USDT": "2026-10-04", "XRP": "2026-10-04", "ETH": "2026-10-04"}


@pytest.mark.parametrize("reason", ["unavailable", "not_in_archive"])
def test_a_file_that_gave_no_answer_ends_no_search(lake: Lake, reason: str) -> None:
    """Of a day that waits for a file of the archive the pair goes on to be asked."""
    covered_days(lake)
    missing(lake, reason, confirmed_at="2026-10-07")
    assert "XRPUSDT" in needed(lake, WANTED, LATER).symbols


def test_a_pair_that_trades_again_is_asked_again(lake: Lake) -> None:
    """What was delisted has no later candles, as long as the exchange lists it so."""
    covered_days(lake)
    missing(lake, "delisted", None, confirmed_at="2026-10-07")
    traded = {"market": "spot", "symbol": "BTCUSDT", "time": "2026-10-20T12:00", "commission_asset": "XRP"}
    put(lake, FILLS, {"account": "main", "trade_id": 2, **traded})
    list_pairs(lake, "2026-10-08", "BREAK")
    assert "XRPUSDT" not in needed(lake, WANTED, LATER).symbols
    list_pairs(lake, "2026-10-09", "TRADING")
    assert "XRPUSDT" in needed(lake, WANTED, LATER).symbols


def file_lost(lake: Lake) -> None:
    """Have no question about fills be answered any more."""
    for path in lake.table(FILLS).files():
        Path(path).unlink()


def test_an_answer_is_remembered_while_its_sources_are_the_same(lake: Lake) -> None:
    """Where nothing changed the ledger is not read; after hours it is, since not all that it tells shows in files."""
    asked_without_a_candle(lake, "2026-11-01T12:00", "2026-11-01T13:30")
    rows = [{"market": "spot", "open_time": "2026-10-05T12:00", "asked_at": "2026-11-01T12:00", "close": "2"}]
    put(lake, MINUTE_CLOSES, *({**rows[0], "symbol": symbol} for symbol in ("XRPBTC", "BTCUSDT")))
    wanted = MinutesWanted(WANTED, frozenset(), archived=False)
    days = needed(lake, WANTED, LATER, keep=True)
    assert wanted.windows(lake, LATER, keep=True) == []
    put(lake, BALANCES, {"account": "other", "asset": "ETH", "observed_at": "2026-10-05T12:00"})
    file_lost(lake)
    assert (needed(lake, WANTED, LATER + HOUR_US), wanted.windows(lake, LATER + HOUR_US)) == (days, [])
    for at in (LATER - 1, LATER + 6 * HOUR_US):
        with pytest.raises(CorruptData):
            needed(lake, WANTED, at)
        with pytest.raises(CorruptData):
            wanted.windows(lake, at)


def test_whatever_changes_an_answer_has_it_asked_anew(lake: Lake) -> None:
    """A movement, a balance of another day, coverage, a gap, a listing, a rate, a daily candle: each is seen."""

    def held(instant: str) -> None:
        put(
            lake, BALANCES, {"account": "main", "wallet": "spot", "asset": "BTC", "observed_at": instant},
            observed_at={"main/spot": instant},
        )  # fmt: skip

    candle = filled(KLINES, "2026-10-04") | {"market": "spot", "symbol": "XRPUSDT"}
    changes: list[Callable[[], None]] = [
        lambda: held("2026-10-06T12:00"),
        lambda: held("2026-10-07T12:00"),
        lambda: covered_days(lake),
        lambda: missing(lake),
        lambda: list_pairs(lake, "2026-10-09", "BREAK"),
        lambda: put(lake, FILLS, {"account": "main", "trade_id": 2, "time": "2026-09-01T12:00"}),
        lambda: put(lake, RATES, {"time": "2026-09-01", "seen_at": "2026-09-01"}),
        lambda: put(lake, KLINES, {**candle, "interval": "1d"}),
    ]
    seen = {remembered_days(lake, WANTED).digest}
    for change in changes:
        change()
        seen.add(remembered_days(lake, WANTED).digest)
    assert len(seen) == 1 + len(changes)
    held("2026-10-07T12:15")
    put(lake, KLINES, {**candle, "interval": "1m"})
    assert remembered_days(lake, WANTED).digest in seen
    other = AccountSymbols(account="main", quote="EUR")
    assert remembered_days(lake, other).name != remembered_days(lake, WANTED).name


def test_what_was_remembered_of_other_sources_is_no_answer(lake: Lake) -> None:
    """An account that moved something since is valued from that day on at once."""
    assert needed(lake, WANTED, LATER, keep=True).since == DAY_BEFORE
    earlier = {"symbol": "BTCUSDT", "time": "2026-09-01T12:00", "commission_asset": "XRP"}
    put(lake, FILLS, {"account": "main", "market": "spot", "trade_id": 2, **earlier})
    assert needed(lake, WANTED, LATER).since == us("2026-08-31")


def test_minutes_that_are_undecided_are_asked_for_by_every_run(lake: Lake) -> None:
    """While a minute has no answer, nothing is remembered that would spare the next run the question."""
    wanted = MinutesWanted(WANTED, frozenset(), archived=False)
    found = wanted.windows(lake, LATER, keep=True)
    assert found != []
    assert wanted.windows(lake, LATER, keep=True) == found


def test_who_only_asks_leaves_nothing_behind(lake: Lake) -> None:
    """A plan writes nothing into the lake."""
    needed(lake, WANTED, LATER)
    MinutesWanted(WANTED, frozenset(), archived=False).windows(lake, LATER)
    assert not (lake.path / ".remembered").exists()


def test_a_note_that_cannot_be_written_costs_nothing(lake: Lake) -> None:
    """Where there is no room for what should be remembered, the question is asked again."""
    (lake.path / ".remembered").write_text("in the way")
    found = Remembered.of(lake, ["name"], "sources")
    found.keep(["answer"], LATER)
    assert found.answer(LATER) is None


@pytest.mark.parametrize("text", ["", "{}", "\x00", '{"digest": 1}'])
def test_a_damaged_note_is_none(lake: Lake, text: str) -> None:
    """Where what was remembered cannot be read, the question is asked."""
    found = Remembered.of(lake, ["name"], "sources")
    found.keep(["answer"], LATER)
    assert found.answer(LATER) == ["answer"]
    (note,) = (lake.path / ".remembered").iterdir()
    note.write_text(text)
    assert found.answer(LATER) is None
