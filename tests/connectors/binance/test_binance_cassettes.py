"""Cassettes: scrubbed on the way in, current, and replayed through the whole client without a network."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from support.binance_world import API_KEY, API_SECRET, START_S, UID

from connectors.binance.client import Client
from connectors.binance.errors import UnknownSymbol
from connectors.binance.sites import resolve
from connectors.simulator import Exchange, MovableClock, serve
from tests.record import FOLDER, REDACTED, TAKES, record, recorder

CASSETTES = sorted(FOLDER.glob("*/*.yaml"))
TAKE = {take.name: take for take in TAKES}
AMOUNT = "987654.32100005"


async def record_simulator(folder: Path, keys) -> list[str]:
    """Record every call from a simulator whose time stands still, so that a recording is the same each time."""
    clock = MovableClock(START_S)
    exchange = Exchange(clock=clock)
    exchange.add_account(UID, API_KEY, secret=API_SECRET, balances={"BTC": (AMOUNT, "0.5"), "ETH": ("0", "2")})
    async with serve(exchange) as url:
        return await record(resolve({"spot": url}), keys, folder, clock)


async def test_recording_scrubs_secrets_and_persons(tmp_path, keys):
    """Neither key, signature, timestamp, uid nor an amount gets into a cassette."""
    names = await record_simulator(tmp_path, keys)
    assert names == [take.name for take in TAKES]
    for path in tmp_path.iterdir():
        text = path.read_text()
        for canary in (API_KEY, API_SECRET, str(UID), AMOUNT, str(int(START_S * 1000) // 1000) + "000&"):
            assert canary not in text
        for interaction in yaml.safe_load(text)["interactions"]:
            query = parse_qs(urlsplit(interaction["request"]["uri"]).query)
            if "signature" in query:
                assert (query["signature"], query["timestamp"]) == ([REDACTED], ["0"])
                assert interaction["request"]["headers"] == {"X-MBX-APIKEY": [REDACTED]}


async def test_the_committed_cassettes_are_current(tmp_path, keys):
    """The simulator still speaks as it did when the cassettes were recorded."""
    await record_simulator(tmp_path, keys)
    for path in tmp_path.iterdir():
        committed = FOLDER / "simulator" / path.name
        assert yaml.safe_load(path.read_text()) == yaml.safe_load(committed.read_text()), committed


def test_every_call_has_a_cassette():
    """Each endpoint that binlake reads is on tape, and the tape says that it is a simulator's."""
    tapes = [FOLDER / "simulator" / f"{take.name}.yaml" for take in TAKES]
    assert all("not the truth" in tape.read_text().partition("\n")[0] for tape in tapes)


@pytest.mark.parametrize("path", CASSETTES, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_a_cassette_replays(world, keys, path):
    """What was recorded goes the whole way through the client again, from anybody's exchange."""
    take, site = TAKE[path.stem], resolve(path.parent.name)
    with recorder(site.environment).use_cassette(str(path)) as tape:
        async with Client(site, world.budget, keys, clock=world.clock, sleep=world.sleep) as client:
            if take.name == "unknown_symbol":
                with pytest.raises(UnknownSymbol):
                    await client.body(take.endpoint, **take.params)
            elif take.endpoint.dataset is not None:
                rows = await client.rows(take.endpoint, take.constants, **take.params)
                assert rows.schema == take.endpoint.dataset.schema
                assert rows.num_rows
            else:
                assert json.loads(await client.body(take.endpoint, **take.params))
    assert tape.play_count == 3
