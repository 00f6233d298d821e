"""What the lake holds of each account: each ledger month by month, and whether each asset adds up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from schemas.config.flows import AccountFlow, FlowsFile
from schemas.derived.queries import moving
from schemas.derived.sql import literal

MISSING = "missing"

MonthKey = tuple[str, str, str]  # account, dataset, month


class LedgerMonth(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="ledger"):
    """What is held of one ledger of an account and one month. The same movements have the same `sha256`."""

    account: str
    dataset: str
    month: str
    since: datetime
    until: datetime
    rows: int
    status: str
    sha256: str

    @property
    def sound(self) -> bool:
        """Whether all of the month was asked for while the exchange still knew of it."""
        return self.status == "covered"

    @property
    def key(self) -> MonthKey:
        return self.account, self.dataset, self.month


class AssetBalance(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="asset"):
    """Whether the changes of an asset in a wallet are the sums of its movements."""

    account: str
    wallet: str
    asset: str
    since: datetime
    until: datetime
    intervals: int
    explained: int
    residual: Decimal
    status: str

    @property
    def sound(self) -> bool:
        """Whether nothing is left over where all that could explain it was asked for."""
        return self.status != "unexplained"


AccountStatement = LedgerMonth | AssetBalance

Wanted = Mapping[tuple[str, str], datetime | None]  # by account and dataset, since when a ledger should be there


def wanted_ledgers(config: FlowsFile, names: Sequence[str], lake: Lake) -> Wanted:
    """The ledgers that these flows pull; an account that never could be read promises nothing."""
    return {
        (flow.account, dataset): flow.since
        for flow in (config.flows[name] for name in names)
        if isinstance(flow, AccountFlow) and flow.account in lake.accounts
        for dataset in flow.datasets
        if dataset in moving()
    }


def prove_accounts(lake: Lake, wanted: Wanted, now: datetime) -> Iterator[AccountStatement]:
    """A statement for each month of each wanted ledger, in order, then one for each asset of their accounts."""
    accounts = sorted({account for account, _ in wanted})
    if not accounts:
        return
    where = f"WHERE account IN ({', '.join(map(literal, accounts))})"
    with connect(lake) as session:
        months = run(session, f"FROM ledger_months {where}").to_pylist()
        assets = run(session, f"FROM reconciled_assets {where}").to_pylist()
    held = [LedgerMonth(**row) for row in months if (row["account"], row["dataset"]) in wanted]
    yield from sorted([*held, *_lacking(held, wanted, now)], key=lambda one: one.key)
    yield from (AssetBalance(**row) for row in assets)


def _lacking(held: Sequence[LedgerMonth], wanted: Wanted, now: datetime) -> Iterator[LedgerMonth]:
    """What lies between where a ledger is wanted from and where it begins; all of one that never was pulled."""
    begins = {(one.account, one.dataset): one.since for one in reversed(held)}  # the first month comes last
    for (account, dataset), since in wanted.items():
        until = begins.get((account, dataset), now)
        start = since or until
        if start < until or (account, dataset) not in begins:
            yield LedgerMonth(
                account=account,
                dataset=dataset,
                month=f"{start:%Y-%m}",
                since=start,
                until=until,
                rows=0,
                status=MISSING,
                sha256="",
            )
