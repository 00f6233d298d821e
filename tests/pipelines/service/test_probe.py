"""`doctor --probe`: each statement comes to each of its outcomes at a simulator that answers so, and the file tells no more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.desks import API_KEY, SECRET, no_pause
from support.probe_files import read_file
from support.trade_desk import UID, TradeDesk

from connectors.binance.endpoints import ENDPOINTS
from connectors.binance.endpoints.model import Security
from connectors.binance.errors import Throttled
from connectors.binance.probes import NOT_ASKED, PROBES, UNDECIDED
from connectors.simulator.protocol.faults import Body, Drift, Error, NoWeight
from pipelines.service.probe import Learnt, as_file, meaning, probe, rows
from schemas.model.errors import AccessRefused, CorruptData

SENT = sorted((Path(__file__).parents[2] / "probes").glob("*.json"))  # files that were written with a key
BY_NAME = {each.name: each for each in PROBES}
FILLS, ORDERS, CANDLES = "/api/v3/myTrades", "/api/v3/allOrders", "/api/v3/klines"
FUTURES, INFO, TICKER = "/fapi/v1/klines", "/api/v3/exchangeInfo", "/api/v3/ticker/24hr"
DEPOSITS, WITHDRAWALS = "/sapi/v1/capital/deposit/hisrec", "/sapi/v1/capital/withdraw/history"
DIVIDENDS, TRANSFERS = "/sapi/v1/asset/assetDividend", "/sapi/v1/asset/transfer"
WALLETS, FUNDING = "/sapi/v1/asset/wallet/balance", "/fapi/v1/fundingRate"
DAY_MS = 86_400_000

World = Callable[[TradeDesk], Any]


def as_it_is(_desk: TradeDesk) -> None:
    """The simulator answers so by itself."""


def saying(path: str, body: Any, skip: int = 0) -> World:
    """An exchange that answers this, after so many other answers."""
    return lambda desk: desk.exchange.inject(Body(path=path, skip=skip, count=None, text=json.dumps(body)))


def refusing(path: str, code: int, skip: int = 0) -> World:
    return lambda desk: desk.exchange.inject(Error(path=path, code=code, status=400, skip=skip, count=None))


def charging(path: str, extra: int) -> World:
    return lambda desk: desk.exchange.inject(Drift(path=path, extra=extra, count=None))


def trading(*more: World) -> World:
    """An account with two orders that filled."""

    def world(desk: TradeDesk) -> None:
        for _ in range(2):
            desk.book.fill("BTCUSDT", desk.book.place("BTCUSDT", "BUY", 1, 50))
            desk.clock.advance(1)
        for each in more:
            each(desk)

    return world


def stopping(*more: World) -> World:
    """A symbol that stopped two days ago."""

    def world(desk: TradeDesk) -> None:
        desk.exchange.delist("ETHUSDT", desk.exchange.now_ms - 2 * DAY_MS)
        for each in more:
            each(desk)

    return world


def id_zero_absent(desk: TradeDesk) -> None:
    desk.exchange.from_id_zero = "absent"


def unmetered(desk: TradeDesk) -> None:
    desk.exchange.inject(NoWeight(path=WITHDRAWALS, count=None))


def candles(*opens_ms: int, trades: int = 1) -> list[list[Any]]:
    return [[open_ms, "1", "1", "1", "1", "1", open_ms, "1", trades, "1", "1", "0"] for open_ms in opens_ms]


def listed(path: str, time: str, rows_at: str | None = None) -> dict[str, World]:
    """Two rows or more in each order."""

    def world(*times: int) -> World:
        found = [{time: each} for each in times]
        return saying(path, {rows_at: found} if rows_at else found)

    return {"oldest first": world(1, 2, 3), "newest first": world(3, 2, 2, 1), "mixed": world(1, 3, 2)}


INFO_OF_OLD = {"rateLimits": [{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50}]}
NO_TRADES = {"count": 0, "firstId": 0, "lastId": 0}
WORLDS: dict[str, dict[str, World]] = {
    "fills from id 0": {
        "oldest": trading(),
        "newest": trading(id_zero_absent),
        "nothing": trading(saying(FILLS, [], skip=1)),
    },
    "orders from id 0": {
        "oldest": trading(),
        "newest": trading(saying(ORDERS, [{"orderId": 10**12}], skip=1)),
        "nothing": trading(saying(ORDERS, [], skip=1)),
    },
    "window of 24 hours": {"accepted": as_it_is, "refused": refusing(FILLS, -1127)},
    "first candle": {"whole": as_it_is, "cut": saying(CANDLES, candles(1_700_000_000_000))},
    "grid of 3d": {
        "declared": saying(CANDLES, candles(0, 3 * DAY_MS)),
        "other": saying(CANDLES, candles(DAY_MS, 4 * DAY_MS)),
    },
    "grid of 1w": {"declared": as_it_is, "other": saying(CANDLES, candles(0, 7 * DAY_MS))},
    "quiet seconds": {
        "printed": saying(CANDLES, candles(1000, 2000, trades=0)),
        "left out": saying(CANDLES, candles(1000, 3000)),
    },
    "order limits": {"documented": as_it_is, "other": saying(INFO, INFO_OF_OLD)},
    "weight of withdrawals": {"declared": as_it_is, "no header": unmetered, "other": charging(WITHDRAWALS, 7)},
    "candles of stopped symbols": {
        "kept": stopping(),
        "gone": stopping(saying(CANDLES, [])),
        "refused": stopping(refusing(CANDLES, -1121)),
    },
    "ids without trades": {"negative": stopping(), "other": stopping(saying(TICKER, NO_TRADES))},
    "balances of wallets": {"accepted": as_it_is, "refused": refusing(WALLETS, -2015)},
    "rows of funding rates": {
        "100": as_it_is,
        "200": saying(FUNDING, [{"fundingTime": number} for number in range(200)]),
        "other": saying(FUNDING, [{"fundingTime": 1}]),
    },
    **{
        f"weight of {which}": {"declared": as_it_is, "more": charging(FUTURES, 1), "less": charging(FUTURES, -1)}
        for which in ("100 futures candles", "500 futures candles", "futures candles without limit")
    },
    "order of deposits": listed(DEPOSITS, "insertTime"),
    "order of withdrawals": listed(WITHDRAWALS, "applyTime"),
    "order of dividends": listed(DIVIDENDS, "divTime", "rows"),
    "order of transfers": listed(TRANSFERS, "timestamp", "rows"),
}
CASES = [(name, outcome) for name, worlds in WORLDS.items() for outcome in worlds]


@pytest.fixture
def desk(trade_desk: TradeDesk) -> TradeDesk:
    """A desk with a key that only reads, and an exchange for futures too."""
    trade_desk.exchange.add_account(UID, API_KEY, secret=SECRET, balances={"USDT": ("1000", "0")})
    trade_desk.addresses = {"usdm": trade_desk.url}
    return trade_desk


async def learnt(desk: TradeDesk, *names: str) -> list[Learnt]:
    chosen = [BY_NAME[name] for name in names] or PROBES
    return [each async for each in probe(desk.config, chosen, state=desk.state, pause=no_pause)]


@pytest.mark.parametrize(("name", "outcome"), CASES)
async def test_each_outcome_is_reached(name: str, outcome: str, desk: TradeDesk) -> None:
    """A probe comes to each word that it declares, at an exchange that answers so."""
    WORLDS[name][outcome](desk)
    [found] = await learnt(desk, name)
    assert (found.probe, found.outcome) == (name, outcome)
    assert found.means == BY_NAME[name].decides[outcome]


def test_no_outcome_is_left_out() -> None:
    """Every probe and every word it declares has its exchange above, and every probe can turn out in two ways at least."""
    assert {name: set(worlds) for name, worlds in WORLDS.items()} == {each.name: set(each.decides) for each in PROBES}
    assert min(len(each.decides) for each in PROBES) > 1
    assert all(NOT_ASKED.values())


def test_no_call_is_denied_that_is_made() -> None:
    """Where `doctor` says that a call is not made, there is none."""
    denied = [statement for statement, why in NOT_ASKED.items() if "does not make this call" in why]
    words = tuple(f"/{word}" for statement in denied for word in statement.split())
    assert [each.path for each in ENDPOINTS if each.path.endswith(words)] == []


UNTOLD = [
    ("fills from id 0", as_it_is),
    ("fills from id 0", refusing(FILLS, -2015)),
    ("orders from id 0", as_it_is),
    ("quiet seconds", saying(CANDLES, candles(1000, 2000))),
    ("ids without trades", stopping(saying(TICKER, {"count": 5, "firstId": 1, "lastId": 5}))),
    *((f"order of {name}", as_it_is) for name in ("deposits", "withdrawals", "dividends", "transfers")),
    ("order of deposits", saying(DEPOSITS, [{"insertTime": 1}, {"insertTime": 1}])),
]


@pytest.mark.parametrize(("name", "world"), UNTOLD)
async def test_too_little_is_no_answer(name: str, world: World, desk: TradeDesk) -> None:
    """Where the account or the market cannot tell, the outcome says so, and none is guessed."""
    world(desk)
    [found] = await learnt(desk, name)
    assert found.outcome == UNDECIDED


EVERY = (
    *(FILLS, ORDERS, CANDLES, FUTURES, INFO, TICKER, DEPOSITS, WITHDRAWALS, DIVIDENDS, TRANSFERS),
    *(WALLETS, FUNDING),
)
STRANGE: list[Any] = [None, {}, [], "words", 7, [[]], [{}], {"symbols": []}, {"rows": [1]}, {"rateLimits": None}]


@pytest.mark.parametrize("body", STRANGE, ids=json.dumps)
async def test_no_answer_ends_the_others(body: Any, desk: TradeDesk) -> None:
    """Whatever the exchange says to one probe, the next one is made, and each has a word that means something."""
    for path in EVERY:
        saying(path, body)(desk)
    found = await learnt(desk)
    assert [each.probe for each in found] == [each.name for each in PROBES]
    assert all(each.means for each in found)


async def test_an_exchange_without_futures(desk: TradeDesk) -> None:
    """Calls to a host that flows.yaml does not name are told as unanswered."""
    desk.addresses = {}
    [found] = await learnt(desk, "weight of 100 futures candles")
    assert found.outcome == "unanswered"


async def test_a_throttle_ends_all(desk: TradeDesk) -> None:
    """Where the exchange wants to be left alone for long, no further probe is made."""
    desk.exchange.inject(Error(path=FILLS, code=-1003, status=418, headers={"Retry-After": "3600"}))
    with pytest.raises(Throttled):
        await learnt(desk)
    assert desk.asked(ORDERS) == []


@pytest.mark.parametrize("right", ["enableWithdrawals", "enableSpotAndMarginTrading"])
async def test_the_guard_stands_before_it(right: str, desk: TradeDesk) -> None:
    """A key that may do more than read makes no probe."""
    desk.exchange.add_account(UID, API_KEY, secret=SECRET, permissions=("enableReading", right))
    with pytest.raises(AccessRefused):
        await learnt(desk)
    assert desk.asked(FILLS) == []


async def test_without_a_key(desk: TradeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key nothing is asked, and it says what to set."""
    monkeypatch.delenv("DESK_KEY")
    with pytest.raises(AccessRefused, match="needs a key"):
        await learnt(desk)


