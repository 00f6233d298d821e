"""What the simulated account gained, and what it holds cost, as BittyTax and rp2 compute it from its export."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.desks import API_KEY, SECRET
from support.followed import Day, follow
from support.lakes import put

from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from pipelines.cli import main
from schemas.datasets.market import KLINES, SYMBOLS

QUOTE = "USDT"
PYTHON = Path(sys.prefix) / "tax" / "bin" / "python"  # `make soak` sets it up
PROGRAMS = Path(__file__).parent / "tax_programs.py"
NEAR = Decimal("0.000001")
CENTS = Decimal("0.015")  # BittyTax rounds proceeds, cost and fees of each disposal
# Where each side of a transaction stands in BittyTax's form: amount, asset, value.
SIDES = (("Buy", True), ("Sell", False), ("Fee", False))
EVENTS = f"SELECT *, concat(dataset, '/', key) AS note FROM tax_events('{QUOTE}')"
PARTS = f"SELECT *, concat(dataset, '/', key) AS note FROM lots('{QUOTE}') WHERE event IS NOT NULL"
pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not PYTHON.exists() and not os.environ.get("CI"), reason="make soak installs the programs"),
]

Part = tuple[str, str, datetime]  # asset, what disposed of it, and when it had been acquired
Sums = tuple[Decimal, ...]


@dataclass(frozen=True)
class Told:
    """What both programs tell, and the views of the same lake."""

    programs: dict[str, Any]
    held: dict[str, Decimal]
    parts: list[dict[str, Any]]
    gains: list[dict[str, Any]]
    positions: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Two months of an account that moves through every wallet, exported and computed twice."""
    folder = tmp_path_factory.mktemp("tax")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"DESK_KEY": API_KEY, "DESK_SECRET": SECRET, "XDG_STATE_HOME": str(folder / "home")}.items():
            patch.setenv(name, value)
        desk = asyncio.run(follow(folder, (Day(0), Day(0.1)))).desk
    exported, valued = folder / "exported.csv", folder / "valued.csv"
    _price(desk.lake)
    assert main(["export", "bittytax", "-o", str(exported), "--config", str(desk.written())]) == 0
    with connect(desk.lake) as session:
        events = run(session, EVENTS).to_pylist()
        held = run(session, "SELECT asset, sum(amount) AS amount FROM ledger GROUP BY asset").to_pylist()
        parts = run(session, PARTS).to_pylist()
        gains = run(session, f"FROM realized_gains('{QUOTE}', 'average')").to_pylist()
        positions = run(session, f"FROM positions_cost('{QUOTE}', 'average')").to_pylist()
    _write(valued, _valued(exported, events))
    command = [PYTHON, PROGRAMS, folder, exported, valued]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return Told(
        json.loads(done.stdout),
        {row["asset"]: row["amount"] for row in held},
        parts,
        gains,
        {row["asset"]: row for row in positions},
    )


def _price(lake: Lake) -> None:
    """Give every asset of the ledger a pair, and a close each day that is another one than the day before."""
    with connect(lake) as session:
        rows = run(
            session, "SELECT asset, min(time) AS first, max(time) AS last FROM ledger GROUP BY asset"
        ).to_pylist()
        known = {row["symbol"] for row in run(session, "SELECT symbol FROM symbols").to_pylist()}
    first, last = min(row["first"] for row in rows), max(row["last"] for row in rows)
    days = [f"{first + timedelta(n):%Y-%m-%d}" for n in range((last - first).days + 2)]
    pairs = {f"{row['asset']}{QUOTE}": row["asset"] for row in rows if row["asset"] != QUOTE}
    new = {"market": "spot", "status": "TRADING", "quote_asset": QUOTE, "valid_from": "2020-01-01"}
    put(lake, SYMBOLS, *(new | {"symbol": pair, "base_asset": pairs[pair]} for pair in pairs.keys() - known))
    candle = {"market": "spot", "interval": "1d"}
    put(
        lake,
        KLINES,
        *(
            candle | {"symbol": pair, "open_time": day, "close_time": day, "close": Decimal(10 + (7 * m + n) % 23)}
            for m, pair in enumerate(sorted(pairs))
            for n, day in enumerate(days)
        ),
    )


