"""Snapshots and listings: prices, tickers, balances, symbols."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from msgspec import structs
from support.desks import API_KEY, SECRET, UID

from connectors.lake.sql.session import connect, run
from connectors.simulator import gateway
from connectors.simulator.account import accounts
from connectors.simulator.protocol.faults import Body, Error, ShortPage
from connectors.simulator.protocol.messages import Asked
from schemas.model.errors import AccessRefused

if TYPE_CHECKING:
    from support.desks import Desk

NOW = datetime(2026, 11, 2, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def account(desk: Desk) -> Desk:
    """A desk with a flow of balances, and an account that holds bitcoin and dollars."""
    held = {"BTC": ("1.50000001", "0.5"), "USDT": ("100", "0")}
    desk.exchange.add_account(UID, API_KEY, secret=SECRET, balances=held)
    desk.flows["balances"] = {"kind": "account", "account": "main", "datasets": ["balances"], "values": False}
    return desk


async def test_prices_are_one_snapshot_a_run(desk: Desk):
    """Each run adds one price a symbol, stamped with the exchange's time."""
    desk.market(["BTCUSDT", "ETHBTC"], (), datasets=["prices"])
    for key in ("intervals", "since"):
        del desk.flows["prices"][key]
    await desk.run()
    desk.clock.advance(60)
    await desk.run()
    rows = desk.rows("prices")
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "BTCUSDT", "ETHBTC", "ETHBTC"]
    assert {row["observed_at"].replace(microsecond=0) for row in rows} == {NOW, NOW.replace(minute=1)}
    assert all(row["price"] > 0 for row in rows)


async def test_tickers_of_a_few_symbols_cost_little(desk: Desk):
    """A list of symbols is asked for as a list: weight 2 instead of 80; all of them are asked for without one."""
    desk.market(["BTCUSDT", "币安人生USDT"], (), datasets=["tickers"])
    for key in ("intervals", "since"):
        del desk.flows["prices"][key]
    await desk.run()
    assert [row["symbol"] for row in desk.rows("tickers")] == ["BTCUSDT", "币安人生USDT"]
    desk.flows["prices"]["symbols"] = "all"
    desk.clock.advance(1)
    await desk.run()
    weights = [row["weight"] for row in desk.rows("api_requests", path="/api/v3/ticker/24hr")]
    assert sorted(weights) == [2, 80]


async def test_a_balance_that_goes_to_zero_is_seen_to(account: Desk):
    """An asset that was held at the last snapshot and is not any more is stored once more, as zero."""
    await account.run("balances")
    account.exchange.set_balance(UID, "USDT", "0")
    for _ in range(2):
        account.clock.advance(60)
        await account.run("balances")
    found = [(row["asset"], row["free"], row["locked"]) for row in account.rows("balances")]
    held = ("BTC", Decimal("1.50000001"), Decimal("0.5"))
    assert found == [held, held, held, ("USDT", 100, 0), ("USDT", 0, 0)]


@pytest.mark.parametrize("shown", [[], [{"asset": "BTC", "free": "0", "locked": "0"}]], ids=["nothing", "zero"])
async def test_a_wallet_is_not_empty_by_one_answer(account: Desk, shown: list[dict[str, str]]):
    """An answer that lacks most of what was held is asked for again: once it is an accident, twice it is so."""
    await account.run("balances")
    empty = Body(text=json.dumps({"uid": UID, "balances": shown}), path="/api/v3/account", skip=1)  # behind the guard
    account.clock.advance(60)
    account.exchange.inject(empty)
    (receipt,) = await account.run("balances")
    assert (receipt.outcome, receipt.rows) == ("done", 2)
    assert [row["asset"] for row in account.rows("balances") if not row["free"]] == []
    account.clock.advance(60)
    account.exchange.inject(structs.replace(empty, skip=0, count=None))
    (receipt,) = await account.run("balances")
    assert (receipt.outcome, receipt.rows) == ("done", 2)
    assert [row["asset"] for row in account.rows("balances") if not row["free"]] == ["BTC", "USDT"]


