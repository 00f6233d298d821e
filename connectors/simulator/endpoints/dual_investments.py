"""Dual investments, as the documentation has them: all positions of an account in pages, or those of one status."""

from __future__ import annotations

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint, Security
from connectors.simulator.exchange import Exchange
from connectors.simulator.protocol import rules
from connectors.simulator.protocol.rules import Parameter

_PATH = "/sapi/v1/dci/product/positions"
_USUAL, _MOST = 10, 100


def _positions(_exchange: Exchange, call: Call) -> bytes:
    assert call.key is not None  # noqa: S101 - signed
    wanted = call.given.get("status")
    rows = [row for _, row in call.key.account.movements[_PATH] if wanted in (None, row["purchaseStatus"])]
    size = min(call.given.get("pageSize", _USUAL), _MOST)
    skipped = (call.given.get("pageIndex", 1) - 1) * size
    return msgspec.json.encode({"total": len(rows), "list": rows[::-1][skipped : skipped + size]})


ENDPOINTS = (
    Endpoint(
        _PATH,
        1,
        (Parameter("status", rules.text), Parameter("pageIndex", rules.number), Parameter("pageSize", rules.limit)),
        _positions,
        Security.SIGNED,
        f"ip:{_PATH}",
    ),
)
