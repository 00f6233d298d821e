"""What is asked of the lake to know which candles value an account, in SQL."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.binance.endpoints import serving
from connectors.binance.endpoints.model import Whole
from pipelines.store.gaps import CONFIRM_AFTER_US, NO_ANSWER
from schemas.derived.sql import literal
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
            NOT is_rate AND is_price IS NULL
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
_DAYS_VALUED = """SELECT DISTINCT asset, open_time FROM valuation_points
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
_UNDECIDED = """
SELECT symbol, open_time, min(asked_at) AS asked_at
FROM taken
LEFT JOIN known USING (symbol, open_time)
WHERE is_unasked
GROUP BY symbol, open_time
"""

# Of balances only these say which days are valued: a run that finds them unchanged adds a snapshot all the same.
_OPENED = """
SELECT wallet, asset, observed_at, free, locked
FROM balances
SEMI JOIN (SELECT account, wallet, min(observed_at) AS observed_at FROM balance_snapshots GROUP BY ALL) AS first
    USING (account, wallet, observed_at)
WHERE account = {account}
ORDER BY ALL
"""
_HELD = """
SELECT asset, date_trunc('day', min(observed_at)) AS first, date_trunc('day', max(observed_at)) AS last, is_held
FROM (
    SELECT asset, observed_at, false AS is_held FROM balances WHERE account = {account}
    UNION ALL
    SELECT asset, observed_at, true FROM latest_balances WHERE account = {account} AND total <> 0
)
GROUP BY asset, is_held
ORDER BY ALL
"""


def of_days(account: str, quote: str) -> str:
    """The symbols whose daily candles value an account, and since which day one is lacking."""
    return _asked(account, quote, _DAYS_VALUED, _OF_DAYS) + _SYMBOLS.format(no_answer=sorted(NO_ANSWER))


def of_minutes(account: str, quote: str) -> str:
    """The minutes of events that nothing values yet, by symbol."""
    return _asked(account, quote, _MINUTES, _OF_MINUTES) + _UNDECIDED


def of_fees(account: str, quote: str) -> str:
    """The same of the fees of fills in symbols of this quote asset."""
    return _asked(account, quote, _FEES, _OF_MINUTES) + _UNDECIDED


def of_fee_quotes(account: str) -> str:
    """The quote assets of the symbols whose fills cost fees in a third asset."""
    return _QUOTES.format(account=literal(account))


def of_held(account: str) -> list[str]:
    """What of balances says which days are valued."""
    return [sql.format(account=literal(account)) for sql in (_OPENED, _HELD)]


def _asked(account: str, quote: str, points: str, interval: Mapping[str, str]) -> str:
    names = {"account": literal(account), "quote": literal(quote)}
    points = points.format(**names)
    # The words by which the exchange says that a symbol does not trade any more.
    idle = list(serving(Role.LISTING, "spot").walked(Whole).idle)
    return _CANDLES.format(points=points, ways=_WAYS, idle=idle, apart=CONFIRM_AFTER_US, **names, **interval)