async def test_balances_bring_the_price_of_every_symbol(account: Desk):
    """With balances come the listing and all prices, one request each, so that an account has a value by default."""
    del account.flows["balances"]["values"]
    receipts = await account.run("balances")
    assert [(one.dataset, one.market, one.account, one.outcome) for one in receipts] == [
        ("balances", None, "main", "done"),
        ("prices", "spot", None, "done"),
        ("klines", "spot", None, "done"),
        ("minute_closes", "spot", None, "done"),
    ]
    assert [len(account.asked(path)) for path in ("/exchangeInfo", "/ticker/price")] == [1, 1]
    assert {row["symbol"] for row in account.rows("prices")} == {
        one.symbol for one in account.exchange.listed(account.exchange.now_ms)
    }
    with connect(account.lake) as lake:
        assert run(lake, "SELECT asset FROM portfolio WHERE value > 0 ORDER BY asset").to_pylist() == [
            {"asset": "BTC"},
            {"asset": "USDT"},
        ]
        total = run(lake, "SELECT value > 100 AS worth, assets, unvalued FROM portfolio_total").to_pylist()
    assert total == [{"worth": True, "assets": 2, "unvalued": 0}]


async def test_balances_alone_ask_for_no_prices(account: Desk):
    """`values: false` leaves the prices of all symbols out."""
    await account.run("balances")
    assert account.asked("/ticker/price") == []


@pytest.mark.parametrize(("back_s", "outcome"), [(0.5, "done"), (60, "failed")])
async def test_a_snapshot_of_the_future_is_refused(account: Desk, back_s: float, outcome: str):
    """Two readings of the exchange's clock differ by a little: a run right behind another one is no trouble."""
    await account.run("balances")
    account.clock.advance(-back_s)
    (receipt,) = await account.run("balances")
    assert (receipt.outcome, receipt.rows) == (outcome, 0)
    assert all("which is still to come" in failure.why for failure in receipt.failures)


async def test_a_listing_of_the_future_is_refused(symbols: Desk):
    """A listing that lies later than now keeps no newer one out in silence: the run says so."""
    before = symbols.rows("symbols")
    symbols.clock.advance(-120)
    (receipt,) = await symbols.run("symbols")
    assert (receipt.outcome, receipt.rows) == ("failed", 0)
    assert "which is still to come" in receipt.failures[0].why
    assert symbols.rows("symbols") == before


async def test_an_account_is_pinned_to_the_exchange_account(account: Desk):
    """The key of another exchange account is refused under a name that the lake knows, and nothing is stored."""
    await account.run("balances")
    account.exchange.add_account(UID + 1, "x" * 64, secret=SECRET, balances={"BTC": ("9", "0")})
    account.flows["other"] = {**account.flows["balances"]}
    monkey = pytest.MonkeyPatch()
    monkey.setenv("DESK_KEY", "x" * 64)
    with monkey.context(), pytest.raises(AccessRefused, match="belongs to another exchange account"):
        await account.run("balances")
    monkey.undo()
    assert {row["free"] for row in account.rows("balances", asset="BTC")} == {Decimal("1.50000001")}


@pytest.mark.parametrize("permission", ["enableWithdrawals", "enableSpotAndMarginTrading"])
async def test_a_key_that_may_do_more_than_read_is_refused(desk: Desk, permission: str):
    """A key that can withdraw or trade is not used."""
    rights = {*accounts.READING, permission}
    desk.exchange.add_account(UID, API_KEY, secret=SECRET, balances={"BTC": ("1", "0")}, permissions=rights)
    desk.flows["balances"] = {"kind": "account", "account": "main", "datasets": ["balances"], "values": False}
    with pytest.raises(AccessRefused, match="This key may"):
        await desk.run("balances")
    assert desk.rows("balances") == []


async def test_symbols_keep_every_version(desk: Desk):
    """A symbol gets a new version when it changes and a last one when it vanishes; unchanged ones get none."""
    desk.market("all", (), datasets=["symbols"])
    for key in ("intervals", "since"):
        del desk.flows["prices"][key]
    await desk.run()
    listed = len(desk.rows("symbols"))
    desk.exchange.delist("SOLUSDT")
    desk.exchange.remove("EURUSDT")
    for _ in range(2):
        desk.clock.advance(60)
        await desk.run()
    rows = desk.rows("symbols")
    assert len(rows) == listed + 2
    assert [row["status"] for row in rows if row["symbol"] == "SOLUSDT"] == ["TRADING", "BREAK"]
    assert [row["gone_since"] is None for row in rows if row["symbol"] == "EURUSDT"] == [True, False]


