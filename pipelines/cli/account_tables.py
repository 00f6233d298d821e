"""What `binlake prove` states of accounts, as tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipelines.cli.tables import write_table
from pipelines.quality.account_statements import AccountStatement, AssetBalance, LedgerMonth

_MONTHS = ("ledger", "month", "movements", "", "sha256")
_ASSETS = ("asset", "since", "until", "intervals", "explained", "residual", "")
_SHOWN_DIGITS = 16


def show_accounts(stated: Sequence[AccountStatement]) -> None:
    """Print the months of ledgers, then the assets."""
    months = [one for one in stated if isinstance(one, LedgerMonth)]
    if months:
        sys.stdout.write("\n")
        write_table(_MONTHS, map(_month, months))
    assets = [one for one in stated if isinstance(one, AssetBalance)]
    if assets:
        sys.stdout.write("\n")
        write_table(_ASSETS, map(_asset, assets))


def _month(one: LedgerMonth) -> tuple[object, ...]:
    return f"{one.account}/{one.dataset}", one.month, one.rows, one.status, one.sha256[:_SHOWN_DIGITS]


def _asset(one: AssetBalance) -> tuple[object, ...]:
    name = f"{one.account}/{one.wallet}/{one.asset}"
    return name, one.since, one.until, one.intervals, one.explained, one.residual, one.status
