"""Snapshots: the whole state of a series at one instant of exchange time, one a run."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from connectors.binance.clock import SPREAD_S
from connectors.binance.endpoints import spot
from connectors.binance.endpoints.model import Endpoint
from connectors.lake import Lake, Move, Stale
from pipelines.context.receipts import Failure
from pipelines.context.session import Session
from schemas.datasets.account import BALANCES
from schemas.datasets.market import PRICES, TICKERS
from schemas.model.dataset import Dataset
from schemas.model.errors import Problem
from schemas.model.grid import SECOND_US

LISTED_TICKERS = 100  # up to so many symbols a list is cheaper than everything (reference, section 4.1)


Pulled = tuple[int, list[Failure]]


async def pull_prices(
    session: Session, market: str, symbols: Collection[str] | None, traded: Collection[str] = ()
) -> Pulled:
    """Store the last price of each symbol, or of all. All are asked for: a list fails whole on one unknown name.

    A named symbol that is `traded` and has no price in the answer is a failure of its own; of all, so is that most have
    none: a few may have stopped trading since they were listed.
    """
    return await _pull(session, PRICES, spot.PRICE, market, symbols, None, traded)


async def pull_tickers(
    session: Session, market: str, symbols: Collection[str] | None, traded: Collection[str] = ()
) -> Pulled:
    """Store the rolling 24 hours of each symbol, or of all; `traded` as of prices."""
    asked = sorted(symbols) if symbols is not None and len(symbols) <= LISTED_TICKERS else None
    return await _pull(session, TICKERS, spot.TICKER_24H, market, symbols, asked, traded)


async def _pull(
    session: Session,
    dataset: Dataset,
    endpoint: Endpoint,
    market: str,
    symbols: Collection[str] | None,
    asked: list[str] | None,
    traded: Collection[str],
) -> Pulled:
    if symbols is not None and not symbols:
        return 0, []
    session.progress.expect(requests=1, rows=0)
    observed_at = session.client.now_us()
    rows = await session.client.rows(endpoint, {"market": market, "observed_at": observed_at}, symbols=asked)
    session.progress.advance(requests=1)
    if symbols is not None:
        rows = rows.filter(pc.is_in(rows["symbol"], value_set=pa.array(sorted(symbols), pa.string())))
    stored = await _commit(session, dataset, dataset.series_id({"market": market}), rows, observed_at)
    lacking = sorted({*traded} - {*rows["symbol"].to_pylist()})
    if symbols is None:
        most = f"{endpoint.name} answered without {len(lacking):,} of the {len(traded):,} symbols that trade."
        return stored, [Failure(market, f"{most} What came is stored; run again.")] * (2 * len(lacking) > len(traded))
    why = f"{endpoint.name} answered without it, although it trades; the other symbols are stored."
    return stored, [Failure(f"{market}/{symbol}", why) for symbol in lacking]


async def pull_balances(session: Session, account: str) -> int:
    """Store every asset that is non-zero, or was at the previous snapshot, so that going to zero is visible."""
    wallet = "spot"
    session.progress.expect(requests=1, rows=0)
    observed_at = session.client.now_us()
    constants: dict[str, str | int] = {"account": account, "wallet": wallet, "observed_at": observed_at}
    rows = await session.client.rows(spot.ACCOUNT, constants)
    session.progress.advance(requests=1)
    series = BALANCES.series_id({"account": account, "wallet": wallet})
    held_before = await asyncio.to_thread(_held, session.lake, account, wallet, series)
    listed = {str(asset): index for index, asset in enumerate(rows["asset"].to_pylist())}
    keep = {index for asset, index in listed.items() if asset in held_before}
    keep |= set(pc.indices_nonzero(_nonzero(rows)).to_pylist())
    gone = [_zero(account, wallet, asset, observed_at) for asset in sorted(held_before - listed.keys())]
    kept = rows.take(pa.array(sorted(keep), pa.int64()))  # typed, since an account may hold nothing
    snapshot = pa.concat_tables([kept, pa.Table.from_pylist(gone, schema=BALANCES.schema)])
    return await _commit(session, BALANCES, series, snapshot, observed_at)


def _held(lake: Lake, account: str, wallet: str, series: str) -> set[str]:
    """The assets that were non-zero at the previous snapshot."""
    table = lake.table(BALANCES)
    previous = table.bounds().get(f"{series}#observed_at")
    if previous is None:
        return set()
    where = (
        (pc.field("account") == account)
        & (pc.field("wallet") == wallet)
        & (pc.field("observed_at") == pa.scalar(previous, BALANCES.schema.field("observed_at").type))
    )
    rows = table.scan(["asset", "free", "locked"], where)
    return {str(asset) for asset in rows.filter(_nonzero(rows))["asset"].to_pylist()}


def _nonzero(rows: pa.Table) -> pa.ChunkedArray[pa.BooleanScalar]:
    zero = pa.scalar(Decimal(0), BALANCES.schema.field("free").type)
    found: pa.ChunkedArray[pa.BooleanScalar] = pc.or_(
        pc.not_equal(rows["free"], zero), pc.not_equal(rows["locked"], zero)
    )
    return found


def _zero(account: str, wallet: str, asset: str, observed_at: int) -> dict[str, object]:
    """The answer states the whole account, so an asset it no longer names is held no more."""
    zero = Decimal(0)
    return {
        "account": account, "wallet": wallet, "asset": asset, "free": zero, "locked": zero,
        "observed_at": observed_at, "extra": None,
    }  # fmt: skip


async def _commit(session: Session, dataset: Dataset, series: str, rows: pa.Table, observed_at: int) -> int:
    """Commit one snapshot; one that another process overtook is left out, since a newer one is there."""
    table = session.lake.table(dataset)
    previous = (await asyncio.to_thread(table.bounds)).get(f"{series}#observed_at")
    if previous is not None and previous >= observed_at:
        if previous <= session.client.now_us() + SPREAD_S * SECOND_US:  # two readings of one clock differ
            return 0
        raise Problem(f"{dataset.name} holds a snapshot of {series} from later than now.", "Run `binlake doctor`.")
    move = Move(series, {"observed_at": previous}, {"observed_at": observed_at})
    try:
        await asyncio.to_thread(table.commit, rows, [move])
    except Stale:
        return 0
    session.progress.advance(rows=rows.num_rows)
    return rows.num_rows
