"""What the mining pool paid, asked for by the name of a miner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.binance.endpoints.model import Endpoint, FanOut, Printed, Windows
from connectors.binance.endpoints.sapi import QUIET, ledger
from schemas.datasets.mining import MINING_PAYMENTS

_ALGORITHM = "sha256"
_AMOUNTS = frozenset({"profitAmount", "transferAmount"})


def _with_exact_amounts(rows: Sequence[Printed]) -> Iterator[Mapping[str, Any]]:
    """Amounts come as numbers: their digits are taken as they are printed, so that none is lost."""
    for row in rows:
        amounts = {name: bytes(row[name]).decode().strip('"') for name in _AMOUNTS & row.keys()}
        yield {**row, **{name: None if digits == "null" else digits for name, digits in amounts.items()}}


def _payments(name: str, rows_at: str, origin: str) -> Endpoint:
    return ledger(
        f"mining/payment/{name}",
        MINING_PAYMENTS,
        Windows(
            days=30,
            start="startDate",
            end="endDate",
            limit="pageSize",
            page="pageIndex",
            fan_out=(FanOut(param="userName", column="miner", values={}, of_miner=True),),
            fixed={"algo": _ALGORITHM},
            quiet=QUIET,
        ),
        page_limit=200,
        rows_at=f"data.{rows_at}",
        reshape=_with_exact_amounts,
        total="data.totalNum",
        constants={"origin": origin},
    )


PAYMENTS = _payments("list", "accountProfits", "pool")
OTHER_PAYMENTS = _payments("other", "otherProfits", "other")
