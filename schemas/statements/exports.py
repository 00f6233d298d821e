"""Every export that is known, by the names of its columns; a new one, or a new spelling of one, is a line here.

Names are compared without case, quotes, underscores, dots and footnote marks, and in English. The first column of time
is called `time`, whatever the export calls it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GLUED = "glued"  # the asset stands behind the number, such as 103ALGO
CONTRACT = "futures"  # the wallet of the contract that a line names, or of those that others of its file name
BASE, QUOTE, MARGIN = "base of the pair", "quote of the pair", "margin of the contract"
SIDE, OTHER_SIDE = "side", "other side"  # plus for who bought, or the reverse
PLUS, MINUS = "plus", "minus"
PRINTED = "printed"  # as the number is signed


@dataclass(frozen=True, slots=True)
class Leg:
    """One asset of what a line tells: what it is in the words of `ledger`, and the columns that say how much it is."""

    operation: str  # empty where each line names it
    amount: str
    asset: str = GLUED  # a column, one of the words above, or `=` and the asset
    sign: str = PRINTED
    wallet: str = ""  # one, or the column that names it; else that of the line
    only: tuple[str, ...] = ()  # words of the column `method`: of others the export does not say that this moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One layout of one kind of export."""

    kind: str
    columns: tuple[str, ...]
    legs: tuple[Leg, ...] = ()
    wallet: str | None = None  # of all that it tells; else the column `account`, where there is one
    done: tuple[str, ...] = ()  # words of the column `status`; rows with any other move nothing
    unmoved: str = ""  # why one without legs moves nothing, or what one with legs does not tell
    named: str = ""  # kinds have this layout in common: a word in the file's name says that it is this one
    times: tuple[str, ...] = ()  # forms beside yyyy-MM-dd HH:mm:ss and yy-MM-dd HH:mm:ss

    @property
    def counted(self) -> frozenset[str]:
        """The columns that say how much of what was moved."""
        return frozenset(name for leg in self.legs for name in (leg.amount, leg.asset))


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
_MARKET_FILL = (
    Leg("trade", "amount", BASE, SIDE),
    Leg("trade", "total", QUOTE, OTHER_SIDE),
    Leg("fee", "fee", "fee coin", MINUS),
)
_CONTRACT_FILL = (Leg("realized_pnl", "realized profit", MARGIN), Leg("fee", "fee", GLUED, MINUS))
_PURCHASE = (Leg("fiat", "amount", GLUED, MINUS, only=("cash balance",)), Leg("fiat", "final amount", GLUED, PLUS))
_DUST = (Leg("dust", "amount", "coin", MINUS), Leg("dust", "converted bnb", "=BNB", PLUS))
_STAKED = (Leg("stake", "amount", "coin", MINUS), Leg("stake", "amount", "token", PLUS))
_WRAPPED = (
    Leg("stake", "wrapped beth amount", "=BETH", MINUS),
    Leg("stake", "distributed wbeth amount", "=WBETH", PLUS),
)
_LOCKED = (
    Leg("earn_in", "total amount", "coin", MINUS, wallet="from"),
    Leg("earn_in", "total amount", "coin", PLUS, wallet="earn_locked"),
)
_UNLOCKED = (
    Leg("earn_out", "redemption amount", "coin", MINUS, wallet="earn_locked"),
    Leg("earn_out", "redemption amount", "coin", PLUS, wallet="redeem to"),
)
_REWARD = Leg("reward", "amount", "coin", PLUS)
_DEPOSIT = (Leg("deposit", "amount", "coin", PLUS),)
_CONVERT = (Leg("convert", "sell", GLUED, MINUS), Leg("convert", "buy", GLUED, PLUS))


def _withdrawal(fee: str) -> tuple[Leg, ...]:
    return (Leg("withdrawal", "amount", "coin", MINUS), Leg("withdrawal_fee", fee, "coin", MINUS))


