"""Which symbols turn the assets of an account into a quote asset: what its valuation needs candles of."""

from __future__ import annotations

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from connectors.lake.sql.views import literal
from pipelines.pull.symbols import Listing
from schemas.config.flows import AccountSymbols

VIA = ("BTC", "USDT", "BNB", "ETH", "FDUSD")
"""Through which assets others are valued that have no symbol with the quote asset, in this order."""

_ASSETS = """
SELECT asset FROM ledger WHERE account = {account}
UNION
SELECT asset FROM balances WHERE account = {account} AND NOT is_receipt(asset)
"""


def valuing(lake: Lake, book: Listing, wanted: AccountSymbols) -> tuple[str, ...]:
    """For each asset the symbol that it has with the quote asset, else the two that lead there through another one."""
    with connect(lake) as session:
        rows = run(session, _ASSETS.format(account=literal(wanted.account))).to_pylist()
    between = {frozenset((row["base_asset"], row["quote_asset"])): symbol for symbol, row in book.rows.items()}
    return tuple(sorted({name for row in rows for name in route(between, row["asset"], wanted.quote)}))


def route(between: dict[frozenset[str], str], asset: str, quote: str) -> tuple[str, ...]:
    """The symbols of the shortest way, none where there is none; `between` has the symbol of two assets."""
    if asset == quote:
        return ()
    if (direct := between.get(frozenset((asset, quote)))) is not None:
        return (direct,)
    ways = ((between.get(frozenset((asset, via))), between.get(frozenset((via, quote)))) for via in VIA)
    return next(((first, second) for first, second in ways if first and second), ())
