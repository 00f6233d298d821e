"""What can become of an order, each as a generator that acts, gives the instant of its next act, and acts again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from connectors.simulator.account.agenda import Story
from connectors.simulator.account.orders import ZERO, amount
from connectors.simulator.account.scenes import Scene, touching
from connectors.simulator.market.intervals import DAY_MS, HOUR_MS, MINUTE_MS

_BOT = {"strategyId": 37463720, "strategyType": 1000000}
_TRAILING = {"trailingDelta": 200, "trailingTime": -1}
_MODES = ("EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH")
_WAIT_MS = 4  # between an order that trades at once and its fills
_ROUTED = {"usedSor": True, "workingFloor": "SOR"}


def _market(scene: Scene) -> Story:
    """Bought or sold at the market, by quantity or by what it may cost, in one to four fills of one instant."""
    price = scene.price(scene.now)
    qty = scene.qty(price)
    worth = round(qty * price, 8) if scene.chance(0.4) else ZERO
    number = scene.place(scene.either(qty, price), qty, price, type="MARKET", quote_order_qty=worth)
    yield scene.book.now_ms + _WAIT_MS
    scene.fill(number, price, scene.split(qty, 1 + int(scene.roll() * 4)), is_maker=False)


def _starved(scene: Scene) -> Story:
    """A market order for which there was not enough on the other side."""
    price = scene.price(scene.now)
    qty = scene.qty(price)
    number = scene.place(scene.either(qty, price), qty, price, type="MARKET")
    yield scene.book.now_ms + _WAIT_MS
    scene.fill(number, price, scene.split(qty, 2)[:1], is_maker=False)
    if scene.open(number):
        scene.book.expire(scene.symbol, number, "INSUFFICIENT_LIQUIDITY")


def _at_once(scene: Scene) -> Story:
    """Immediate or cancel: filled in part or not at all, the rest expires."""
    price = scene.price(scene.now)
    qty = scene.qty(price)
    number = scene.place(scene.either(qty, price), qty, price, time_in_force="IOC")
    yield scene.book.now_ms + _WAIT_MS
    if scene.chance(0.6):
        scene.fill(number, price, scene.split(qty, 3)[:1], is_maker=False)
    if scene.open(number):
        scene.book.expire(scene.symbol, number, "UNFILLED_IOC_QUANTITY_EXPIRED")


def _whole_or_nothing(scene: Scene) -> Story:
    """Fill or kill: all at once, or nothing."""
    price = scene.price(scene.now)
    qty = scene.qty(price)
    number = scene.place(scene.either(qty, price), qty, price, time_in_force="FOK")
    yield scene.book.now_ms + _WAIT_MS
    if scene.chance(0.5):
        scene.fill(number, price, scene.split(qty, 2), is_maker=False)
    else:
        scene.book.expire(scene.symbol, number, "UNFILLED_FOK_ORDER_EXPIRED")


def _limit(scene: Scene) -> Story:
    """Rests, and is filled when the price comes by."""
    price = scene.price(scene.later)
    qty, side = scene.qty(price), scene.side(price)
    kind = "LIMIT_MAKER" if scene.chance(0.3) else "LIMIT"
    iceberg = scene.split(qty, 4)[0] if scene.chance(0.1) else ZERO
    pegged = {"pegPriceType": "PRIMARY_PEG", "peggedPrice": amount(price)}
    more = next((fields for fields in (_BOT, pegged) if scene.chance(0.1)), {})
    number = scene.place(side, qty, price, type=kind, iceberg_qty=iceberg, more=more)
    yield scene.within(scene.later)
    scene.fill(number, price, scene.split(qty, 1 + int(scene.roll() * 3)), is_maker=True)


def _over_days(scene: Scene) -> Story:
    """Rests for days, and is filled in part whenever the price comes back; what is left waits for weeks."""
    days = scene.hours(60)
    price = int(np.percentile(days.low, 15) if scene.chance(0.6) else np.percentile(days.high, 85))
    exact = scene.tick(price)
    qty = scene.qty(exact) * 2
    number = scene.place(scene.side(exact), qty, exact)
    touched = touching(days, price)
    for part, opened_ms in zip(scene.split(qty, 3 if scene.chance(0.7) else 4), touched, strict=False):
        yield max(opened_ms + 1_000 + int(scene.roll() * 50_000), scene.book.now_ms)
        scene.fill(number, exact, [part], is_maker=True)
    yield scene.book.now_ms + int(60 * scene.roll() * DAY_MS)
    scene.book.cancel(scene.symbol, number)


def _cancelled(scene: Scene) -> Story:
    """Rests too far away until it is cancelled, unfilled."""
    side = "BUY" if scene.chance(0.6) else "SELL"
    price = scene.away(0.05 + 0.1 * scene.roll(), side)
    number = scene.place(side, scene.qty(price), price)
    yield scene.book.now_ms + MINUTE_MS + int(scene.roll() * 8 * HOUR_MS)
    scene.book.cancel(scene.symbol, number)


def _partly_cancelled(scene: Scene) -> Story:
    """Filled in part, the rest cancelled."""
    price = scene.price(scene.later)
    qty = scene.qty(price)
    number = scene.place(scene.side(price), qty, price)
    yield scene.within(scene.later)
    scene.fill(number, price, scene.split(qty, 3)[:1], is_maker=True)
    yield scene.book.now_ms + HOUR_MS
    scene.book.cancel(scene.symbol, number)


def _left_open(scene: Scene) -> Story:
    """Rests far away for weeks and months."""
    side = "BUY" if scene.chance(0.6) else "SELL"
    price = scene.away(0.3 + 0.3 * scene.roll(), side)
    number = scene.place(side, scene.qty(price), price)
    yield scene.book.now_ms + int((10 + 190 * scene.roll()) * DAY_MS)
    scene.book.cancel(scene.symbol, number)


def _ladder(scene: Scene) -> Story:
    """Three orders of one instant, whose times are not in the order of their ids; cancelled together."""
    price = scene.away(0.08, "BUY")
    now_ms = scene.book.now_ms
    numbers = [scene.place("BUY", scene.qty(price), price, time_ms=now_ms - late) for late in (0, 3, 1)]
    yield now_ms + 6 * HOUR_MS
    for number in numbers:
        scene.book.cancel(scene.symbol, number)


def _amended(scene: Scene) -> Story:
    """Made smaller while it rests, then filled or cancelled."""
    price = scene.price(scene.later)
    qty = scene.qty(price) * 2
    number = scene.place(scene.side(price), qty, price)
    yield max(scene.later.opened_ms, scene.book.now_ms)
    smaller = scene.split(qty, 2)[0]
    if smaller < qty:
        scene.book.amend(scene.symbol, number, smaller)
    yield max(scene.within(scene.later), scene.book.now_ms)
    if scene.chance(0.7):
        scene.fill(number, price, scene.split(scene.left(number), 2), is_maker=True)
    else:
        scene.book.cancel(scene.symbol, number)


def _stop(scene: Scene) -> Story:
    """Waits for the price to reach its stop; then it trades at once. Some are cancelled before."""
    stop = scene.price(scene.later)
    qty, above = scene.qty(stop), scene.side(stop) == "SELL"
    side = scene.either(qty, stop)
    kind = "STOP_LOSS" if (side == "BUY") == above else "TAKE_PROFIT"
    kind += "_LIMIT" if scene.chance(0.7) else ""
    more = _TRAILING if scene.chance(0.2) else {}
    number = scene.place(side, qty, stop, type=kind, stop_price=stop, more=more)
    yield scene.within(scene.later)
    if scene.chance(0.25):
        scene.book.cancel(scene.symbol, number)
        return
    scene.book.trigger(scene.symbol, number)
    scene.fill(number, stop, scene.split(qty, 2), is_maker=False)


def _one_or_other(scene: Scene) -> Story:
    """An OCO: a limit order on one side of the market, a stop on the other; one expires when the other trades."""
    price = scene.price(scene.later)
    qty = scene.qty(price)
    side, above = scene.either(qty, price), scene.side(price) == "SELL"
    limit_fills = (side == "SELL") == above
    target = price if limit_fills else scene.away(0.2, side)
    stop = scene.away(0.2, "SELL" if side == "BUY" else "BUY") if limit_fills else price
    numbers = scene.place_list(
        "OCO",
        {"side": side, "qty": qty, "price": target, "type": "LIMIT_MAKER"},
        {"side": side, "qty": qty, "price": stop, "type": "STOP_LOSS_LIMIT", "stop_price": stop},
    )
    yield scene.within(scene.later)
    if scene.chance(0.2):
        scene.book.cancel(scene.symbol, numbers[0])
        return
    number = numbers[0 if limit_fills else 1]
    if not limit_fills:
        scene.book.trigger(scene.symbol, number)
    scene.fill(number, price, scene.split(qty, 2), is_maker=limit_fills)


def _one_then_other(scene: Scene) -> Story:
    """An OTO: a second order that begins once the first is filled, and expires with it otherwise."""
    price = scene.price(scene.later)
    qty, side = scene.qty(price), scene.side(price)
    other = "SELL" if side == "BUY" else "BUY"
    working, pending = scene.place_list(
        "OTO",
        {"side": side, "qty": qty, "price": price},
        {"side": other, "qty": qty, "price": scene.away(0.1, other)},
    )
    yield scene.within(scene.later)
    if scene.chance(0.3):
        scene.book.expire(scene.symbol, working)
        return
    scene.fill(working, price, [qty], is_maker=True)
    yield scene.book.now_ms + _WAIT_MS
    if scene.chance(0.2):
        scene.book.reject(scene.symbol, pending)
        return
    yield scene.book.now_ms + DAY_MS
    scene.book.cancel(scene.symbol, pending)


def _with_itself(scene: Scene) -> Story:
    """Two orders of the account meet, and are kept from trading with each other."""
    price = scene.price(scene.later)
    qty, side = scene.qty(price), scene.side(price)
    maker = scene.place(side, qty, price)
    yield scene.within(scene.later)
    if scene.chance(0.4):
        scene.fill(maker, price, scene.split(qty, 3)[:1], is_maker=True)
    mode = _MODES[int(scene.roll() * 3)]
    taker = scene.place("SELL" if side == "BUY" else "BUY", qty, price, stp_mode=mode)
    scene.book.prevent(scene.symbol, taker, maker)
    yield scene.book.now_ms + _WAIT_MS
    for number in (taker, maker):
        if scene.open(number):
            scene.fill(number, price, [scene.left(number)], is_maker=False)


def _routed(scene: Scene) -> Story:
    """Smart order routing: allocations, which are no trades, and sometimes a trade beside them."""
    price = scene.price(scene.now)
    qty = scene.qty(price)
    number = scene.place(scene.either(qty, price), qty, price, time_in_force="IOC", more=_ROUTED)
    yield scene.book.now_ms + _WAIT_MS
    parts = scene.split(qty, 1 + int(scene.roll() * 3))
    if len(parts) > 1 and scene.chance(0.4):
        scene.fill(number, price, [parts.pop()], is_maker=False)
    for part in parts:
        scene.book.allocate(scene.symbol, number, part, price, is_maker=False)


# Of so many stories, how many are of each kind.
STORIES: dict[Callable[[Scene], Story], int] = {
    _limit: 27,
    _market: 20,
    _cancelled: 14,
    _stop: 9,
    _one_or_other: 5,
    _partly_cancelled: 4,
    _at_once: 4,
    _amended: 4,
    _over_days: 3,
    _one_then_other: 3,
    _left_open: 3,
    _routed: 3,
    _with_itself: 3,
    _whole_or_nothing: 2,
    _ladder: 2,
    _starved: 1,
}
UNFILLED: dict[Callable[[Scene], Story], int] = {_cancelled: 6, _left_open: 1, _ladder: 1}
