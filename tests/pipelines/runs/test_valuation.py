"""What values an account comes along with its flow: daily candles of whatever it held, minutes around fills and fees."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from support.trade_desk import START_S

from connectors.lake.sql.session import connect, run
from connectors.simulator.archive.faults import Lacking
from connectors.simulator.protocol.faults import Late
from pipelines.candles.minutes import MinutesWanted
from pipelines.estimate.flow import plan_flows
from pipelines.quality.checks import run_checks
from pipelines.runs.schedules import schedules
from schemas.config.flows import AccountSymbols
from schemas.model.grid import DAY_US, MINUTE_US

if TYPE_CHECKING:
    from support.trade_desk import TradeDesk

DAY_S = 86_400


def us(instant_s: float) -> int:
    """An instant in microseconds."""
    return round(instant_s * 1_000_000)


def values(desk: TradeDesk, *datasets: str, **more: Any) -> None:
    """Have the flow `trading` value what it pulls."""
    desk.trading(["ETHBTC"], datasets=[*(datasets or ("orders", "fills"))], values=True, **more)


def trade(desk: TradeDesk, fee: str = "XRP", **told: Any) -> None:
    """Buy an ether for bitcoin, with a fee in a third asset."""
    desk.book.fill("ETHBTC", desk.book.place("ETHBTC", "BUY", 1, "0.05"), fee=("2", fee), **told)


def found(desk: TradeDesk, sql: str) -> list[dict[str, Any]]:
    with connect(desk.lake) as session:
        return run(session, sql).to_pylist()


def minutes_asked(desk: TradeDesk) -> list[str]:
    return [target for target in desk.asked() if "interval=1m" in target]


async def test_a_fill_is_valued_without_listing_anything(trade_desk: TradeDesk) -> None:
    """A fill, its fee and each day's end have a value after the run that brought the fill, by the candles they name."""
    trade(trade_desk)
    trade_desk.clock.advance(2 * DAY_S)
    values(trade_desk, "orders", "fills", "balances")
    receipts = await trade_desk.run("trading")
    assert [(one.dataset, one.outcome) for one in receipts][-3:] == [
        ("fills", "done"), ("klines", "done"), ("minute_closes", "done"),
    ]  # fmt: skip
    (fill,) = found(trade_desk, "FROM fills_with_fees")
    assert fill["fee_value"] > 0
    assert fill["fee_path"] == ["XRPUSDT", "BTCUSDT"]
    events = found(trade_desk, "SELECT asset, candles, value FROM tax_events('USDT') ORDER BY asset")
    assert [(row["asset"], row["candles"]) for row in events] == [("BTC", "1m"), ("ETH", "1m"), ("XRP", "1m")]
    assert all(row["value"] > 0 for row in events)
    assert [row["unvalued"] for row in found(trade_desk, "FROM equity('USDT')")] == [0]


@pytest.mark.soak
async def test_minutes_are_no_coverage_of_candles(trade_desk: TradeDesk) -> None:
    """Single minutes leave no series of one-minute candles behind, no gap, and nothing that a check complains of."""
    trade(trade_desk)
    trade_desk.clock.advance(2 * DAY_S)
    values(trade_desk, every="5m")
    await trade_desk.run("trading")
    assert trade_desk.rows("minute_closes")
    assert found(trade_desk, "FROM coverage WHERE dataset = 'klines' AND \"interval\" <> '1d'") == []
    assert found(trade_desk, "SELECT DISTINCT \"interval\" FROM completeness WHERE dataset = 'klines'") == [
        {"interval": "1d"}
    ]
    now = datetime.fromtimestamp(trade_desk.clock(), UTC)
    results = run_checks(trade_desk.lake, schedules(trade_desk.config, trade_desk.lake, now), now)
    assert [one.name for one in results if not one.passed] == []


