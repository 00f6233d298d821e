"""Keeping ccxt to the simulator."""

from __future__ import annotations

from typing import Any

BINANCE = "https://api.binance.com"
NOWHERE = "http://127.0.0.1:1"  # nothing but the simulator is ever asked
OPTIONS = {
    "fetchCurrencies": False,
    "fetchMargins": False,
    "fetchMarkets": {"types": ["spot"]},
    "warnOnFetchOpenOrdersWithoutSymbol": False,
}


def pointed_at(url: str, client: Any) -> Any:
    """The same ccxt client, with the exchange's addresses replaced by that of the simulator, which it need not spare."""
    client.enableRateLimit = False
    addresses = client.urls["api"]
    client.urls["api"] = {
        name: address.replace(BINANCE, url) if address.startswith(BINANCE) else NOWHERE
        for name, address in addresses.items()
    }
    return client
