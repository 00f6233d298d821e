"""The wallet and the ledgers beside trading: `/sapi`."""

from __future__ import annotations

from datetime import timedelta

from connectors.binance.endpoints.model import Endpoint, FanOut, Inside, Security, Windows
from connectors.binance.endpoints.sapi import QUIET, ledger
from connectors.binance.pools import sapi_by_ip
from schemas.datasets import ledgers

_MONTH = timedelta(days=30)


API_RESTRICTIONS = Endpoint(
    name="apiRestrictions",
    path=(_RESTRICTIONS := "/sapi/v1/account/apiRestrictions"),
    pool=sapi_by_ip(_RESTRICTIONS),
    family="wallet",
    security=Security.SIGNED,
)

WALLET_BALANCES = Endpoint(
    name="asset/wallet/balance",
    path=(_WALLETS := "/sapi/v1/asset/wallet/balance"),
    pool=sapi_by_ip(_WALLETS),
    family="wallet",
    weight=60,
    security=Security.SIGNED,
)

DEPOSITS = ledger(
    "capital/deposit/hisrec",
    ledgers.DEPOSITS,
    Windows(days=89, inside=Inside.OFFSET, page="offset"),
    page_limit=1000,
    wire={"deposit_id": "id", "asset": "coin"},
)

WITHDRAWALS = ledger(
    "capital/withdraw/history",
    ledgers.WITHDRAWALS,
    # One answer holds up to a thousand: an empty page behind it would double what each window takes of a small pool.
    Windows(days=89, unit_ms=1000, quiet=QUIET),
    by_uid=True,
    weight=18_000,
    page_limit=1000,
    wire={"withdrawal_id": "id", "asset": "coin"},
)

DIVIDENDS = ledger(
    "asset/assetDividend",
    ledgers.DIVIDENDS,
    Windows(days=180),
    weight=10,
    page_limit=500,
    rows_at="rows",
    wire={"dividend_id": "id"},
)

TRANSFER_TYPES = tuple(
    f"{source}_{target}"
    for source, targets in {
        "MAIN": "UMFUTURE CMFUTURE MARGIN FUNDING OPTION PORTFOLIO_MARGIN",
        "UMFUTURE": "MAIN MARGIN FUNDING OPTION",
        "CMFUTURE": "MAIN MARGIN FUNDING",
        "MARGIN": "MAIN UMFUTURE CMFUTURE FUNDING OPTION",
        "FUNDING": "MAIN UMFUTURE CMFUTURE MARGIN OPTION",
        "OPTION": "MAIN UMFUTURE MARGIN FUNDING",
        "PORTFOLIO_MARGIN": "MAIN",
    }.items()
    for target in targets.split()
)


def _transfers(fan_out: FanOut, **fixed: str) -> Endpoint:
    return ledger(
        "asset/transfer",
        ledgers.TRANSFERS,
        Windows(
            days=30,
            inside=Inside.PAGES,
            limit="size",
            page="current",
            fan_out=(fan_out,),
            kept=6 * _MONTH,
            fixed=fixed,
        ),
        page_limit=100,
        rows_at="rows",
        total="total",
    )


def _by_pair(kind: str, param: str) -> Endpoint:
    """Transfers of a type that is asked for pair by pair; from pair to pair they are in the transfers of margin."""
    return _transfers(FanOut(param=param, column="type", values={}, of_pair=f"{kind}:"), type=kind)


TRANSFERS = _transfers(
    FanOut(param="type", column="type", values={each: each for each in TRANSFER_TYPES}, returned=True)
)
TRANSFERS_TO_PAIRS = _by_pair("MARGIN_ISOLATEDMARGIN", "toSymbol")
TRANSFERS_FROM_PAIRS = _by_pair("ISOLATEDMARGIN_MARGIN", "fromSymbol")

CONVERSIONS = ledger(
    "convert/tradeFlow",
    ledgers.CONVERSIONS,
    Windows(days=30),
    by_uid=True,
    weight=3000,
    page_limit=1000,
    rows_at="list",
    more="moreData",
)

FIAT_PAYMENTS = ledger(
    "fiat/payments",
    ledgers.FIAT_PAYMENTS,
    Windows(
        days=30,
        start="beginTime",
        inside=Inside.PAGES,
        limit="rows",
        page="page",
        fan_out=(FanOut(param="transactionType", column="side", values={"buy": "0", "sell": "1"}),),
    ),
    page_limit=500,
    rows_at="data",
    total="total",
)

DUST = ledger(
    "asset/dribblet",
    ledgers.DUST,
    Windows(
        days=30,
        limit=None,
        fan_out=(FanOut(param="accountType", column="wallet", values={"spot": "SPOT", "margin": "MARGIN"}),),
        counted_by="operation_id",
    ),
    page_limit=100,
    rows_at="userAssetDribblets",
    nested="userAssetDribbletDetails",
    wire={"operation_id": "parent.transId"},
)
