"""Which series a ledger of an account has, and how each is asked for.

Isolated margin is asked for pair by pair, and no endpoint lists the pairs that an account once had: they are those
that anything in the lake names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import product

import pyarrow.compute as pc

from connectors.binance.endpoints.model import Endpoint, Windows
from connectors.lake import Lake, Table
from schemas.datasets import DATASETS
from schemas.model.series import Series
from schemas.model.wallets import ISOLATED

Questions = Mapping[Series, Mapping[str, str]]  # the parameters that ask for each series


def questions_of(lake: Lake, endpoint: Endpoint, account: str, miners: Collection[str] = ()) -> Questions:
    """Every series of an account that the endpoint feeds: one for each combination of values that it is asked by."""
    fan_outs = endpoint.walked(Windows).fan_out
    by_pair = any(fan_out.of_pair is not None for fan_out in fan_outs)
    pairs = isolated_pairs(lake, account) if by_pair else ()
    chosen = product(*(fan_out.sent(pairs, miners).items() for fan_out in fan_outs))
    return dict(_question(endpoint, account, values) for values in chosen)


def isolated_pairs(lake: Lake, account: str) -> list[str]:
    """The pairs of isolated margin that anything in the lake names for an account, sorted."""
    tables = (lake.table(dataset) for dataset in DATASETS.values() if dataset.series[:1] == ("account",))
    return sorted({pair for table in tables for pair in (*_of_series(table, account), *_of_rows(table, account))})


def _question(
    endpoint: Endpoint, account: str, values: Collection[tuple[str, str | None]]
) -> tuple[Series, dict[str, str]]:
    walk = endpoint.walked(Windows)
    fan_outs = walk.fan_out
    columns = {fan_out.column: value for fan_out, (value, _) in zip(fan_outs, values, strict=True)}
    sent = {fan_out.param: sent for fan_out, (_, sent) in zip(fan_outs, values, strict=True) if sent is not None}
    return Series.of(endpoint.feeds, account=account, **endpoint.constants, **columns), {**walk.fixed, **sent}


def _of_series(table: Table, account: str) -> Iterator[str]:
    """Those that have a series of their own."""
    if "wallet" in table.dataset.series:
        for series, _ in table.series():
            if series["account"] == account and series["wallet"].startswith(ISOLATED):
                yield series["wallet"].removeprefix(ISOLATED)


def _of_rows(table: Table, account: str) -> Iterator[str]:
    """Those that rows of other series name."""
    for column in table.dataset.names_pairs:
        names = table.scan([column], (pc.field("account") == account) & pc.field(column).is_valid())
        yield from pc.unique(names[column]).to_pylist()
