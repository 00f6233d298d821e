"""What futures answer an account. Paths, weights and parameters are those of the reference, sections 4.9.2 and 4.10.

Rows are filed under the whole path, such as `/fapi/v1/income`, those of income with their milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.market.intervals import DAY_MS
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter, Refusal

_KEPT_MS = 90 * DAY_MS
_MOST_ROWS = 1000
_YEAR_MS = 366 * DAY_MS


def _income(path: str) -> Callable[[Exchange, Call], bytes]:
    """The oldest rows of the time asked for; they are found by the millisecond, and printed with whole seconds."""

    def answer(_exchange: Exchange, call: Call) -> bytes:
        assert call.key is not None  # noqa: S101 - signed
        given = call.given
        until_ms = int(given.get("endTime", call.now_ms))
        since_ms = int(given.get("startTime", until_ms - 7 * DAY_MS))
        if since_ms > until_ms:
            raise Refusal(-1023, "Start time is greater than end time.")
        if until_ms - since_ms > _YEAR_MS:
            raise Refusal(-4047, "Time interval must be within 0-365 days")
        since_ms = max(since_ms, call.now_ms - _KEPT_MS)
        rows = [row for _, row in call.key.account.movements[path] if since_ms <= row["time"] <= until_ms]
        rows = [row for row in rows if _is_asked_for(row, given)]
        shown = sorted(rows, key=lambda row: row["time"])[: given.get("limit", 100)]
        return msgspec.json.encode([row | {"time": row["time"] // 1000 * 1000} for row in shown])

    return answer


def _is_asked_for(row: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return all(given.get(name) in {None, row[name]} for name in ("incomeType", "symbol"))


def _positions(path: str, *, flat: bool) -> Callable[[Exchange, Call], bytes]:
    """What stands there now; positions of nothing only where `flat` ones are printed."""

    def answer(_exchange: Exchange, call: Call) -> bytes:
        assert call.key is not None  # noqa: S101 - signed
        rows = [row for _, row in call.key.account.movements[path]]
        return msgspec.json.encode([row for row in rows if flat or Decimal(row["positionAmt"])])

    return answer


def _signed(path: str, weight: int, answer: Callable[[Exchange, Call], bytes], *parameters: Parameter) -> Endpoint:
    return Endpoint(path, weight, parameters, answer, Security.SIGNED, "futures")


_OF_INCOME = (
    Parameter("symbol", rules.symbol_text),
    Parameter("incomeType", rules.text),
    Parameter("startTime", rules.time_ms),
    Parameter("endTime", rules.time_ms),
    Parameter("limit", rules.limit_to(_MOST_ROWS)),
)

ENDPOINTS = (
    *(
        _signed(path, weight, _income(path), *_OF_INCOME)
        for path, weight in (("/fapi/v1/income", 30), ("/dapi/v1/income", 20))
    ),
    _signed("/fapi/v3/positionRisk", 5, _positions("/fapi/v3/positionRisk", flat=False)),
    _signed("/dapi/v1/positionRisk", 1, _positions("/dapi/v1/positionRisk", flat=True)),
)
