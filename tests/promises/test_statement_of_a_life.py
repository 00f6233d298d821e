"""The transaction history of a simulated account, written from its own book, matches what its API told row by row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from connectors.simulator import Exchange, MovableClock, serve
from connectors.simulator.account.orders import Execution
from connectors.simulator.account.trader import Life
from connectors.simulator.protocol.limits import Limits
from pipelines.context.progress import Silent
from pipelines.runs.run import run_flow
from pipelines.settings.loader import load
from pipelines.statements.importing import import_statement
from pipelines.statements.sources import sources

API_KEY, SECRET = "k" * 64, "s" * 64
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
UID = 7
SYMBOLS = {"BTCUSDT": ("BTC", "USDT"), "ETHUSDT": ("ETH", "USDT"), "BNBUSDT": ("BNB", "USDT")}
HEADER = "User_ID,UTC_Time,Account,Operation,Coin,Change,Remark"
SUMS = "SELECT wallet, asset, kind, sum(amount) AS amount, count(*) AS rows FROM ledger GROUP BY ALL ORDER BY ALL"


def history(exchange: Exchange) -> list[str]:
    """What was executed as the transaction history has it: to the second, each leg a line, in any order."""
    book = exchange.book(UID)
    fills = [fill for shelves in (book.fills, book.allocations) for shelf in shelves.values() for fill in shelf]
    return sorted(line for fill in fills for line in _lines(fill))


def _lines(fill: Execution) -> Iterator[str]:
    base, quote = SYMBOLS[fill.symbol]
    sign = 1 if fill.is_buyer else -1
    bought, paid = (
        ("Transaction Buy", "Transaction Spend") if fill.is_buyer else ("Transaction Sold", "Transaction Revenue")
    )
    legs = [(bought, base, sign * fill.qty), (paid, quote, -sign * fill.quote_qty)]
    legs += [("Transaction Fee", fill.commission_asset, -fill.commission)] if fill.commission else []
    at = datetime.fromtimestamp(fill.time_ms // 1000, UTC)
    for operation, asset, change in legs:
        yield f'{UID},{at:%Y-%m-%d %H:%M:%S},Spot,{operation},{asset},{Decimal(change):f},""'


async def pulled(folder: Path) -> tuple[Path, list[str]]:
    """A lake with the fills that the API tells of, and the lines of the account's transaction history."""
    exchange = Exchange(seed=1, clock=MovableClock(NOON.timestamp()), limits=Limits(enforced=False))
    life = Life(since_ms=int(BEGAN.timestamp()) * 1000, stories_a_day=5.0, traded=dict.fromkeys(SYMBOLS, 1), watched={})
    exchange.add_account(UID, API_KEY, secret=SECRET, orders=life)
    secrets = {"api_key": API_KEY, "secret": SECRET}
    for name, secret in secrets.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(secret)
    flow = {"kind": "account", "account": "main", "datasets": ["orders", "fills"], "symbols": list(SYMBOLS)}
    async with serve(exchange) as url:
        accounts = {"main": {name: f"file:{folder / name}" for name in secrets}}
        content = {"lake": "lake", "exchange": {"spot": url}, "accounts": accounts, "flows": {"account": flow}}
        (folder / "flows.yaml").write_text(json.dumps(content))
        config = load(folder / "flows.yaml")
        state = folder / "budget.sqlite"
        receipts = await run_flow(config, "account", progress=Silent(), stop=asyncio.Event(), state=state)
        assert all(receipt.outcome == "done" for receipt in receipts)
        return config.lake, history(exchange)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    return asyncio.run(pulled(tmp_path_factory.mktemp("life")))


def test_the_history_of_a_life(life: tuple[Path, list[str]], tmp_path: Path) -> None:
    """Every line has a movement of the API for its own, no two the same; the ledger stays as it was.

    What only the statement has, here a stretch that the API forgot, is counted once, whatever files tell of it.
    """
    place, lines = life
    lake = Lake.at(place)
    with connect(lake) as session:
        before = run(session, SUMS).to_pylist()
    older = [line.replace(",2026-11", ",2020-11") for line in lines]
    for number, part in enumerate((lines, lines[: len(lines) // 2], older, older[10:])):
        path = tmp_path / f"{number}.csv"
        path.write_text("\n".join((HEADER, *part)) + "\n")
        (source,) = sources(path)
        import_statement(lake, source, "main", now=number + 1)
    with connect(lake) as session:
        after = run(session, SUMS).to_pylist()
        matches = run(
            session,
            "SELECT status, count(*) AS rows, count(DISTINCT (dataset, key, asset, kind, amount)) AS partners "
            "FROM statement_matches GROUP BY ALL ORDER BY ALL",
        ).to_pylist()
    moving = [line for line in lines if Decimal(line.split(",")[5])]
    assert len(moving) > 100
    assert [(each["status"], each["rows"]) for each in matches] == [
        ("matched", len(moving)),
        ("only_statement", len(moving)),
    ]
    assert [each | {"amount": each["amount"] / 2, "rows": each["rows"] // 2} for each in after] == before