@pytest.mark.soak
async def test_fills_within_a_page_cost_one_request(trade_desk: TradeDesk) -> None:
    """The minutes of a symbol that one answer holds are asked for at once, and what is stored is what was needed."""
    for hours in (0, 1, 16):
        trade(trade_desk, time_ms=trade_desk.exchange.now_ms - hours * 3_600_000)
    trade(trade_desk, time_ms=trade_desk.exchange.now_ms - 30 * 3_600_000)
    trade_desk.clock.advance(DAY_S)
    values(trade_desk)
    await trade_desk.run("trading")
    assert len([target for target in minutes_asked(trade_desk) if "symbol=XRPUSDT" in target]) == 2
    assert len(trade_desk.rows("minute_closes", symbol="XRPUSDT")) == 4
    before = len(trade_desk.asked())
    await trade_desk.run("trading")
    assert len(trade_desk.asked()) == before


async def test_values_false_leaves_them_out(trade_desk: TradeDesk) -> None:
    """With `values: false` no price and no candle is asked for."""
    trade(trade_desk)
    trade_desk.clock.advance(DAY_S)
    trade_desk.trading(["ETHBTC"])
    await trade_desk.run("trading")
    assert (trade_desk.asked(), trade_desk.asked("/ticker/price")) == ([], [])


async def test_another_quote_asset_is_reached_through_the_exchange_s_own_pairs(trade_desk: TradeDesk) -> None:
    """A fiat asset values an account through a pair that is quoted in it, and through a second one where it must."""
    trade(trade_desk)
    trade_desk.clock.advance(2 * DAY_S)
    trade_desk.trading(["ETHBTC"], datasets=["orders", "fills"], values={"quote": "ZAR"})
    await trade_desk.run("trading")
    events = found(trade_desk, "SELECT asset, path FROM tax_events('ZAR') ORDER BY asset")
    assert [(row["asset"], row["path"]) for row in events] == [
        ("BTC", ["BTCZAR"]), ("ETH", ["BTCZAR"]), ("XRP", None),
    ]  # fmt: skip


async def test_what_is_planned_is_spent(trade_desk: TradeDesk) -> None:
    """Of a ledger that the lake holds, the candles that a run asks for are those that the plan names."""
    for hours in (0, 1, 30):
        trade(trade_desk, time_ms=trade_desk.exchange.now_ms - hours * 3_600_000)
    trade_desk.clock.advance(DAY_S)
    trade_desk.trading(["ETHBTC"], datasets=["orders", "fills"])
    await trade_desk.run("trading")
    trade_desk.flows["symbols"] = {"kind": "market", "market": "spot", "datasets": ["symbols"]}
    await trade_desk.run("symbols")
    values(trade_desk)
    (plan,) = await plan_flows(trade_desk.config, ["trading"], state=trade_desk.state, clock=trade_desk.now_us)
    priced = sum(one.requests for one in plan.series if "/spot/" in one.series)
    await trade_desk.run("trading")
    assert (len(trade_desk.asked()), len(minutes_asked(trade_desk))) == (priced, 4)


@pytest.mark.soak
async def test_a_stopped_run_goes_on_where_it_was(trade_desk: TradeDesk) -> None:
    """What was stored before a run was stopped is not asked for again."""
    for days in range(4):
        trade(trade_desk, time_ms=trade_desk.exchange.now_ms - days * DAY_S * 1000)
    trade_desk.clock.advance(DAY_S)
    values(trade_desk)
    await trade_desk.stopped_at(1, "interval=1m", "trading")
    held = {(row["symbol"], row["open_time"]) for row in trade_desk.rows("minute_closes")}
    await trade_desk.run("trading")
    rows = trade_desk.rows("minute_closes")
    assert held <= {(row["symbol"], row["open_time"]) for row in rows}
    assert len(rows) == len({(row["symbol"], row["open_time"]) for row in rows}) == 8
    assert [row for row in found(trade_desk, "FROM fills_with_fees") if row["fee_value"] is None] == []


def without_its_minute(desk: TradeDesk) -> None:
    """A trade whose minute no pair of the fee has a candle of, and a flow that values it."""
    trade(desk)
    minute_ms = desk.exchange.now_ms // 60_000 * 60_000
    gap = {"since_ms": minute_ms, "until_ms": minute_ms + 60_000, "count": None}
    for symbol in ("XRPUSDT", "XRPBTC", "XRPETH"):
        desk.exchange.inject(Late(path="/api/v3/klines", symbol=symbol, **gap))
    values(desk, every="5m")


