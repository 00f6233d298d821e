"""Stories of banks, of other people, and of fees paid back."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow.scene import UNIT, USUAL, MoneyScene
from connectors.simulator.account.wallet_books import Filed, Leg

FIAT_ORDERS, C2C, PAY, REBATES = (
    "fiat/orders",
    "c2c/orderMatch/listUserOrderHistory",
    "pay/transactions",
    "rebate/taxQuery",
)
SUB_TRANSFERS = "sub-account/transfer/subUserHistory"
_CENT = Decimal("0.01")
_BEYOND_64_BITS = 20_219_644_646_554_779_648


def _bank(scene: MoneyScene) -> Story:
    """Euros from the bank, less a fee; or back to it with the fee on top. Some orders run out."""
    pays_in = scene.chance(0.7)
    amount, fee = (scene.usual("USDT") * 2).quantize(_CENT), Decimal("1.50")
    if not pays_in:
        scene.must_have("spot", "EUR", amount + fee)
    row = {
        "orderNo": scene.text_id("bank"),
        "fiatCurrency": "EUR",
        "indicatedAmount": f"{amount + fee}",
        "amount": f"{amount}",
        "totalFee": f"{fee}",
        "method": "BankAccount",
        "status": "Processing",
        "createTime": scene.now_ms,
        "updateTime": scene.now_ms,
    }
    scene.file(FIAT_ORDERS, row, "0" if pays_in else "1")
    if not pays_in:
        scene.move([Leg("spot", "EUR", -(amount + fee))])
    yield scene.in_minutes(10)
    done = not pays_in or scene.chance(0.85)
    if pays_in and done:
        scene.move([Leg("spot", "EUR", amount)])
    row.update(status=scene.pick(["Successful", "Finished"]) if done else "Expired", updateTime=scene.now_ms)


def _person(scene: MoneyScene) -> Story:
    """USDT bought from somebody or sold to somebody, once the other has paid; or it is called off."""
    buys, amount = scene.chance(0.6), scene.usual("USDT").quantize(_CENT)
    if not buys:
        scene.must_have("funding", "USDT", amount)
    side = "BUY" if buys else "SELL"
    row = {
        "orderNumber": str(_BEYOND_64_BITS + scene.id("person")),
        "advNo": str(11_000_000_000_000_000_000 + scene.id("advertisement")),
        "tradeType": side,
        "asset": "USDT",
        "fiat": "EUR",
        "fiatSymbol": "€",
        "amount": f"{amount}",
        "totalPrice": f"{amount * Decimal('0.92'):.2f}",
        "unitPrice": "0.92",
        "orderStatus": "TRADING",
        "createTime": scene.now_ms,
        "commission": "0",
        "counterPartNickName": "ab***",
        "advertisementRole": "TAKER",
    }
    scene.file(C2C, row, side)
    yield scene.in_minutes(10)
    done = scene.chance(0.85) and (buys or scene.free("funding", "USDT") >= amount)
    scene.move([Leg("funding", "USDT", amount if buys else -amount)] if done else [])
    row.update(orderStatus="COMPLETED" if done else "CANCELLED")


def _pay(scene: MoneyScene) -> Story:
    """Paid to somebody, or received; the rows name people."""
    amount = scene.usual("USDT", 0.2)
    signed = amount if scene.chance(0.5) else -scene.must_have("funding", "USDT", amount)
    row = {
        "orderType": "C2C",
        "transactionId": f"M_P_{scene.id('pay')}",
        "transactionTime": scene.now_ms,
        "amount": f"{signed.normalize():f}",
        "currency": "USDT",
        "walletType": 1,
        "walletTypes": [1],
        "fundsDetail": [{"currency": "USDT", "amount": f"{amount.normalize():f}"}],
        "payerInfo": {"name": "Jack", "type": "USER", "binanceId": "12345678"},
        "receiverInfo": {"name": "Alan", "type": "MERCHANT", "email": "alan@example.org"},
    }
    scene.move([Leg("funding", "USDT", signed)], Filed(PAY, row))
    yield from ()


def _rebate(scene: MoneyScene) -> Story:
    """A part of the fees of trading, paid back; two of a kind may come at once."""
    amount = (USUAL["USDT"] / 10_000 * Decimal(scene.roll() + 0.1)).quantize(UNIT)
    row = {"asset": "USDT", "type": scene.pick([1, 2]), "amount": f"{amount:f}", "updateTime": scene.now_ms}
    for _ in range(2 if scene.chance(0.3) else 1):
        scene.move([Leg("spot", "USDT", amount)], Filed(REBATES, dict(row)))
    yield from ()


def _with_master(scene: MoneyScene) -> Story:
    """From the account of the master to this one, or back."""
    comes, amount = scene.chance(0.6), scene.usual("USDT", 0.3)
    if not comes:
        scene.must_have("spot", "USDT", amount)
    row = {
        "counterParty": "master",
        "type": 1 if comes else 2,
        "email": "master@example.org",
        "asset": "USDT",
        "qty": f"{amount:f}",
        "fromAccountType": "SPOT",
        "toAccountType": "SPOT",
        "status": "SUCCESS",
        "tranId": scene.id("sub transfer"),
        "time": scene.now_ms,
    }
    scene.move([Leg("spot", "USDT", amount if comes else -amount)], Filed(SUB_TRANSFERS, row, "1" if comes else "2"))
    yield from ()


STORIES: dict[Callable[[MoneyScene], Story], float] = {_bank: 0.03, _person: 0.04, _pay: 0.04, _rebate: 0.04}
OF_SUB_ACCOUNT: dict[Callable[[MoneyScene], Story], float] = {_with_master: 0.03}
