-- severity: error
-- Every prevented match that an order points to is stored.
WITH pulled AS (
    SELECT account, max(ended) AS ended
    FROM runs
    WHERE dataset = 'fills' AND outcome IN ('done', 'failed')
    GROUP BY ALL
)
SELECT account, market, symbol, order_id, prevented_match_id
FROM incomplete_orders
JOIN pulled USING (account)
WHERE match_missing
    AND seen_at <= ended
    AND coalesce(update_time, time) < ended - INTERVAL 1 HOUR
ORDER BY ALL
