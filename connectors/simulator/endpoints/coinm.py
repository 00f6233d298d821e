"""What COIN-M futures answer. Paths, weights and parameters are those of the reference, section 4.10.

They share the clock and the weight of USD-M futures, as the exchange has it since June 2026.
"""

from __future__ import annotations

import msgspec

from connectors.simulator.endpoints.endpoint import Call, Endpoint
from connectors.simulator.exchange import Exchange


def _time(_exchange: Exchange, call: Call) -> bytes:
    return msgspec.json.encode({"serverTime": call.now_ms})


ENDPOINTS = (Endpoint("/dapi/v1/time", 1, (), _time, pool="futures"),)
