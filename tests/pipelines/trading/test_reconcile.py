"""What a check can name, the pull asks for: every few hours, or at once when told to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from support.trade_desk import TradeDesk, pull

from connectors.simulator.protocol.faults import Body, Hole, Lagging, ShortPage, Shuffled
from pipelines.quality.checks import run_checks
from pipelines.trading.reconcile import EVERY_US, MOST_SPANS, spans

B = "BTCUSDT"
DAY_S = 86_400
ORDERS, TRADES, ALLOCATIONS, MATCHES = (
    f"/api/v3/{name}" for name in ("allOrders", "myTrades", "myAllocations", "myPreventedMatches")
)
CHECKS = ("executed_sums", "fill_without_order", "prevented_matches")


@pytest.fixture
def desk(trade_desk: TradeDesk) -> TradeDesk:
    return trade_desk


async def known(desk: TradeDesk) -> None:
    """A symbol that is traded and listed, so that no changed balance has it walked; no fill of it is stored yet."""
    desk.trading([B])
    desk.book.place(B, "BUY", 1, 40)
    await pull(desk)


def failing(desk: TradeDesk) -> list[str]:
    results = run_checks(desk.lake, [], datetime.fromtimestamp(desk.clock(), UTC), CHECKS)
    return [result.name for result in results if not result.passed]


def fills_untold(desk: TradeDesk) -> None:
    """Every look at the fills is answered with nothing."""
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    desk.exchange.inject(Body(path=TRADES, text="[]", count=None))


def part_untold(desk: TradeDesk) -> None:
    """The same, of an order that is open still."""
    desk.book.fill(B, desk.book.place(B, "BUY", 3, 50), 1)
    desk.exchange.inject(Body(path=TRADES, text="[]", count=None))


def allocation_untold(desk: TradeDesk) -> None:
    routed = desk.book.place(B, "BUY", 2, 50)
    desk.book.allocate(B, routed, 1)
    desk.book.fill(B, routed)
    desk.exchange.inject(Body(path=ALLOCATIONS, text="[]", count=None))


def match_untold(desk: TradeDesk) -> None:
    maker = desk.book.place(B, "SELL", 1, 50)
    desk.book.prevent(B, desk.book.place(B, "BUY", 1, 50, stp_mode="EXPIRE_MAKER"), maker)
    desk.exchange.inject(Body(path=MATCHES, text="[]", count=None))


def order_left_out(desk: TradeDesk) -> None:
    """`allOrders` leaves out an order before the last one, whose fill is told all the same."""
    for _ in range(2):
        desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    desk.clock.advance(2 * DAY_S)
    for _ in range(12):  # so that no later walk comes by it
        desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    desk.exchange.inject(Hole(path=ORDERS, place=13, count=1))


async def test_an_order_asked_for_again_is_no_fill(desk: TradeDesk) -> None:
    """The receipt of the fills counts fills, also in the run that asks for the order of a stored fill."""
    desk.trading([B])
    order_left_out(desk)
    await pull(desk)
    assert failing(desk) == ["fill_without_order"]
    stored = len(desk.rows("orders"))
    receipts = {one.dataset: one.rows for one in await desk.run("trading", again=True)}
    assert (len(desk.rows("orders")), receipts["fills"]) == (stored + 1, 0)


LACKS: list[tuple[Callable[[TradeDesk], None], str]] = [
    (fills_untold, "executed_sums"),
    (part_untold, "executed_sums"),
    (allocation_untold, "executed_sums"),
    (match_untold, "prevented_matches"),
    (order_left_out, "fill_without_order"),
]


LATER = [pytest.param(*one, False, marks=() if one == LACKS[0] else pytest.mark.soak) for one in LACKS]
AT_ONCE = [pytest.param(*one, True, marks=pytest.mark.soak) for one in (LACKS[0], LACKS[-1])]  # the same, only sooner


@pytest.mark.parametrize(("lack", "check", "again"), [*LATER, *AT_ONCE])
async def test_what_a_check_names_is_asked_for(
    lack: Callable[[TradeDesk], None], check: str, again: bool, desk: TradeDesk
) -> None:
    """Told late, whatever was lacking comes hours later by itself, or at once with `again`; then the checks pass."""
    await known(desk)
    lack(desk)
    desk.clock.advance(DAY_S)
    await pull(desk)
    desk.exchange.heal()
    assert failing(desk) == [check]
    await pull(desk)
    assert failing(desk) == [check], "it is not asked for in every run"
    if not again:
        desk.clock.advance(EVERY_US / 1e6 + 1)
    receipts = await desk.run("trading", again=again)
    assert [one.outcome for one in receipts] == ["done"] * 3
    assert failing(desk) == []
    for dataset in ("fills", "allocations", "prevented_matches"):
        assert desk.stored_ids(dataset, B) == desk.true_ids(dataset, B)
    assert desk.orders(B) == desk.truth(B)


async def test_the_command_asks_again(desk: TradeDesk) -> None:
    """`binlake run --again` asks now for what a check names, which a plain run leaves for later."""
    await known(desk)
    fills_untold(desk)
    desk.clock.advance(DAY_S)
    await pull(desk)
    desk.exchange.heal()
    async with desk.commands() as command:
        for words, left in (((), ["executed_sums"]), (("--again",), [])):
            code, _, said = await command("run", "trading", *words)
            assert code == 0, said
            assert failing(desk) == left
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)


@pytest.mark.soak
async def test_what_is_never_told_costs_little(desk: TradeDesk) -> None:
    """An order whose fills the exchange does not have any more is asked for every few hours and named for ever."""
    await known(desk)
    fills_untold(desk)
    desk.clock.advance(DAY_S)
    await pull(desk)
    for _ in range(2):
        assert "myTrades" not in await pull(desk)
        desk.clock.advance(EVERY_US / 1e6 + 1)
        assert (await pull(desk))["myTrades"] == 2, "the walk, and the order alone"
    assert failing(desk) == ["executed_sums"]


async def test_fills_of_the_last_hour_are_asked_for_in_every_run(desk: TradeDesk) -> None:
    """An answer that lags by minutes is made good by the next run, not hours later."""
    await pull(desk)
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    await pull(desk)
    desk.clock.advance(DAY_S)
    desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    desk.exchange.inject(Lagging(path=TRADES, ms=60_000, count=None))
    await pull(desk)
    assert len(desk.rows("fills")) == 1
    desk.exchange.heal()
    await pull(desk)
    assert len(desk.rows("fills")) == 2


async def test_an_order_of_many_late_fills_is_completed_by_pages(desk: TradeDesk) -> None:
    """Where a walk told only the newest of more than a thousand fills, the order's own are asked for to the last one."""
    number = desk.book.place(B, "BUY", 2500, 1)
    for _ in range(2500):
        desk.book.fill(B, number, 1)
    for count in (Shuffled(path=TRADES, symbol=B, count=3), ShortPage(path=TRADES, symbol=B, keep=1, count=3)):
        desk.exchange.inject(count)
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)


@pytest.mark.soak
async def test_fills_beyond_the_walk_are_not_taken_for_had(desk: TradeDesk) -> None:
    """Where an order's own fills show that the walk ended too early, the next run walks on."""
    await known(desk)
    for _ in range(3):
        desk.book.fill(B, desk.book.place(B, "BUY", 1, 50))
    desk.clock.advance(DAY_S)
    desk.exchange.inject(Body(path=TRADES, symbol=B, text="[]", count=1))
    await pull(desk)
    await pull(desk)
    assert desk.stored_ids("fills", B) == desk.true_ids("fills", B)


def test_each_of_many_stretches_has_its_turn() -> None:
    """Those that the exchange never answers with a fill keep none of the others from being asked for."""
    booked = {day * DAY_S * 1_000_000 for day in range(1, 3 * MOST_SPANS)}
    turns = [spans(booked, turn * EVERY_US) for turn in range(3)]
    assert {len(turn) for turn in turns} == {MOST_SPANS}
    assert len({span for turn in turns for span in turn}) == len(booked)
    assert spans((), EVERY_US) == []
