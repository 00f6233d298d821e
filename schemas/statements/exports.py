"""Every export that is known, by the names of its columns; a new one, or a new spelling of one, is a line here.

Names are compared without case, quotes, underscores, dots and footnote marks, and in English. The first column of time
is called `time`, whatever the export calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GLUED = "glued"  # the asset stands behind the number, such as 103ALGO
SIDE, OTHER_SIDE = "side", "other side"  # plus for who bought, or the reverse
PLUS, MINUS = "plus", "minus"
PRINTED = "printed"  # as the number is signed


@dataclass(frozen=True, slots=True)
class Leg:
    """One asset of what a line tells: what it is in the words of `ledger`, and the columns that say how much it is."""

    operation: str
    amount: str
    asset: str = GLUED
    sign: str = PRINTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One layout of one kind of export."""

    kind: str
    columns: tuple[str, ...]
    legs: tuple[Leg, ...] = ()
    wallet: str | None = None  # of all that it tells; else the column `account`, where there is one
    done: tuple[str, ...] = ()  # words of the column `status`; rows with any other move nothing
    named: str = ""  # kinds have this layout in common: a word in the file's name says that it is this one
    times: tuple[str, ...] = ()  # forms beside yyyy-MM-dd HH:mm:ss and yy-MM-dd HH:mm:ss


DAY_FIRST, MONTH_FIRST, DAYS, EPOCH_MS = "dd/MM/yyyy", "M/d/yyyy", "yyyy-MM-dd", "ms"

_DONE = ("completed", "success", "successful", "finished")
_FILL = (
    Leg("trade", "executed", GLUED, SIDE),
    Leg("trade", "amount", GLUED, OTHER_SIDE),
    Leg("fee", "fee", GLUED, MINUS),
)
_PAIR_FILL = (
    Leg("trade", "amount", "base asset", SIDE),
    Leg("trade", "total", "quote asset", OTHER_SIDE),
    Leg("fee", "fee", "fee coin", MINUS),
)
_DEPOSIT = (Leg("deposit", "amount", "coin", PLUS),)
_CONVERT = (Leg("convert", "sell", GLUED, MINUS), Leg("convert", "buy", GLUED, PLUS))


def _withdrawal(fee: str) -> tuple[Leg, ...]:
    return (Leg("withdrawal", "amount", "coin", MINUS), Leg("withdrawal_fee", fee, "coin", MINUS))


# kind | columns
_KEPT = """
spot_trades | time,market,type,price,amount,total,fee,fee coin
spot_trades | time,market,type,side,price,amount,total,fee,fee coin
spot_orders | time,pair,type,order price,order amount,avgtrading price,filled,total,status
spot_orders | time,orderno,pair,type,order price,order amount,avgtrading price,filled,total,status
spot_orders | time,orderno,pair,type,side,order price,order amount,time,executed,average price,trading total,status
spot_orders | time,order no,pair,type,side,order price,order amount,avgtrading price,filled,total,status
spot_orders | time,order no,pair,type,side,average price,executed quantity,total,status
alpha_orders | time,orderno,type,direction,base asset,quote asset,avgtrading price,filled,total,status,slippage,\
network fee
fiat_purchases | time,method,amount,price,fees,final amount,status,transaction id
futures_trades | time,symbol,side,price,quantity,amount,fee,fee coin,quote asset
futures_trades | uid,time,symbol,side,price,quantity,amount,fee,realized profit,buyer,maker,trade id,order id
futures_trades | time,symbol,side,price,quantity,amount,fee,realized profit,buyer,maker,trade id,order id
futures_trades | uid,time,symbol,side,position side,price,quantity,amount,fee,realized profit,buyer,maker,trade id,\
order id
futures_orders | uid,time,symbol,type,side,position side,price,average price,amount,executed amount,\
executed quote amount,stop price,status,client order id,time in force,activate price,price rate,update time,order no
futures_income | time,type,amount,asset,symbol,transaction id
futures_positions | symbol,margin mode,position side,entry price,avg close price,max open interest,closed vol,\
closing pnl,time,closed,status
earn_rewards | time,product name,coin,amount
earn_rewards | time,coin,amount,type
earn_rewards | time,coin,interest,lock period,apr,type
earn_rewards | time,asset,ratio,amount,position amount
earn_subscriptions | time,coin,total amount,lock period,type,from
earn_redemptions | time,coin,redemption amount,redeem to,est arrival time,status
earn_trial_funds | time,coin,voucher no,amount
earn_advanced | time,coin,protocol,amount,status
staking | time,coin,token,amount,status
staking | time,wrapped beth amount,distributed wbeth amount,ratio,status
auto_invest | time,holding coin,amount per period,trading fee,units,from,status
distributions | time,coin,amount,account,type,note
dust | time,coin,amount,fee (bnb),converted bnb
conversions | orderid,user id,wallettype,channelcode,quoteid,orderstatus,tradeuserstatus,symbol,fromcoin,\
fromcoinamount,tocoin,tocoinamount,requestamountcoin,requestamount,quoteprice,inverseprice,spreadcoin,spreadamount,\
time,failreason,expiredmode,expiredtimestamp,updatetimestamp,trademode
tax_report | id,time,type,label,sent amount,sent currency,sent address,received amount,received currency,fee amount,\
fee currency,comment
"""

