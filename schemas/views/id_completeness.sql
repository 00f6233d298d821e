-- Each month of each covered series of trades and aggregates, by their ids: `complete`; `explained` when a confirmed gap
-- names every id that is not there; else `missing`: to be asked for again. A month has the ids from its first row on, up to
-- the first row of the next month that has any.
CREATE OR REPLACE VIEW id_completeness AS
WITH stored AS (
    SELECT 'agg_trades' AS dataset, market, symbol, date[:7] AS month, count(*) AS rows, min(agg_trade_id) AS first_id
    FROM agg_trades
    GROUP BY ALL
    UNION ALL
    SELECT 'trades', market, symbol, date[:7], count(*), min(trade_id)
    FROM trades
    GROUP BY ALL
),
months AS (
    SELECT
        stored.* EXCLUDE (first_id),
        CASE WHEN lag(month) OVER series IS NULL THEN coverage.since_id ELSE first_id END AS since_id,
        coalesce(lead(first_id) OVER series, coverage.until_id) AS until_id
    FROM stored
    JOIN coverage USING (dataset, market, symbol)
    WINDOW series AS (PARTITION BY dataset, market, symbol ORDER BY month)
),
named AS (
    SELECT dataset, market, symbol, unnest(from_json(evidence->'ids', '[["BIGINT"]]')) AS ids
    FROM gaps
    WHERE dataset IN ('agg_trades', 'trades') AND confirmed_at IS NOT NULL
),
explained AS (
    SELECT
        dataset,
        market,
        symbol,
        month,
        sum(greatest(least(ids[2] + 1, until_id) - greatest(ids[1], since_id), 0))::BIGINT AS explained_rows
    FROM months
    JOIN named USING (dataset, market, symbol)
    GROUP BY ALL
)
SELECT
    dataset,
    market,
    symbol,
    month,
    since_id,
    until_id,
    rows,
    until_id - since_id AS expected_rows,
    coalesce(explained.explained_rows, 0) AS explained_rows,
    until_id - since_id - rows - coalesce(explained.explained_rows, 0) AS missing_rows,
    CASE
        WHEN missing_rows > 0 THEN 'missing'
        WHEN coalesce(explained.explained_rows, 0) = 0 THEN 'complete'
        ELSE 'explained'
    END AS status
FROM months
LEFT JOIN explained USING (dataset, market, symbol, month)
ORDER BY ALL