def test_only_reading_calls_are_made() -> None:
    """Every call is a GET, and no symbol of the account is asked for."""
    calls = [endpoint for each in PROBES for endpoint, _ in each.calls]
    assert {endpoint.method for endpoint in calls} == {"GET"}
    assert any(endpoint.security is Security.SIGNED for endpoint in calls)


async def test_the_file_tells_nothing_of_the_person(desk: TradeDesk) -> None:
    """What is written can be read back to the word, and holds no key, id, amount, address or traded symbol."""
    trading()(desk)
    desk.exchange.add_movement(UID, "asset/assetDividend", {"divTime": desk.exchange.now_ms, "amount": "98.7654"})
    desk.exchange.add_movement(UID, "asset/assetDividend", {"divTime": desk.exchange.now_ms - 9, "amount": "98.7654"})
    found = await learnt(desk)
    text = as_file(found, desk.config)
    assert read_file(text.encode()) == found
    words = (API_KEY, SECRET, f" {UID}", "98.7654", "BTCUSDT", "127.0.0.1", str(desk.folder), "main")
    assert [word for word in words if word in text] == []
    outcomes = {each.probe: each.outcome for each in found}
    assert outcomes["fills from id 0"] == "oldest"
    assert outcomes["order of dividends"] == "newest first"
    assert len(rows(found)) == len(PROBES)


@pytest.mark.parametrize("sent", SENT, ids=lambda path: path.name)
def test_what_users_saw_is_simulated(sent: Path) -> None:
    """Each outcome in a file that a user sent has an exchange above that answers so, or taught nothing."""
    for each in read_file(sent.read_bytes()):
        assert each.outcome in WORLDS[each.probe] or each.outcome in {UNDECIDED, "unreadable", "unanswered"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told["findings"][0].update(outcome="perhaps"),
        lambda told: told["findings"][0].update(probe="of another version"),
        lambda told: told["findings"][0].update(uid=7),
        lambda told: told.update(account="main"),
        lambda told: told.pop("findings"),
    ],
)
def test_a_file_that_was_changed_is_refused(spoil: Callable[[dict[str, Any]], Any]) -> None:
    """A file with anything that a probe does not write is refused in one sentence."""
    told = json.loads(SENT[0].read_bytes())
    spoil(told)
    with pytest.raises(CorruptData):
        read_file(json.dumps(told).encode())


def test_an_outcome_has_a_meaning() -> None:
    """What an unknown word means nobody guesses."""
    assert meaning("first candle", UNDECIDED)
    with pytest.raises(CorruptData, match="No probe"):
        meaning("first candle", "perhaps")