@pytest.fixture
async def symbols(desk: Desk) -> Desk:
    """A desk that has pulled the symbols once, and asks for them again a minute later."""
    desk.flows["symbols"] = {"kind": "market", "market": "spot", "datasets": ["symbols"], "symbols": "all"}
    await desk.run("symbols")
    desk.clock.advance(60)
    return desk


def listed(desk: Desk, keep: int) -> str:
    """An exchangeInfo of which only the first so many symbols are left."""
    answer = gateway.answer(desk.exchange, Asked("GET", "/api/v3/exchangeInfo", {}))
    info = json.loads(answer.body)
    return json.dumps(info | {"symbols": info["symbols"][:keep]})


@pytest.mark.parametrize("keep", [0, 1, 5])
async def test_most_symbols_do_not_vanish_at_once(symbols: Desk, keep: int):
    """An exchangeInfo that lacks most symbols is asked for again; once it is an accident, and stays without effect."""
    before = symbols.rows("symbols")
    symbols.exchange.inject(Body(text=listed(symbols, keep), path="/api/v3/exchangeInfo"))
    (receipt,) = await symbols.run("symbols")
    assert (receipt.outcome, receipt.requests) == ("done", 2)
    assert symbols.rows("symbols") == before


@pytest.mark.parametrize("keep", [0, 1, 5])
async def test_a_market_that_stays_empty_is_refused(symbols: Desk, keep: int):
    """When most symbols are gone twice, no false version is kept: one sentence says what is missing."""
    before = symbols.rows("symbols")
    symbols.exchange.inject(Body(text=listed(symbols, keep), path="/api/v3/exchangeInfo", count=None))
    (receipt,) = await symbols.run("symbols")
    assert (receipt.outcome, receipt.exit_code) == ("failed", 1)
    assert ("exchangeInfo lacks" if keep else "answered nothing at all") in receipt.failures[0].why
    assert symbols.rows("symbols") == before
    symbols.exchange.heal()
    symbols.clock.advance(60)
    assert (await symbols.run("symbols"))[0].outcome == "done"


async def test_what_was_not_asked_for_is_not_gone(symbols: Desk):
    """Where the exchange refuses to list all groups, a symbol of another group is not marked as gone."""
    assert any('"SPOT"' not in row["permission_sets"] for row in symbols.rows("symbols"))
    symbols.exchange.remove("EURUSDT")
    refused = Error(code=-1100, status=400, msg="Illegal permissions.", path="/api/v3/exchangeInfo")
    symbols.exchange.inject(refused)
    (receipt,) = await symbols.run("symbols")
    assert receipt.outcome == "done"
    gone = [row["symbol"] for row in symbols.rows("symbols") if row["gone_since"] is not None]
    assert gone == ["EURUSDT"]


@pytest.mark.parametrize(("dataset", "path"), [("prices", "/api/v3/ticker/price"), ("tickers", "/api/v3/ticker/24hr")])
async def test_a_symbol_that_trades_and_has_no_price_is_named(desk: Desk, dataset: str, path: str):
    """An answer that leaves out a symbol asked for is stored, and what it lacks fails by name."""
    symbols = ["BTCUSDT", "ETHUSDT"]
    desk.flows["prices"] = {"kind": "market", "market": "spot", "datasets": [dataset], "symbols": symbols}
    desk.exchange.inject(ShortPage(path=path, keep=1))
    (receipt,) = await desk.run("prices")
    assert (receipt.outcome, receipt.rows) == ("failed", 1)
    assert [failure.series for failure in receipt.failures] == ["spot/ETHUSDT"]
    desk.clock.advance(60)
    assert (await desk.run("prices"))[0].rows == 2


@pytest.mark.parametrize(("keep", "outcome"), [(2, "failed"), (16, "done")])
@pytest.mark.parametrize(("dataset", "path"), [("prices", "/api/v3/ticker/price"), ("tickers", "/api/v3/ticker/24hr")])
async def test_most_prices_do_not_vanish_at_once(desk: Desk, dataset: str, path: str, keep: int, outcome: str):
    """An answer about all symbols that lacks most of those that trade is stored and fails; a few may be delisted."""
    desk.flows["prices"] = {"kind": "market", "market": "spot", "datasets": [dataset], "symbols": "all"}
    desk.exchange.inject(ShortPage(path=path, keep=keep))
    (receipt,) = await desk.run("prices")
    assert (receipt.outcome, receipt.rows) == (outcome, keep)
    assert all(f"{path.rpartition('/api/v3/')[2]} answered without" in one.why for one in receipt.failures)