async def test_a_minute_without_a_candle_is_asked_for_twice(trade_desk: TradeDesk) -> None:
    """A minute of any age without a candle is asked for once more an hour later; then its day stands in, and says so."""
    without_its_minute(trade_desk)
    trade_desk.clock.advance(DAY_S)
    for asked in (1, 2, 2):
        await trade_desk.run("trading")
        assert len([one for one in minutes_asked(trade_desk) if "XRPUSDT" in one]) == asked
        trade_desk.clock.advance(3601)
    assert {row["close"] for row in trade_desk.rows("minute_closes", symbol="XRPUSDT")} == {None}
    events = found(trade_desk, "SELECT DISTINCT candles FROM tax_events('USDT') WHERE asset = 'XRP'")
    assert events == [{"candles": "1d"}]
    (fill,) = found(trade_desk, "FROM fills_with_fees")
    assert (fill["fee_value"], fill["why"]) == (None, "no candle of that minute leads from XRP to BTC")


@pytest.mark.soak
async def test_a_candle_that_comes_late_is_taken(trade_desk: TradeDesk) -> None:
    """The plan prices the second look at a minute, and a candle that is there by then values its fill."""
    without_its_minute(trade_desk)
    trade_desk.clock.advance(DAY_S)
    await trade_desk.run("trading")
    trade_desk.exchange.heal()
    trade_desk.clock.advance(3601)
    (plan,) = await plan_flows(trade_desk.config, ["trading"], state=trade_desk.state, clock=trade_desk.now_us)
    assert [one.requests for one in plan.series if one.series.endswith("spot/XRPUSDT/1m")] == [1]
    await trade_desk.run("trading")
    (fill,) = found(trade_desk, "FROM fills_with_fees")
    assert (fill["why"], fill["fee_path"]) == (None, ["XRPUSDT", "BTCUSDT"])


@pytest.mark.soak
async def test_minutes_of_a_forgotten_pair_wait_for_its_files(trade_desk: TradeDesk) -> None:
    """What the archive alone may know is asked for once its file must be there, and twice where that lacks the minute."""
    trade_desk.addresses = {"archive": trade_desk.url, "archive_list": trade_desk.url}
    trade(trade_desk)
    trade_desk.trading(["ETHBTC"], datasets=["orders", "fills"])
    await trade_desk.run("trading")
    trade_desk.flows["symbols"] = {"kind": "market", "market": "spot", "datasets": ["symbols"]}
    await trade_desk.run("symbols")
    trade_desk.exchange.remove("XRPUSDT")
    values(trade_desk)
    wanted = MinutesWanted(AccountSymbols(account="main"), frozenset({"XRPUSDT"}), archived=True)
    waiting, asked = (wanted.windows(trade_desk.lake, us(START_S) + days * DAY_US) for days in (7, 9))
    assert {one.series["symbol"] for one in asked} - {one.series["symbol"] for one in waiting} == {"XRPUSDT"}
    trade_desk.clock.advance(10 * DAY_S)
    minute_ms = us(START_S) // MINUTE_US * MINUTE_US // 1000
    file = "data/spot/daily/klines/XRPUSDT/1m/XRPUSDT-1m-2026-11-02.zip"
    trade_desk.exchange.inject(Lacking(file=file, since_ms=minute_ms, until_ms=minute_ms + 60_000))
    for looks in (1, 2):
        await trade_desk.run("trading")
        assert [row["close"] for row in trade_desk.rows("minute_closes", symbol="XRPUSDT")] == [None] * looks
        trade_desk.clock.advance(3601)


