"""Stories of futures, whose wallets change by income alone; its numbers repeat, from type to type and within one.

No list has the trades of these stories, so no row names one: those of an order that was placed do (`FuturesBook`).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow.scene import UNIT, USUAL, MoneyScene
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.market.intervals import HOUR_MS

USDM, COINM = "/fapi/v1/income", "/dapi/v1/income"
_MARKETS = {USDM: ("usdm", "USDT", "BTCUSDT"), COINM: ("coinm", "BTC", "BTCUSD_PERP")}
_COMMISSION = "90031"  # then the id of the trade


def _usdm_trade(scene: MoneyScene) -> Story:
    yield from _traded(scene, USDM)


def _coinm_trade(scene: MoneyScene) -> Story:
    yield from _traded(scene, COINM)


def _traded(scene: MoneyScene, path: str) -> Story:
    """A position is opened, pays or receives funding every eight hours, and is closed with a profit or a loss."""
    _, asset, _ = _MARKETS[path]
    stake = scene.spare(_MARKETS[path][0], asset)
    _trade(scene, path, stake, Decimal(0))
    for _ in range(int(scene.roll() * 4)):
        yield (scene.now_ms // (8 * HOUR_MS) + 1) * 8 * HOUR_MS
        funding = (stake * Decimal("0.0001") * (1 if scene.chance(0.4) else -1)).quantize(UNIT)
        _book(scene, path, "FUNDING_FEE", funding, scene.id("funding"))
    yield scene.in_minutes(300)
    _trade(scene, path, stake, (stake * Decimal(scene.roll() - 0.5) / 5).quantize(UNIT))


def _trade(scene: MoneyScene, path: str, stake: Decimal, profit: Decimal) -> None:
    """One or two fills at once; profit and commission of one share its number."""
    fills = 1 + scene.chance(0.4)
    for _ in range(fills):
        trade = scene.id("futures trade")
        if profit:
            _book(scene, path, "REALIZED_PNL", (profit / fills).quantize(UNIT), trade)
        fee = -(stake * Decimal("0.0004") / fills).quantize(UNIT)
        _book(scene, path, "COMMISSION", fee, int(f"{_COMMISSION}{trade}"))


def _bonus(scene: MoneyScene) -> Story:
    """Something given or taken that no trade explains; two rows may agree in everything."""
    kind = scene.pick(["REFERRAL_KICKBACK", "WELCOME_BONUS", "INSURANCE_CLEAR", "API_REBATE"])
    amount = (USUAL["USDT"] / 1000 * Decimal(0.1 + scene.roll())).quantize(UNIT)
    sign, number = -1 if kind == "INSURANCE_CLEAR" else 1, scene.id("bonus")
    for _ in range(2 if scene.chance(0.3) else 1):
        _book(scene, USDM, kind, sign * amount, number, symbol="")
    yield from ()


def income_row(
    scene: MoneyScene, path: str, kind: str, amount: Decimal, number: int, asset: str, symbol: str = ""
) -> dict[str, Any]:
    """A row of income; numbers are text on COIN-M."""
    return {
        "symbol": symbol,
        "incomeType": kind,
        "income": f"{amount:f}",
        "asset": asset,
        "time": scene.now_ms,
        "info": kind,
        "tranId": number if path == USDM else str(number),
        "tradeId": "",
    }


def _book(
    scene: MoneyScene,
    path: str,
    kind: str,
    amount: Decimal,
    number: int,
    symbol: str | None = None,
) -> None:
    wallet, asset, contract = _MARKETS[path]
    if not amount or scene.free(wallet, asset) + amount < 0:
        return
    row = income_row(scene, path, kind, amount, number, asset, contract if symbol is None else symbol)
    scene.move([Leg(wallet, asset, amount)], Filed(path, row))


STORIES: dict[Callable[[MoneyScene], Story], float] = {_usdm_trade: 0.2, _coinm_trade: 0.06, _bonus: 0.04}
