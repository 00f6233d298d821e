"""The ledger as a journal of double-entry bookkeeping, for hledger and beancount.

Each event is a transaction: its movements as they are, and for what it brought or took in all a posting to an account
of its kind. Balances that snapshots show stand in it as assertions, so that another program computes our sums again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from duckdb import DuckDBPyConnection

from connectors.lake.sql.session import run, stream

JournalFormat = Literal["hledger", "beancount"]

_MINE = "account = coalesce(getvariable('exported_account'), account)"
_MOVEMENTS = f"""
SELECT account, wallet, asset, time::DATE AS day, amount, kind, dataset, key
FROM ledger
WHERE {_MINE} AND NOT is_receipt(asset) AND amount <> 0
ORDER BY day, account, dataset, key, kind, wallet, asset
"""
_OPENINGS = (
    f"SELECT * REPLACE (day::DATE AS day) FROM opening_balances WHERE {_MINE} ORDER BY day, account, wallet, asset"
)
# The last day of each month and the last day of all: years of days would be mostly assertions.
_ASSERTIONS = f"""
WITH days AS (
    SELECT account, wallet, max(day) AS day
    FROM (SELECT account, wallet, observed_at::DATE AS day FROM balances WHERE {_MINE})
    GROUP BY account, wallet, date_trunc('month', day)
),
assets AS (
    SELECT DISTINCT account, wallet, asset FROM daily_holdings
)
SELECT account, wallet, asset, day, coalesce(total, 0)::DECIMAL(38, 12) AS total
FROM days
JOIN assets USING (account, wallet)
LEFT JOIN (SELECT * REPLACE (day::DATE AS day) FROM daily_holdings) AS held USING (account, wallet, asset, day)
ORDER BY day, account, wallet, asset
"""
_NAMED = f"""
SELECT account, wallet, asset, kind, min(time::DATE) AS day
FROM ledger
WHERE {_MINE} AND NOT is_receipt(asset)
GROUP BY ALL
"""
_INCOME = {"reward", "rebate", "funding", "realized_pnl", "liquidation", "adjustment"}
_EXPENSES = {"fee", "withdrawal_fee", "interest"}


class _Posting(NamedTuple):
    place: str
    amount: Decimal
    asset: str


def journal(session: DuckDBPyConnection, form: JournalFormat) -> Iterator[str]:
    """The lines of a journal of everything that the ledger tells, or of the account that `exported_account` names."""
    openings, assertions = run(session, _OPENINGS).to_pylist(), run(session, _ASSERTIONS).to_pylist()
    named = run(session, _NAMED).to_pylist()  # of movements, which are read a part at a time
    rows = [*openings, *assertions, *named]
    if not rows:
        return
    assets = sorted({row["asset"] for row in rows})
    write = _Beancount(assets) if form == "beancount" else _Hledger(assets)
    books = _Books(_parts(row["account"] for row in rows), _parts(row["wallet"] for row in rows))
    places = {books.place(row) for row in rows} | {books.opening(row) for row in openings}
    places |= {books.contra(row["account"], row["kind"]) for row in named}
    yield from write.head(min(row["day"] for row in rows), sorted(places))
    opened = ((row["day"], write.event(row["day"], "opening balance", books.opened(row))) for row in openings)
    moved = ((day, write.event(day, name, postings)) for day, name, postings in books.events(_movements(session)))
    # After all that happened that day.
    held = ((row["day"], write.assertion(row["day"], books.place(row), row)) for row in assertions)
    yield from (line for _, line in merge(opened, moved, held, key=itemgetter(0)))


def _movements(session: DuckDBPyConnection) -> Iterator[Mapping[str, Any]]:
    return (row for batch in stream(session, _MOVEMENTS)[1] for row in batch.to_pylist())


class _Books(NamedTuple):
    """The bookkeeping accounts of everything that moves, by what accounts and wallets are called there."""

    accounts: Mapping[str, str]
    wallets: Mapping[str, str]

    def events(self, movements: Iterable[Mapping[str, Any]]) -> Iterator[tuple[date, str, list[_Posting]]]:
        """The movements of each event, and what they come to posted to an account of their kind."""
        for (day, account, dataset, key), legs in groupby(
            movements, lambda row: (row["day"], row["account"], row["dataset"], row["key"])
        ):
            postings, sums = [], dict[tuple[str, str], Decimal]()
            for leg in legs:
                postings.append(_Posting(self.place(leg), leg["amount"], leg["asset"]))
                counter = (self.contra(account, leg["kind"]), leg["asset"])
                sums[counter] = sums.get(counter, Decimal()) - leg["amount"]
            postings += [_Posting(place, amount, asset) for (place, asset), amount in sums.items() if amount]
            yield day, f"{dataset}/{key}", postings

    def opened(self, row: Mapping[str, Any]) -> list[_Posting]:
        """What was there before, out of an account of its own."""
        postings = ((self.place(row), row["amount"]), (self.opening(row), -row["amount"]))
        return [_Posting(place, amount, row["asset"]) for place, amount in postings]

    def opening(self, row: Mapping[str, Any]) -> str:
        """Where it came from."""
        return f"Equity:Binance:{self.accounts[row['account']]}:Opening"

    def place(self, row: Mapping[str, Any]) -> str:
        """The bookkeeping account of a wallet."""
        side = "Liabilities" if "_debt" in row["wallet"] else "Assets"
        return f"{side}:Binance:{self.accounts[row['account']]}:{self.wallets[row['wallet']]}"

    def contra(self, account: str, kind: str) -> str:
        """The bookkeeping account that an event of this kind is booked against."""
        side = "Income" if kind in _INCOME else "Expenses" if kind in _EXPENSES else "Equity"
        return f"{side}:Binance:{self.accounts[account]}:{_part(kind)}"


def _parts(names: Iterable[str]) -> dict[str, str]:
    """What each name is called in a journal: no two are called the same."""
    found: dict[str, str] = {}
    for name in sorted({*names}):
        part = _part(name)
        while part in found.values():
            part += "-X"
        found[name] = part
    return found


def _part(name: str) -> str:
    """A name as both programs take it: letters, digits and hyphens, the first one a capital."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    return f"{words[:1].upper()}{words[1:]}" or "X"


