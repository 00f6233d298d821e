"""Which symbols turn the assets of an account into a quote asset, and which of their candles nobody asked for yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.binance.endpoints import serving
from connectors.binance.endpoints.model import Whole
from connectors.lake import Lake
from connectors.lake.sql.session import connect, run
from connectors.lake.sql.views import literal
from pipelines.store.gaps import CONFIRM_AFTER_US, NO_ANSWER
from pipelines.store.rows import column
from schemas.config.flows import AccountSymbols
from schemas.model.dataset import Role

_WAYS = 6  # from an asset to the quote asset, the best ones, are tried where one has no candle

# Each point is valued by the first way whose candles are there; a way of which one does not exist is closed, and the
# next one is tried. What is covered was asked for. A candle that did not come is in doubt until it did not come again
# an hour later: `is_price` is NULL.
_CANDLES = """
WITH wanted AS MATERIALIZED (
    {points}
),
ways AS (
    SELECT asset, rank, unnest([first, second]) AS symbol
    FROM routes_to({quote})
    WHERE rank <= {ways} AND asset IN (SELECT asset FROM wanted)
),
steps AS MATERIALIZED (
    SELECT *, count(*) OVER (PARTITION BY asset, rank) AS legs
    FROM ways JOIN priced_pairs USING (symbol) -- a rate is nothing to ask the exchange for
),
known AS MATERIALIZED (
    SELECT
        symbol, open_time, min(asked_at) AS asked_at,
        CASE
            WHEN bool_or(close > 0) THEN true
            WHEN bool_or(close IS NOT NULL) OR max(asked_at) - min(asked_at) >= to_microseconds({apart}) THEN false
        END AS is_price
    FROM ({known}) AS closes
    SEMI JOIN (SELECT DISTINCT symbol FROM steps) AS used USING (symbol)
    SEMI JOIN (SELECT DISTINCT open_time FROM wanted) AS instants USING (open_time)
    GROUP BY symbol, open_time
),
points AS MATERIALIZED (
    {open}
),
covered AS MATERIALIZED (
    SELECT symbol, bounds.since, CASE WHEN ended THEN 'infinity' ELSE bounds.until END AS until
    FROM bounds
    LEFT JOIN (
        SELECT DISTINCT dataset, market, symbol, "interval", true AS ended
        FROM gaps
        SEMI JOIN (
            FROM symbols WHERE gone_since IS NOT NULL OR list_contains({idle}, status)
        ) AS resting USING (market, symbol)
        WHERE reason = 'delisted' AND until IS NULL
    ) USING (dataset, market, symbol, "interval")
    WHERE dataset = 'klines' AND market = 'spot' AND "interval" = {interval} AND bounds.until IS NOT NULL
),
looked_at AS (
    SELECT
        points.asset, points.open_time, rank,
        bool_or(coalesce(NOT is_price, {is_closed}, false)) AS closed,
        list(symbol) FILTER (NOT is_rate) AS symbols,
        list(symbol) FILTER (
            NOT is_rate AND is_price IS NULL AND coalesce(asked_at <= make_timestamptz({again}), true)
            AND NOT coalesce(points.open_time >= since AND points.open_time < until, false)
        ) AS unasked
    FROM points
    JOIN steps USING (asset)
    LEFT JOIN known USING (symbol, open_time)
    LEFT JOIN covered USING (symbol)
    GROUP BY ALL
),
taken AS (
    SELECT open_time, unnest(symbols) AS symbol, coalesce(list_contains(unasked, symbol), false) AS is_unasked
    FROM (
        FROM looked_at
        WHERE NOT closed
        QUALIFY row_number() OVER (PARTITION BY asset, open_time ORDER BY rank) = 1
    )
)
"""
_OF_DAYS = {
    "interval": "'1d'",
    "known": "SELECT symbol, open_time, close, NULL::TIMESTAMPTZ AS asked_at FROM klines "
    "WHERE market = 'spot' AND \"interval\" = '1d'",
    "is_closed": "points.open_time >= since AND points.open_time < until",
    "open": "FROM wanted",
}
# Minutes of klines are as many as a lake holds: they are not read, and one that they lack is valued by its day.
_OF_MINUTES = {
    "interval": "'1m'",
    "known": "SELECT symbol, open_time, close, asked_at FROM minute_closes WHERE market = 'spot'",
    "is_closed": "NULL",
    "open": """FROM wanted ANTI JOIN (
        SELECT asset, open_time FROM steps JOIN known USING (symbol)
        WHERE rank = 1 AND is_price
        GROUP BY asset, open_time
        HAVING count(*) = any_value(legs)
    ) AS priced USING (asset, open_time)""",
}
_DAYS = """SELECT DISTINCT asset, open_time FROM valuation_points
    WHERE "interval" = '1d' AND account = {account} AND asset <> {quote}"""
# What was gone around because of a gap that is still in doubt is asked again with the others, until it is not.
_SYMBOLS = """
, passed AS (
    SELECT asset, open_time, symbols
    FROM looked_at
    QUALIFY bool_and(closed) OVER (PARTITION BY asset, open_time ORDER BY rank)
),
doubted AS (
    SELECT passed.open_time, symbol, false AS is_unasked
    FROM (SELECT open_time, unnest(symbols) AS symbol FROM passed) AS passed
    JOIN (
        SELECT symbol, since, coalesce(until, 'infinity') AS until
        FROM gaps
        WHERE dataset = 'klines' AND market = 'spot' AND "interval" = '1d'
            AND (confirmed_at IS NULL OR list_contains({no_answer}, reason))
    ) AS missing USING (symbol)
    WHERE passed.open_time >= missing.since AND passed.open_time < missing.until
)
SELECT symbol, min(open_time) FILTER (is_unasked) AS since
FROM (FROM taken UNION ALL BY NAME FROM doubted)
GROUP BY symbol
ORDER BY symbol
"""

# Of each event that no amount of the quote asset values by itself what was given, and the fee. Of fills, the fee in the
# quote asset of their symbol too.
_MINUTES = """SELECT DISTINCT asset, date_trunc('minute', time) AS open_time
    FROM (
        -- Once: the ledger reads some forty tables.
        WITH moved AS MATERIALIZED (
            SELECT asset, time, amount, dataset, key, part_of(kind) AS part
            FROM ledger
            WHERE account = {account} AND part IN ('fee', 'trade')
        )
        SELECT asset, time FROM moved WHERE part = 'fee'
        UNION ALL
        SELECT asset, time
        FROM (FROM moved WHERE part = 'trade' AND amount < 0) AS given
        ANTI JOIN (FROM moved WHERE part = 'trade' AND asset = {quote}) AS paid USING (dataset, key)
    )
    WHERE asset <> {quote}"""
_FEES = """SELECT DISTINCT commission_asset AS asset, date_trunc('minute', time) AS open_time
    FROM executions
    JOIN symbols USING (market, symbol)
    WHERE account = {account} AND market = 'spot' AND quote_asset = {quote}
        AND commission <> 0 AND commission_asset NOT IN (base_asset, quote_asset)"""
_QUOTES = """
SELECT DISTINCT quote_asset
FROM executions
JOIN symbols USING (market, symbol)
WHERE account = {account} AND market = 'spot' AND commission <> 0
    AND commission_asset NOT IN (base_asset, quote_asset)
