-- severity: error
-- Every covered id of a trade or an aggregate is stored, or a row of `gaps` names it.
WITH stored AS (
    SELECT 'agg_trades' AS dataset, market, symbol, count(*) AS rows FROM agg_trades GROUP BY ALL
    UNION ALL
    SELECT 'trades', market, symbol, count(*) FROM trades GROUP BY ALL
),
stretches AS (
    SELECT dataset, market, symbol, unnest(from_json(evidence->'ids', '[["BIGINT"]]')) AS ids
    FROM gaps
    WHERE dataset IN ('agg_trades', 'trades')
),
named AS (
    SELECT
        dataset,
        market,
        symbol,
        sum(greatest(least(ids[2] + 1, until_id) - greatest(ids[1], since_id), 0)) AS ids
    FROM stretches
    JOIN coverage USING (dataset, market, symbol)
    GROUP BY ALL
)
SELECT
    dataset,
    market,
    symbol,
    since_id,
    until_id,
    until_id - since_id - coalesce(rows, 0) - coalesce(ids, 0) AS missing
FROM coverage
LEFT JOIN stored USING (dataset, market, symbol)
LEFT JOIN named USING (dataset, market, symbol)
WHERE dataset IN ('agg_trades', 'trades') AND missing <> 0
ORDER BY ALL
