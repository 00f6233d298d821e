-- severity: error
-- The orders of every symbol that has fills or allocations were walked as far as these go, by the runs since then.
WITH pulled AS (
    SELECT account, max(started) AS started
    FROM runs
    WHERE dataset IN ('orders', 'fills') AND outcome <> 'skipped'
    GROUP BY ALL
)
SELECT
    account, market, symbol, count(*) AS executions, min(order_id) AS first_order, min(time) AS first
FROM executions
JOIN pulled USING (account)
LEFT JOIN (FROM bounds WHERE dataset = 'orders') AS walked USING (account, market, symbol)
ANTI JOIN orders USING (account, market, symbol, order_id)
WHERE order_id >= coalesce(until_id, 0)
    AND (until IS NULL OR time >= until) -- where orders are walked by time
    AND time < pulled.started - INTERVAL 1 HOUR -- answers may lag
GROUP BY ALL
ORDER BY ALL
