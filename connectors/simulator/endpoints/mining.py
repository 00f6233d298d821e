"""What the mining pool paid, as the documentation has it: by algorithm and name of a miner, 200 rows a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from connectors.simulator.endpoints.ledgers import Movement, ledger


def _paid(name: str, rows: Sequence[Movement], given: Mapping[str, Any], total: int) -> Any:
    return {"code": 0, "msg": "", "data": {name: rows, "totalNum": total, "pageSize": given.get("pageSize", 20)}}


ENDPOINTS = tuple(
    ledger(
        f"mining/payment/{path}", "time", days=366, most=200, usual=20, size="pageSize", page="pageIndex", of="algo",
        whose="userName", start="startDate", end="endDate", wrapped=partial(_paid, name),
    )
    for path, name in (("list", "accountProfits"), ("other", "otherProfits"))
)  # fmt: skip
