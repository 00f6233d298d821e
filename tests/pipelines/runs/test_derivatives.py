"""What markets of futures print beside candles, pulled from the served simulator and checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.desks import Desk

from connectors.lake.sql.session import connect
from pipelines.estimate.flow import plan_flows

STATES = ["symbols", "funding_info"]
SNAPSHOTS = ["prices", "tickers", "book_tickers", "premium_index"]


@pytest.fixture
def futures(desk: Desk) -> Desk:
    """A desk whose exchange has the hosts of both markets of futures."""
    desk.addresses |= {"usdm": desk.url, "coinm": desk.url}
    return desk


def flow(market: str, datasets: list[str], **more: Any) -> dict[str, Any]:
    return {"kind": "market", "market": market, "datasets": datasets, **more}


async def planned(desk: Desk) -> tuple[int, int]:
    """The requests and the weight that a run of the flow `perps` is said to take."""
    clock = lambda: desk.exchange.futures.now_us  # noqa: E731 - read whenever it is asked
    plans = await plan_flows(desk.config, ["perps"], state=desk.state, clock=clock)
    return sum(plan.requests for plan in plans), sum(plan.weight for plan in plans)


def requests_since(desk: Desk, seen: int) -> int:
    return sum(1 for one in list(desk.exchange.requests)[seen:] if not one.path.endswith("/time"))


@pytest.mark.parametrize("market", ["usdm", "coinm"])
async def test_what_contracts_show_now(futures: Desk, market: str):
    """Each contract has its price, day, book, premium and state at the planned number of requests, and checks pass."""
    futures.flows["perps"] = flow(market, [*STATES, *SNAPSHOTS])
    requests, _ = await planned(futures)
    seen = len(futures.exchange.requests)
    receipts = await futures.run("perps")
    assert [receipt.failures for receipt in receipts] == [()] * len(receipts)
    assert requests_since(futures, seen) == requests
    for dataset in SNAPSHOTS:
        assert {row["market"] for row in futures.rows(dataset)} == {market}
    quarterly = [row for row in futures.rows("premium_index") if "_26" in row["symbol"]]
    assert [(row["last_funding_rate"], row["next_funding_time"]) for row in quarterly] == [(None, None)]
    first, *_ = futures.rows("tickers")
    assert (first["quote_volume"] is None, first["base_volume"] is None) == (market == "coinm", market == "usdm")
    session = connect(futures.lake, all_views=True)
    infos = dict(session.sql("SELECT symbol, funding_interval_hours FROM funding_info").fetchall())
    assert infos == ({"1000SHIBUSDT": 4} if market == "usdm" else {"BTCUSD_PERP": 8}), "each host lists both (C26)"
    async with futures.commands() as command:
        for words in (("check",), ("status",)):
            code, printed, said = await command(*words)
            assert code == 0, printed + said


async def test_the_top_of_coin_margined_contracts_is_by_worth(futures: Desk):
    """Contracts are ranked by what was traded of them, and not by how many they were."""
    futures.flows["perps"] = flow("coinm", ["prices"], symbols={"quote": "USD", "top": 1})
    await futures.run("perps")
    day = {row["symbol"]: row for row in await rows_of_tickers(futures)}
    size = {"BTCUSD_PERP": 100, "ETHUSD_PERP": 10, "BTCUSD_261225": 100}
    most = max(size, key=lambda symbol: size[symbol] * day[symbol]["volume"])
    assert [row["symbol"] for row in futures.rows("prices")] == [most]


async def rows_of_tickers(desk: Desk) -> list[dict[str, Any]]:
    desk.flows["days"] = flow("coinm", ["tickers"])
    await desk.run("days")
    return desk.rows("tickers")


async def test_a_book_with_an_empty_side_has_no_price(futures: Desk):
    """Of a symbol that nobody bids for, no price is invented: where zero is printed it is NULL."""
    futures.flows["perps"] = flow("spot", ["book_tickers"])
    await futures.run("perps")
    rows = {row["symbol"]: row for row in futures.rows("book_tickers")}
    assert (rows["NANOUSDT"]["bid_price"], rows["NANOUSDT"]["bid_qty"]) == (None, Decimal(0))
    assert rows["BTCUSDT"]["bid_price"] < rows["BTCUSDT"]["ask_price"]
