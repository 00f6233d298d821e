"""Which symbols turn the assets of an account into a quote asset: what its valuation needs candles of."""

from __future__ import annotations

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from connectors.lake.sql.views import literal
from schemas.config.flows import AccountSymbols

_SYMBOLS = """
SELECT DISTINCT unnest([first, second]) AS symbol
FROM routes_to({quote})
WHERE rank = 1 AND asset IN (
    SELECT asset FROM ledger WHERE account = {account}
    UNION ALL
    SELECT asset FROM balances WHERE account = {account} AND NOT is_receipt(asset)
)
"""


def valuing(lake: Lake, wanted: AccountSymbols) -> tuple[str, ...]:
    """For each asset the symbol that it has with the quote asset, else the two that lead there through another one."""
    asked = _SYMBOLS.format(quote=literal(wanted.quote), account=literal(wanted.account))
    with connect(lake) as session:
        return tuple(sorted(row["symbol"] for row in run(session, asked).to_pylist() if row["symbol"] is not None))