def _valued(exported: Path, events: Iterable[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """The transactions with the worth of each side, a side that came later at its own time.

    What stays the account's own, such as a coin in a product of earn, is left out.
    """
    worth = {(row["note"], row["asset"], row["event"] in {"acquired", "received"}, row["qty"]): row for row in events}
    with exported.open(newline="") as file:
        for row in csv.DictReader(file):
            found = {}
            for side, comes in SIDES:
                asset, qty = row[f"{side} Asset"], row[f"{side} Quantity"]
                if asset == QUOTE:
                    row[f"{side} Value in GBP"] = qty
                elif asset and (event := worth.pop((row["Note"], asset, comes, Decimal(qty)), None)):
                    row[f"{side} Value in GBP"] = f"{event['value']:f}"
                    found[side] = event
            if found or QUOTE in row.values():
                yield from _at_their_times(row, found)
    assert not worth


def _at_their_times(row: dict[str, str], found: dict[str, Any]) -> Iterator[dict[str, str]]:
    times = {side: f"{event['time']:%Y-%m-%dT%H:%M:%S.%f} UTC" for side, event in found.items()}
    if len({row["Timestamp"], *times.values()}) == 1:
        yield row
        return
    assert not row["Fee Asset"], row
    for side, kind in (("Buy", "Income"), ("Sell", "Spend")):
        if side in found:
            kept = {name: cell if name.startswith(side) else "" for name, cell in row.items()}
            rest = {name: row[name] for name in ("Wallet", "Note")}
            yield kept | rest | {"Type": kind, "Timestamp": times[side]}


def _write(path: Path, rows: Iterable[dict[str, str]]) -> None:
    found = list(rows)
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(found[0]))
        table.writeheader()
        table.writerows(found)


def test_bittytax_reads_every_transaction(told: Told) -> None:
    """BittyTax imports the file without a complaint, and comes to what the ledger says of each asset."""
    read = told.programs["read"]
    assert (read["unread"], read["rows"] > 1000) == (0, True)
    assert {asset: Decimal(amount) for asset, amount in read["balances"].items()} == told.held


def test_average_costs_are_those_of_bittytax(told: Told) -> None:
    """What is held cost the same in BittyTax's pools, and the gains of each asset are the same to its cent."""
    pools = {asset: (Decimal(qty), Decimal(cost)) for asset, (qty, cost) in told.programs["averages"]["pools"].items()}
    held = {asset: pool for asset, pool in pools.items() if pool[0]}
    assert {asset: qty for asset, (qty, _) in held.items()} == {
        asset: row["qty"] for asset, row in told.positions.items()
    }
    for asset, (_, cost) in held.items():
        assert abs(cost - told.positions[asset]["cost"]) < NEAR, asset
    gains: defaultdict[str, list[Decimal]] = defaultdict(list)
    for row in told.gains:
        gains[row["asset"]].append(row["gain"])
    theirs = told.programs["averages"]["gains"]
    assert {asset: len(rows) for asset, rows in gains.items()} == {asset: n for asset, (_, n) in theirs.items()}
    for asset, (gain, count) in theirs.items():
        assert abs(Decimal(gain) - sum(gains[asset])) <= count * CENTS, asset


def test_lots_are_those_of_rp2(told: Told) -> None:
    """Each disposal takes the same amounts of the same lots as in rp2, at the same cost and for the same proceeds."""
    ours = _summed((row["asset"], row["note"], row["acquired_at"], row) for row in told.parts)
    theirs = _summed(
        (
            asset,
            note,
            datetime.fromisoformat(lot),
            dict(zip(("qty", "cost", "proceeds"), map(Decimal, sums), strict=True)),
        )
        for asset, note, lot, *sums in told.programs["parts"]
    )
    assert len(ours) > 300
    assert ours.keys() == theirs.keys()
    sold: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)  # a trade and its fee share lots in either order
    for (asset, note, lot), (qty, cost, proceeds) in ours.items():
        other_qty, other_cost, other_proceeds = theirs[asset, note, lot]
        assert (qty, abs(cost - other_cost) < NEAR) == (other_qty, True), (asset, note, lot)
        sold[asset, note] += proceeds - other_proceeds
    assert max(map(abs, sold.values())) < NEAR


def _summed(parts: Iterable[tuple[str, str, datetime, dict[str, Any]]]) -> dict[Part, Sums]:
    found: dict[Part, Sums] = {}
    for asset, note, lot, row in parts:
        before = found.get((asset, note, lot), (Decimal(0),) * 3)
        added = (row["qty"], row["cost"], row["proceeds"])
        found[asset, note, lot] = tuple(one + other for one, other in zip(before, added, strict=True))
    return found
