"""`binlake portfolio`: what the accounts hold and what it is worth, with a bar for each share."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from cyclopts import Parameter
from rich.bar import Bar

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.cli.options import FLOWS_FILE, Config, Json
from pipelines.cli.output import console, draws, say, write_json
from pipelines.cli.tables import shown, write_table
from pipelines.settings.loader import load
from schemas.derived.sql import literal

_ASSETS = """
SELECT *, coalesce((value / nullif(sum(value) OVER (PARTITION BY account), 0))::DOUBLE, 0) AS share
FROM (
    SELECT account, asset, sum(total) AS total, any_value(price) AS price, sum(value) AS value
    FROM portfolio({quote}) GROUP BY ALL
)
ORDER BY account, value DESC NULLS LAST, asset
"""
_TOTALS = "SELECT account, value, unvalued_holdings FROM portfolio_total({quote}) ORDER BY account"
_BAR_WIDTH = 20
_ASCII = str.maketrans({"█": "#"} | dict.fromkeys("▏▎▍▌▋▊▉▐▕", " "))


def portfolio(
    *,
    quote: Annotated[str, Parameter(help="the asset to value everything in")] = "USDT",
    json: Json = False,
    config: Config = FLOWS_FILE,
) -> int:
    """Show what each account holds, what that is worth through the last prices, and the total."""
    asked = literal(quote.upper())
    with connect(Lake.at(load(config).lake)) as session:
        assets = run(session, _ASSETS.format(quote=asked)).to_pylist()
        totals = run(session, _TOTALS.format(quote=asked)).to_pylist()
    if json:
        write_json(assets)
        return 0
    if not assets:
        say("The lake knows of no balance; a flow with the dataset balances fetches them.")
    for total in totals:
        _show(quote.upper(), total, [row for row in assets if row["account"] == total["account"]])
    return 0


def _show(quote: str, total: dict[str, Any], assets: list[dict[str, Any]]) -> None:
    """One account: its assets with a value, their sum, and the names of the others."""
    rows = [
        (row["asset"], row["total"], row["price"], row["value"], f"{row['share']:.1%}", _bar(row["share"]))
        for row in assets
        if row["value"] is not None
    ]
    header = (total["account"], "total", "price", f"{quote} value", "share", "")
    write_table(
        header, [*rows, ("total", None, None, total["value"], "", "")], cell=shown, spare=("price", "total", "")
    )
    if unvalued := [f"{shown(each['total'])} {each['asset']}" for each in total["unvalued_holdings"]]:
        say(f"Without a price in {quote}, and not in the total: {', '.join(unvalued)}. The view `portfolio` says why.")


def _bar(share: float) -> str:
    """A share as a bar of blocks; what debts take away has none."""
    share = min(max(share, 0.0), 1.0)
    screen = console(sys.stdout)
    bar = "".join(segment.text for segment in screen.render(Bar(1, 0, share, width=_BAR_WIDTH))).rstrip()
    return bar if draws(sys.stdout) else bar.translate(_ASCII).rstrip()