_NO_MOVEMENT = "an order moves nothing; its fills do"
# kind | columns | why it moves nothing
_KEPT = f"""
spot_orders | time,pair,type,order price,order amount,avgtrading price,filled,total,status | {_NO_MOVEMENT}
spot_orders | time,orderno,pair,type,order price,order amount,avgtrading price,filled,total,status | {_NO_MOVEMENT}
spot_orders | time,orderno,pair,type,side,order price,order amount,time,executed,average price,trading total,status | \
{_NO_MOVEMENT}
spot_orders | time,order no,pair,type,side,order price,order amount,avgtrading price,filled,total,status | \
{_NO_MOVEMENT}
spot_orders | time,order no,pair,type,side,average price,executed quantity,total,status | {_NO_MOVEMENT}
alpha_orders | time,orderno,type,direction,base asset,quote asset,avgtrading price,filled,total,status,slippage,\
network fee | it does not say which wallet paid
futures_orders | uid,time,symbol,type,side,position side,price,average price,amount,executed amount,\
executed quote amount,stop price,status,client order id,time in force,activate price,price rate,update time,order no | \
{_NO_MOVEMENT}
futures_positions | symbol,margin mode,position side,entry price,avg close price,max open interest,closed vol,\
closing pnl,time,closed,status | a position is the sum of its fills
earn_rewards | time,asset,ratio,amount,position amount | the reward of a wrapped coin is its price
earn_trial_funds | time,coin,voucher no,amount | trial funds are not the account's own
earn_advanced | time,coin,protocol,amount,status | it does not say which way the amount went
auto_invest | time,holding coin,amount per period,trading fee,units,from,status | \
it does not say what each wallet paid, and whether the fee is in it
tax_report | id,time,type,label,sent amount,sent currency,sent address,received amount,received currency,fee amount,\
fee currency,comment | it does not say which wallets moved
"""

_TIMES = {
    "earn_rewards": (DAYS,),
    "auto_invest": (MONTH_FIRST,),
    "conversions": (EPOCH_MS,),
}


def _split(columns: str) -> tuple[str, ...]:
    return tuple(columns.split(","))


def _movements(kind: str, columns: str, *legs: Leg, wallet: str | None = "spot", **more: Any) -> Export:
    return Export(kind=kind, columns=_split(columns), legs=legs, wallet=wallet, times=_TIMES.get(kind, ()), **more)


_OLD = (
    "time,coin,amount,transactionfee,address,txid,sourceaddress,paymentid,status",
    "time,coin,network,amount,transactionfee,address,txid,sourceaddress,paymentid,status",
)
_FIAT = "time,coin,amount,status,payment method,indicated amount,fee,order id"
_ORDERED = "order number,order type,asset type,fiat type,total price,price,quantity,exchange rate"
_C2C = (
    (f"{_ORDERED},couterparty,status,time", "asset type", ()),
    (f"{_ORDERED},maker fee,taker fee,couterparty,status,time", "asset type", ("maker fee", "taker fee")),
    ("order number,time,order type,asset,quantity,total price,fiat type,counterparty,status", "asset", ()),
)
_TRADES = "time,pair,side,price,executed,amount,fee"
_DUMP = (
    "orderid,user id,wallettype,channelcode,quoteid,status,tradeuserstatus,symbol,fromcoin,fromcoinamount,tocoin,"
    "tocoinamount,requestamountcoin,requestamount,quoteprice,inverseprice,spreadcoin,spreadamount,time,failreason,"
    "expiredmode,expiredtimestamp,updatetimestamp,trademode"
)
_CONTRACT = "price,quantity,amount,fee,realized profit,buyer,maker,trade id,order id"
_CONTRACTS = (
    f"uid,time,symbol,side,{_CONTRACT}",
    f"time,symbol,side,{_CONTRACT}",
    f"uid,time,symbol,side,position side,{_CONTRACT}",
)
_INCOME = "time,type,amount,asset,symbol,transaction id"
_STATEMENT = "time,account,operation,coin,change,remark"