@pytest.mark.soak
async def test_a_run_that_finds_nothing_new_asks_for_no_candle(trade_desk: TradeDesk) -> None:
    """Hours after everything is valued, a run asks for no candle; a day later for one page of each symbol at most."""
    trade(trade_desk)
    trade_desk.clock.advance(2 * DAY_S)
    values(trade_desk, "orders", "fills", "balances")
    await trade_desk.run("trading")
    before = len(trade_desk.asked())
    trade_desk.clock.advance(2 * 3600)
    await trade_desk.run("trading")
    assert len(trade_desk.asked()) == before
    trade_desk.clock.advance(DAY_S)
    await trade_desk.run("trading")
    symbols = {row["symbol"] for row in trade_desk.rows("klines")}
    assert len(trade_desk.asked()) == before + len(symbols)


@pytest.mark.soak
async def test_a_pair_that_paused_for_days_is_gone_around(trade_desk: TradeDesk) -> None:
    """Of days that the best pair has no candle of, the next way to the quote asset is pulled in the same run, and named."""
    day_ms = trade_desk.exchange.now_ms // 86_400_000 * 86_400_000
    paused = {"since_ms": day_ms, "until_ms": day_ms + 2 * 86_400_000}
    trade_desk.exchange.inject(Late(path="/api/v3/klines", symbol="ETHUSDT", count=None, **paused))
    trade_desk.trading(["ETHBTC"], datasets=["balances"], values=True)
    trade_desk.flows["trading"].pop("symbols")
    await trade_desk.run("trading")
    for _ in range(3):
        trade_desk.clock.advance(DAY_S)
        await trade_desk.run("trading")
    paths = found(
        trade_desk, "SELECT open_time, path FROM valuation_prices('USDT', '1d') WHERE asset = 'ETH' ORDER BY open_time"
    )
    assert [row["path"] for row in paths] == [["ETHUSDT"], *[["ETHBTC", "BTCUSDT"]] * 2, ["ETHUSDT"]]


@pytest.mark.soak
async def test_a_pair_that_was_delisted_values_what_was_then(trade_desk: TradeDesk) -> None:
    """Days with candles keep their value, later ones and today have none and say why, and the pair is left alone."""
    trade_desk.trading(["ETHBTC"], datasets=["balances"], values=True)
    trade_desk.flows["trading"].pop("symbols")
    await trade_desk.run("trading")
    trade_desk.clock.advance(2 * DAY_S)
    trade_desk.exchange.delist("XRPUSDT", trade_desk.exchange.now_ms)
    for _ in range(4):
        trade_desk.clock.advance(DAY_S)
        receipts = await trade_desk.run("trading")
        assert [failure for one in receipts for failure in one.failures] == []
    held = found(trade_desk, "SELECT value, why FROM portfolio('USDT') WHERE asset = 'XRP'")
    assert held == [{"value": None, "why": "XRPUSDT has the status BREAK"}]
    days = found(trade_desk, "SELECT unvalued, unvalued_holdings FROM equity_daily('USDT') ORDER BY day")
    left_out = [[one["asset"] for one in day["unvalued_holdings"]] for day in days]
    assert "XRP" not in left_out[0]
    assert "XRP" in left_out[-1]
    asked = len(trade_desk.asked("symbol=XRPUSDT"))
    trade_desk.clock.advance(DAY_S)
    await trade_desk.run("trading")
    assert len(trade_desk.asked("symbol=XRPUSDT")) == asked


@pytest.mark.soak
async def test_a_pair_that_the_exchange_forgot_is_no_failure(trade_desk: TradeDesk) -> None:
    """Where there is no archive to ask, what only a forgotten pair valued has no value, and the run goes on."""
    trade_desk.trading(["ETHBTC"], datasets=["balances"], values=True)
    trade_desk.flows["trading"].pop("symbols")
    await trade_desk.run("trading")
    trade_desk.exchange.remove("XRPUSDT")
    trade_desk.clock.advance(2 * DAY_S)
    receipts = await trade_desk.run("trading")
    assert [one.outcome for one in receipts] == ["done"] * len(receipts)
    (held,) = found(trade_desk, "SELECT value, why FROM portfolio('USDT') WHERE asset = 'XRP'")
    assert held == {"value": None, "why": "XRPUSDT is gone from the exchange"}
