"""Stories of margin: a loan is money in one wallet and a debt in another, both of which grow and shrink."""

from __future__ import annotations

from collections.abc import Callable, Generator
from decimal import ROUND_UP, Decimal
from typing import Any

from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow.scene import UNIT, MoneyScene
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.market.intervals import HOUR_MS

SMALL_DEBTS = "margin/exchange-small-liability-history"
LOANS, INTEREST, FLOWS, TRANSFERS = (
    "margin/borrow-repay",
    "margin/interestHistory",
    "margin/capital-flow",
    "margin/transfer",
)
PAIR = "BTCUSDT"
_RATE = Decimal("0.00012")  # a day
_HOURS, _LONG_HOURS = 6, 400  # that loans last at most; one in four is a long one


def _loan(scene: MoneyScene) -> Story:
    """Borrowed on cross margin; each hour interest is added to the debt; then all is repaid."""
    yield from _borrowed(scene, None)


def _isolated(scene: MoneyScene) -> Story:
    """Money is moved from spot to a pair, lent money comes to it, and when that is repaid all goes back to spot."""
    amount = scene.spare("spot", "USDT")
    _roll(scene, amount, "ROLL_IN")
    yield scene.in_minutes(60)
    interest = yield from _borrowed(scene, PAIR)
    _roll(scene, amount - interest, "ROLL_OUT")


def _liquidation(scene: MoneyScene) -> Story:
    """A little is taken by a liquidation, and some of its fee is returned."""
    for kind, share in (("LIQUIDATION_FEE", -0.01), ("COMMISSION_RETURN", 0.002)):
        amount = (scene.spare("margin", "USDT") * Decimal(share)).quantize(UNIT)
        file_flow(scene, None, "USDT", kind, amount, [Leg("margin", "USDT", amount)])
        yield scene.in_minutes(5)


def _small_debt(scene: MoneyScene) -> Story:
    """A debt that is too small to bother is paid with another asset."""
    owed, paid = Decimal("0.5"), scene.must_have("margin", "BNB", Decimal("0.001"))
    _book_loan(
        scene, None, "BORROW", owed, Decimal(0), [Leg("margin", "USDT", owed), Leg("margin_debt", "USDT", -owed)]
    )
    yield scene.in_minutes(300)
    row = {
        "asset": "USDT",
        "amount": f"{owed}",
        "targetAsset": "BNB",
        "targetAmount": f"{paid}",
        "bizType": "EXCHANGE_SMALL_LIABILITY",
        "timestamp": scene.now_ms,
    }
    scene.move([Leg("margin_debt", "USDT", owed)], Filed(SMALL_DEBTS, row))
    file_flow(scene, None, "BNB", "SMALL_CONVERT", -paid, [Leg("margin", "BNB", -paid)])


def _borrowed(scene: MoneyScene, pair: str | None) -> Generator[int, None, Decimal]:
    """Gives the interest that was paid in the end."""
    wallet, debt = _wallets(pair)
    principal = scene.usual("USDT")
    _book_loan(
        scene, pair, "BORROW", principal, Decimal(0), [Leg(wallet, "USDT", principal), Leg(debt, "USDT", -principal)]
    )
    owed = _charge(scene, pair, principal, "ON_BORROW")
    for _ in range(1 + int(scene.roll() * (_LONG_HOURS if scene.chance(0.25) else _HOURS))):
        yield (scene.now_ms // HOUR_MS + 1) * HOUR_MS
        owed += _charge(scene, pair, principal, "PERIODIC")
    yield scene.in_minutes(50)
    while scene.free(wallet, "USDT") < principal + owed:
        yield scene.now_ms + 12 * HOUR_MS
    back = principal + owed
    _book_loan(scene, pair, "REPAY", principal, owed, [Leg(wallet, "USDT", -back), Leg(debt, "USDT", back)])
    return owed


def _wallets(pair: str | None) -> tuple[str, str]:
    return (f"isolated_margin:{pair}", f"isolated_margin_debt:{pair}") if pair else ("margin", "margin_debt")


def _of_pair(pair: str | None) -> dict[str, Any]:
    return {"isolatedSymbol": pair} if pair else {}


def _charge(scene: MoneyScene, pair: str | None, principal: Decimal, kind: str) -> Decimal:
    """The interest of an hour, rounded up."""
    interest = (principal * _RATE / 24).quantize(UNIT, ROUND_UP)
    row = {
        "txId": scene.id("interest"),
        "interestAccuredTime": scene.now_ms,
        "asset": "USDT",
        "rawAsset": "USDT",
        "principal": f"{principal:f}",
        "interest": f"{interest:f}",
        "interestRate": f"{_RATE:f}",
        "type": kind,
        **_of_pair(pair),
    }
    scene.move([Leg(_wallets(pair)[1], "USDT", -interest)], Filed(INTEREST, row, pair))
    return interest


def _book_loan(
    scene: MoneyScene, pair: str | None, kind: str, principal: Decimal, interest: Decimal, legs: list[Leg]
) -> None:
    """A loan or its repayment, which a second list tells of as well."""
    number = scene.id("loan")
    row = {
        "type": "MANUAL",
        "amount": f"{principal + interest:f}",
        "asset": "USDT",
        "interest": f"{interest:f}",
        "principal": f"{principal:f}",
        "status": "CONFIRMED",
        "timestamp": scene.now_ms,
        "txId": number,
        **_of_pair(pair),
    }
    scene.move(legs, Filed(LOANS, row, f"{kind}/{pair}" if pair else kind))
    file_flow(scene, pair, "USDT", kind, Decimal(legs[0].free), [], number)


def file_flow(
    scene: MoneyScene,
    pair: str | None,
    asset: str,
    kind: str,
    amount: Decimal,
    legs: list[Leg],
    number: int | None = None,
) -> None:
    flow = scene.id("flow")
    row = {
        "id": flow,
        "tranId": flow if number is None else number,
        "timestamp": scene.now_ms,
        "asset": asset,
        "type": kind,
        "amount": f"{amount:f}",
        **({"symbol": pair} if pair else {}),
    }
    scene.move(legs, Filed(FLOWS, row, pair))


def _roll(scene: MoneyScene, amount: Decimal, kind: str) -> None:
    """A transfer between spot and the pair; the second list that tells of it does so from the side of the pair."""
    enters, wallet, number = kind == "ROLL_IN", _wallets(PAIR)[0], scene.id("roll")
    ends = {"transFrom": "SPOT", "transTo": "ISOLATED_MARGIN", "toSymbol": PAIR}
    back = {"transFrom": "ISOLATED_MARGIN", "transTo": "SPOT", "fromSymbol": PAIR}
    row = {
        "amount": f"{amount:f}",
        "asset": "USDT",
        "status": "CONFIRMED",
        "timestamp": scene.now_ms,
        "txId": number,
        "type": kind,
        **(ends if enters else back),
    }
    signed = amount if enters else -amount
    scene.move([Leg("spot", "USDT", -signed), Leg(wallet, "USDT", signed)], Filed(TRANSFERS, row, PAIR))
    file_flow(scene, PAIR, "USDT", "TRANSFER", signed, [], number)


STORIES: dict[Callable[[MoneyScene], Story], float] = {
    _loan: 0.05,
    _isolated: 0.02,
    _small_debt: 0.01,
    _liquidation: 0.02,
}
