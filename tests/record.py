"""Record one cassette for each call that binlake makes: `make record`, with a key of your own.

BINLAKE_RECORD_EXCHANGE     testnet (the default), live or simulator
BINLAKE_RECORD_API_KEY      env:NAME or file:PATH; without it only public calls are recorded
BINLAKE_RECORD_SECRET       the same, for an HMAC key
BINLAKE_RECORD_PRIVATE_KEY  the same, for an RSA or Ed25519 key

Cassettes go to tests/cassettes/ENVIRONMENT, scrubbed on the way in: no key, signature, timestamp or uid, and of
balances only the shape. The tests then replay them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import vcr
from vcr.serializers import yamlserializer

from connectors.binance.budget import Budget
from connectors.binance.client import Client
from connectors.binance.clock import steady_clock
from connectors.binance.endpoints.model import Endpoint, Param, Security
from connectors.binance.endpoints.spot import ACCOUNT, EXCHANGE_INFO, KLINES, PRICE, TICKER_24H, TIME
from connectors.binance.endpoints.wallet import API_RESTRICTIONS
from connectors.binance.errors import UnknownSymbol
from connectors.binance.keys import KeyPair
from connectors.binance.sites import DEFAULT_SIMULATOR, Site, resolve
from pipelines.settings.places import read_secret
from schemas.config.references import Reference
from schemas.model.errors import Problem

FOLDER = Path(__file__).parent / "cassettes"
REDACTED = "REDACTED"
_KEPT_HEADERS = re.compile(r"content-type|retry-after|x-(mbx|sapi)-used-.*", re.IGNORECASE)
_WORDS = {
    "simulator": "Recorded from binlake's simulator: this is the wire format as the simulator speaks it, not the truth.",
    "testnet": "Recorded from the exchange's testnet, and scrubbed.",
    "live": "Recorded from the live exchange, and scrubbed.",
}


@dataclass(frozen=True)
class Take:
    """One call to record, and the columns its rows get that it does not print."""

    name: str
    endpoint: Endpoint
    params: Mapping[str, Param] = field(default_factory=dict)
    constants: Mapping[str, str | int] = field(default_factory=dict)


_SNAPSHOT = {"market": "spot", "observed_at": 1_700_000_000_000_000}
_TWO = ["BTCUSDT", "ETHUSDT"]
TAKES = (
    Take("time", TIME),
    Take("exchange_info", EXCHANGE_INFO, {"symbols": _TWO}, {"market": "spot", "valid_from": 1_700_000_000_000_000}),
    Take(
        "klines",
        KLINES,
        {"symbol": "BTCUSDT", "interval": "1h", "limit": 3},
        {"market": "spot", "symbol": "BTCUSDT", "interval": "1h"},
    ),
    Take("unknown_symbol", KLINES, {"symbol": "NOSUCHTHING", "interval": "1h"}),
    Take("price", PRICE, {"symbols": _TWO}, _SNAPSHOT),
    Take("ticker_24h_one", TICKER_24H, {"symbol": "BTCUSDT"}, _SNAPSHOT),
    Take("ticker_24h_two", TICKER_24H, {"symbols": _TWO}, _SNAPSHOT),
    Take(
        "account",
        ACCOUNT,
        {"omitZeroBalances": "true"},
        {"account": "main", "wallet": "spot", "observed_at": 1_700_000_000_000_000},
    ),
    Take("api_restrictions", API_RESTRICTIONS),
)


def recorder(environment: str, mode: str = "none") -> vcr.VCR:
    """A recorder that scrubs what it records; the same scrubbing finds a recording again."""
    tape = vcr.VCR(
        record_mode=mode,
        serializer="explained",
        filter_headers=[("X-MBX-APIKEY", REDACTED)],
        filter_query_parameters=[("signature", REDACTED), ("timestamp", "0")],
        before_record_request=_scrub_request,
        before_record_response=_scrub_response,
        decode_compressed_response=True,
    )
    tape.register_serializer("explained", _Explained(_WORDS.get(environment, f"Recorded from {environment}.")))
    return tape


class _Explained:
    """YAML with a first line that says where it comes from."""

    def __init__(self, words: str) -> None:
        self.words = words

    def serialize(self, cassette: dict[str, Any]) -> str:
        return f"# {self.words}\n{yamlserializer.serialize(cassette)}"

    def deserialize(self, text: str) -> Any:
        return yamlserializer.deserialize(text)


def _scrub_request(request: Any) -> Any:
    """Leave out what says who recorded, on which machine and when."""
    parts = urlsplit(request.uri)
    if parts.hostname == "127.0.0.1":
        request.uri = urlunsplit(parts._replace(netloc=urlsplit(DEFAULT_SIMULATOR).netloc))
    request.headers = {name: value for name, value in request.headers.items() if name == "X-MBX-APIKEY"}
    return request


def _scrub_response(response: dict[str, Any]) -> dict[str, Any]:
    headers = {name: values for name, values in response["headers"].items() if _KEPT_HEADERS.fullmatch(name)}
    body = response["body"]["string"]
    with suppress(ValueError):
        printed = json.loads(body)
        if isinstance(printed, dict) and "balances" in printed:
            body = json.dumps(_anonymous(printed)).encode()
    return {**response, "headers": headers, "body": {"string": body}}


def _anonymous(account: dict[str, Any]) -> dict[str, Any]:
    """An account whose amounts keep their shape, but are no amounts of anybody."""
    balances = [
        {name: value if name == "asset" else re.sub("[1-9]", "1", value) for name, value in row.items()}
        for row in account["balances"]
    ]
    return {**account, "uid": 1, "balances": balances}


async def record(
    site: Site, keys: KeyPair | None, folder: Path, clock: Callable[[], float] = steady_clock
) -> list[str]:
    """Record every call that this key allows into a folder, each cassette anew; gives their names."""
    done = []
    with tempfile.TemporaryDirectory() as state, Budget(Path(state) / "budget.sqlite", site.environment) as budget:
        for take in TAKES:
            if take.endpoint.family not in site.urls or (take.endpoint.security is Security.SIGNED and keys is None):
                continue
            path = folder / f"{take.name}.yaml"
            path.unlink(missing_ok=True)
            with recorder(site.environment, "all").use_cassette(str(path)):
                async with Client(site, budget, keys, clock=clock) as client:
                    with suppress(UnknownSymbol):
                        await client.body(take.endpoint, **take.params)
            done.append(take.name)
    return done


def own_keys() -> KeyPair | None:
    """The key pair named by the environment, if any."""
    refs = [os.environ.get(f"BINLAKE_RECORD_{name}") for name in ("API_KEY", "SECRET", "PRIVATE_KEY")]
    api_key, secret, private_key = (read_secret(Reference.read(ref)) if ref else None for ref in refs)
    if api_key is None:
        return None
    if private_key is not None:
        return KeyPair.from_pem(api_key, private_key.reveal().encode())
    return KeyPair.from_secret(api_key, secret) if secret else None


def main() -> int:
    """Record from the exchange that the environment names."""
    try:
        site, keys = resolve(os.environ.get("BINLAKE_RECORD_EXCHANGE", "testnet")), own_keys()
        folder = FOLDER / site.environment
        names = asyncio.run(record(site, keys, folder))
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    print(f"{folder}: {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
