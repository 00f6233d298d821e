"""Stories of spot and of what moves between wallets: each files the rows that the exchange would return of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.simulator.account.agenda import Story
from connectors.simulator.account.cashflow import futures, margin
from connectors.simulator.account.cashflow.scene import UNIT, USUAL, MoneyScene, text_time
from connectors.simulator.account.wallet_books import Filed, Leg
from connectors.simulator.market.intervals import DAY_MS

DEPOSITS, WITHDRAWALS, DIVIDENDS = "capital/deposit/hisrec", "capital/withdraw/history", "asset/assetDividend"
TRAVEL_DEPOSITS, TRAVEL_WITHDRAWALS = "localentity/deposit/history", "localentity/withdraw/history"
TRANSFERS, CONVERSIONS, PAYMENTS, DUST = "asset/transfer", "convert/tradeFlow", "fiat/payments", "asset/dribblet"

_COMPLETE_SINCE_MS = int(datetime(2025, 3, 6, tzinfo=UTC).timestamp()) * 1000  # deposits say when they were credited
_DIRECTION_SINCE_MS = int(datetime(2026, 1, 29, tzinfo=UTC).timestamp()) * 1000  # dividends say which way they went
_NETWORKS = {"USDT": "TRX", "BTC": "BTC", "ETH": "ETH", "BNB": "BSC", "SOL": "SOL"}
_FEES = {
    "USDT": Decimal(1),
    "BTC": Decimal("0.00002"),
    "ETH": Decimal("0.0004"),
    "BNB": Decimal("0.0005"),
    "SOL": Decimal("0.001"),
}
_PURSE = 60  # usual amounts of each asset, at the beginning
_CRUMBS = ("ACA", "HOT", "BTTC", "WIN")  # what is given away, and is worth nothing until it is changed into BNB
_CHARGE = Decimal("0.02")
_WALLETS = {
    "MAIN": "spot",
    "FUNDING": "funding",
    "MARGIN": "margin",
    "UMFUTURE": "usdm",
    "CMFUTURE": "coinm",
    "OPTION": "options",
}
_DIRECTIONS = {
    ("MAIN", "UMFUTURE"): 4,
    ("MAIN", "CMFUTURE"): 3,
    ("MAIN", "MARGIN"): 4,
    ("MAIN", "FUNDING"): 5,
    ("MAIN", "OPTION"): 1,
    ("UMFUTURE", "MAIN"): 2,
    ("UMFUTURE", "MARGIN"): 1,
    ("CMFUTURE", "MAIN"): 2,
    ("CMFUTURE", "MARGIN"): 1,
    ("MARGIN", "MAIN"): 2,
    ("MARGIN", "UMFUTURE"): 1,
    ("FUNDING", "MAIN"): 3,
    ("FUNDING", "UMFUTURE"): 1,
    ("OPTION", "MAIN"): 1,
}
_HELD = {"UMFUTURE": ("USDT",), "CMFUTURE": ("BTC", "ETH"), "OPTION": ("USDT",)}  # else all that is usual


def open_account(scene: MoneyScene) -> None:
    """The first money: some of each asset, deposited."""
    for asset, usual in USUAL.items():
        credit(scene, asset, usual * _PURSE)


def credit(scene: MoneyScene, asset: str, amount: Decimal) -> None:
    """A deposit that is credited at once."""
    row = _deposit_row(scene, asset, amount, status=1, **_credited(scene))
    scene.move([Leg("spot", asset, amount)], Filed(DEPOSITS, row))


def _deposit_row(scene: MoneyScene, asset: str, amount: Decimal, **more: Any) -> dict[str, Any]:
    number = scene.id("deposit")
    return {
        "id": f"{number:018}",
        "amount": f"{amount.normalize():f}",
        "coin": asset,
        "network": _NETWORKS.get(asset, "ETH"),
        "status": 0,
        "address": f"0x{scene.text_id('address')}",
        "addressTag": "",
        "txId": f"0x{scene.text_id('chain')}",
        "insertTime": scene.now_ms,
        "transferType": 0,
        "confirmTimes": "0/12",
        "unlockConfirm": 12,
        "walletType": 0,
        "travelRuleStatus": 0,
        **more,
    }


def _of_travel_rule(scene: MoneyScene, row: Mapping[str, Any], status: str, *more: str) -> dict[str, Any]:
    """The row of the same movement in the list of accounts under the travel rule, with the answers of its owner."""
    alike = ("amount", "coin", "network", "address", "txId", "transferType", *more)
    return {
        "trId": scene.id("travel rule"),
        **{name: row[name] for name in alike if name in row},
        status: row["status"],
        "travelRuleStatus": 0,
        "questionnaire": '{"bnfName":"Somebody Else"}',
    }


def _credited(scene: MoneyScene) -> dict[str, Any]:
    return {"completeTime": scene.now_ms} if scene.now_ms >= _COMPLETE_SINCE_MS else {}


def _deposit(scene: MoneyScene) -> Story:
    """Pending, then credited but locked, then free to go out again; or never credited."""
    asset, wallet_type = scene.pick(list(USUAL)), int(scene.chance(0.2))
    amount = scene.usual(asset, 3)
    row = scene.file(DEPOSITS, _deposit_row(scene, asset, amount, walletType=wallet_type))
    witness = scene.file(TRAVEL_DEPOSITS, _of_travel_rule(scene, row, "depositStatus", "insertTime"))
    yield scene.in_minutes(60)
    if scene.chance(0.08):
        row.update(status=scene.pick([2, 7]))
        witness.update(depositStatus=row["status"])
        return
    row.update(status=6, confirmTimes="3/12", **_credited(scene))
    witness.update(depositStatus=6, completeTime=scene.now_ms)
    scene.move([Leg(("spot", "funding")[wallet_type], asset, amount)])
    yield scene.now_ms + int(scene.roll() * 3 * DAY_MS)
    row.update(status=1, confirmTimes="12/12")
    witness.update(depositStatus=1)


def _withdrawal(scene: MoneyScene) -> Story:
    """Gone with its fee when it is asked for; completed within hours, or rejected and given back."""
    asset = scene.pick(list(USUAL))
    amount, fee = scene.usual(asset, 2), _FEES[asset]
    scene.must_have("spot", asset, amount + fee)
    row = {
        "id": scene.text_id("withdrawal"),
        "amount": f"{amount.normalize():f}",
        "transactionFee": f"{fee.normalize():f}",
        "coin": asset,
        "status": 2,
        "address": f"0x{scene.text_id('address')}",
        "txId": "",
        "applyTime": text_time(scene.now_ms),
        "transferType": 0,
        "info": "",
        "confirmNo": 0,
        "walletType": 0,
        "txKey": "",
    }
    if scene.chance(0.8):
        row["network"] = _NETWORKS[asset]
    told = ("id", "transactionFee", "applyTime", "walletType")
    witness = _of_travel_rule(scene, row, "withdrawalStatus", *told)
    taken = [Leg("spot", asset, -amount), Leg("spot", asset, -fee)]
    scene.move(taken, Filed(WITHDRAWALS, row), Filed(TRAVEL_WITHDRAWALS, witness))
    yield scene.in_minutes(300)
    if scene.chance(0.25):
        row.update(status=3, completeTime=text_time(scene.now_ms), info="rejected")
        witness.update(withdrawalStatus=3, completeTime=row["completeTime"])
        scene.move([Leg("spot", asset, amount), Leg("spot", asset, fee)])
        return
    row.update(status=4)
    witness.update(withdrawalStatus=4)
    yield scene.in_minutes(2 * 1440)
    row.update(status=6, completeTime=text_time(scene.now_ms), txId=f"0x{scene.text_id('chain')}", confirmNo=12)
    witness.update(withdrawalStatus=6, completeTime=row["completeTime"], txId=row["txId"])


def _transfer(scene: MoneyScene) -> Story:
    """From one wallet to another, at once; now and then it is pending for a while, or fails and moves nothing."""
    source, target = scene.weighted(_DIRECTIONS)
    held = list(_HELD.get(target, _HELD.get(source, tuple(USUAL))))
    asset = scene.pick(held)
    amount = scene.spare(_WALLETS[source], asset)
    kind, fails, pends = f"{source}_{target}", scene.chance(0.06), scene.chance(0.1)
    row = {
        "asset": asset,
        "amount": f"{amount:f}",
        "type": kind,
        "status": "FAILED" if fails else "PENDING" if pends else "CONFIRMED",
        "tranId": scene.id("transfer"),
        "timestamp": scene.now_ms,
    }
    legs = [Leg(_WALLETS[source], asset, -amount), Leg(_WALLETS[target], asset, amount)]
    scene.move([] if fails else legs, Filed(TRANSFERS, row, kind))
    if not fails:
        _witnessed(scene, row, _WALLETS[source], -amount)
        _witnessed(scene, row, _WALLETS[target], amount)
    if pends and not fails:
        yield scene.in_minutes(20)
        row.update(status="CONFIRMED")


def _witnessed(scene: MoneyScene, transfer: Mapping[str, Any], wallet: str, amount: Decimal) -> None:
    """The ledgers of margin and futures tell of a transfer as well, each from its own side."""
    asset, number = transfer["asset"], transfer["tranId"]
    if wallet == "margin":
        ends = ("SPOT", "CROSS_MARGIN") if amount > 0 else ("CROSS_MARGIN", "SPOT")
        row = {
            "amount": f"{abs(amount):f}",
            "asset": asset,
            "status": "CONFIRMED",
            "timestamp": scene.now_ms,
            "txId": number,
            "type": "ROLL_IN" if amount > 0 else "ROLL_OUT",
            "transFrom": ends[0],
            "transTo": ends[1],
        }
        scene.file(margin.TRANSFERS, row)
        margin.file_flow(scene, None, asset, "TRANSFER", amount, [], number)
    elif wallet in ("usdm", "coinm"):
        path = futures.USDM if wallet == "usdm" else futures.COINM
        scene.file(path, futures.income_row(scene, path, "TRANSFER", amount, number, asset))


def _dividend(scene: MoneyScene) -> Story:
    """A distribution of one to three assets under one number."""
    shared = scene.id("distribution")
    for _ in range(1 + int(scene.roll() * 3)):
        crumb = scene.chance(0.6)
        asset = scene.pick(_CRUMBS if crumb else ("BNB", "USDT"))
        amount = Decimal(int(90_000 ** scene.roll())) * (UNIT * 1000 if crumb else UNIT)
        _distribute(scene, asset, amount, shared, "Launchpool Airdrop")
    yield from ()


def _recovery(scene: MoneyScene) -> Story:
    """Something given by mistake is taken back; before `direction` came, the text alone told of it."""
    asset = scene.pick(_CRUMBS)
    amount = scene.must_have("spot", asset, Decimal(int(scene.roll() * 9_000) + 1) * UNIT * 1000)
    _distribute(scene, asset, amount, scene.id("distribution"), "Token recovery", sign=-1)
    yield from ()


def _distribute(scene: MoneyScene, asset: str, amount: Decimal, shared: int, why: str, sign: int = 1) -> None:
    row = _dividend_row(scene, asset, amount, shared, why, sign)
    scene.move([Leg("spot", asset, sign * amount)], Filed(DIVIDENDS, row))


def witness_distribution(scene: MoneyScene, asset: str, amount: Decimal, why: str) -> None:
    """A row of the list of distributions for what another list tells of as well."""
    scene.file(DIVIDENDS, _dividend_row(scene, asset, amount, scene.id("distribution"), why, 1))


def _dividend_row(scene: MoneyScene, asset: str, amount: Decimal, shared: int, why: str, sign: int) -> dict[str, Any]:
    row = {
        "id": scene.id("dividend"),
        "amount": str(amount.normalize()),  # small ones as 4.5E-7
        "asset": asset,
        "divTime": scene.now_ms,
        "enInfo": why,
        "tranId": shared,
    }
    return {**row, "direction": sign} if scene.now_ms >= _DIRECTION_SINCE_MS else row


def _dust(scene: MoneyScene) -> Story:
    """All crumbs are changed into BNB in one operation, less a charge."""
    crumbs = {asset: amount for asset in _CRUMBS if (amount := scene.free("spot", asset)) > 0}
    if not crumbs:
        return
    details: list[dict[str, Any]] = []
    legs: list[Leg] = []
    for asset, amount in crumbs.items():
        worth = max((amount * Decimal("0.00002")).quantize(UNIT), UNIT * 2)
        charge = (worth * _CHARGE).quantize(UNIT)
        legs += [Leg("spot", asset, -amount), Leg("spot", "BNB", worth - charge)]
        detail = {
            "transId": scene.id("dust"),
            "serviceChargeAmount": f"{charge:f}",
            "amount": f"{amount:f}",
            "operateTime": scene.now_ms,
            "transferedAmount": f"{worth - charge:f}",
            "fromAsset": asset,
        }
        details.append(detail if scene.chance(0.3) else {**detail, "targetAsset": "BNB"})
    operation = {
        "operateTime": scene.now_ms,
        "totalTransferedAmount": f"{sum(Decimal(each['transferedAmount']) for each in details):f}",
        "totalServiceChargeAmount": f"{sum(Decimal(each['serviceChargeAmount']) for each in details):f}",
        "transId": scene.id("dust"),
        "userAssetDribbletDetails": details,
    }
    scene.move(legs, Filed(DUST, operation, "SPOT"))
    yield from ()


def _conversion(scene: MoneyScene) -> Story:
    """One asset for another at a quoted price; or the quote had run out."""
    source = scene.pick(list(USUAL))
    target = scene.pick([asset for asset in USUAL if asset != source])
    given = scene.spare("spot", source)
    received = (given / USUAL[source] * USUAL[target]).quantize(UNIT)
    done = scene.chance(0.9)
    row = {
        "quoteId": scene.text_id("quote"),
        "orderId": 900_000_000_000_000_000 + scene.id("conversion"),
        "orderStatus": "SUCCESS" if done else "FAIL",
        "fromAsset": source,
        "fromAmount": f"{given:f}",
        "toAsset": target,
        "toAmount": f"{received:f}",
        "ratio": f"{(received / given).quantize(UNIT):f}",
        "inverseRatio": f"{(given / received).quantize(UNIT):f}",
        "createTime": scene.now_ms,
    }
    legs = [Leg("spot", source, -given), Leg("spot", target, received)]
    scene.move(legs if done else [], Filed(CONVERSIONS, row))
    yield from ()


def _payment(scene: MoneyScene) -> Story:
    """Crypto bought with a card, or sold: processed for up to a day, then completed or failed."""
    buys, asset = scene.chance(0.7), scene.pick(["BTC", "ETH", "BNB"])
    amount = scene.usual(asset, 2)
    worth = amount / USUAL[asset] * USUAL["USDT"]
    row = {
        "orderNo": scene.text_id("payment"),
        "sourceAmount": f"{worth:.2f}",
        "fiatCurrency": "EUR",
        "obtainAmount": f"{amount:f}",
        "cryptoCurrency": asset,
        "totalFee": f"{worth / 50:.2f}",
        "price": f"{worth / amount:.2f}",
        "status": "Processing",
        "createTime": scene.now_ms,
        "updateTime": scene.now_ms,
    }
    if buys:
        row["paymentMethod"] = "Credit Card"
    scene.file(PAYMENTS, row, "0" if buys else "1")
    yield scene.in_minutes(1440)
    done = scene.chance(0.85) and (buys or scene.free("spot", asset) >= amount)
    scene.move([Leg("spot", asset, amount if buys else -amount)] if done else [])
    row.update(status="Completed" if done else "Failed", updateTime=scene.now_ms)


STORIES: dict[Callable[[MoneyScene], Story], float] = {
    _deposit: 0.08,
    _withdrawal: 0.05,
    _transfer: 0.25,
    _dividend: 0.15,
    _recovery: 0.01,
    _dust: 0.015,
    _conversion: 0.05,
    _payment: 0.02,
}
