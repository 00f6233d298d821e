"""What a run writes down beside its data: the requests it made, and the run itself."""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connectors.lake import Lake
from pipelines.context.receipts import Failure, Receipt
from pipelines.store.rows import rows_of
from schemas.datasets.journal import API_REQUESTS, RUNS

if TYPE_CHECKING:  # who only looks at runs, as `status` does, must not load the exchange
    from connectors.binance.calls import Request


@dataclass(slots=True)
class Journal:
    """The record of one run of a flow."""

    flow: str
    run: str = ""
    account: str | None = None
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run = self.run or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{self.flow}-{secrets.token_hex(3)}"

    def note(self, request: Request) -> None:
        """Called by the client after each attempt."""
        self.requests.append(request)

    def write(self, lake: Lake, receipts: Sequence[tuple[Receipt, int, int]]) -> list[Failure]:
        """Commit the requests and one row a receipt, each with when it started and ended (exchange time).

        Returns why a table took no rows; what was pulled and the other table lose nothing by it.
        """
        runs = rows_of(RUNS, [self._run(*receipt) for receipt in receipts])
        failures: list[Failure] = []
        for dataset, rows in ((API_REQUESTS, self._request_rows()), (RUNS, runs)):
            if rows.num_rows:
                try:
                    lake.table(dataset).commit(rows, [])
                except Exception as error:  # noqa: BLE001 - one table's damage stops no other
                    failures.append(Failure.of(dataset.table, error))
        return failures

    def _request_rows(self) -> pa.Table:
        process = {"run": self.run, "host": platform.node(), "pid": os.getpid()}
        return rows_of(
            API_REQUESTS,
            [
                {"n": n, "account": self.account if request.key_fingerprint else None, **process, **asdict(request)}
                for n, request in enumerate(self.requests, start=1)
            ],
        )

    def _run(self, receipt: Receipt, started: int, ended: int) -> dict[str, Any]:
        why = "; ".join(f"{failure.series}: {failure.why}" for failure in receipt.failures)
        times = {"started": started, "ended": ended}
        return asdict(receipt) | {"run": self.run, **times, "error": why or None, "note": receipt.note or None}
