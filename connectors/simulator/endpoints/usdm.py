"""What USD-M futures answer. Paths, weights and parameters are those of the reference, section 4.9."""

from __future__ import annotations

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint
from connectors.simulator.exchange import Exchange


def _ping(_exchange: Exchange, _call: Call) -> bytes:
    return b"{}"


def _time(_exchange: Exchange, call: Call) -> bytes:
    return msgspec.json.encode({"serverTime": call.now_ms})


ENDPOINTS = (
    Endpoint("/fapi/v1/ping", 1, (), _ping, pool="futures"),
    Endpoint("/fapi/v1/time", 1, (), _time, pool="futures"),
)