EXPORTS: tuple[Export, ...] = (
    *(
        Export(kind="transaction_history", columns=_split(columns), legs=(Leg("", "change", "coin"),))
        for columns in (_STATEMENT, f"user id,{_STATEMENT}")
    ),
    _movements("spot_trades", _TRADES, *_FILL),
    _movements("margin_trades", _TRADES, *_FILL, named="margin", wallet="margin"),
    _movements("spot_trades", "time,market,type,price,amount,total,fee,fee coin", *_MARKET_FILL),
    _movements("spot_trades", "time,market,type,side,price,amount,total,fee,fee coin", *_MARKET_FILL),
    *(_movements("futures_trades", columns, *_CONTRACT_FILL, wallet=CONTRACT) for columns in _CONTRACTS),
    _movements(
        "futures_trades",
        "time,symbol,side,price,quantity,amount,fee,fee coin,quote asset",
        Leg("fee", "fee", "fee coin", MINUS),
        wallet=CONTRACT,
        unmoved="it does not say what was won or lost",
    ),
    *(
        _movements("futures_income", columns, Leg("", "amount", "asset"), wallet=CONTRACT)
        for columns in (_INCOME, f"uid,{_INCOME}")
    ),
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
        "conversions",
        "time,wallet,pair,type,sell,buy,price,inverse price,date updated,status",
        *_CONVERT,
        done=_DONE,
        wallet="wallet",
    ),
    _movements(
        "conversions",
        _DUMP,
        Leg("convert", "fromcoinamount", "fromcoin", MINUS),
        Leg("convert", "tocoinamount", "tocoin", PLUS),
        done=_DONE,
        wallet="wallettype",
    ),
    *(
        _movements(
            "c2c_trades",
            columns,
            Leg("c2c", "quantity", asset, SIDE),
            *(Leg("fee", fee, asset, MINUS) for fee in fees),  # of the one who pays it, as the maker or the taker
            done=_DONE,
            wallet="funding",
        )
        for columns, asset, fees in _C2C
    ),
    _movements(
        "fiat_purchases", "time,method,amount,price,fees,final amount,status,transaction id", *_PURCHASE, done=_DONE
    ),
    _movements("dust", "time,coin,amount,fee (bnb),converted bnb", *_DUST),
    _movements("staking", "time,coin,token,amount,status", *_STAKED, done=_DONE),
    _movements("staking", "time,wrapped beth amount,distributed wbeth amount,ratio,status", *_WRAPPED, done=_DONE),
    _movements(
        "distributions", "time,coin,amount,account,type,note", Leg("reward", "amount", "coin", PLUS), wallet=None
    ),
    _movements("earn_rewards", "time,product name,coin,amount", _REWARD),
    _movements("earn_rewards", "time,coin,amount,type", Leg("reward", "amount", "coin", PLUS, wallet="type")),
    _movements("earn_rewards", "time,coin,interest,lock period,apr,type", Leg("reward", "interest", "coin", PLUS)),
    _movements("earn_subscriptions", "time,coin,total amount,lock period,type,from", *_LOCKED),
    _movements(
        "earn_redemptions", "time,coin,redemption amount,redeem to,est arrival time,status", *_UNLOCKED, done=_DONE
    ),
    *(
        Export(kind=kind, columns=_split(columns), times=_TIMES.get(kind, ()), unmoved=why)
        for kind, columns, why in (line.split(" | ") for line in _KEPT.strip().splitlines())
    ),
)
"""Exports without legs are kept, and move nothing."""

FILL_BELOW = Export(
    kind="spot_orders",
    columns=("time", "trading price", "filled", "total", "fee", "pair", "side"),
    legs=(
        Leg("trade", "filled", BASE, SIDE),
        Leg("trade", "total", QUOTE, OTHER_SIDE),
        Leg("fee", "fee", GLUED, MINUS),
    ),
)
"""A fill that stands below its order, of which it takes the pair and the side."""

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
    "orderstatus": "status",
    "tempo": "time",
    "moeda": "coin",
    "quantidade": "amount",
    "tipo": "type",
}
"""Columns in other languages and spellings."""

DAYS_FIRST = frozenset({"fecha"})
"""Columns of time in whose exports days may stand before months."""

WALLETS: Mapping[str, str] = {
    "spot": "spot",
    "spot wallet": "spot",
    "spot account": "spot",
    "funding": "funding",
    "funding wallet": "funding",
    "flexible": "earn_flexible",
    "flexible savings": "earn_flexible",
    "real-time apr rewards": "earn_flexible",
    "bonus tiered apr rewards": "spot",
    "rewards": "spot",
}
"""Wallets by what a column of an export says: its name, or the kind of reward that is paid into it."""

COIN_CONTRACT = re.compile(r"(?P<base>[A-Z0-9]+)USD_(?:PERP|\d{6})", re.ASCII)
"""Names of COIN-M contracts, and the coin in which each settles."""

DOLLARS = ("USDT", "USDC", "BUSD", "FDUSD", "USD1")
"""Assets that no COIN-M wallet holds."""

MARGINS = (*DOLLARS, "BTC")
"""Assets in which USD-M contracts settle, which their names end in."""

QUOTES = (
    *("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USDS", "USDP", "PAX", "DAI", "UST", "USD1", "VAI", "XUSD", "EURI"),
    *("AEUR", "BTC", "ETH", "BNB", "XRP", "TRX", "DOGE", "SOL", "DOT", "EUR", "GBP", "AUD", "BRL", "TRY", "RUB"),
    *("UAH", "NGN", "ZAR", "PLN", "RON", "ARS", "MXN", "CZK", "COP", "JPY", "IDR", "IDRT", "BIDR", "BKRW", "BVND"),
)
"""Assets in which pairs of spot are or were quoted, whether or not another name ends in theirs."""

BOUGHT, SOLD = frozenset({"buy", "compra", "long"}), frozenset({"sell", "venta", "short"})
"""Words of the column of the side."""

NOTHING = frozenset({"no data matches the criteria."})
"""What stands in an export of no rows."""