class _Hledger:
    """A posting of zero with `=` asserts a balance at that place of the file."""

    def __init__(self, assets: Iterable[str]) -> None:
        self._names = {asset: asset if re.fullmatch("[A-Za-z]+", asset) else f'"{asset}"' for asset in assets}

    def head(self, first: date, places: Iterable[str]) -> Iterator[str]:
        yield f"; written by binlake; the first day is {first}"
        yield from (f"account {place}" for place in places)
        yield from (f"commodity 1000.0 {name}" for name in self._names.values())

    def event(self, day: date, name: str, postings: Iterable[_Posting]) -> str:
        lines = (f"    {place}  {amount:f} {self._names[asset]}" for place, amount, asset in postings)
        return "\n".join((f"\n{day} {name}", *lines))

    def assertion(self, day: date, place: str, row: Mapping[str, Any]) -> str:
        name = self._names[row["asset"]]
        return f"\n{day} balance of a snapshot\n    {place}  0 {name} = {row['total']:f} {name}"


class _Beancount:
    """`balance` asserts what there is at the start of a day; the name of a commodity begins with a letter."""

    def __init__(self, assets: Iterable[str]) -> None:
        self._names: dict[str, str] = {}
        for asset in assets:
            name = re.sub("[^A-Z0-9]", "-", asset.upper()).strip("-")
            name = name if len(name) > 1 and name[0].isalpha() else f"X{name}"
            while name in self._names.values():
                name += "-X"
            self._names[asset] = name

    def head(self, first: date, places: Iterable[str]) -> Iterator[str]:
        yield 'option "title" "Binance, written by binlake"'
        yield from (f"{first} open {place}" for place in places)
        yield from (f'{first} commodity {name}\n  name: "{asset}"' for asset, name in self._names.items())

    def event(self, day: date, name: str, postings: Iterable[_Posting]) -> str:
        lines = (f"  {place}  {amount:f} {self._names[asset]}" for place, amount, asset in postings)
        said = name.replace("\\", "").replace('"', "")
        return "\n".join((f'\n{day} * "{said}"', *lines))

    def assertion(self, day: date, place: str, row: Mapping[str, Any]) -> str:
        total = f"{row['total']:f} ~ 0 {self._names[row['asset']]}"
        return f"\n{day + timedelta(days=1)} balance {place}  {total}"
