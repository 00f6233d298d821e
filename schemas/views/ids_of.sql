-- `ids_of(of)`: the ids of each month of each covered series of `agg_trades` or `trades`: [since_id, until_id), from
-- the first row of the month on up to the first row of the next one that has any. `inside` is how many of them are
-- stored, whatever the month of their instants; `named` and `explained` how many are not, and a gap, or a confirmed
-- one, names them.
CREATE OR REPLACE MACRO ids_of(of) AS TABLE
WITH days AS (
    SELECT market, symbol, date, count(*) AS rows, min(agg_trade_id) AS first_id, max(agg_trade_id) AS last_id
    FROM agg_trades
    WHERE of = 'agg_trades'
    GROUP BY ALL
    UNION ALL
    SELECT market, symbol, date, count(*), min(trade_id), max(trade_id)
    FROM trades
    WHERE of = 'trades'
    GROUP BY ALL
),
-- Coverage begins in a month that may have no row.
begun AS (
    SELECT market, symbol, month, sum(rows)::BIGINT AS rows, min(first_id) AS first_id
    FROM (
        SELECT market, symbol, date[:7] AS month, rows, first_id FROM days
        UNION ALL
        SELECT market, symbol, strftime(since, '%Y-%m'), 0, since_id
        FROM coverage
        WHERE dataset = of
    )
    GROUP BY ALL
),
-- An id may be a moment older than the one before: a month begins before all ids of those behind it.
ordered AS (
    SELECT
        market,
        symbol,
        month,
        rows,
        min(first_id) OVER (
            PARTITION BY market, symbol ORDER BY month ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        ) AS since_id
    FROM begun
),
months AS (
    SELECT
        market,
        symbol,
        month,
        rows,
        ordered.since_id,
        coalesce(
            lead(ordered.since_id) OVER (PARTITION BY market, symbol ORDER BY month), coverage.until_id
        ) AS until_id
    FROM ordered
    JOIN coverage USING (market, symbol)
    WHERE dataset = of
),
told AS (
    SELECT market, symbol, confirmed_at, unnest(from_json(evidence->'ids', '[["BIGINT"]]')) AS ids
    FROM gaps
    WHERE dataset = of
),
-- The ids that gaps name, and those that confirmed ones do, each once.
stretches AS (
    SELECT
        market,
        symbol,
        said,
        greatest(ids[1], coalesce(max(ids[2] + 1) OVER earlier, ids[1])) AS first_id,
        ids[2] + 1 AS end_id
    FROM (
        SELECT *, 'named' AS said FROM told
        UNION ALL
        SELECT *, 'explained' FROM told WHERE confirmed_at IS NOT NULL
    )
    WINDOW earlier AS (
        PARTITION BY market, symbol, said
        ORDER BY ids[1], ids[2] ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
    QUALIFY first_id < end_id
),
ids AS NOT MATERIALIZED (
    SELECT market, symbol, date, agg_trade_id AS id FROM agg_trades WHERE of = 'agg_trades'
    UNION ALL
    SELECT market, symbol, date, trade_id FROM trades WHERE of = 'trades'
),
-- Days that have ids of a later month.
turns AS (
    SELECT days.market, days.symbol, date, until_id
    FROM days
    JOIN months
        ON days.market = months.market
        AND days.symbol = months.symbol
        AND date[:7] = month
    WHERE last_id >= until_id
),
-- Ids that gaps name, as far as they lie among those of a day.
doubtful AS (
    SELECT DISTINCT
        days.market,
        days.symbol,
        said,
        unnest(range(greatest(stretches.first_id, days.first_id), least(end_id, last_id + 1))) AS id
    FROM days
    JOIN stretches
        ON days.market = stretches.market
        AND days.symbol = stretches.symbol
        AND days.first_id < end_id
        AND last_id >= stretches.first_id
),
-- Rows of which the month is asked: they are stored under another one, or a gap names them, as a killed run leaves it.
odd AS (
    SELECT market, symbol, date[:7] AS stored_in, NULL AS said, id
    FROM ids
    JOIN turns USING (market, symbol, date)
    WHERE id >= until_id
    UNION ALL
    SELECT DISTINCT market, symbol, NULL, said, id
    FROM (FROM ids SEMI JOIN doubtful USING (id))
    JOIN doubtful USING (market, symbol, id)
),
placed AS (
    SELECT odd.*, month
    FROM odd
    ASOF JOIN (FROM months WHERE since_id < until_id) AS months
        ON odd.market = months.market
        AND odd.symbol = months.symbol
        AND odd.id >= months.since_id
),
-- How many more rows lie in a month by their ids than by their instants.
moved AS (
    SELECT market, symbol, month, sum(rows)::BIGINT AS rows
    FROM (
        SELECT market, symbol, unnest([month, stored_in]) AS month, unnest([1, -1]) AS rows
        FROM placed
        WHERE said IS NULL
    )
    GROUP BY ALL
),
there AS (
    SELECT market, symbol, month, said, count(*) AS ids
    FROM placed
    WHERE said IS NOT NULL
    GROUP BY ALL
),
told_of AS (
    SELECT
        market,
        symbol,
        month,
        said,
        sum(greatest(least(end_id, until_id) - greatest(stretches.first_id, since_id), 0))::BIGINT AS ids
    FROM months
    JOIN stretches USING (market, symbol)
    GROUP BY ALL
),
lacking AS (
    SELECT
        market,
        symbol,
        month,
        sum(told_of.ids - coalesce(there.ids, 0)) FILTER (said = 'named')::BIGINT AS named,
        sum(told_of.ids - coalesce(there.ids, 0)) FILTER (said = 'explained')::BIGINT AS explained
    FROM told_of
    LEFT JOIN there USING (market, symbol, month, said)
    GROUP BY ALL
)
SELECT
    market,
    symbol,
    month,
    since_id,
    until_id,
    months.rows AS rows,
    months.rows + coalesce(moved.rows, 0) AS inside,
    coalesce(named, 0) AS named,
    coalesce(explained, 0) AS explained
FROM months
LEFT JOIN moved USING (market, symbol, month)
LEFT JOIN lacking USING (market, symbol, month)