_TIMES = {
    "earn_rewards": (DAYS,),
    "auto_invest": (MONTH_FIRST,),
    "conversions": (EPOCH_MS,),
}


def _split(columns: str) -> tuple[str, ...]:
    return tuple(columns.split(","))


def _movements(kind: str, columns: str, *legs: Leg, done: tuple[str, ...] = (), named: str = "") -> Export:
    wallet = {"c2c_trades": "funding", "margin_trades": "margin"}.get(kind, "spot")
    return Export(kind=kind, columns=_split(columns), legs=legs, wallet=wallet, done=done, named=named)


_OLD = (
    "time,coin,amount,transactionfee,address,txid,sourceaddress,paymentid,status",
    "time,coin,network,amount,transactionfee,address,txid,sourceaddress,paymentid,status",
)
_FIAT = "time,coin,amount,status,payment method,indicated amount,fee,order id"
_ORDERED = "order number,order type,asset type,fiat type,total price,price,quantity,exchange rate"
_C2C = (
    (f"{_ORDERED},couterparty,status,time", "asset type"),
    (f"{_ORDERED},maker fee,taker fee,couterparty,status,time", "asset type"),
    ("order number,time,order type,asset,quantity,total price,fiat type,counterparty,status", "asset"),
)
_TRADES = "time,pair,side,price,executed,amount,fee"
_STATEMENT = "time,account,operation,coin,change,remark"

EXPORTS: tuple[Export, ...] = (
    *(
        Export(kind="transaction_history", columns=_split(columns), legs=(Leg("", "change", "coin"),))
        for columns in (_STATEMENT, f"user id,{_STATEMENT}")
    ),
    _movements("spot_trades", _TRADES, *_FILL),
    _movements("margin_trades", _TRADES, *_FILL, named="margin"),
    _movements("spot_trades", "time,pair,base asset,quote asset,type,price,amount,total,fee,fee coin", *_PAIR_FILL),
    *(_movements("deposits", columns, *_DEPOSIT, done=_DONE, named="deposit") for columns in _OLD),
    *(
        _movements("withdrawals", columns, *_withdrawal("transactionfee"), done=_DONE, named="withdraw")
        for columns in _OLD
    ),
    _movements("deposits", "time,coin,network,amount,address,txid,status", *_DEPOSIT, done=_DONE),
    _movements("withdrawals", "time,coin,network,amount,fee,address,txid,status", *_withdrawal("fee"), done=_DONE),
    _movements("fiat_deposits", _FIAT, Leg("fiat", "amount", "coin", PLUS), done=_DONE, named="deposit"),
    _movements("fiat_withdrawals", _FIAT, Leg("fiat", "indicated amount", "coin", MINUS), done=_DONE, named="withdraw"),
    _movements("conversions", "time,pair,type,sell,buy,price,inverse price,date updated,status", *_CONVERT, done=_DONE),
    _movements(
        "conversions", "time,wallet,pair,type,sell,buy,price,inverse price,date updated,status", *_CONVERT, done=_DONE
    ),
    *(_movements("c2c_trades", columns, Leg("c2c", "quantity", asset, SIDE), done=_DONE) for columns, asset in _C2C),
    *(
        Export(kind=kind, columns=_split(columns), times=_TIMES.get(kind, ()))
        for kind, _, columns in (line.partition(" | ") for line in _KEPT.strip().splitlines())
    ),
)
"""Exports without legs are kept, and move nothing: another one tells what moved, or its wallet."""

TIMES = (
    "utc time",
    "date",
    "fecha",
    "created time",
    "opened",
    "subscription date",
    "redemption date",
    "auto-invest date",
    "createtimestamp",
)
"""Other names of the column of time."""

SPELLINGS: Mapping[str, str] = {
    "čas": "time",
    "pár": "pair",
    "strana": "side",
    "cena": "price",
    "provedeno": "executed",
    "částka": "amount",
    "poplatek": "fee",
    "fecha": "time",
    "par": "pair",
    "lado": "side",
    "precio": "price",
    "ejecutado": "executed",
    "monto": "amount",
    "importe": "amount",
    "comisión": "fee",
    "userid": "user id",
}
"""Columns in other languages and spellings."""

DAYS_FIRST = frozenset({"fecha"})
"""Columns of time in whose exports days may stand before months."""

BOUGHT, SOLD = frozenset({"buy", "compra", "long"}), frozenset({"sell", "venta", "short"})
"""Words of the column of the side."""

NOTHING = frozenset({"no data matches the criteria."})
"""What stands in an export of no rows."""
