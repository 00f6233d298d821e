-- severity: error
-- What a final order says was executed, in the base and in the quote asset, is the sum of its fills and allocations.
WITH pulled AS (
    SELECT account, max(ended) AS ended
    FROM runs
    WHERE dataset = 'fills' AND outcome = 'done'
    GROUP BY ALL
),
received AS (
    SELECT account, market, symbol, order_id, sum(qty) AS qty, sum(quote_qty) AS quote_qty
    FROM executions
    GROUP BY ALL
)
SELECT
    account,
    market,
    symbol,
    order_id,
    status,
    executed_qty,
    coalesce(received.qty, 0) AS received_qty,
    cumulative_quote_qty,
    coalesce(received.quote_qty, 0) AS received_quote_qty
FROM orders
JOIN pulled USING (account)
LEFT JOIN received USING (account, market, symbol, order_id)
WHERE NOT is_open(status)
    -- The last whole run knew the order, and even an answer that lagged behind had its fills.
    AND seen_at <= ended
    AND coalesce(update_time, time) < ended - INTERVAL 1 HOUR
    -- Very old orders may have lost their sum in the quote asset.
    AND (executed_qty <> received_qty OR nullif(cumulative_quote_qty, 0) <> received_quote_qty)
ORDER BY ALL
