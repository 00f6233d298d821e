"""The market of COIN-M futures: `/dapi`."""

from __future__ import annotations

from connectors.binance.endpoints.model import Endpoint
from connectors.binance.pools import FUTURES

TIME = Endpoint(name="dapi/time", path="/dapi/v1/time", pool=FUTURES, family="coinm", market="coinm")
