"""The assets that the name of a pair or a contract stands for, which is never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.statements.values import Unreadable, quoted
from schemas.statements.exports import COIN_CONTRACT, MARGINS, QUOTES

_LISTED = "SELECT symbol, base_asset, quote_asset FROM symbols WHERE market = 'spot'"
_PULL_SYMBOLS = "Pull `symbols` of spot first, which say how their names are split."
_OF_CREDITS = "BNFCR"  # in which accounts of the EU settle contracts of stablecoins
_DELIVERED = re.compile(r"_\d{6}$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Assets:
    """What is known of pairs: those that the lake has, and the names of assets that others are quoted in."""

    listed: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # base and quote by symbol

    def pair(self, symbol: str) -> tuple[str, str] | None:
        """Base and quote of a spot pair; None where its name may be split in two ways, or in none.

        Unreadable where it may be split in two ways, and no symbols were pulled that would say in which.
        """
        if "/" in symbol:
            base, _, quote = symbol.partition("/")
            return base, quote
        if known := self.listed.get(symbol):
            return known
        ends = [quote for quote in QUOTES if symbol.endswith(quote) and symbol != quote]
        if len(ends) > 1 and not self.listed:
            raise Unreadable(f"{quoted(symbol)} may be several pairs", _PULL_SYMBOLS)
        return (symbol.removesuffix(ends[0]), ends[0]) if len(ends) == 1 else None

    def margin(self, symbol: str, fee_asset: str) -> str | None:
        """The asset in which a futures contract settles; None where it cannot be known."""
        if found := COIN_CONTRACT.fullmatch(symbol):
            return found["base"]
        if fee_asset == _OF_CREDITS:
            return fee_asset
        plain = _DELIVERED.sub("", symbol)
        if fee_asset and plain.endswith(fee_asset):
            return fee_asset
        ends = [each for each in MARGINS if plain.endswith(each)]
        return ends[0] if len(ends) == 1 else None


def known_assets(lake: Lake) -> Assets:
    """What the lake knows."""
    with connect(lake) as session:
        rows = run(session, _LISTED).to_pylist()
    return Assets({row["symbol"]: (row["base_asset"], row["quote_asset"]) for row in rows})
