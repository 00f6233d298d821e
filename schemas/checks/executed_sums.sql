-- severity: error
-- What an order says was executed, in the base and in the quote asset, is the sum of its fills and allocations.
WITH pulled AS (
    SELECT account, max(ended) AS ended
    FROM runs
    WHERE dataset = 'fills' AND outcome IN ('done', 'failed')
    GROUP BY ALL
)
SELECT
    account,
    market,
    symbol,
    order_id,
    status,
    executed_qty,
    received_qty,
    cumulative_quote_qty,
    received_quote_qty
FROM incomplete_orders
JOIN pulled USING (account)
WHERE fills_differ
    -- The last run that went to its end, whatever failed, knew the order, and even an answer that lagged had its fills.
    AND seen_at <= ended
    AND coalesce(update_time, time) < ended - INTERVAL 1 HOUR
ORDER BY ALL