"""
_UNASKED = """
SELECT symbol, open_time FROM taken WHERE is_unasked AND open_time < make_timestamptz({until})
GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class Needed:
    """The symbols whose daily candles value an account, and the first day of which one is lacking, in microseconds."""

    symbols: tuple[str, ...]
    since: int | None


def needed(lake: Lake, wanted: AccountSymbols) -> Needed:
    """For each day that an asset was held or moved, the symbols of the best way to the quote asset.

    That is the symbol of both, else the two that lead there through another asset; the next best where the exchange
    was asked and had no candle of that day, together with those of the better one as long as that is in doubt.
    """
    days = _asked(wanted.account, wanted.quote, _DAYS, _OF_DAYS)
    with connect(lake) as session:
        rows = run(session, days + _SYMBOLS.format(no_answer=sorted(NO_ANSWER)))
    instants = [since for since in column(rows, "since") if since is not None]
    return Needed(tuple(column(rows, "symbol")), min(instants, default=None))


def unasked_minutes(lake: Lake, wanted: AccountSymbols, until: int, now: int) -> dict[str, list[int]]:
    """By symbol, the minutes before `until` around fills and fees whose candle is needed and is to be asked for.

    They value each in the quote asset, and a fee of a fill in that of its symbol; instants are microseconds, ascending.
    Nobody asked for them, or they are due for a second look, since no candle came an hour ago or earlier.
    """
    found = defaultdict[str, set[int]](set)
    with connect(lake) as session:
        account = wanted.account
        quotes: list[str] = column(run(session, _QUOTES.format(account=literal(account))), "quote_asset")
        points = [(wanted.quote, _MINUTES), *((one, _FEES) for one in sorted(quotes))]
        for sql in (_asked(account, quote, wanted_by, _OF_MINUTES, now) for quote, wanted_by in points):
            rows = run(session, sql + _UNASKED.format(until=until))
            for symbol, instant in zip(column(rows, "symbol"), column(rows, "open_time"), strict=True):
                found[symbol].add(instant)
    return {symbol: sorted(found[symbol]) for symbol in sorted(found)}


def _asked(account: str, quote: str, points: str, interval: Mapping[str, str], now: int = 0) -> str:
    names = {"account": literal(account), "quote": literal(quote)}
    looks = {"apart": CONFIRM_AFTER_US, "again": now - CONFIRM_AFTER_US}
    return _CANDLES.format(points=points.format(**names), ways=_WAYS, idle=_idle(), **names, **looks, **interval)


def _idle() -> list[str]:
    """The words by which the exchange says that a symbol does not trade any more."""
    return list(serving(Role.LISTING, "spot").walked(Whole).idle)
