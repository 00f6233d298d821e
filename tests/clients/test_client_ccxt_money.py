"""ccxt reads the movements of an account's money as the exchange made them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from owner import HMAC_SECRET, UID, ccxt_clients
from pointing import OPTIONS, pointed_at

from connectors.simulator import Cashflow

DAY_MS = 86_400_000
DEPOSIT_STATES = {0: "pending", 1: "ok", 2: "rejected", 6: "ok", 7: "Wrong Deposit"}


@pytest.fixture
def rows(served: Any) -> Any:
    """What happened in the last month, by ledger."""
    exchange = served.exchange
    since_ms = exchange.now_ms - 28 * DAY_MS
    exchange.add_account(UID, "money".ljust(64, "0"), secret=HMAC_SECRET, money=Cashflow(since_ms, busy=6))
    exchange.book(UID).agenda.clear()  # nothing happens between two readings
    return lambda path: [row for _, row in exchange.movements(UID, path)]


@pytest.fixture
async def client(served: Any) -> AsyncIterator[Any]:
    """A client with the HMAC key."""
    settings = {"apiKey": "hmac".ljust(64, "0"), "secret": HMAC_SECRET, "options": OPTIONS}
    client = pointed_at(served.url, ccxt_clients().async_support.binance(settings))
    yield client
    await client.close()


async def test_ccxt_reads_the_same_deposits(client: Any, rows: Any) -> None:
    """Each with its amount, asset, state and instant."""
    told = {each["id"]: each for each in await client.fetch_deposits()}
    known = {row["id"]: row for row in rows("capital/deposit/hisrec")}
    assert told.keys() == known.keys()
    for number, row in known.items():
        each = told[number]
        assert (each["amount"], each["currency"]) == (float(row["amount"]), row["coin"])
        assert (each["timestamp"], each["status"]) == (row["insertTime"], DEPOSIT_STATES[row["status"]])


async def test_ccxt_reads_the_same_withdrawals(client: Any, rows: Any) -> None:
    """Amount and fee apart, and times that come as text, in UTC."""
    told = {each["id"]: each for each in await client.fetch_withdrawals()}
    known = {row["id"]: row for row in rows("capital/withdraw/history")}
    assert told.keys() == known.keys()
    for number, row in known.items():
        each = told[number]
        assert (each["amount"], each["fee"]["cost"]) == (float(row["amount"]), float(row["transactionFee"]))
        assert each["datetime"] == f"{row['applyTime'].replace(' ', 'T')}.000Z"


async def test_ccxt_reads_the_same_transfers(client: Any, rows: Any, served: Any) -> None:
    """From spot to futures and back, failed ones too."""
    since = served.exchange.now_ms - 28 * DAY_MS
    for source, target, kind in (("spot", "linear", "MAIN_UMFUTURE"), ("funding", "spot", "FUNDING_MAIN")):
        told = await client.fetch_transfers(None, since, 100, {"type": kind})
        known = [row for row in rows("asset/transfer") if row["type"] == kind]
        assert {each["id"]: each["amount"] for each in told} == {
            str(row["tranId"]): float(row["amount"]) for row in known
        }
        assert {(each["fromAccount"], each["toAccount"]) for each in told} == {(source, target)}


async def test_ccxt_reads_the_same_conversions(client: Any, rows: Any, served: Any) -> None:
    """What was given and what was received."""
    told = await client.fetch_convert_trade_history(None, served.exchange.now_ms - 28 * DAY_MS)
    known = rows("convert/tradeFlow")
    assert {each["id"]: (each["fromAmount"], each["toAmount"]) for each in told} == {
        str(row["orderId"]): (float(row["fromAmount"]), float(row["toAmount"])) for row in known
    }


async def test_ccxt_reads_the_same_ledger_of_futures(client: Any, rows: Any, served: Any) -> None:
    """Every income of the USD-M wallet, signed, in whole seconds; several may bear one number."""
    client.urls["api"]["fapiPrivate"] = f"{served.url}/fapi/v1"
    told = await client.fetch_ledger(None, served.exchange.now_ms - 28 * DAY_MS, 1000, {"type": "swap"})
    amounts = [(each["amount"] * (1 if each["direction"] == "in" else -1), each["currency"]) for each in told]
    known = rows("/fapi/v1/income")
    assert sorted(amounts) == sorted((float(row["income"]), row["asset"]) for row in known)
    assert sorted(each["id"] for each in told) == sorted(str(row["tranId"]) for row in known)
    assert {each["timestamp"] % 1000 for each in told} == {0}
